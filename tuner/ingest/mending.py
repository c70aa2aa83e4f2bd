"""Makes a ledger whose file is damaged anew from what can still be read of it. Serves nobody.

Called by who starts a service, while no other process has the ledger open. The look is cheap: table and indexes are
read without the trajectories' bytes, which are held against their hashes when they are used; how the pages hang
together, those that are free among them, is looked at where the file is not too large for that. A ledger that does not
hold goes to ``damaged/`` with its log, and every record whose bytes are those of its hash goes into a new one. Of a
record that was hit the row stays, marked as damaged, where it can be read.
"""

from __future__ import annotations

import logging
import os
import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Final

from agent_runtime.files import fsync_folder, make_folder
from tuner.errors import LedgerError
from tuner.ingest.ledger import DAMAGED_NAME, LEDGER_NAME, TO_MEND_NAME
from tuner.ingest.migrations import SCHEMA_VERSION
from tuner.ingest.opening import SCHEMA
from tuner.ingest.salvage import HEADER_BYTES, LOG_SUFFIX, MENDING_PREFIX, connected, made_anew
from tuner.ingest.wholeness import is_damage

_LOG = logging.getLogger(__name__)
_MENDED_NAME: Final = "ledger-mended.sqlite3"
_HEADER: Final = {
    **{place: (byte,) for place, byte in enumerate(b"SQLite format 3\0\x10\0")},  # pages of 4,096 bytes
    18: (1, 2),
    19: (1, 2),
    20: (0,),
    21: (64,),
    22: (32,),
    23: (32,),
    **dict.fromkeys((44, 45, 46, 52, 53, 54, 55, 56, 57, 58, 64, 65, 66, 67), (0,)),
    47: (0, 4),
    59: (0, 1),
}
"""What a ledger has at these places of its header (https://www.sqlite.org/fileformat.html, section 1.3)."""
_WHOLE_LOOK_BYTES: Final = 256 << 20
"""A larger file's pages are not all read at every start."""
_FREE_PAGE_AT: Final = slice(32, 36)
_FREE_COUNT_AT: Final = slice(36, 40)
_INDEXES: Final = {
    "sqlite_autoindex_trajectories_1": "id, sequence",
    "waiting": "consumed_by_version, sequence",
    "kinds": "purpose, verdict, consumed_by_version, sequence",
}


def mend(state: Path) -> bool:
    """Make the ledger in ``state`` anew where it is damaged; return whether it was.

    Raises:
        LedgerError: the new one cannot be written; the old one is in its place, or the next start goes on.
    """
    path, mended = state / LEDGER_NAME, state / _MENDED_NAME
    if mended.exists():  # a start before this one was broken off when it was complete
        _put_in_place(mended, path)
        return True
    if not path.exists() or (not _is_to_be_mended(state) and _holds(path)):
        return False
    kept = state / DAMAGED_NAME / f"ledger-{time.time_ns()}"
    _LOG.warning("the ledger %s is damaged: it is kept in %s, and what can be read is copied", path, kept)
    for leftover in state.glob(f"{MENDING_PREFIX}*"):
        shutil.rmtree(leftover)
    try:
        fresh = made_anew(path)
        make_folder(kept)
        for name in (LEDGER_NAME, LEDGER_NAME + LOG_SUFFIX):
            if (state / name).exists():
                _copy_durably(state / name, kept / name)
        fsync_folder(kept)
        fsync_folder(kept.parent)
        os.replace(fresh / LEDGER_NAME, mended)
        fresh.rmdir()
        fsync_folder(state)
        _put_in_place(mended, path)
    except (OSError, sqlite3.Error) as error:
        if not mended.exists():
            shutil.rmtree(kept, ignore_errors=True)  # the old one is still in its place, and room is short
        raise LedgerError(
            f"Got {error} when saving what can be read of {path}, expected room for two more of it: free some."
        ) from error
    return True


def _copy_durably(source: Path, target: Path) -> None:
    """Copy what a power cut must not take: it may be all there is of a record that cannot be read."""
    with source.open("rb") as old, target.open("wb") as new:
        shutil.copyfileobj(old, new)
        new.flush()
        os.fsync(new.fileno())


def _put_in_place(mended: Path, path: Path) -> None:
    """Let the new ledger take the old one's place; the old one's log goes first, or it would be played back."""
    for suffix in (LOG_SUFFIX, "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    fsync_folder(path.parent)
    os.replace(mended, path)
    (path.parent / DAMAGED_NAME / TO_MEND_NAME).unlink(missing_ok=True)
    fsync_folder(path.parent)


def _is_to_be_mended(state: Path) -> bool:
    return (state / DAMAGED_NAME / TO_MEND_NAME).exists()


def _holds(path: Path) -> bool:
    """Whether the file is one of ours whose table and indexes say the same; another schema's is left as it is."""
    with path.open("rb") as file:
        header = file.read(HEADER_BYTES)
    if len(header) < HEADER_BYTES or any(header[place] not in told for place, told in _HEADER.items()):
        return False
    if any(header[_FREE_PAGE_AT]) != any(header[_FREE_COUNT_AT]):
        return False
    try:
        with closing(connected(path)) as sql:
            version = sql.execute("PRAGMA user_version").fetchone()[0]
            if not 0 <= version <= SCHEMA_VERSION:
                return not _has_our_tables(sql)  # with our tables it is a number that was changed
            if not sql.execute("SELECT 1 FROM sqlite_master WHERE name = 'trajectories'").fetchone():
                return bool(version == 0)
            if path.stat().st_size <= _WHOLE_LOOK_BYTES and sql.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
                return False
            return all(
                _sum(sql, f"SELECT {columns} FROM trajectories INDEXED BY {index}")
                == _sum(sql, f"SELECT {columns} FROM trajectories NOT INDEXED")
                for index, columns in _INDEXES.items()
            )
    except sqlite3.DatabaseError as error:
        _LOG.warning("%s: %s", path, error)
        return not is_damage(error) and "no such index" not in str(error) and "malformed" not in str(error)


def _has_our_tables(sql: sqlite3.Connection) -> bool:
    told = sql.execute("SELECT sql FROM sqlite_master WHERE name = 'trajectories'").fetchone()
    return told is not None and str(told[0]) in SCHEMA.replace("IF NOT EXISTS ", "")


def _sum(sql: sqlite3.Connection, question: str) -> tuple[int, int]:
    """Return how many rows there are and a sum over them that does not depend on their order, but on their types."""
    count = total = 0
    for row in sql.execute(question):
        count, total = count + 1, total + hash(repr(row))  # a text, a blob and its like have the same hash themselves
    return count, total
