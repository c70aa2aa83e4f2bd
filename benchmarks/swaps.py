"""Swaps adapters under a policy that answers, kills processes that publish and swap, and looks at every decision.

`python -m benchmarks.swaps --swaps 5000 --kills 1000` lets three threads ask one policy of a tiny model of the real
classes without a pause while version after version is verified and put in place, as in `agent-runtime`. Every
decision is scored again under the one adapter whose digest it carries, alone: all its log-probs must be that
adapter's. Then processes that publish into a store, and boot and swap from it, are killed by SIGKILL at points of their
own or at random moments: the newest version there is must be whole, at least the newest that was told of, and boot. A
swap without the lock, and files that are not written whole, must show.
"""

from __future__ import annotations

import argparse
import logging
import math
import random
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from unittest import mock

import torch

from agent_runtime.adapter_inbox import AdapterInbox
from agent_runtime.policy.adapter import AdapterSlot, StagedAdapter
from agent_runtime.policy.generate import VlmPolicy
from agent_runtime.policy.server import DecisionServer
from benchmarks.measures import Measure, percentile, report
from benchmarks.swap_kills import Kills, half_written
from benchmarks.swap_world import Decided, SwapWorld, whole
from tests.learner_world import PROMPT

ASKERS: Final = 3
ADAPTERS: Final = 8
TEMPERATURE: Final = 1.0
PAUSE_BAR_SEC: Final = 1.0
MUTANT_SWAPS: Final = 60
MUTANT_ROUNDS: Final = 6
"""Rounds in which the planted bug may show; threads that happen to take turns hide it in some."""


@dataclass
class Swapped:
    """What came of swaps under answers."""

    swaps: int = 0
    decisions: int = 0
    torn: list[str] = field(default_factory=list)
    pauses_sec: list[float] = field(default_factory=list)
    """For how long nobody could begin to be answered: until the answers in flight were over and the copy was made."""


def swapped(world: SwapWorld, policy: VlmPolicy, swaps: int, seed: int, until_sec: float = math.inf) -> Swapped:
    """Put so many versions in place while all ask, fewer where the monotonic clock shows ``until_sec`` before.

    ``policy`` has had none yet.
    """
    found, over = Swapped(), threading.Event()
    decided: list[Decided] = []
    slot: Any = policy.slot
    apply, inbox = slot.apply, AdapterInbox(slot)

    def timed(staged: StagedAdapter) -> None:
        started_sec = time.perf_counter()
        apply(staged)
        found.pauses_sec.append(time.perf_counter() - started_sec)

    def ask(server: DecisionServer[Any, Any], number: int) -> None:
        rng = random.Random(f"{seed}/{number}")
        while not over.is_set():
            inbox.apply_waiting()
            drawn = server.decide(world.picture, PROMPT, temperature=TEMPERATURE, seed=rng.getrandbits(40))
            decided.append(Decided(drawn, TEMPERATURE))

    with mock.patch.object(slot, "apply", timed), DecisionServer(policy) as server:
        askers = [threading.Thread(target=ask, args=(server, number)) for number in range(ASKERS)]
        for asker in askers:
            asker.start()
        for version in range(1, swaps + 1):
            if time.monotonic() >= until_sec:
                break
            found.swaps = version
            payload = world.payload(version)
            inbox.receive(whole(world.manifest(policy, version), payload), payload)
        inbox.wait_for_version(0)
        over.set()
        for asker in askers:
            asker.join()
        inbox.apply_waiting()
    found.decisions = len(decided)
    found.torn = world.torn(decided)
    if policy.slot.version != found.swaps:
        found.torn.append(f"version {policy.slot.version} is in place, expected {found.swaps}")
    return found


@contextmanager
def without_the_lock() -> Iterator[None]:
    """Plant the bug: put a version in place while answers are in flight."""

    def apply(self: AdapterSlot, staged: StagedAdapter) -> None:
        with torch.no_grad():
            for name, tensor in staged.tensors.items():
                self._live[name].copy_(tensor)
        self.version, self.digest = staged.version, staged.digest

    with mock.patch.object(AdapterSlot, "apply", apply):
        yield


def main() -> int:
    """Swap, kill, tell, and return the exit code: 1 where a promise is broken or a planted bug goes unseen."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--swaps", type=int, default=5000)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--minutes", type=float, default=20.0, help="the longest to take; what was done by then counts")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--pause-sec", type=float, default=PAUSE_BAR_SEC, help="bar on the pause for a swap")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to this file")
    options = parser.parse_args()
    if min(options.swaps, options.kills) < 1:
        parser.error("give swaps and kills from 1")
    logging.disable(logging.CRITICAL)
    torch.set_num_threads(1)
    started_sec = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        world = SwapWorld(home, ADAPTERS)
        kills = Kills(world, home / "kills", options.seed)  # before there is any thread: it forks
        kills.run(options.kills, started_sec + 0.5 * 60 * options.minutes)
        broken = Kills(world, home / "half", options.seed, half_written)
        broken.run(max(20, options.kills // 20))
        found = swapped(world, world.policy(), options.swaps, options.seed, started_sec + 0.9 * 60 * options.minutes)
        with without_the_lock():
            swaps = min(options.swaps, MUTANT_SWAPS)
            seeds = range(options.seed, options.seed + MUTANT_ROUNDS)
            careless = any(swapped(world, world.policy(), swaps, seed).torn for seed in seeds)
    pause = percentile(found.pauses_sec, 0.99)
    print(f"seed {options.seed}, {time.monotonic() - started_sec:.0f} s")
    print(
        f"  {found.swaps} swaps, {found.decisions} decisions, pause p50 {percentile(found.pauses_sec, 0.5):.4f} s, ",
        end="",
    )
    print(f"p99 {pause:.4f} s, longest {max(found.pauses_sec):.4f} s")
    print(f"  {kills.kills} kills, {kills.published} versions published, {kills.boots} boots")
    print("\n".join([*found.torn[:5], *kills.wrong[:10]]))
    blind = [name for name, seen in (("lock", careless), ("whole files", broken.wrong)) if not seen]
    print(f"planted and unseen: {', '.join(blind) or 'none'}")
    measures = [
        Measure("decisions under more than one adapter", len(found.torn), 0.0, "lower", found.decisions, "decisions"),
        Measure("pause for a swap, p99 / bar", pause / options.pause_sec, 1.0, "lower", pause, "s"),
        Measure(
            "kills after which the last good version did not boot", len(kills.wrong), 0.0, "lower", kills.kills, "kills"
        ),
        Measure("planted bugs that show", 1 - len(blind) / 2, 1.0, "higher", 2, ""),
    ]
    return report("A swap is atomic", measures, options.json)


if __name__ == "__main__":
    sys.exit(main())
