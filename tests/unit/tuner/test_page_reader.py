"""The page's reader of the ledger: bounded, read-only, current, and one sentence when it cannot read."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent_runtime.trajectory import Purpose, Verdict
from tests.wire_world import message
from tuner.errors import LedgerError
from tuner.ingest.ledger import Ledger
from tuner.page import reader as reader_module
from tuner.page.reader import LedgerReader


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = Ledger(tmp_path)
    opened.open()
    yield opened
    opened.close()


@pytest.fixture
def reader(tmp_path: Path, ledger: Ledger) -> Iterator[LedgerReader]:
    made = LedgerReader(tmp_path)
    yield made
    made.close()


def test_it_counts_as_the_ledger_does(ledger: Ledger, reader: LedgerReader) -> None:
    assert reader.counts() == ledger.counts()
    for number, verdict in enumerate((Verdict.SUCCESS, Verdict.FAILURE, Verdict.VOID)):
        for purpose in Purpose:
            ledger.store(message(f"{number}{purpose}", verdict=verdict, purpose=purpose))
    ledger.mark_consumed([1], 4)
    assert reader.counts() == ledger.counts()
    assert (reader.counts().stored, reader.counts().void, reader.counts().consumed) == (9, 3, 1)


def test_counting_touches_no_trajectory(ledger: Ledger, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "ledger.sqlite3") as sql:
        plan = sql.execute(
            "EXPLAIN QUERY PLAN SELECT purpose, verdict, COUNT(*), COUNT(consumed_by_version) "
            "FROM trajectories GROUP BY purpose, verdict"
        ).fetchall()
    assert [row[3] for row in plan] == ["SCAN trajectories USING COVERING INDEX kinds"]


def test_the_latest_come_first_with_the_version_of_their_last_step(ledger: Ledger, reader: LedgerReader) -> None:
    stored = message("a", steps=2)
    stored.steps[1].adapter_version = 7
    ledger.store(stored)
    assert [facts.trajectory_id for facts in reader.latest()] == ["a"]
    ledger.store(message("b", verdict=Verdict.VOID, purpose=Purpose.EVALUATE, steps=0))
    newest, oldest = reader.latest()
    assert (newest.verdict, newest.purpose, newest.steps, newest.version) == ("void", "evaluate", 0, None)
    assert (oldest.task_name, oldest.goal, oldest.steps, oldest.version) == ("fake/act", "go", 2, 7)


def test_each_trajectory_is_read_once_and_only_so_many_bytes_at_a_time(
    ledger: Ledger, reader: LedgerReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        ledger.store(message(f"{number}"))
    monkeypatch.setattr(reader_module, "READ_BUDGET_BYTES", 1)
    monkeypatch.setattr(reader_module, "WINDOW", 3)
    found = [[facts.trajectory_id for facts in reader.latest()] for _ in range(4)]
    assert found == [["4"], ["4", "3"], ["4", "3", "2"], ["4", "3", "2"]]


def test_a_trajectory_too_large_is_listed_and_not_opened(
    ledger: Ledger, reader: LedgerReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.store(message("a"))
    monkeypatch.setattr(reader_module, "MAX_MESSAGE_BYTES", 10)
    assert [(facts.trajectory_id, facts.goal) for facts in reader.latest()] == [("a", "too large to open")]
    assert reader.episode(1) is None


def test_an_episode_comes_whole(ledger: Ledger, reader: LedgerReader) -> None:
    ledger.store(message("a"))
    assert reader.episode(1) == message("a")
    assert reader.episode(1) == message("a")
    assert reader.episode(2) is None
    assert reader.episode(10**18 - 1) is None


def test_runtimes_come_the_latest_first(ledger: Ledger, reader: LedgerReader) -> None:
    ledger.note_runtime("a")
    ledger.note_runtime("b")
    assert [runtime.runtime_id for runtime in reader.runtimes()] == ["b", "a"]


def test_it_cannot_write(ledger: Ledger, reader: LedgerReader) -> None:
    with pytest.raises(LedgerError, match="readonly"), reader._sql() as sql:
        sql.execute("DELETE FROM trajectories")


def test_a_question_that_takes_too_long_is_ended(
    ledger: Ledger, reader: LedgerReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader_module, "_DEADLINE_SEC", 0.0)
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT COUNT(*) FROM n"
    with pytest.raises(LedgerError, match="interrupted"), reader._sql() as sql:
        sql.execute(endless).fetchone()


def test_no_ledger_is_one_sentence_and_a_later_one_is_found(tmp_path: Path) -> None:
    reader = LedgerReader(tmp_path)
    with pytest.raises(LedgerError, match="unable to open database file from the ledger"):
        reader.counts()
    assert not (tmp_path / "ledger.sqlite3").exists()
    ledger = Ledger(tmp_path)
    ledger.open()
    assert reader.counts().stored == 0
    reader.close()
    ledger.close()
