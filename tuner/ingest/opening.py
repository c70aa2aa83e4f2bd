"""Opens the ledger's file with the settings that make a commit durable, and makes its tables. Knows no record."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final

from agent_runtime.files import fsync_folder
from tuner.errors import LedgerError
from tuner.ingest.migrations import SCHEMA_VERSION, migrate
from tuner.ingest.wholeness import readable_text

_BUSY_TIMEOUT_MS: Final = 10_000
SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS trajectories (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    content_sha256 TEXT NOT NULL,
    purpose INTEGER NOT NULL,
    verdict INTEGER NOT NULL,
    stored_at_unix_sec REAL NOT NULL,
    consumed_by_version INTEGER,
    message BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS waiting ON trajectories (consumed_by_version, sequence);
CREATE INDEX IF NOT EXISTS kinds ON trajectories (purpose, verdict, consumed_by_version);
CREATE TABLE IF NOT EXISTS unused (
    sequence INTEGER PRIMARY KEY,
    reason TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS runtimes (
    id TEXT PRIMARY KEY,
    registered_at_unix_sec REAL NOT NULL,
    software_version TEXT NOT NULL DEFAULT ''
);
"""


def opened(path: Path) -> sqlite3.Connection:
    """Return a connection to the ledger's file, made where there is none; what a killed process left is durable then.

    A commit that a process wrote and did not live to fsync is there for the next one, which would call its trajectory
    a duplicate: the write below, fsynced with the whole log, makes it true.

    Raises:
        LedgerError: the file is no ledger of this schema, or SQLite does not take the settings.
        sqlite3.Error, OSError: the disk refused.
    """
    connection = sqlite3.connect(path, timeout=_BUSY_TIMEOUT_MS / 1000, isolation_level=None)
    try:
        connection.text_factory = readable_text
        _set_pragma(connection, "journal_mode", "WAL", "wal")
        _set_pragma(connection, "synchronous", "FULL", 2)
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if not 0 <= version <= SCHEMA_VERSION:
            raise LedgerError(
                f"Got a ledger of schema {version} at {path}, expected at most {SCHEMA_VERSION}: "
                "use the release that wrote it, or another state folder."
            )
        migrate(connection, path)
        connection.executescript(SCHEMA)
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")  # writes, also where nothing changes
        fsync_folder(path.parent)
    except BaseException:
        connection.close()
        raise
    return connection


def _set_pragma(connection: sqlite3.Connection, name: str, value: str, expected: object) -> None:
    """Set a pragma and check the answer: an I/O error here leaves the old value without an exception."""
    connection.execute(f"PRAGMA {name} = {value}")
    answer = connection.execute(f"PRAGMA {name}").fetchone()[0]
    if answer != expected:
        raise LedgerError(f"Got {name} {answer!r} from SQLite, expected {expected!r}: use a local disk.")
