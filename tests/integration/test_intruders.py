"""A sample of callers and tuners that do not belong, and planted bugs. The full run is `benchmarks.intruders`."""

from __future__ import annotations

from pathlib import Path

from benchmarks.intruders import KINDS, PLANTED, run, unseen

SEED = 3


def test_nobody_is_in_who_does_not_belong(tmp_path: Path) -> None:
    assert len(KINDS) >= 13
    tally = run(2, SEED, tmp_path / "sound")
    assert (tally.tries, tally.broken) == (2 * len(KINDS), 0), tally.notes


def test_planted_bugs_show(tmp_path: Path) -> None:
    name = "no gate before the handlers"
    assert unseen(SEED, tmp_path, 4, {name: PLANTED[name]}) == []
