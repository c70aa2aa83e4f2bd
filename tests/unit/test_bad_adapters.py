"""A sample of bad and malicious adapter versions, and the planted bugs. The full run is `benchmarks.bad_adapters`."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.adapter_forgeries import ATTACKS
from benchmarks.bad_adapters import run, unseen

SEED = 3
pytestmark = pytest.mark.filterwarnings("ignore:You have passed exclude_modules")


def test_no_bad_version_is_used(tmp_path: Path) -> None:
    assert len(ATTACKS) >= 40
    tally = run(3 * len(ATTACKS), SEED, tmp_path)
    assert (tally.sent, tally.broken) == (3 * len(ATTACKS), 0), tally.notes


def test_every_planted_bug_shows(tmp_path: Path) -> None:
    assert unseen(SEED, tmp_path, 2 * len(ATTACKS)) == []
