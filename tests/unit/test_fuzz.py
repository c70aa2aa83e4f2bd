"""A sample of changed inputs for every parser, and planted bugs. The full run is `benchmarks.fuzz`."""

from __future__ import annotations

import pytest

from benchmarks.fuzz import PLANTED, fuzz, unseen
from benchmarks.fuzz_targets import Target, targets

SEED = 3
TARGETS = targets()


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_a_parser_says_what_is_wrong_in_its_own_errors(target: Target) -> None:
    tally = fuzz(target, 40, SEED)
    assert (tally.faults, tally.slow) == (0, 0), tally.notes
    assert tally.coverage > 0.4


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_bug_shows(name: str) -> None:
    assert unseen(SEED, [name]) == []
