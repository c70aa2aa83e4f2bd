"""A few episodes over a network that fails, and planted bugs. The full run is `benchmarks.bad_network`."""

from __future__ import annotations

from pathlib import Path

from benchmarks import bad_network
from benchmarks.bad_network import CountingLedger, ForgetfulLedger, HastySpool, run

SEED = 2


def test_every_episode_is_stored_once(tmp_path: Path) -> None:
    found = run(200, SEED, tmp_path)
    assert (found.lost, found.doubled, found.left) == (0, 0, 0), found
    assert sum(found.faults.values()) >= 10, found
    assert found.sent_again > 200


def test_ids_that_are_known_for_a_week_show(tmp_path: Path) -> None:
    assert run(50, SEED, tmp_path, ForgetfulLedger).doubled > 0


def test_a_runtime_that_forgets_what_it_sent_shows(tmp_path: Path) -> None:
    assert bad_network.BYTES_TO_FAULT < 200 * 600, "faults strike within what is sent"
    assert run(200, SEED, tmp_path, CountingLedger, HastySpool).lost > 0
