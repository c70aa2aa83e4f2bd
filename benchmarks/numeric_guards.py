"""Poisons a learner's numbers and its agents' claims, and looks at what it saves and publishes. Measures no speed.

`python -m benchmarks.numeric_guards --each 50` puts NaN, infinity and 1e30 into reward, advantage, log-prob, gradient,
parameter and optimizer state: 18 kinds, each so often, each followed by a clean update. Nothing that is not finite or
has exploded may be in a checkpoint or a published version, a refused optimizer step must have moved nothing, and after
it the last good weights must be in use and learn on. Then episodes whose log-probs are not those of the version that
they name come among honest ones: all must be refused, none of the honest. The planted bugs check after the step,
after the save, bring nothing back, or believe every log-prob.
"""

from __future__ import annotations

import argparse
import io
import itertools
import logging
import math
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from unittest import mock

import torch
from coso.v1 import trajectory_pb2
from safetensors.torch import load
from torch import Tensor

from agent_runtime.uplink.codec import trajectory_to_message
from benchmarks.forged_episodes import Forgeries, believed
from benchmarks.measures import Measure, report
from benchmarks.numeric_mutants import MUTANTS
from benchmarks.numeric_poisons import IN_EPISODE, IN_UPDATE, PLACES, VALUES, Target
from benchmarks.warm_learner import EPISODES, small_config, warm_world
from tests.learner_world import World
from tuner.errors import LearnerError
from tuner.ingest.identity import Identity
from tuner.ingest.ledger import Ledger
from tuner.ingest.validate import broken_bound
from tuner.learner.checkpoint import CheckpointFolder
from tuner.learner.finite import MOMENT_LIMIT, PARAMETER_LIMIT, NotFiniteError
from tuner.learner.loop import Learner
from tuner.learner.mailbox import Mailbox
from tuner.learner.student import load_student

REPLAY: Final = 12
"""Few, so that what is replayed stays small over many updates."""


@dataclass
class Tally:
    """What came of the poisonings of one place."""

    poisonings: int = 0
    saved: int = 0
    published: int = 0
    moved: int = 0
    """Optimizer steps that were refused and had moved something."""
    lost: int = 0
    """After which the last good weights were not in use, or did not learn on."""
    noticed: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def broken(self) -> int:
        """How many promises were broken."""
        return self.saved + self.published + self.moved + self.lost


class Bench:
    """A learner over a state folder, fed by hand."""

    def __init__(self, home: Path, checkpoint: Path, world: World) -> None:
        self.config = small_config(home, checkpoint, replay_capacity=REPLAY)
        self.world = world
        self.said = io.StringIO()
        self.ledger = Ledger(self.config.state)
        self.ledger.open()
        self.student = load_student(self.config)
        self.learner = Learner(self.config, self.student, self.ledger, Mailbox(io.StringIO(), self.said))
        self.store = self.learner._commits.store
        self.numbers = itertools.count()
        self.learner.resume()
        self.update([])

    def update(self, more: list[trajectory_pb2.Trajectory]) -> None:
        """Learn from a batch of good episodes and ``more``."""
        good = [trajectory_to_message(self.world.trajectory(next(self.numbers), *episode)) for episode in EPISODES]
        for message in (*good, *more):
            self.ledger.store(message)
        self.learner.update(self.ledger.waiting(100))

    def adapter(self) -> dict[str, Tensor]:
        """Return a copy of the live LoRA tensors."""
        live = self.student.tensors()
        return {name: tensor.detach().clone() for name, tensor in live.items() if name.startswith("lora/")}

    def close(self) -> None:
        """Close the ledger and the files of figures."""
        self.learner._reports.close()
        self.ledger.close()


def is_sound(tensors: dict[str, Tensor]) -> bool:
    """Whether every number is finite and of a size that training makes."""
    return all(
        not tensor.numel() or bool(tensor.abs().max() <= (MOMENT_LIMIT if "adam" in name else PARAMETER_LIMIT))
        for name, tensor in tensors.items()
    )


def poison(bench: Bench, place: str, kind: str, rng: random.Random, tally: Tally) -> None:
    """Poison one update, let a clean one follow, and count what came of it."""
    value, what = VALUES[kind], f"{kind} in {place}"
    before, version = bench.adapter(), bench.learner.progress.version
    more = [_poisoned(bench, place, value, rng)] if place in IN_EPISODE else []
    target = Target(bench.learner, bench.student, rng, value)
    tally.poisonings += 1
    if more and broken_bound(more[0], _identity(more[0])) is None:
        tally.notes.append(f"{what}: the front would have taken it")
        tally.lost += 1
    mark, refusals = bench.said.tell(), len(bench.ledger.unused())
    try:
        with _watched_steps(bench, tally, what), IN_UPDATE[place](target) if place in IN_UPDATE else nullcontext():
            bench.update(more)
    except (LearnerError, NotFiniteError) as error:  # the process would have ended
        tally.lost += 1
        tally.notes.append(f"{what}: the learner ended: {error}")
    tally.noticed += (
        "undone" in bench.said.getvalue()[mark:]
        or "brought back" in bench.said.getvalue()[mark:]
        or ('"refused_steps": 0.0' not in bench.said.getvalue()[mark:] or len(bench.ledger.unused()) > refusals)
    )
    _look_at_disk(bench, version, tally, what)
    now = bench.learner.progress.version
    sound = is_sound(bench.student.tensors())
    kept = now > version or all(torch.equal(tensor, before[name]) for name, tensor in bench.adapter().items())
    version = now
    try:
        bench.update([])
    except (LearnerError, NotFiniteError) as error:
        tally.notes.append(f"{what}: the learner ended a step later: {error}")
    if not (sound and kept and bench.learner.progress.version > version):
        tally.lost += 1
        tally.notes.append(f"{what}: the last good weights were not brought back, or learn no more")


def _poisoned(bench: Bench, place: str, value: float, rng: random.Random) -> trajectory_pb2.Trajectory:
    message = trajectory_to_message(bench.world.trajectory(next(bench.numbers), *EPISODES[0]))
    IN_EPISODE[place](message, value, rng)
    return message


def _identity(message: trajectory_pb2.Trajectory) -> Identity:
    return Identity(message.base_model_digest, message.tokenizer_digest, message.quantization, message.action_grammar)


@contextmanager
def _watched_steps(bench: Bench, tally: Tally, what: str) -> Iterator[None]:
    """Compare weights and moments before and after every optimizer step that is refused."""
    policy: Any = bench.student.policy
    step = policy.step

    def watched(batch: Any) -> Any:
        before = [tensor.detach().clone() for tensor in policy.parameters]
        try:
            return step(batch)
        except NotFiniteError:
            bits = [(a.view(torch.int32), b.view(torch.int32)) for a, b in zip(before, policy.parameters, strict=True)]
            if any(not torch.equal(a, b) for a, b in bits):  # of bits, as no NaN equals itself
                tally.moved += 1
                tally.notes.append(f"{what}: a refused step had moved weights")
            raise

    with mock.patch.object(policy, "step", watched):
        yield


def _look_at_disk(bench: Bench, version: int, tally: Tally, what: str) -> None:
    found = CheckpointFolder(bench.config.state / "learner").latest()
    if found is None or not is_sound(found.tensors):
        tally.saved += 1
        tally.notes.append(f"{what}: saved")
    for published in (number for number in bench.store.versions() if number > version):
        if not is_sound(load(bench.store.get(published)[1])):
            tally.published += 1
            tally.notes.append(f"{what}: published")


def tallies(
    bench_in: Callable[[Path], Bench], home: Path, each: int, rng: random.Random, until_sec: float = math.inf
) -> dict[str, Tally]:
    """Poison every place with every value so often, each place in a learner of its own.

    Fewer where the monotonic clock would show ``until_sec`` before; the places share the time.
    """
    started_sec = time.monotonic()
    found = {}
    for number, place in enumerate(PLACES):
        bench, tally = bench_in(home / str(number)), Tally()
        ends_sec = started_sec + (until_sec - started_sec) * (number + 1) / len(PLACES)
        for _ in range(each):
            for kind in VALUES if time.monotonic() < ends_sec else ():
                poison(bench, place, kind, rng, tally)
        bench.close()
        found[place] = tally
    return found


def unseen(bench_in: Callable[[Path], Bench], home: Path, rng: random.Random, each: int = 2) -> list[str]:
    """Plant each bug and return those that do not show."""
    blind = []
    for number, (name, planted) in enumerate(MUTANTS.items()):
        with planted():
            found = tallies(bench_in, home / str(number), each, rng)
        if not any(tally.broken for tally in found.values()):
            blind.append(name)
    return blind


def main() -> int:
    """Poison, forge, tell, and return the exit code: 1 where something got through or a bug goes unseen."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--each", type=int, default=50, help="how often each kind")
    parser.add_argument("--minutes", type=float, default=20.0, help="the longest to take; what was done by then counts")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to this file")
    options = parser.parse_args()
    if options.each < 1:
        parser.error("give poisonings from 1")
    logging.disable(logging.CRITICAL)
    torch.set_num_threads(1)
    rng, started_sec = random.Random(options.seed), time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        checkpoint, world = warm_world(home)

        def bench_in(place: Path) -> Bench:
            return Bench(place, checkpoint, world)

        found = tallies(bench_in, home / "sound", options.each, rng, started_sec + 0.7 * 60 * options.minutes)
        forged = Forgeries(bench_in(home / "forged"), checkpoint, rng)
        forged.run(options.each, started_sec + 0.85 * 60 * options.minutes)
        blind = unseen(bench_in, home / "planted", rng)
        believing = Forgeries(bench_in(home / "believing"), checkpoint, rng)
        with believed():
            believing.run(2)
    print(f"seed {options.seed}, {time.monotonic() - started_sec:.0f} s")
    for place, tally in found.items():
        print(f"  {place:16} {tally.poisonings:4d} poisonings, {tally.noticed} noticed, {tally.broken} broken promises")
        print("\n".join(f"    {note}" for note in tally.notes[:10]))
    print(f"  {forged.forged} forged episodes, {forged.missed} taken; {forged.honest} honest ones, ", end="")
    print(f"{forged.wronged} refused")
    print(f"planted and unseen: {', '.join(blind) or 'none'}")
    total = {
        name: sum(getattr(tally, name) for tally in found.values())
        for name in ("poisonings", "saved", "published", "moved", "lost")
    }
    shown = len(MUTANTS) - len(blind) + (believing.missed > 0)
    measures = [
        Measure(
            "poisonings after which something bad was saved", total["saved"], 0.0, "lower", total["poisonings"], ""
        ),
        Measure("… was published", total["published"], 0.0, "lower", total["published"], ""),
        Measure("… a refused step had moved something", total["moved"], 0.0, "lower", total["moved"], ""),
        Measure("… the last good weights were lost", total["lost"], 0.0, "lower", total["lost"], ""),
        Measure("forged episodes taken", forged.missed, 0.0, "lower", forged.forged, "forged"),
        Measure("honest episodes refused", forged.wronged, 0.0, "lower", forged.honest, "honest"),
        Measure("planted bugs that show", shown / (len(MUTANTS) + 1), 1.0, "higher", len(MUTANTS) + 1, ""),
    ]
    return report("No bad number is saved, published or learned from", measures, options.json)


if __name__ == "__main__":
    sys.exit(main())
