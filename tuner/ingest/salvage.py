"""Copies what can be read of a damaged ledger into a new one. Decides nothing, and leaves the damaged one as it is.

SQLite is asked first for the file as it is, then with a sound header, then with a sound first page, as every ledger's
tables begin at the same pages; at last every page of rows is looked at by itself.
"""

from __future__ import annotations

import logging
import os
import shutil
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from tuner.ingest.ledger import LEDGER_NAME, Ledger
from tuner.ingest.wholeness import DAMAGED, is_refusal, readable_text, trajectory_of

_LOG = logging.getLogger(__name__)
HEADER_BYTES: Final = 100
LOG_SUFFIX: Final = "-wal"
_LEAF: Final = 13
"""The first byte of a page of rows."""
_ROOT_PAGE: Final = 2
"""Of the table of trajectories, which a ledger makes first."""
_PAGES_AT: Final = slice(28, 32)
_VALID_FOR_AT: Final = slice(92, 96)
_CHANGES_AT: Final = slice(24, 28)
_LARGEST_NUMBER: Final = 1 << 53
_COLUMNS: Final = "sequence, id, content_sha256, purpose, verdict, stored_at_unix_sec, consumed_by_version, message"
MENDING_PREFIX: Final = ".mending-"
Row = tuple[Any, ...]
Claims = dict[int, list[object]]
"""By sequence, what the indexes say of the version that used it."""
Keep = Callable[[sqlite3.Connection, Row, list[object]], None]
"""Takes a row into the new ledger where it is of a kind; nothing where another of its id or number is there."""


def made_anew(path: Path) -> Path:
    """Return a folder, beside the damaged ledger, with a new one that has what could be read; it is closed and synced.

    What is whole goes in first, whichever way leads to it, so that nothing takes its place that looked damaged on
    another way; whole records whose number is taken come last, under new ones.

    Raises:
        OSError: the disk refused.
        LedgerError: the same, said by SQLite.
    """
    folder = Path(tempfile.mkdtemp(dir=path.parent, prefix=MENDING_PREFIX))
    try:
        _fill(folder, path)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return folder


def _fill(folder: Path, path: Path) -> None:
    """Make the new ledger; its log is carried over into its file, which is synced."""
    ledger = Ledger(folder)
    ledger.open()
    first_page = _first_page(folder / LEDGER_NAME)
    with closing(ledger), ledger.sql() as new:
        for keep in (_keep_whole, _keep_doubtful, _keep_stray):
            for mended in (lambda page: page, _with_header_of(first_page), lambda page: first_page):
                copy = _copied(path, folder)
                _mend_first_page(copy, mended)
                _copy_what_is_readable(copy, new, keep)
            _copy_leaf_by_leaf(copy, len(first_page), new, keep)
        for leftover in folder.glob("copy.sqlite3*"):
            leftover.unlink()
        is_busy = new.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    if is_busy or [left.name for left in folder.iterdir()] != [LEDGER_NAME]:  # closing tells of no error
        raise OSError(f"the log of {folder / LEDGER_NAME} could not be carried over")


def _copied(path: Path, folder: Path) -> Path:
    """Return a new copy of the damaged ledger and its log, in place of the one before."""
    copy = folder / "copy.sqlite3"
    for leftover in folder.glob("copy.sqlite3*"):
        leftover.unlink()
    shutil.copyfile(path, copy)
    log = path.with_name(path.name + LOG_SUFFIX)
    if log.exists():
        shutil.copyfile(log, copy.with_name(copy.name + LOG_SUFFIX))
    return copy


def _first_page(path: Path) -> bytes:
    """Return the first page of a new ledger, whose tables begin at the same pages as any ledger's."""
    with closing(sqlite3.connect(path, isolation_level=None)) as sql:
        sql.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        page_bytes = sql.execute("PRAGMA page_size").fetchone()[0]
    with path.open("rb") as file:
        return file.read(page_bytes)


def _with_header_of(fresh: bytes) -> Callable[[bytes], bytes]:
    return lambda page: fresh[:HEADER_BYTES] + page[HEADER_BYTES:]


def _mend_first_page(path: Path, mended: Callable[[bytes], bytes]) -> None:
    """Exchange a file's first page; where its header is another one, how long the file is holds, and no free list."""
    with path.open("r+b") as file:
        size_bytes = file.seek(0, os.SEEK_END)
        file.seek(0)
        before = file.read(1 << 12)
        page = bytearray(mended(before))
        if bytes(page) == before:
            return
        page[_PAGES_AT] = (size_bytes // max(len(page), 1)).to_bytes(4, "big")
        page[_VALID_FOR_AT] = page[_CHANGES_AT]
        file.seek(0)
        file.write(page)


def _copy_what_is_readable(copy: Path, new: sqlite3.Connection, keep: Keep) -> None:
    """Copy rows from a damaged ledger into a new one, as the tables and indexes lead to them."""
    with closing(connected(copy)) as old:
        claims: Claims = {}
        for order in ("ORDER BY sequence", "ORDER BY sequence DESC"):
            for row in _rows(old, f"SELECT sequence FROM trajectories NOT INDEXED {order}"):
                claims.setdefault(row[0], [])
        for index in ("waiting", "kinds"):
            question = f"SELECT sequence, consumed_by_version FROM trajectories INDEXED BY {index}"
            for sequence, consumed in _rows(old, question):
                claims.setdefault(sequence, []).append(consumed)
        _copy_rows(old, new, claims, keep)
        _copy_other_tables(old, new)


def _copy_leaf_by_leaf(copy: Path, page_bytes: int, new: sqlite3.Connection, keep: Keep) -> None:
    """Copy what no way through the tree leads to: every page of rows in turn takes the place of the table's root."""
    with closing(connected(copy)) as old:
        for _ in _rows(old, "PRAGMA wal_checkpoint(TRUNCATE)"):
            pass
    with copy.open("r+b") as file:
        for number in range(copy.stat().st_size // page_bytes):
            file.seek(number * page_bytes)
            page = file.read(page_bytes)
            if page[0] != _LEAF:
                continue
            file.seek((_ROOT_PAGE - 1) * page_bytes)
            file.write(page)
            file.flush()
            with closing(connected(copy)) as old:
                claims: Claims = {row[0]: [] for row in _rows(old, "SELECT sequence FROM trajectories NOT INDEXED")}
                _copy_rows(old, new, claims, keep)
                for row in list(_rows(old, f"SELECT {_COLUMNS} FROM trajectories NOT INDEXED")):
                    keep(new, row, [])  # one may be out of its order


def _copy_rows(old: sqlite3.Connection, new: sqlite3.Connection, claims: Claims, keep: Keep) -> None:
    new.execute("BEGIN IMMEDIATE")
    for sequence, told in sorted(claims.items()):
        for row in _rows(old, f"SELECT {_COLUMNS} FROM trajectories WHERE sequence = ?", sequence):
            keep(new, row, told)
    new.execute("COMMIT")


def _keep_whole(new: sqlite3.Connection, row: Row, claims: list[object]) -> None:
    """Take in a row whose bytes are those of its hash."""
    message = trajectory_of(row[2], row[7])
    if message is not None:
        told = (message.trajectory_id, row[2], message.purpose, message.verdict)
        _insert(new, (row[0], *told, row[5], _agreed(row[6], claims), row[7]))


def _keep_doubtful(new: sqlite3.Connection, row: Row, claims: list[object]) -> None:
    """Take in a row that was emptied, or one that is to be marked as damaged."""
    sequence, trajectory_id, digest, purpose, verdict, stored_at, used, content = row
    if trajectory_of(digest, content) is None:
        kind = purpose if content == b"" else DAMAGED
        _insert(new, (sequence, trajectory_id, digest, kind, verdict, stored_at, _agreed(used, claims), b""))


def _keep_stray(new: sqlite3.Connection, row: Row, claims: list[object]) -> None:
    """Take in a whole row under a new number where another one has its own."""
    message = trajectory_of(row[2], row[7])
    if message is None:
        return
    if not new.execute("SELECT 1 FROM trajectories WHERE id = ?", (message.trajectory_id,)).fetchone():
        _keep_whole(new, (None, *row[1:]), claims)


def _agreed(in_row: object, in_indexes: list[object]) -> object:
    """Return what most of row and indexes say, the row's word where they are as many."""
    return Counter([in_row, *in_indexes]).most_common(1)[0][0]


def _insert(new: sqlite3.Connection, values: Row) -> None:
    try:
        new.execute(f"INSERT OR IGNORE INTO trajectories ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values)
    except sqlite3.IntegrityError:
        return  # a column without a value: nothing says which record it was


def _copy_other_tables(old: sqlite3.Connection, new: sqlite3.Connection) -> None:
    """Copy what stands beside the trajectories, as far as it can be read; their next number too: none is used twice."""
    for (last,) in _rows(old, "SELECT seq FROM sqlite_sequence WHERE name = 'trajectories'"):
        if isinstance(last, int) and 0 < last < _LARGEST_NUMBER:
            told = new.execute("UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = 'trajectories'", (last,))
            if not told.rowcount:
                new.execute("INSERT INTO sqlite_sequence VALUES ('trajectories', ?)", (last,))
    question = (
        "SELECT name, sql FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' "
        "AND name != 'trajectories'"
    )
    for name, made_by in list(_rows(old, question)):
        quoted = '"' + str(name).replace('"', '""') + '"'
        try:
            if not new.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (name,)).fetchone():
                new.execute(str(made_by))
            columns = ", ".join(str(row[1]) for row in _rows(old, f"PRAGMA table_info({quoted})"))
            for row in _rows(old, f"SELECT * FROM {quoted}"):
                new.execute(f"INSERT OR IGNORE INTO {quoted} ({columns}) VALUES ({', '.join('?' * len(row))})", row)
        except sqlite3.DatabaseError as error:
            if is_refusal(error):
                raise
            _LOG.warning("the table %s is left out: %s", name, error)


def _rows(old: sqlite3.Connection, question: str, *arguments: object) -> Iterator[Row]:
    """Yield rows until there are no more, or no more that SQLite can read; a disk that refuses says nothing of them.

    Raises:
        sqlite3.OperationalError: the disk refused.
    """
    try:
        yield from old.execute(question, arguments)
    except sqlite3.DatabaseError as error:
        if is_refusal(error):
            raise
        _LOG.info("%s: %s", question, error)


def connected(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.text_factory = readable_text
    return connection
