"""A sample of power cuts in every store without torch, and planted bugs. The full run is `benchmarks.power_cuts`."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from benchmarks.crash_states import SECTOR_BYTES, Disk
from benchmarks.disk_trace import Link, Recording, Rename, Said, Sync, Write, strace_missing
from benchmarks.durable_work import ASIDE, LEDGER, MENDED, NO_FOLDER_FSYNC, SPOOL, SYNCHRONOUS_NORMAL
from benchmarks.power_cut_checks import SCENARIOS
from benchmarks.power_cuts import cut

STATES, SEED = 60, 5
needs_strace = pytest.mark.skipif(bool(strace_missing()), reason=strace_missing())


@needs_strace
@pytest.mark.parametrize("name", [SPOOL, LEDGER, MENDED, ASIDE])
def test_nothing_acknowledged_is_lost(name: str, tmp_path: Path) -> None:
    tally = cut(name, SCENARIOS[name].recorded(tmp_path / "work"), STATES, SEED)
    assert tally.states == STATES
    assert (tally.wrong, tally.closed) == (0, 0), tally.notes


@needs_strace
@pytest.mark.parametrize(("bug", "name"), [(SYNCHRONOUS_NORMAL, LEDGER), (NO_FOLDER_FSYNC, SPOOL)])
def test_a_planted_bug_shows(bug: str, name: str, tmp_path: Path) -> None:
    assert cut(name, SCENARIOS[name].recorded(tmp_path / "work", bug), STATES, SEED).wrong > 0


def states_after(*operations: object) -> set[tuple[tuple[str, bytes | None], ...]]:
    """Return the states that 200 draws give after these operations on an empty folder, whose inode is 0."""
    disk = Disk({0: {}}, {}, frozenset({0}))
    for operation in operations:
        disk.apply(operation)  # type: ignore[arg-type]  # they are operations
    rng = random.Random(SEED)
    return {tuple(sorted(disk.drawn(rng).items())) for _ in range(200)}


def test_what_is_synced_stays_and_what_is_not_may_be_there_in_part() -> None:
    written = Write(1, 0, b"a" * 3 * SECTOR_BYTES)
    assert states_after(Link(0, "x", 1), written, Sync(1), Sync(0)) == {(("x", written.content),)}
    assert states_after(Link(0, "x", 1), written, Sync(1)) == {(), (("x", written.content),)}
    torn = states_after(Link(0, "x", 1), Sync(0), written)
    kept = {content for ((_, content),) in torn if content is not None and set(content) <= {0, ord("a")}}
    assert b"" in kept
    assert written.content in kept
    assert bytes(2 * SECTOR_BYTES) + b"a" * SECTOR_BYTES in kept, "the last sector came first"


def test_a_rename_is_there_as_a_whole_or_not_at_all() -> None:
    made = Link(0, "new", 1), Write(1, 0, b"b"), Sync(1), Link(0, "old", 2), Write(2, 0, b"a"), Sync(2), Sync(0)
    renamed = states_after(*made, Rename(0, "new", 0, "old", 1), Said("acknowledged"))
    assert renamed == {(("new", b"b"), ("old", b"a")), (("old", b"b"),)}


@needs_strace
def test_a_record_that_is_not_what_happened_is_refused(tmp_path: Path) -> None:
    recording = Recording(tmp_path)
    (tmp_path / "behind its back").write_bytes(b"x")
    with pytest.raises(RuntimeError, match="behind its back"):
        recording.run(["true"])
