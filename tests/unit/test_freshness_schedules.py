"""A sample of schedules of the allowed lag, and the planted bugs; the full run is `benchmarks.freshness`."""

from __future__ import annotations

import pytest

from benchmarks.freshness import run
from benchmarks.freshness_mutants import MUTANTS


def test_no_step_is_used_past_the_lag_and_every_drop_is_counted() -> None:
    counts, broken = run(100, seed=1)
    assert broken == []
    assert all(counts[name] for name in ("too_old", "unknown_version", "kills", "uses"))


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_planted_bug_shows(mutant: str) -> None:
    counts, _ = run(100, seed=1, mutant=mutant)  # of which none breaks a promise unplanted
    assert counts["broken"]
