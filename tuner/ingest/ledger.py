"""The ledger: every accepted trajectory, durable and exactly once, in SQLite. Learns nothing.

The front writes from its process and the learner reads from its own: WAL lets both at once. A trajectory is
acknowledged only after ``store`` returns, that is after the commit was fsynced (synchronous=FULL).

Nothing is handed out whose bytes are not those of its content_sha256: such a record is set aside. Its bytes go to a
file under ``damaged/``; its row keeps id and hash, is emptied and gets the purpose ``DAMAGED``: no update waits for it.
"""

import hashlib
import logging
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from coso.v1 import trajectory_pb2

from agent_runtime.files import make_folder
from tuner.errors import LedgerError
from tuner.files import write_atomically
from tuner.ingest.opening import opened
from tuner.ingest.wholeness import DAMAGED, is_damage, whole_message

LEDGER_NAME = "ledger.sqlite3"
DAMAGED_NAME = "damaged"
TO_MEND_NAME = "ledger-to-mend"
"""A file of this name under ``damaged/`` has the next start of the service make the ledger anew."""
MAX_RUNTIMES_OF_ONE = 256
MAX_SOFTWARE_VERSION_LENGTH = 64
_LOG = logging.getLogger(__name__)
_COLUMNS = "sequence, id, content_sha256, purpose, verdict, message"
_DEMONSTRATED = f"purpose = {trajectory_pb2.PURPOSE_DEMONSTRATE} AND verdict = {trajectory_pb2.VERDICT_SUCCESS}"
_TRAINABLE = f"purpose = {trajectory_pb2.PURPOSE_EXPLORE} AND verdict != {trajectory_pb2.VERDICT_VOID}"


class StoreOutcome(Enum):
    """What became of a trajectory sent in."""

    STORED = "stored"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    """The id is taken by other content."""


@dataclass(frozen=True, slots=True)
class StoredTrajectory:
    """A trajectory and its place in the order of arrival."""

    sequence: int
    message: trajectory_pb2.Trajectory


@dataclass(frozen=True, slots=True)
class LedgerCounts:
    """How many trajectories there are, by what became of them."""

    stored: int
    void: int
    waiting: int
    consumed: int
    damaged: int = 0
    """Set aside, of those stored."""


def counted(sql: sqlite3.Connection) -> LedgerCounts:
    """Count what there is, from the index over purpose, verdict and use: some 100 ms for a million trajectories."""
    rows = sql.execute(
        "SELECT purpose, verdict, COUNT(*), COUNT(consumed_by_version) FROM trajectories GROUP BY purpose, verdict"
    ).fetchall()
    explore, void = trajectory_pb2.PURPOSE_EXPLORE, trajectory_pb2.VERDICT_VOID
    return LedgerCounts(
        stored=sum(count for _, _, count, _ in rows),
        void=sum(count for _, verdict, count, _ in rows if verdict == void),
        waiting=sum(count - used for purpose, verdict, count, used in rows if purpose == explore and verdict != void),
        consumed=sum(used for _, _, _, used in rows),
        damaged=sum(count for purpose, _, count, _ in rows if purpose == DAMAGED),
    )


class Ledger:
    """One connection to the ledger in a folder; call ``open`` before anything else."""

    def __init__(self, folder: Path, now_sec: Callable[[], float] = time.time) -> None:
        self._path = folder / LEDGER_NAME
        self._now_sec = now_sec
        self._damaged = folder / DAMAGED_NAME
        self._connection: sqlite3.Connection | None = None

    def open(self) -> None:
        """Open the ledger, making it where there is none.

        Raises:
            LedgerError: the file is no ledger of this schema, or the disk does not take the settings it needs.
        """
        try:
            self._connection = opened(self._path)
        except (sqlite3.Error, OSError) as error:
            raise LedgerError(
                f"Got {error} when opening {self._path}, expected a ledger that can be written: "
                "check the folder and its disk."
            ) from error

    def close(self) -> None:
        """Close the connection; safe to call twice."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def store(self, message: trajectory_pb2.Trajectory) -> StoreOutcome:
        """Store a trajectory durably; a second time with the same content changes nothing.

        Raises:
            LedgerError: it is not stored, and must not be acknowledged.
        """
        blob = message.SerializeToString(deterministic=True)
        digest = hashlib.sha256(blob).hexdigest()
        with self.sql() as sql:
            try:
                sql.execute(
                    "INSERT INTO trajectories (id, content_sha256, purpose, verdict, stored_at_unix_sec, message) "
                    "VALUES (?, ?, ?, ?, ?, ?)",
                    (message.trajectory_id, digest, message.purpose, message.verdict, self._now_sec(), blob),
                )
            except sqlite3.IntegrityError:
                known = sql.execute("SELECT content_sha256 FROM trajectories WHERE id = ?", (message.trajectory_id,))
                return StoreOutcome.DUPLICATE if known.fetchone()[0] == digest else StoreOutcome.CONFLICT
        return StoreOutcome.STORED

    def waiting(self, limit: int) -> list[StoredTrajectory]:
        """Return trajectories to be trained on that no update has used yet, the oldest first."""
        where = f"consumed_by_version IS NULL AND {_TRAINABLE}"
        return list(self._read(f"WHERE {where} ORDER BY sequence LIMIT ?", (limit,)))

    def recent(self, limit: int) -> list[StoredTrajectory]:
        """Return the latest trajectories that updates have used, the oldest first: the replay. Not emptied ones."""
        where = f"consumed_by_version IS NOT NULL AND length(message) > 0 AND {_TRAINABLE}"
        return list(self._read(f"WHERE {where} ORDER BY sequence DESC LIMIT ?", (limit,)))[::-1]

    def demonstrations(self) -> list[StoredTrajectory]:
        """Return all demonstrations that succeeded, the oldest first; they are for imitation and never used up."""
        return list(self._read(f"WHERE {_DEMONSTRATED} AND length(message) > 0 ORDER BY sequence", ()))

    def mark_consumed(self, sequences: Iterable[int], version: int, unused: Mapping[int, str] | None = None) -> None:
        """Note which version was trained on these, and why it used nothing of some of them, all or none."""
        with self.sql() as sql:
            sql.execute("BEGIN IMMEDIATE")
            sql.executemany(
                "UPDATE trajectories SET consumed_by_version = ? WHERE sequence = ?",
                [(version, sequence) for sequence in sequences],
            )
            sql.executemany("INSERT OR REPLACE INTO unused VALUES (?, ?)", (unused or {}).items())
            sql.execute("COMMIT")

    def unused(self) -> dict[int, str]:
        """Return why the update that took them used nothing of some trajectories, by sequence."""
        with self.sql() as sql:
            return dict(sql.execute("SELECT sequence, reason FROM unused").fetchall())

    def note_runtime(self, runtime_id: str, software_version: str = "") -> None:
        """Remember a runtime that registered; of one agent's the latest ``MAX_RUNTIMES_OF_ONE``."""
        agent = runtime_id.partition("/")[0]
        with self.sql() as sql:
            sql.execute("BEGIN IMMEDIATE")
            sql.execute(
                "INSERT OR REPLACE INTO runtimes VALUES (?, ?, ?)",
                (runtime_id, self._now_sec(), software_version[:MAX_SOFTWARE_VERSION_LENGTH]),
            )
            sql.execute(
                "DELETE FROM runtimes WHERE id IN (SELECT id FROM runtimes WHERE id = ?1 OR id >= ?1 || '/' AND "
                "id < ?1 || '0' ORDER BY registered_at_unix_sec DESC LIMIT -1 OFFSET ?2)",  # 0 comes after /
                (agent, MAX_RUNTIMES_OF_ONE),
            )
            sql.execute("COMMIT")

    def runtime_ids(self) -> list[str]:
        """Return every runtime that ever registered, the latest first."""
        with self.sql() as sql:
            rows = sql.execute("SELECT id FROM runtimes ORDER BY registered_at_unix_sec DESC").fetchall()
        return [row[0] for row in rows]

    def size_bytes(self) -> int:
        """Return how many bytes of the file hold something; what was emptied is written over before the file grows."""
        with self.sql() as sql:
            pages, unused, page_bytes = (
                sql.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
            )
        return int((pages - unused) * page_bytes)

    def counts(self) -> LedgerCounts:
        """Count what there is."""
        with self.sql() as sql:
            return counted(sql)

    def _read(self, where: str, arguments: tuple[int, ...]) -> Iterator[StoredTrajectory]:
        """Yield what can be read and is what was stored; set the rest aside."""
        try:
            with self.sql() as sql:
                rows = sql.execute(f"SELECT {_COLUMNS} FROM trajectories {where}", arguments).fetchall()
        except LedgerError as error:
            if not is_damage(error.__cause__):
                raise
            rows = self._rows_one_by_one(where, arguments)
        for row in rows:
            message = whole_message(*row[1:])
            if message is None:
                self._set_aside(row[0], row[-1])
            else:
                yield StoredTrajectory(row[0], message)

    def _rows_one_by_one(self, where: str, arguments: tuple[int, ...]) -> list[tuple[Any, ...]]:
        """Return the rows of which SQLite finds all pages; leave word of the others for the next start."""
        rows: list[tuple[Any, ...]] = []
        with self.sql() as sql:
            sequences = [row[0] for row in sql.execute(f"SELECT sequence FROM trajectories {where}", arguments)]
            for sequence in sequences:
                try:
                    rows += sql.execute(f"SELECT {_COLUMNS} FROM trajectories WHERE sequence = ?", (sequence,))
                except sqlite3.DatabaseError as error:
                    _LOG.warning("record %d cannot be read (%s) and is left out: restart the tuner", sequence, error)
                    self._leave_word()
        return rows

    def _set_aside(self, sequence: int, content: object) -> None:
        """Keep the bytes of a damaged record in a file, and empty and mark its row."""
        blob = content if isinstance(content, bytes) else repr(content).encode()
        name = f"record-{sequence}-{hashlib.sha256(blob).hexdigest()[:16]}"
        _LOG.warning("record %d is not what was stored: it is set aside as %s", sequence, self._damaged / name)
        try:
            make_folder(self._damaged)
            write_atomically(self._damaged / name, blob)
        except OSError as error:
            raise LedgerError(f"Got {error} for {self._damaged / name}, expected room for a damaged record.") from error
        with self.sql() as sql:
            sql.execute(
                "UPDATE trajectories SET message = x'', purpose = ? WHERE sequence = ?",
                (DAMAGED, sequence),
            )

    def _leave_word(self) -> None:
        """Have the next start make the ledger anew; where the disk refuses, a later reader tries again."""
        try:
            make_folder(self._damaged)
            write_atomically(self._damaged / TO_MEND_NAME, b"")
        except OSError as error:
            _LOG.warning("the ledger is damaged, and that cannot be noted: %s", error)

    @contextmanager
    def sql(self) -> Iterator[sqlite3.Connection]:
        """Lend the connection; what is not committed at the end is undone.

        Raises:
            LedgerError: the ledger is not open, or SQLite refused what was asked.
        """
        if self._connection is None:
            raise LedgerError("Got a ledger that is not open, expected an open one: call open() first.")
        try:
            self._undo()
            yield self._connection
        except sqlite3.Error as error:
            if is_damage(error):
                self._leave_word()
                raise LedgerError(
                    f"Got {error} from the ledger at {self._path}, expected a whole one: restart the tuner, which "
                    "saves what can be read."
                ) from error
            raise LedgerError(
                f"Got {error} from the ledger at {self._path}, expected it to be writable: check the disk's free space."
            ) from error
        finally:
            with suppress(sqlite3.Error):  # what cannot be undone now is before anything else is done
                self._undo()

    def _undo(self) -> None:
        """Roll back what something kept from its COMMIT."""
        if self._connection is not None and self._connection.in_transaction:
            self._connection.rollback()
