"""Reads the ledger for the page, on a read-only connection of its own. Every question is bounded; writes nothing.

A whole trajectory is read once: what the page needs of the latest ``WINDOW`` is kept as ``EpisodeFacts``, and each
question reads at most ``READ_BUDGET_BYTES`` of those not known yet, the newest first. All calls come from one thread.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from coso.v1 import trajectory_pb2

from tuner.canary.standing import VersionDecision
from tuner.errors import LedgerError
from tuner.ingest.ledger import LEDGER_NAME, LedgerCounts, counted
from tuner.ingest.version_trials import read_decisions
from tuner.ingest.wholeness import DAMAGED, readable_text, whole_message

WINDOW = 500
READ_BUDGET_BYTES = 32 << 20
MAX_MESSAGE_BYTES = 16 << 20
"""A larger trajectory is counted and listed, but not opened."""
MAX_RUNTIMES = 20
MAX_DECISIONS = 20
MAX_GOAL_CHARACTERS = 300
_DEADLINE_SEC = 2.0
_INSTRUCTIONS_BETWEEN_LOOKS = 100_000
VERDICTS = {
    trajectory_pb2.VERDICT_SUCCESS: "success",
    trajectory_pb2.VERDICT_FAILURE: "failure",
    trajectory_pb2.VERDICT_VOID: "void",
}
_DAMAGED = trajectory_pb2.Trajectory(goal="damaged: its bytes are not what was stored")
PURPOSES = {
    trajectory_pb2.PURPOSE_EXPLORE: "explore",
    trajectory_pb2.PURPOSE_EVALUATE: "evaluate",
    trajectory_pb2.PURPOSE_DEMONSTRATE: "demonstrate",
}


@dataclass(frozen=True, slots=True)
class EpisodeFacts:
    """What the overview says of one episode; ``version`` is that of the last step, None without steps."""

    sequence: int
    stored_at_unix_sec: float
    purpose: str
    verdict: str
    trajectory_id: str
    task_name: str
    goal: str
    runtime_id: str
    steps: int
    version: int | None
    device: str = ""


@dataclass(frozen=True, slots=True)
class Runtime:
    """A runtime and when it last registered."""

    runtime_id: str
    registered_at_unix_sec: float


class LedgerReader:
    """Opened by the first question, and anew after an error."""

    def __init__(self, state: Path) -> None:
        self._path = state / LEDGER_NAME
        self._connection: sqlite3.Connection | None = None
        self._known: dict[int, EpisodeFacts] = {}
        self._opened: tuple[int, trajectory_pb2.Trajectory] | None = None

    def close(self) -> None:
        """Close the connection; safe to call twice."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def counts(self) -> LedgerCounts:
        """Count what there is."""
        with self._sql() as sql:
            return counted(sql)

    def runtimes(self) -> list[Runtime]:
        """Return who registered, the latest first."""
        with self._sql() as sql:
            rows = sql.execute(
                "SELECT id, registered_at_unix_sec FROM runtimes ORDER BY registered_at_unix_sec DESC LIMIT ?",
                (MAX_RUNTIMES,),
            ).fetchall()
        return [Runtime(*row) for row in rows]

    def decisions(self) -> list[VersionDecision]:
        """Return what was decided of versions, the latest first; nothing where there are no trials."""
        with self._sql() as sql:
            return read_decisions(sql, MAX_DECISIONS)[::-1]

    def latest(self) -> list[EpisodeFacts]:
        """Return the latest episodes, the newest first; fewer than there are while a long window is still read."""
        with self._sql() as sql:
            window = [
                row[0]
                for row in sql.execute("SELECT sequence FROM trajectories ORDER BY sequence DESC LIMIT ?", (WINDOW,))
            ]
            budget_bytes = READ_BUDGET_BYTES
            known: dict[int, EpisodeFacts] = {}
            for sequence in window:
                facts = self._known.get(sequence)
                if facts is None and budget_bytes > 0:
                    facts, read_bytes = _read_facts(sql, sequence)
                    budget_bytes -= read_bytes
                if facts is not None:
                    known[sequence] = facts
        self._known = known
        return list(known.values())

    def episode(self, sequence: int) -> trajectory_pb2.Trajectory | None:
        """Return a whole trajectory, None where there is none or it is too large to open."""
        if self._opened is not None and self._opened[0] == sequence:
            return self._opened[1]  # a stored trajectory never changes, and its screenshots are asked for one by one
        self._opened = None  # two large ones at once are what the front's memory need not hold
        with self._sql() as sql:
            row = sql.execute(
                "SELECT id, content_sha256, purpose, verdict, message FROM trajectories "
                "WHERE sequence = ? AND length(message) BETWEEN 1 AND ?",
                (sequence, MAX_MESSAGE_BYTES),
            ).fetchone()
            message = None if row is None else whole_message(*row)
            if message is None:
                return None
        self._opened = sequence, message
        return message

    @contextmanager
    def _sql(self) -> Iterator[sqlite3.Connection]:
        try:
            if self._connection is None:
                self._connection = _connect(self._path)
            ends_at = time.monotonic() + _DEADLINE_SEC
            self._connection.set_progress_handler(lambda: time.monotonic() > ends_at, _INSTRUCTIONS_BETWEEN_LOOKS)
            yield self._connection
        except sqlite3.Error as error:
            self.close()
            raise LedgerError(
                f"Got {error} from the ledger, expected an answer: the page cannot be shown now."
            ) from error


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=_DEADLINE_SEC, isolation_level=None
    )
    connection.text_factory = readable_text
    connection.execute("PRAGMA query_only = 1")
    return connection


def _read_facts(sql: sqlite3.Connection, sequence: int) -> tuple[EpisodeFacts, int]:
    """Return the facts of one stored trajectory and the bytes read for them."""
    stored_at, trajectory_id, digest, purpose, verdict, blob = sql.execute(
        "SELECT stored_at_unix_sec, id, content_sha256, purpose, verdict, "
        "CASE WHEN length(message) <= ? THEN message END FROM trajectories WHERE sequence = ?",
        (MAX_MESSAGE_BYTES, sequence),
    ).fetchone()
    message = trajectory_pb2.Trajectory(goal="too large to open")
    if blob:
        message = whole_message(trajectory_id, digest, purpose, verdict, blob) or _DAMAGED
    elif purpose == DAMAGED:
        message = _DAMAGED
    elif blob is not None:
        message = trajectory_pb2.Trajectory(goal="emptied, as it is old")
    facts = EpisodeFacts(
        sequence=sequence,
        stored_at_unix_sec=stored_at,
        purpose=PURPOSES.get(purpose, "unknown"),
        verdict=VERDICTS.get(verdict, "unknown"),
        trajectory_id=trajectory_id,
        task_name=message.task_name[:MAX_GOAL_CHARACTERS],
        goal=message.goal[:MAX_GOAL_CHARACTERS],
        runtime_id=message.runtime_id[:MAX_GOAL_CHARACTERS],
        steps=len(message.steps),
        version=message.steps[-1].adapter_version if message.steps else None,
        device=message.device_serial[:MAX_GOAL_CHARACTERS],
    )
    return facts, len(blob or b"")
