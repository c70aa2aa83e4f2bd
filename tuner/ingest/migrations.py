"""Brings a ledger of an older schema to this release's, a version after another. Reads no record.

Each step and its version number are one transaction: a process that is killed leaves the older schema or the newer one,
and the next start goes on from there. A step looks whether it was done, as the number alone may have been damaged.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

SCHEMA_VERSION: Final = 2
_LOG = logging.getLogger(__name__)


def _software_versions(sql: sqlite3.Connection) -> None:
    """2: runtimes say of which release they are."""
    known = {row[1] for row in sql.execute("PRAGMA table_info(runtimes)")}
    if known and "software_version" not in known:
        sql.execute("ALTER TABLE runtimes ADD COLUMN software_version TEXT NOT NULL DEFAULT ''")


_STEPS: Final[Mapping[int, Callable[[sqlite3.Connection], None]]] = {2: _software_versions}
"""What leads to each version from the one before."""


def migrate(sql: sqlite3.Connection, path: Path) -> None:
    """Bring the ledger to this schema; a new one, of version 0, is left to who makes its tables.

    Raises:
        sqlite3.Error: SQLite refused; the ledger is of an older schema, whole.
    """
    version = sql.execute("PRAGMA user_version").fetchone()[0]
    if not version:
        return
    for wanted in range(version + 1, SCHEMA_VERSION + 1):
        _LOG.warning("the ledger %s goes from schema %d to %d", path, wanted - 1, wanted)
        sql.execute("BEGIN IMMEDIATE")
        try:
            _STEPS[wanted](sql)
            sql.execute(f"PRAGMA user_version = {wanted}")
            sql.execute("COMMIT")
        finally:
            if sql.in_transaction:
                sql.rollback()
