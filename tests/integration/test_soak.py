"""A short soak and a planted leak; slopes of short lives say nothing of long ones. The full run: `benchmarks.soak`."""

from __future__ import annotations

from pathlib import Path

from benchmarks.soak import DESCRIPTORS_BAR, SLOPE_BAR_MB, Life, Sample, soak


def test_nothing_is_lost_under_all_faults_and_a_leak_shows(tmp_path: Path) -> None:
    found = soak(800, 1, tmp_path / "soak", lives=2, leaks=True)
    assert found.lost == 0, found.faults
    assert found.episodes >= 800 - found.rotted
    assert found.faults["front killed"] == 1
    assert [life.name for life in found.lives] == ["runtime", "front 1", "front 2"]
    assert found.lives[0].more_descriptors > 0  # one for every fifty episodes


def test_what_grows_is_told_from_what_stays() -> None:
    grows, stays = Life("grows"), Life("stays")
    for number in range(100):
        grows.samples.append(Sample(500 * number, 50.0 + 0.2 * number, 20 + number))
        stays.samples.append(Sample(500 * number, 50.0 + number % 3, 20 + number % 3))
    assert grows.slope_mb > SLOPE_BAR_MB
    assert grows.more_descriptors > DESCRIPTORS_BAR
    assert abs(stays.slope_mb) < SLOPE_BAR_MB
    assert abs(stays.more_descriptors) < DESCRIPTORS_BAR
