"""Has the disk refuse every single call of every store's work, and opens the store afterwards. Fills no disk.

A fault that strikes once must cost no more than what it struck; one that stays may cost all that comes after it. Either
way nothing that was acknowledged may be missing, no exception may escape that a store does not announce, and the store
must open again once the disk does as it is told.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import random
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from unittest import mock

from coso.v1 import trajectory_pb2

from agent_runtime.uplink.spool import Spool
from benchmarks.disk_faults import CALLS, CRASHED, Fault, calls_of, worked
from benchmarks.durable_work import ASIDE, LAST, LEARNER, LEDGER, MENDED, SPOOL
from benchmarks.power_cut_checks import SCENARIOS, checked
from benchmarks.power_cuts import scratch
from tuner.errors import LedgerError
from tuner.ingest.ledger import Ledger, StoreOutcome

PHASES: Final[Mapping[str, Sequence[str]]] = {
    SPOOL: ("first", "again", "last"),
    LEDGER: ("first", "again", "last"),
    MENDED: ("only",),
    ASIDE: ("only",),
    LEARNER: ("first", "again", "last"),
}
SHORT_STEP_BYTES: Final = 1447
"""Not a multiple of a sector or page: limits on the size of files cut pages in two."""


@dataclass
class Tally:
    """What came of the faults."""

    points: int = 0
    false_acks: int = 0
    """Faults after which something acknowledged is missing or changed."""
    crashed: int = 0
    closed: int = 0
    stuck: int = 0
    """Faults that struck once, after which nothing was taken any more."""
    notes: list[str] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """Count another's points too."""
        for name in ("points", "false_acks", "crashed", "closed", "stuck"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.notes = [*self.notes, *other.notes][:10]


def faults_of(name: str, home: Path) -> list[Fault]:
    """Return every fault that can strike a store's work: each call once and from then on, each length of its files."""
    _load(name)
    folder = home / "baseline"
    folder.mkdir(parents=True)
    SCENARIOS[name].prepare(folder)
    counts = calls_of(name, PHASES[name], folder, home / "trace")
    faults = [
        Fault(error, call, nth, stays)
        for error, calls in CALLS.items()
        for call in calls
        for nth in range(1, counts[call] + 1)
        for stays in (False, True)
    ]
    largest = max(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    faults += [Fault(longest_file=length) for length in range(1, 2 * largest, SHORT_STEP_BYTES)]
    shutil.rmtree(folder)
    return faults


def _load(name: str) -> None:
    """Load what a store's work needs, so that a process forked from this one calls for nothing else."""
    if name == LEARNER:
        importlib.import_module("benchmarks.rotten_stores")  # with torch
        importlib.import_module("agent_runtime.adapters.extrapolation")  # with zstandard, which publishing loads


def strike(name: str, faults: Sequence[Fault], before: Callable[[], None] = lambda: None) -> Tally:
    """Do a store's work once under each fault, and open it after each."""
    tally = Tally()
    _load(name)
    with tempfile.TemporaryDirectory(dir=scratch()) as home:
        for fault in faults:
            folder = Path(home) / "store"
            folder.mkdir()
            SCENARIOS[name].prepare(folder)
            said = worked(name, PHASES[name], folder, fault, before)
            crashes = [line for line in said if line.startswith(CRASHED)]
            promised = [line for line in said if not line.startswith(CRASHED)]
            wrong, closed = checked(SCENARIOS[name], folder, promised)
            took_last = any(line.split()[1] in (str(LAST[0]), str(LAST[0] + 1)) for line in promised)
            is_stuck = bool(fault.call) and not fault.stays and not took_last and name in (SPOOL, LEDGER, LEARNER)
            tally.add(Tally(1, bool(wrong), bool(crashes), bool(closed), is_stuck))
            if wrong or crashes or closed or is_stuck:
                tally.notes.append(f"{name}, {fault}: {wrong or crashes or closed or 'took nothing more'}")
    return tally


def sample(name: str, count: int, seed: int, before: Callable[[], None] = lambda: None) -> Tally:
    """Strike a store with some of its faults."""
    with tempfile.TemporaryDirectory(dir=scratch()) as home:
        faults = faults_of(name, Path(home))
    return strike(name, random.Random(seed).sample(faults, min(count, len(faults))), before)


def strike_all(seed: int, share: float = 1.0) -> dict[str, Tally]:
    """Strike every store with all of its faults, or a share of them, on as many processes as there are cores."""
    found: dict[str, Tally] = {}
    rng = random.Random(seed)
    with (
        tempfile.TemporaryDirectory(dir=scratch()) as home,
        ProcessPoolExecutor(os.cpu_count(), multiprocessing.get_context("fork")) as pool,
    ):
        for name in PHASES:
            faults = faults_of(name, Path(home) / name)
            faults = rng.sample(faults, max(1, round(share * len(faults))))
            parts = [pool.submit(strike, name, faults[begin : begin + 32]) for begin in range(0, len(faults), 32)]
            found[name] = Tally()
            for part in parts:
                found[name].add(part.result())
    return found


def plant_deaf_spool() -> None:
    """Plant a spool that takes a disk's refusal for an acknowledgement."""
    put = Spool.put

    def deaf(self: Spool, trajectory: trajectory_pb2.Trajectory) -> None:
        try:
            put(self, trajectory)
        except OSError:
            return

    mock.patch.object(Spool, "put", deaf).start()


def plant_deaf_ledger() -> None:
    """Plant a ledger that says stored whatever SQLite says."""
    store = Ledger.store

    def deaf(self: Ledger, message: trajectory_pb2.Trajectory) -> StoreOutcome:
        try:
            return store(self, message)
        except LedgerError:
            return StoreOutcome.STORED

    mock.patch.object(Ledger, "store", deaf).start()


PLANTED: Final = ((SPOOL, plant_deaf_spool), (LEDGER, plant_deaf_ledger))
