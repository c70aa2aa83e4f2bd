"""The ledger under damaged bytes: what is hit is set aside, the rest stays, and the service starts. Trains nothing."""

from __future__ import annotations

import hashlib
import sqlite3
from pathlib import Path

import pytest
from coso.v1 import trajectory_pb2

from tests.wire_world import message
from tuner.errors import LedgerError
from tuner.ingest import salvage
from tuner.ingest.ledger import DAMAGED_NAME, LEDGER_NAME, TO_MEND_NAME, Ledger, LedgerCounts, StoreOutcome
from tuner.ingest.mending import mend
from tuner.ingest.wholeness import is_refusal
from tuner.page.reader import LedgerReader

COUNT = 12
IDS = [f"trajectory-{number}" for number in range(COUNT)]


def whole(number: int) -> trajectory_pb2.Trajectory:
    sent = message(IDS[number])
    sent.goal = IDS[number] * 700
    return sent


def open_ledger(folder: Path) -> Ledger:
    ledger = Ledger(folder)
    ledger.open()
    return ledger


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Return a state folder with a closed ledger of twelve, of which the first two were used; each fills pages."""
    ledger = open_ledger(tmp_path)
    for trajectory_id in IDS:
        ledger.store(whole(IDS.index(trajectory_id)))
    ledger.mark_consumed([1, 2], version=3)
    ledger.note_runtime("phone")
    ledger.close()
    return tmp_path


def flip(path: Path, place: int, bit: int = 0) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1 << bit
    path.write_bytes(content)


def place_of(path: Path, words: bytes) -> int:
    return path.read_bytes().index(words)


def ids(ledger: Ledger) -> list[str]:
    return [stored.message.trajectory_id for stored in ledger.waiting(1000)]


def test_a_whole_ledger_is_left_alone(state: Path) -> None:
    before = (state / LEDGER_NAME).read_bytes()
    assert not mend(state)
    assert (state / LEDGER_NAME).read_bytes() == before
    assert not mend(state / "none")


def test_a_flipped_bit_in_a_trajectory_sets_that_one_aside(state: Path) -> None:
    flip(state / LEDGER_NAME, place_of(state / LEDGER_NAME, IDS[5].encode() * 100))
    assert not mend(state)  # found when it is read
    ledger = open_ledger(state)
    assert ids(ledger) == IDS[2:5] + IDS[6:]
    assert ids(ledger) == IDS[2:5] + IDS[6:]
    assert ledger.counts() == LedgerCounts(stored=COUNT, void=0, waiting=COUNT - 3, consumed=2, damaged=1)
    (kept,) = (state / DAMAGED_NAME).iterdir()
    assert kept.name.startswith("record-6-")
    assert len(kept.read_bytes()) > 700 * len(IDS[5])
    assert ledger.store(whole(5)) is StoreOutcome.DUPLICATE  # its id and hash are still known
    ledger.close()


def test_a_used_record_that_was_damaged_is_no_replay(state: Path) -> None:
    flip(state / LEDGER_NAME, place_of(state / LEDGER_NAME, IDS[1].encode() * 100))
    ledger = open_ledger(state)
    assert [stored.message.trajectory_id for stored in ledger.recent(10)] == IDS[:1]
    ledger.close()


def test_the_page_shows_a_damaged_record_as_such_and_the_others(state: Path) -> None:
    flip(state / LEDGER_NAME, place_of(state / LEDGER_NAME, IDS[5].encode() * 100))
    reader = LedgerReader(state)
    assert [facts.goal.startswith("damaged") for facts in reader.latest()].count(True) == 1
    assert reader.episode(6) is None
    assert reader.episode(7) is not None
    ledger = open_ledger(state)
    assert len(ids(ledger)) == COUNT - 3
    assert reader.counts().damaged == ledger.counts().damaged == 1
    assert reader.counts().waiting == COUNT - 3
    reader.close()
    ledger.close()


@pytest.mark.parametrize("column", ["purpose", "verdict", "id", "content_sha256"])
def test_a_column_that_says_something_else_is_damage(state: Path, column: str) -> None:
    with sqlite3.connect(state / LEDGER_NAME) as sql:
        value = "'x'" if column in ("id", "content_sha256") else "2"
        sql.execute(f"UPDATE trajectories SET {column} = {value} WHERE sequence = 1")
        sql.execute("UPDATE trajectories SET purpose = 1, consumed_by_version = 3 WHERE sequence = 1 AND purpose = 2")
    ledger = open_ledger(state)
    assert IDS[0] not in [stored.message.trajectory_id for stored in [*ledger.recent(99), *ledger.waiting(99)]] or (
        column == "purpose"  # restored above
    )
    ledger.close()


@pytest.mark.parametrize("place", [0, 16, 18, 19, 21, 30, 44, 52, 56, 59, 60, 63, 67])
def test_a_damaged_header_costs_no_record(state: Path, place: int) -> None:
    flip(state / LEDGER_NAME, place, 1)
    mend(state)
    ledger = open_ledger(state)
    assert ids(ledger) == IDS[2:]
    assert ledger.counts() == LedgerCounts(stored=COUNT, void=0, waiting=COUNT - 2, consumed=2, damaged=0)
    assert ledger.runtime_ids() == ["phone"]
    assert ledger.store(message("new")) is StoreOutcome.STORED
    ledger.close()


@pytest.mark.parametrize("place", [*range(32, 40)])
def test_a_damaged_list_of_free_pages_is_found_at_the_start(state: Path, place: int) -> None:
    before = (state / LEDGER_NAME).read_bytes()
    assert any(before[32:36]), "there is a free page"
    flip(state / LEDGER_NAME, place, 7)
    assert mend(state)
    ledger = open_ledger(state)
    assert ids(ledger) == IDS[2:]
    assert ledger.store(message("new")) is StoreOutcome.STORED
    ledger.close()


@pytest.mark.parametrize("index", ["waiting", "kinds"])
def test_an_index_that_says_a_record_was_used_costs_nobody_that_record(state: Path, index: str) -> None:
    path = state / LEDGER_NAME
    with sqlite3.connect(path) as sql:
        root = sql.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (index,)).fetchone()[0]
    begin = (root - 1) * 4096
    page = path.read_bytes()[begin : begin + 4096]
    not_used = {"waiting": b"\x04\x00\x01\x01\x07\x07", "kinds": b"\x05\x09\x09\x00\x01\x07"}[index]
    assert page.count(not_used) == 1, "the record's header in the index and, of one byte, its number"
    flip(path, begin + page.index(not_used) + not_used.index(b"\x00"), 3)  # "no value" becomes "0"
    assert mend(state)
    ledger = open_ledger(state)
    assert ids(ledger) == IDS[2:]
    assert ledger.counts() == LedgerCounts(stored=COUNT, void=0, waiting=COUNT - 2, consumed=2, damaged=0)
    ledger.close()


def test_a_record_under_the_number_of_another_is_kept_under_a_new_one(state: Path) -> None:
    path = state / LEDGER_NAME
    content = bytearray(path.read_bytes())
    rows = IDS[4].encode() + hashlib.sha256(whole(4).SerializeToString(deterministic=True)).hexdigest().encode()
    at = content.index(rows)
    number = content.rindex(b"\x05\x09", 0, at)  # its number, then the size of its header
    content[number] = 6
    path.write_bytes(content)
    assert mend(state)
    ledger = open_ledger(state)
    assert sorted(ids(ledger)) == sorted(IDS[2:])
    assert ledger.counts().damaged == 0
    ledger.close()


def test_numbers_of_records_that_are_gone_are_not_given_again(state: Path) -> None:
    path = state / LEDGER_NAME
    with sqlite3.connect(path) as sql:
        sql.execute("DELETE FROM trajectories WHERE sequence > 10")
    flip(path, 0)
    assert mend(state)
    ledger = open_ledger(state)
    ledger.store(message("new"))
    assert [stored.sequence for stored in ledger.waiting(100)][-2:] == [10, COUNT + 1]
    ledger.close()


def test_a_schema_that_cannot_be_read_costs_no_record(state: Path) -> None:
    flip(state / LEDGER_NAME, place_of(state / LEDGER_NAME, b"CREATE TABLE trajectories"))
    assert mend(state)
    ledger = open_ledger(state)
    assert ids(ledger) == IDS[2:]
    ledger.close()


@pytest.mark.parametrize("content", [b"", b"SQLite", b"not a database" * 1000])
def test_a_file_without_a_ledger_is_kept_and_a_new_one_made(state: Path, content: bytes) -> None:
    (state / LEDGER_NAME).write_bytes(content)
    assert mend(state)
    ledger = open_ledger(state)
    assert ids(ledger) == []
    ledger.close()
    (kept,) = (state / DAMAGED_NAME).glob(f"ledger-*/{LEDGER_NAME}")
    assert kept.read_bytes() == content


def test_a_file_cut_short_keeps_what_is_left(state: Path) -> None:
    content = (state / LEDGER_NAME).read_bytes()
    (state / LEDGER_NAME).write_bytes(content[: -3 * 4096])
    assert mend(state)
    ledger = open_ledger(state)
    found = ids(ledger)
    assert COUNT - 4 <= len(found) < COUNT - 2
    assert found == IDS[2 : 2 + len(found)]
    ledger.close()


def test_a_page_of_the_index_of_ids_is_no_loss_and_lets_nothing_in_twice(state: Path) -> None:
    path = state / LEDGER_NAME
    with sqlite3.connect(path) as sql:
        page = sql.execute("SELECT rootpage FROM sqlite_master WHERE name = 'sqlite_autoindex_trajectories_1'")
        root = page.fetchone()[0]
    content = path.read_bytes()
    place = content.index(IDS[7].encode(), (root - 1) * 4096)
    flip(path, place)
    assert mend(state)
    ledger = open_ledger(state)
    assert ids(ledger) == IDS[2:]
    assert ledger.store(whole(7)) is StoreOutcome.DUPLICATE
    ledger.close()


def test_a_record_whose_pages_are_lost_is_left_out_until_the_next_start_marks_it(state: Path) -> None:
    path = state / LEDGER_NAME
    content = bytearray(path.read_bytes())
    pages = range(0, len(content), 4096)
    inner = [at for at in pages if content[at] == 0 and IDS[5].encode() * 200 in content[at : at + 4096]]
    content[inner[0] : inner[0] + 4] = b"\xff\xff\xff\xff"  # the number of the page after it
    path.write_bytes(content)
    ledger = open_ledger(state)
    assert ids(ledger) == IDS[2:5] + IDS[6:]
    assert ledger.store(message("new")) is StoreOutcome.STORED
    ledger.close()
    assert (state / DAMAGED_NAME / TO_MEND_NAME).exists()
    assert mend(state)
    assert not mend(state)
    ledger = open_ledger(state)
    assert ids(ledger) == [*IDS[2:5], *IDS[6:], "new"]
    ledger.close()


def test_a_start_that_is_broken_off_when_the_new_ledger_is_complete_goes_on_with_it(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flip(state / LEDGER_NAME, 0)

    def dies(mended: Path, path: Path) -> None:
        path.unlink()
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("tuner.ingest.mending._put_in_place", dies)
        with pytest.raises(KeyboardInterrupt):
            mend(state)
    assert mend(state)
    ledger = open_ledger(state)
    assert ids(ledger) == IDS[2:]
    ledger.close()
    assert not mend(state)


def test_a_disk_that_refuses_while_a_ledger_is_made_anew_costs_no_record(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flip(state / LEDGER_NAME, 0)
    rows = salvage._rows

    def refusing(old: sqlite3.Connection, question: str, *arguments: object) -> object:
        if "INDEXED" in question:
            raise sqlite3.OperationalError("database or disk is full")
        return rows(old, question, *arguments)

    with monkeypatch.context() as patched:
        patched.setattr(salvage, "_rows", refusing)
        with pytest.raises(LedgerError, match="disk is full"):
            mend(state)
    assert not [path for path in state.iterdir() if path.name.startswith(".mending-")]
    assert mend(state)
    ledger = open_ledger(state)
    assert ids(ledger) == IDS[2:]
    ledger.close()


@pytest.mark.parametrize(
    ("words", "is_disk"), [("disk I/O error", True), ("database or disk is full", True), ("no such table: x", False)]
)
def test_what_the_disk_refuses_is_no_damage(words: str, is_disk: bool) -> None:
    assert is_refusal(sqlite3.OperationalError(words)) is is_disk
    assert not is_refusal(sqlite3.DatabaseError("database disk image is malformed"))
