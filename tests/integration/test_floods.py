"""A sample of floods: memory stays bounded and the tuner is still there. The full run is `benchmarks.floods`."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.flood_attacks import KINDS
from benchmarks.floods import MOST_MEMORY_BYTES, flood


def test_there_are_kinds_enough() -> None:
    assert len(KINDS) >= 12


@pytest.mark.parametrize("kind", ["rapid resets", "compressed bombs"])
def test_a_short_flood_leaves_the_honest_agent_a_part(kind: str, tmp_path: Path) -> None:
    borne = flood(kind, 2.0, tmp_path / "home")
    assert borne.is_there
    assert 0 < borne.peak_bytes <= MOST_MEMORY_BYTES
    assert borne.share > 0.1, "a bound for a busy machine; the full run has one half"
