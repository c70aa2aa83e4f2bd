"""A sample of disks that refuse, planted bugs, and a few full disks. The full run is `benchmarks.io_errors`."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from benchmarks.disk_trace import strace_missing
from benchmarks.durable_work import ASIDE, LEDGER, MENDED, SPOOL
from benchmarks.full_disks import RESUMED_BAR_SEC, cycled, mounting_missing
from benchmarks.io_error_points import PLANTED, sample

SEED, CAP_BYTES = 1, 64 << 10
needs_strace = pytest.mark.skipif(bool(strace_missing()), reason=strace_missing())


@needs_strace
@pytest.mark.parametrize(("name", "points"), [(SPOOL, 15), (LEDGER, 15), (MENDED, 6), (ASIDE, 8)])
def test_nothing_is_acknowledged_falsely(name: str, points: int) -> None:
    tally = sample(name, points, SEED)
    assert tally.points == points
    assert (tally.false_acks, tally.crashed, tally.closed, tally.stuck) == (0, 0, 0, 0), tally.notes


@needs_strace
@pytest.mark.parametrize(("name", "plant"), PLANTED, ids=[name for name, _ in PLANTED])
def test_a_store_that_takes_a_refusal_for_success_shows(name: str, plant: Callable[[], None]) -> None:
    assert sample(name, 8, SEED, plant).false_acks > 0


@pytest.mark.skipif(bool(mounting_missing()), reason=mounting_missing())
def test_full_disks_cost_nothing_and_are_told_of() -> None:
    found = cycled(2, CAP_BYTES)
    assert (found.cycles, found.lost, found.doubled, found.silent, found.over_cap) == (2, 0, 0, 0, 0), found.notes
    assert found.episodes > 0
    assert found.slowest_sec <= RESUMED_BAR_SEC
