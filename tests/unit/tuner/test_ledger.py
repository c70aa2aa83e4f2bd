"""The ledger: durable, exactly once, readable while it is written, and one sentence when it cannot be used."""

from __future__ import annotations

import resource
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent_runtime.trajectory import Purpose, Verdict
from tests.wire_world import message
from tuner.errors import LedgerError
from tuner.ingest import opening
from tuner.ingest.ledger import MAX_RUNTIMES_OF_ONE, Ledger, LedgerCounts, StoreOutcome
from tuner.ingest.migrations import SCHEMA_VERSION

ROOT = Path(__file__).parents[3]


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = open_ledger(tmp_path)
    yield opened
    opened.close()


def open_ledger(folder: Path) -> Ledger:
    ledger = Ledger(folder)
    ledger.open()
    return ledger


def ids(ledger: Ledger) -> list[str]:
    return [stored.message.trajectory_id for stored in ledger.waiting(1000)]


def store(ledger: Ledger, *trajectory_ids: str) -> None:
    for trajectory_id in trajectory_ids:
        assert ledger.store(message(trajectory_id)) is StoreOutcome.STORED


def test_a_trajectory_comes_back_as_it_was_stored(ledger: Ledger) -> None:
    sent = [message("b", steps=2), message("a")]
    for trajectory in sent:
        ledger.store(trajectory)
    assert [stored.message for stored in ledger.waiting(10)] == sent
    assert [stored.sequence for stored in ledger.waiting(10)] == [1, 2]


def test_the_same_again_changes_nothing(ledger: Ledger) -> None:
    store(ledger, "a")
    assert ledger.store(message("a")) is StoreOutcome.DUPLICATE
    assert ledger.counts() == LedgerCounts(stored=1, void=0, waiting=1, consumed=0)


def test_the_order_of_a_map_makes_no_other_content(ledger: Ledger) -> None:
    first, again = message("a"), message("a")
    for names, trajectory in (("xyz", first), ("zyx", again)):
        trajectory.task_params.clear()
        trajectory.task_params.update({name: name for name in names})
    ledger.store(first)
    assert ledger.store(again) is StoreOutcome.DUPLICATE


def test_other_content_under_a_known_id_is_a_conflict_and_the_first_stays(ledger: Ledger) -> None:
    store(ledger, "a")
    other = message("a", verdict=Verdict.FAILURE)
    assert ledger.store(other) is StoreOutcome.CONFLICT
    assert [stored.message for stored in ledger.waiting(10)] == [message("a")]


def test_a_consumed_trajectory_sent_again_is_still_a_duplicate(ledger: Ledger) -> None:
    store(ledger, "a")
    ledger.mark_consumed([1], version=1)
    assert ledger.store(message("a")) is StoreOutcome.DUPLICATE
    assert ids(ledger) == []


def test_void_and_evaluations_are_kept_and_never_wait(ledger: Ledger) -> None:
    ledger.store(message("void", verdict=Verdict.VOID))
    ledger.store(message("held", purpose=Purpose.EVALUATE))
    ledger.store(message("void held", purpose=Purpose.EVALUATE, verdict=Verdict.VOID))
    store(ledger, "a")
    assert ids(ledger) == ["a"]
    assert ledger.counts() == LedgerCounts(stored=4, void=2, waiting=1, consumed=0)
    ledger.mark_consumed([1, 2, 3, 4], version=1)  # even marked, they are no replay
    assert [stored.message.trajectory_id for stored in ledger.recent(10)] == ["a"]


def test_failures_wait_like_successes(ledger: Ledger) -> None:
    ledger.store(message("a", verdict=Verdict.FAILURE))
    assert ids(ledger) == ["a"]


def test_what_was_consumed_waits_no_more_and_is_the_replay(ledger: Ledger) -> None:
    store(ledger, "a", "b", "c", "d")
    ledger.mark_consumed([1, 3], version=1)
    ledger.mark_consumed([2], version=2)
    assert ids(ledger) == ["d"]
    assert [stored.message.trajectory_id for stored in ledger.recent(2)] == ["b", "c"]  # the latest two, oldest first
    assert ledger.counts() == LedgerCounts(stored=4, void=0, waiting=1, consumed=3)


def test_no_more_than_asked_for_comes_and_the_oldest_first(ledger: Ledger) -> None:
    store(ledger, "c", "a", "b")
    assert [stored.message.trajectory_id for stored in ledger.waiting(2)] == ["c", "a"]


def test_runtimes_are_listed_the_latest_first_and_once(ledger: Ledger) -> None:
    for runtime_id in ("a", "b", "a"):
        ledger.note_runtime(runtime_id)
    assert ledger.runtime_ids() == ["a", "b"]


def test_everything_is_there_after_reopening(tmp_path: Path) -> None:
    first = open_ledger(tmp_path)
    store(first, "a", "b")
    first.store(message("void", verdict=Verdict.VOID))
    first.mark_consumed([1], version=7)
    first.note_runtime("r")
    first.close()
    first.close()
    second = open_ledger(tmp_path)
    assert second.counts() == LedgerCounts(stored=3, void=1, waiting=1, consumed=1)
    assert (ids(second), second.runtime_ids()) == (["b"], ["r"])
    assert second.store(message("a")) is StoreOutcome.DUPLICATE
    second.close()


STORES_AND_IS_KILLED = """
import os, signal, sys
from pathlib import Path
from tests.wire_world import message
from tuner.ingest.ledger import Ledger
ledger = Ledger(Path(sys.argv[1]))
ledger.open()
ledger.store(message("a"))
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_was_stored_is_there_after_the_process_was_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", STORES_AND_IS_KILLED, str(tmp_path)]
    environment = {"PYTHONPATH": f"{ROOT}:{ROOT / 'protos'}"}
    assert subprocess.run(command, cwd=ROOT, env=environment, timeout=60).returncode == -9
    ledger = open_ledger(tmp_path)
    assert ids(ledger) == ["a"]
    ledger.close()


def test_the_learner_reads_while_the_front_writes(tmp_path: Path, ledger: Ledger) -> None:
    reader = open_ledger(tmp_path)
    store(ledger, "a")
    assert ids(reader) == ["a"]
    reader.mark_consumed([1], version=1)
    store(ledger, "b")
    assert (ids(ledger), ids(reader)) == (["b"], ["b"])
    reader.close()


def test_every_commit_is_synced_to_a_write_ahead_log(ledger: Ledger) -> None:
    with ledger.sql() as sql:
        assert sql.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert sql.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL


@pytest.mark.parametrize(
    ("name", "value", "expected", "says"),
    [
        ("journal_mode", "WAL", "wal", "Got journal_mode 'memory' from SQLite, expected 'wal': use a local disk."),
        ("synchronous", "9", 2, "Got synchronous 1 from SQLite, expected 2: use a local disk."),  # 9 & 3 is NORMAL
    ],
)
def test_a_setting_the_disk_did_not_take_is_one_sentence(name: str, value: str, expected: object, says: str) -> None:
    in_memory = sqlite3.connect(":memory:", isolation_level=None)  # such a database has no WAL
    with pytest.raises(LedgerError) as caught:
        opening._set_pragma(in_memory, name, value, expected)
    assert str(caught.value) == says
    in_memory.close()


@pytest.fixture
def foreign(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """A database of somebody else's where the ledger would be."""
    connection = sqlite3.connect(tmp_path / "ledger.sqlite3", isolation_level=None)
    yield connection
    connection.close()


def test_a_ledger_of_another_schema_is_left_as_it_is(tmp_path: Path, foreign: sqlite3.Connection) -> None:
    foreign.execute("CREATE TABLE trajectories (other)")
    foreign.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    with pytest.raises(LedgerError, match=r"Got a ledger of schema 3 at .*, expected at most 2: use the"):
        open_ledger(tmp_path)
    assert foreign.execute("SELECT name FROM sqlite_master").fetchall() == [("trajectories",)]


def test_tables_of_another_shape_are_refused(tmp_path: Path, foreign: sqlite3.Connection) -> None:
    foreign.execute("CREATE TABLE trajectories (other)")
    with pytest.raises(LedgerError, match=r"Got no such column: .* when opening .*, expected a ledger"):
        open_ledger(tmp_path)


def test_a_file_that_is_no_database_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "ledger.sqlite3").write_bytes(b"not a database" * 100)
    with pytest.raises(LedgerError, match=r"Got file is not a database when opening .*: check the folder and its disk"):
        open_ledger(tmp_path)


def test_a_folder_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="Got unable to open database file when opening"):
        open_ledger(tmp_path / "none")


def test_a_ledger_that_is_not_open_stores_nothing(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="expected an open one: call open"):
        Ledger(tmp_path).store(message())


def test_a_full_disk_stores_nothing_and_what_was_stored_stays(tmp_path: Path, ledger: Ledger) -> None:
    store(ledger, "a")
    large = message("large")
    large.goal = "g" * 1_000_000
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, limits[1]))  # Python ignores the signal; the write fails
    try:
        with pytest.raises(LedgerError, match=r"from the ledger at .*, expected it to be writable: check the disk"):
            ledger.store(large)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert ids(ledger) == ["a"]
    assert ledger.store(large) is StoreOutcome.STORED
    assert ids(ledger) == ["a", "large"]


def test_marks_that_cannot_be_written_are_not_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ledger: Ledger
) -> None:
    store(ledger, "a", "b")
    monkeypatch.setattr(opening, "_BUSY_TIMEOUT_MS", 50)
    impatient = open_ledger(tmp_path)
    other = sqlite3.connect(tmp_path / "ledger.sqlite3", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(LedgerError, match="database is locked"):
        impatient.mark_consumed([1, 2], version=1)
    assert ids(impatient) == ["a", "b"]
    other.execute("ROLLBACK")
    impatient.mark_consumed([1, 2], version=1)
    assert ids(impatient) == []
    impatient.close()
    other.close()


def test_nothing_stays_open_when_marking_breaks_off(tmp_path: Path, ledger: Ledger) -> None:
    store(ledger, "a")
    with pytest.raises(OverflowError):
        ledger.mark_consumed([1, 2**63], version=1)  # SQLite's integers have 64 bits, one of them the sign
    assert ids(ledger) == ["a"]
    store(ledger, "b")
    other = open_ledger(tmp_path)
    assert ids(other) == ["a", "b"]  # "b" was committed, not left in a transaction
    other.close()


def test_of_one_agents_runtimes_the_latest_are_remembered_and_nobody_elses_go(ledger: Ledger) -> None:
    for name in ("a", "ab/phone", "a0", "b/1"):
        ledger.note_runtime(name)
    for number in range(MAX_RUNTIMES_OF_ONE):
        ledger.note_runtime(f"a/{number}")
    known = ledger.runtime_ids()
    assert len([name for name in known if name.startswith("a/")]) == MAX_RUNTIMES_OF_ONE
    assert {"ab/phone", "a0", "b/1"} <= set(known)
    assert "a" not in known
    ledger.note_runtime("a/again")
    assert {"a/again", f"a/{MAX_RUNTIMES_OF_ONE - 1}"} <= set(ledger.runtime_ids())
    assert "a/0" not in ledger.runtime_ids()
