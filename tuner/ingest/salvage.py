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
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from tuner.ingest.ledger import LEDGER_NAME, Ledger
from tuner.ingest.wholeness import DAMAGED, readable_text, trajectory_of

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
_COLUMNS: Final = "sequence, id, content_sha256, purpose, verdict, stored_at_unix_sec, consumed_by_version, message"
MENDING_PREFIX: Final = ".mending-"
Row = tuple[Any, ...]


def made_anew(path: Path) -> Path:
    """Return a folder, beside the damaged ledger, with a new one that has what could be read; it is closed and synced.

    Raises:
        OSError: the disk refused.
        LedgerError: the same, said by SQLite.
    """
    folder = Path(tempfile.mkdtemp(dir=path.parent, prefix=MENDING_PREFIX))
    ledger = Ledger(folder)
    ledger.open()
    first_page = _first_page(folder / LEDGER_NAME)
    with closing(ledger), ledger.sql() as new:
        for mended in (lambda page: page, _with_header_of(first_page), lambda page: first_page):
            copy = folder / "copy.sqlite3"
            for leftover in folder.glob("copy.sqlite3*"):
                leftover.unlink()
            shutil.copyfile(path, copy)
            log = path.with_name(path.name + LOG_SUFFIX)
            if log.exists():
                shutil.copyfile(log, copy.with_name(copy.name + LOG_SUFFIX))
            _mend_first_page(copy, mended)
            _copy_what_is_readable(copy, new)
        _copy_leaf_by_leaf(copy, len(first_page), new)
        for leftover in folder.glob("copy.sqlite3*"):
            leftover.unlink()
    return folder


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


def _copy_what_is_readable(copy: Path, new: sqlite3.Connection) -> None:
    """Copy rows from a damaged ledger into a new one that has none of the same id or number yet."""
    with closing(connected(copy)) as old:
        numbers: dict[int, int | None] = {}
        for order in ("NOT INDEXED ORDER BY sequence", "NOT INDEXED ORDER BY sequence DESC", "INDEXED BY waiting"):
            question = f"SELECT sequence, consumed_by_version FROM trajectories {order}"
            numbers.update((row[0], row[1]) for row in _rows(old, question))  # the index has the last word
        _copy_rows(old, new, numbers)
        _copy_other_tables(old, new)


def _copy_leaf_by_leaf(copy: Path, page_bytes: int, new: sqlite3.Connection) -> None:
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
                question = "SELECT sequence, consumed_by_version FROM trajectories NOT INDEXED"
                numbers = {row[0]: row[1] for row in _rows(old, question)}
                _copy_rows(old, new, numbers)
                if any(not _has(new, sequence) for sequence in numbers):  # one may be out of its order
                    for row in list(_rows(old, f"SELECT {_COLUMNS} FROM trajectories NOT INDEXED")):
                        _keep(new, row, row[6], doubtful=False)


def _copy_rows(old: sqlite3.Connection, new: sqlite3.Connection, numbers: dict[int, int | None]) -> None:
    new.execute("BEGIN IMMEDIATE")
    for doubtful in (False, True):  # first what is whole, so that no other takes its place
        for sequence, consumed in sorted(numbers.items()):
            if not _has(new, sequence):
                for row in _rows(old, f"SELECT {_COLUMNS} FROM trajectories WHERE sequence = ?", sequence):
                    _keep(new, row, consumed, doubtful)
    new.execute("COMMIT")


def _has(new: sqlite3.Connection, sequence: int) -> bool:
    return new.execute("SELECT 1 FROM trajectories WHERE sequence = ?", (sequence,)).fetchone() is not None


def _keep(new: sqlite3.Connection, row: Row, consumed: int | None, doubtful: bool) -> None:
    """Take in a row that is whole, or, where it is ``doubtful``, one that was emptied or is to be marked as damaged."""
    sequence, trajectory_id, digest, purpose, verdict, stored_at, used, content = row
    message = trajectory_of(digest, content)
    if (message is None) != doubtful:
        return
    if message is not None:
        trajectory_id, purpose, verdict = message.trajectory_id, message.purpose, message.verdict
    elif content != b"":
        purpose, content = DAMAGED, b""
    values = (sequence, trajectory_id, digest, purpose, verdict, stored_at, used or consumed, content)
    try:
        new.execute(f"INSERT OR IGNORE INTO trajectories ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values)
    except sqlite3.IntegrityError:
        return  # a column without a value: nothing says which record it was


def _copy_other_tables(old: sqlite3.Connection, new: sqlite3.Connection) -> None:
    """Copy what stands beside the ledger's own tables, as far as it can be read."""
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
            _LOG.warning("the table %s is left out: %s", name, error)


def _rows(old: sqlite3.Connection, question: str, *arguments: object) -> Iterator[Row]:
    """Yield rows until there are no more, or no more that SQLite can read."""
    try:
        yield from old.execute(question, arguments)
    except sqlite3.DatabaseError as error:
        _LOG.info("%s: %s", question, error)


def connected(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.text_factory = readable_text
    return connection
