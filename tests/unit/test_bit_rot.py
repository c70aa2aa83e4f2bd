"""A sample of damages to every kind of stored file, and the planted bug. The full run is `benchmarks.bit_rot`."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from benchmarks.bit_rot import run, unseen
from benchmarks.rotten_stores import STORES, Rotting

DAMAGES, SEED = 9, 3


@pytest.mark.parametrize("store", STORES, ids=lambda store: store.name)
def test_damage_is_found_and_contained(store: Rotting, tmp_path: Path) -> None:
    tally = run(store, DAMAGES, random.Random(SEED), tmp_path / "home")
    assert tally.damages == DAMAGES
    assert (tally.used, tally.lost, tally.silent, tally.closed) == (0, 0, 0, 0), tally.notes
    assert tally.found > 0


def test_a_hash_that_is_the_same_for_everything_shows_in_every_store(tmp_path: Path) -> None:
    assert unseen(SEED, tmp_path, damages=40) == []
