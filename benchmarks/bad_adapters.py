"""Sends bad and malicious adapter versions down a runtime's own stream and holds that none is used. No speed.

`python -m benchmarks.bad_adapters --mutations 100000` draws them by a seed over the classes of `adapter_attacks` and
`adapter_forgeries`. Each goes through the follower, the inbox and the slot of a small model. It must end in a refusal:
no other exception, not a byte, version or digest of the model changed, nothing above a second, no memory beyond a
bound; and where the signature is the fault, not one parser may have been called. Now and then a good version must be
taken. Planted bugs, each of which must show: the signature checked after parsing, the highest version noted before the
checks, and four more.
"""

from __future__ import annotations

import argparse
import logging
import random
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

import torch
from coso.v1 import policy_pb2

from agent_runtime.adapters.hashed import Payload
from agent_runtime.policy import adapter
from agent_runtime.policy.adapter import AdapterSlot, StagedAdapter
from benchmarks.adapter_attacks import Attack
from benchmarks.adapter_forgeries import ATTACKS, SIGNATURES
from benchmarks.adapter_world import Sent, World
from benchmarks.measures import Measure, report

PARSERS = ("described_tensors", "decode_delta", "decode_extrapolated", "float32_values")
SLOWEST_SEC = 1.0
MOST_GROWTH_BYTES = 256 << 20
CONTROL_EVERY = 500


@dataclass
class Tally:
    """What came of the versions sent."""

    sent: int = 0
    accepted: int = 0
    crashes: int = 0
    moved: int = 0
    parsed: int = 0
    slow: int = 0
    good_refused: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def broken(self) -> int:
        """How many promises were broken."""
        return self.accepted + self.crashes + self.moved + self.parsed + self.slow + self.good_refused


class Spy:
    """Counts how often anything of a payload was parsed."""

    def __init__(self) -> None:
        self.calls = 0

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch the slot's parsers while the block runs."""
        with ExitStack() as stack:
            for name in PARSERS:
                stack.enter_context(mock.patch.object(adapter, name, self._counted(getattr(adapter, name))))
            yield

    def _counted(self, parse: Callable[..., object]) -> Callable[..., object]:
        def call(*args: object) -> object:
            self.calls += 1
            return parse(*args)

        return call


def send(world: World, name: str, attack: Attack, rng: random.Random, spy: Spy, tally: Tally) -> None:
    """Send one version of a class and count what came of it."""
    sent = attack.make(world, rng)
    slot = world.fresh_slot("runtime") if attack.restarts else world.slot
    before, version, spy.calls = world.state(), slot.version, 0
    began_sec = time.process_time()
    tally.sent += 1
    try:
        world.take(sent, slot)
    except Exception as error:  # noqa: BLE001  # whatever it is, it would have ended the runtime's thread
        tally.crashes += 1
        tally.notes.append(f"{name}: {error!r}")
    slow = time.process_time() - began_sec > SLOWEST_SEC
    tally.slow += slow
    if name in SIGNATURES and spy.calls:
        tally.parsed += 1
        tally.notes.append(f"{name}: parsed before the signature was checked")
    is_taken = slot.digest != before[1] and slot.version > version if attack.restarts else world.state() != before
    if not is_taken:
        return
    if attack.same_is_fine and slot.digest == sent.manifest.adapter_sha256 and _is_sound(sent, slot):
        pass
    elif slot.digest == before[1]:
        tally.moved += 1
        tally.notes.append(f"{name}: refused, and yet the model or its version changed")
    else:
        tally.accepted += 1
        tally.notes.append(f"{name}: accepted")
    world.put_back()


def _is_sound(sent: Sent, slot: AdapterSlot) -> bool:
    """Whether what is in place is what the tuner signed: finite, and of the tensors' own names and sizes."""
    return slot.version == sent.manifest.version and all(
        bool(torch.isfinite(parameter).all()) for parameter in slot.model.parameters()
    )


def control(world: World, rng: random.Random, tally: Tally) -> None:
    """Send a good version, in any of the encodings, which must be taken; then undo it."""
    sent = world.good(rng)
    world.take(sent)
    if (world.slot.version, world.slot.digest) != (sent.manifest.version, sent.manifest.adapter_sha256):
        tally.good_refused += 1
        tally.notes.append("a good version was refused")
    world.put_back()


def run(
    mutations: int,
    seed: int,
    folder: Path,
    slot_class: type[AdapterSlot] = AdapterSlot,
    attacks: Mapping[str, Attack] = ATTACKS,
) -> Tally:
    """Send so many versions, as many of each class."""
    world, tally, spy = World(folder, seed, slot_class), Tally(), Spy()
    names = sorted(attacks)
    with spy.watching():
        for number in range(mutations):
            name = names[number % len(names)]
            rng = random.Random(f"{seed} {number}")
            send(world, name, attacks[name], rng, spy, tally)
            if number % CONTROL_EVERY == 0:
                control(world, rng, tally)
    return tally


class LateSignature(AdapterSlot):
    """Planted: the signature is checked when everything else has been."""

    def admit(self, manifest: policy_pb2.AdapterManifest) -> None:
        with mock.patch.object(self, "verifier", None):
            super().admit(manifest)

    def stage(self, manifest: policy_pb2.AdapterManifest, payload: Payload) -> StagedAdapter:
        staged = super().stage(manifest, payload)
        assert self.verifier is not None
        self.verifier.verify(manifest, time.time())
        return staged


class EarlyHighest(AdapterSlot):
    """Planted: the highest version seen is noted before the checks."""

    def admit(self, manifest: policy_pb2.AdapterManifest) -> None:
        assert self.seen is not None
        self.seen.raise_to(manifest.version)
        super().admit(manifest)


class Forgetful(AdapterSlot):
    """Planted: the highest version seen is not kept across a restart."""

    def _note_seen(self) -> None:
        return


class AnyValue(AdapterSlot):
    """Planted: values are not looked at."""

    def stage(self, manifest: policy_pb2.AdapterManifest, payload: Payload) -> StagedAdapter:
        with mock.patch.object(adapter, "_check_values"):
            return super().stage(manifest, payload)


class AnyParent(AdapterSlot):
    """Planted: a version is put onto any parent."""

    def _check_parent(self, version: int, parent_version: int | None) -> None:
        return


class AnySignature(AdapterSlot):
    """Planted: a signature need only be there."""

    def admit(self, manifest: policy_pb2.AdapterManifest) -> None:
        with mock.patch.object(self, "verifier", None if manifest.signature else self.verifier):
            super().admit(manifest)


PLANTED: Mapping[str, type[AdapterSlot]] = {
    "the signature is checked after parsing": LateSignature,
    "the highest version is noted before the checks": EarlyHighest,
    "the highest version is forgotten at a restart": Forgetful,
    "values are not looked at": AnyValue,
    "any parent will do": AnyParent,
    "any signature will do": AnySignature,
}


def unseen(seed: int, folder: Path, mutations: int = 5 * len(ATTACKS)) -> list[str]:
    """Plant each bug and return those that do not show."""
    found = []
    for number, (name, slot_class) in enumerate(PLANTED.items()):
        home = folder / f"planted{number}"
        home.mkdir(parents=True)
        if not run(mutations, seed, home, slot_class).broken:
            found.append(name)
    return found


def main() -> int:
    """Send, tell, and return the exit code: 1 where a promise broke or a planted bug goes unseen."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--mutations", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to this file")
    options = parser.parse_args()
    if options.mutations < 1:
        parser.error("give mutations from 1")
    logging.disable(logging.CRITICAL)
    torch.set_num_threads(1)
    started_sec = time.monotonic()
    with tempfile.TemporaryDirectory() as home:
        blind = unseen(options.seed, Path(home))
        before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        tally = run(options.mutations, options.seed, Path(home))
    growth = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb)
    print(f"seed {options.seed}, {len(ATTACKS)} classes, {time.monotonic() - started_sec:.0f} s")
    print("\n".join(tally.notes[:20]))
    print(f"planted bugs that go unseen: {', '.join(blind) or 'none'}")
    measures = [
        Measure("bad versions accepted", tally.accepted, 0.0, "lower", tally.sent, "sent"),
        Measure("… that ended in a crash", tally.crashes, 0.0, "lower", tally.crashes, ""),
        Measure("… refused, and yet something changed", tally.moved, 0.0, "lower", tally.moved, ""),
        Measure("… parsed before the signature was checked", tally.parsed, 0.0, "lower", tally.parsed, ""),
        Measure("… that took over a second of CPU", tally.slow, 0.0, "lower", tally.slow, ""),
        Measure("good versions refused", tally.good_refused, 0.0, "lower", tally.good_refused, ""),
        Measure(
            "memory above the start, of its bound", growth / MOST_GROWTH_BYTES, 1.0, "lower", growth / 2**20, "MiB"
        ),
        Measure("planted bugs that show", 1 - len(blind) / len(PLANTED), 1.0, "higher", len(PLANTED), ""),
    ]
    return report("No bad adapter is used", measures, options.json)


if __name__ == "__main__":
    sys.exit(main())
