"""Damages single bits, bytes and tails of every kind of stored file, and reads the store again. Measures no speed.

`python -m benchmarks.bit_rot --damages 2000` draws the damages by a seed over spool, ledger, checkpoint, adapter with
its delta, and session. A damage either changes nothing that is read back, or is found: nothing that differs from what
was written is used, no record is lost but those with bytes in what was hit, none goes without a word, and the store
opens and takes more. The planted bug is a checksum that is the same for everything; it must show in every store.
"""

from __future__ import annotations

import argparse
import logging
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

from benchmarks.measures import Measure, report
from benchmarks.rotten_stores import STORES, Reading, Rotting

KINDS = ("bit", "byte", "cut")


@dataclass
class Tally:
    """What came of the damages of one store."""

    damages: int = 0
    found: int = 0
    harmless: int = 0
    used: int = 0
    lost: int = 0
    silent: int = 0
    closed: int = 0
    notes: list[str] = field(default_factory=list)

    def add(self, what: str, reading: Reading | None) -> None:
        """Count a damage; None is a store that does not open."""
        self.damages += 1
        if reading is None:
            self.closed += 1
            self.notes.append(f"{what}: does not open")
            return
        self.found += reading.found
        self.harmless += not reading.found and not reading.used and not reading.silent
        self.used += reading.used
        self.lost += reading.lost > 0
        self.silent += reading.silent > 0
        if reading.used or reading.lost or reading.silent:
            self.notes.append(f"{what}: {reading}")


class SameDigest:
    """The planted bug: a hash that is the same for everything."""

    def __init__(self, content: bytes = b"") -> None:
        self.digest_size = 32

    def update(self, content: bytes) -> None:
        """Take no notice."""

    def digest(self) -> bytes:
        """Return zeros."""
        return bytes(32)

    def hexdigest(self) -> str:
        """Return zeros in hexadecimal."""
        return "0" * 64


def damage(content: bytes, kind: str, rng: random.Random) -> tuple[bytes, int, int]:
    """Return the content with one damage, and the places from which to which it reaches."""
    place = rng.randrange(len(content))
    if kind == "cut":
        return content[:place], place, len(content)
    by = 1 << rng.randrange(8) if kind == "bit" else rng.randrange(1, 256)
    return content[:place] + bytes([content[place] ^ by]) + content[place + 1 :], place, place + 1


def run(store: Rotting, damages: int, rng: random.Random, home: Path) -> Tally:
    """Damage a store so many times, each time a fresh copy of it."""
    whole, work, tally = home / "whole", home / "work", Tally()
    whole.mkdir(parents=True)
    store.make(whole)
    for number in range(damages):
        shutil.copytree(whole, work)
        path, kind = rng.choice(store.files(work)), KINDS[number % len(KINDS)]
        before = path.read_bytes()
        after, begin, end = damage(before, kind, rng)
        hit = store.hit(path, begin, end)
        path.write_bytes(after)
        what = f"{store.name}, {kind} at {begin} of {len(before)} in {path.name}"
        tally.add(what, _read(lambda: store.read(work, hit)))  # noqa: B023  # called at once
        shutil.rmtree(work)
    return tally


def _read(read: Callable[[], Reading]) -> Reading | None:
    try:
        return read()
    except Exception as error:  # noqa: BLE001  # whatever it is, the service would not have started
        logging.getLogger(__name__).warning("%r", error)
        return None


def tallies(damages: int, seed: int, home: Path, stores: Sequence[Rotting] = STORES) -> dict[str, Tally]:
    """Damage every store, as often each, and return the counts by the store's name."""
    rng = random.Random(seed)
    each = -(-damages // len(stores))
    return {store.name: run(store, each, rng, home / store.name) for store in stores}


def unseen(seed: int, home: Path, damages: int = 60) -> list[str]:
    """Plant the bug and return the stores in which it does not show."""
    with mock.patch("hashlib.sha256", SameDigest):
        found = tallies(damages * len(STORES), seed, home)
    return [name for name, tally in found.items() if not tally.used]


def main() -> int:
    """Damage, tell, and return the exit code: 1 where damage got through or the planted bug goes unseen."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--damages", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to this file")
    options = parser.parse_args()
    if options.damages < 1:
        parser.error("give damages from 1")
    logging.disable(logging.CRITICAL)
    started_sec = time.monotonic()
    with tempfile.TemporaryDirectory() as home:
        found = tallies(options.damages, options.seed, Path(home) / "sound")
        blind = unseen(options.seed, Path(home) / "planted")
    print(f"seed {options.seed}, {time.monotonic() - started_sec:.0f} s")
    for name, tally in found.items():
        print(f"  {name:18} {tally.damages:5d} damages, {tally.found} found, {tally.harmless} changed nothing")
    print("\n".join([note for tally in found.values() for note in tally.notes][:20]))
    print(f"a hash that is the same for everything goes unseen in: {', '.join(blind) or 'no store'}")
    total = {
        name: sum(getattr(tally, name) for tally in found.values())
        for name in ("damages", "used", "lost", "silent", "closed")
    }
    measures = [
        Measure("damages after which something wrong was used", total["used"], 0.0, "lower", total["damages"], "tried"),
        Measure("… a record was lost that was not hit", total["lost"], 0.0, "lower", total["lost"], ""),
        Measure("… a record went without a word", total["silent"], 0.0, "lower", total["silent"], ""),
        Measure("… the store did not open", total["closed"], 0.0, "lower", total["closed"], ""),
        Measure("stores in which the planted bug shows", 1 - len(blind) / len(STORES), 1.0, "higher", len(STORES), ""),
    ]
    return report("Bit rot is contained", measures, options.json)


if __name__ == "__main__":
    sys.exit(main())
