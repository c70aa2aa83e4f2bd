"""Cuts the power at every step of what the stores write, and opens what may be left. Measures no speed.

`python -m benchmarks.power_cuts --states 100000` records the system calls of every store's work by strace, and after
each call draws states of the disk: what was synced, and any part of what was not (`crash_states.py`). Nothing that was
acknowledged may be missing or changed, nothing used may be there to be used again, and every store must open and take
more. Planted are SQLite's weaker settings and an fsync of folders that does nothing; both must show.
"""

from __future__ import annotations

import argparse
import logging
import multiprocessing
import os
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from benchmarks.crash_states import Disk, put_down
from benchmarks.disk_trace import Recording, strace_missing
from benchmarks.durable_work import (
    ASIDE,
    LEARNER,
    LEDGER,
    MENDED,
    NO_FOLDER_FSYNC,
    SPOOL,
    SYNCHRONOUS_NORMAL,
    SYNCHRONOUS_OFF,
)
from benchmarks.measures import Measure, report
from benchmarks.power_cut_checks import SCENARIOS, checked

IN_MEMORY: Final = Path("/dev/shm")
MUST_SHOW: Final = (
    (SYNCHRONOUS_NORMAL, LEDGER),
    (SYNCHRONOUS_OFF, LEDGER),
    (NO_FOLDER_FSYNC, SPOOL),
    (NO_FOLDER_FSYNC, LEARNER),
)
SHARES: Final = {SPOOL: 25, LEDGER: 35, MENDED: 5, ASIDE: 10, LEARNER: 25}
"""Of the states; making a ledger anew takes a hundred times as long as reading a spool."""
PLANTED_STATES: Final = 1500
_SLICES: Final = 16


@dataclass
class Tally:
    """What came of the states of one store."""

    states: int = 0
    calls: int = 0
    wrong: int = 0
    closed: int = 0
    notes: list[str] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """Count another's states too."""
        self.states += other.states
        self.wrong += other.wrong
        self.closed += other.closed
        self.notes = [*self.notes, *other.notes][:5]


def scratch() -> Path | None:
    """Return where states are put down: memory where there is any; what is checked needs no disk."""
    return IN_MEMORY if IN_MEMORY.is_dir() and os.access(IN_MEMORY, os.W_OK) else None


def cut(name: str, recording: Recording, states: int, seed: int, part: int = 0, parts: int = 1) -> Tally:
    """Check so many states over all the calls of a recording, or the ``part`` of ``parts`` of them."""
    tally, disk = Tally(calls=len(recording.operations)), Disk.at_first(recording)
    rng = random.Random(f"{seed}/{name}/{part}")
    with tempfile.TemporaryDirectory(dir=scratch()) as home:
        for number, operation in enumerate(recording.operations):
            disk.apply(operation)
            begin, end = (states * (number + more) // len(recording.operations) for more in (0, 1))
            for drawn in range(begin, end):
                if drawn % parts != part:
                    continue
                folder = Path(home) / "state"
                put_down(disk.drawn(rng), folder)
                wrong, closed = checked(SCENARIOS[name], folder, disk.said)
                tally.states += 1
                tally.wrong += bool(wrong)
                tally.closed += bool(closed)
                if wrong or closed:
                    tally.notes.append(f"{name}, after call {number}: {closed or wrong}")
    return tally


def tallies(states: int, seed: int, home: Path, names: Sequence[str], planted: str = "") -> dict[str, Tally]:
    """Record the named stores, and check their shares of the states on as many processes as there are cores."""
    found, shares = {}, sum(SHARES[name] for name in names)
    with ProcessPoolExecutor(os.cpu_count(), multiprocessing.get_context("fork")) as pool:
        for number, name in enumerate(names):
            recording = SCENARIOS[name].recorded(home / f"{number}", planted)
            each = -(-states * SHARES[name] // shares)
            parts = [pool.submit(cut, name, recording, each, seed, part, _SLICES) for part in range(_SLICES)]
            found[name] = Tally(calls=len(recording.operations))
            for part in parts:
                found[name].add(part.result())
    return found


def unseen(seed: int, home: Path, states: int = PLANTED_STATES) -> list[str]:
    """Plant each bug and return those that do not show in a store where they must."""
    blind = []
    for number, (bug, name) in enumerate(MUST_SHOW):
        found = tallies(states, seed, home / f"{number}", [name], bug)[name]
        print(f"  {bug} in the {name}: {found.wrong} of {found.states} states lose something")
        blind += [] if found.wrong else [f"{bug} in the {name}"]
    return blind


def main() -> int:
    """Cut, tell, and return the exit code: 1 where something was lost or a planted bug goes unseen."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--states", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to this file")
    options = parser.parse_args()
    missing = strace_missing()
    if options.states < len(SCENARIOS) or missing:
        parser.error(missing or f"give states from {len(SCENARIOS)}")
    logging.disable(logging.CRITICAL)
    started_sec = time.monotonic()
    with tempfile.TemporaryDirectory(dir=scratch()) as home:
        found = tallies(options.states, options.seed, Path(home) / "sound", list(SCENARIOS))
        blind = unseen(options.seed, Path(home) / "planted")
    print(f"seed {options.seed}, {time.monotonic() - started_sec:.0f} s")
    for name, tally in found.items():
        print(f"  {name:18} {tally.calls:4d} calls, {tally.states} states")
    print("\n".join([note for tally in found.values() for note in tally.notes]))
    states, wrong, closed = (
        sum(getattr(tally, what) for tally in found.values()) for what in ("states", "wrong", "closed")
    )
    shown = 1 - len(blind) / len(MUST_SHOW)
    measures = [
        Measure("states in which something acknowledged is lost or changed", wrong, 0.0, "lower", states, "tried"),
        Measure("… a store does not open", closed, 0.0, "lower", closed, ""),
        Measure("planted bugs that show", shown, 1.0, "higher", len(MUST_SHOW) - len(blind), "bugs"),
    ]
    return report("Nothing acknowledged is lost when the power goes", measures, options.json)


if __name__ == "__main__":
    sys.exit(main())
