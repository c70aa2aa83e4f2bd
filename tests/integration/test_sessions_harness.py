"""A sample of `benchmarks.sessions`: exact replays, edits of every kind, and the planted bugs."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent_runtime.sessions.reader import open_session
from benchmarks.session_edits import EDITS
from benchmarks.sessions import HashedPolicy, bugs_that_hide, edit_all, record_all, replay_all


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return record_all(tmp_path_factory.mktemp("sessions"), 4, 5, None)


def test_sessions_are_replayed_exactly_twice(folders: list[Path]) -> None:
    steps = sum(1 for folder in folders for _ in open_session(folder).steps())
    found = replay_all(folders, lambda session: HashedPolicy())
    assert (found.broken, found.notes) == (0, [])
    assert found.identical == found.decisions == 2 * steps > 0


def test_every_kind_of_edit_is_found(folders: list[Path]) -> None:
    found = edit_all(folders, 5 * len(EDITS), seed=5)
    assert found.made == dict.fromkeys(EDITS, 5)
    assert found.notes == []


def test_the_planted_bugs_show(folders: list[Path], tmp_path: Path) -> None:
    assert bugs_that_hide(tmp_path, folders, seed=5, edits=2) == []
