"""Empties old records and removes old versions, so that a tuner can run for weeks on one disk. Decides no learning.

An emptied record keeps its id and its content's hash, so what was accepted once is never accepted again; its steps and
pictures are gone. Never touched are records no update has used yet, demonstrations, the latest that updates have used,
which are the learner's replay, and the versions somebody may return to.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final

from coso.v1 import trajectory_pb2

from tuner.adapters.store import AdapterStore
from tuner.ingest.ledger import Ledger

DAY_SEC: Final = 86_400.0
RECORDS_AT_ONCE: Final = 64
"""One look empties at most so many: those who wait for an acknowledgement wait for it too."""
NEWEST_VERSIONS: Final = 10
"""So many of the newest versions always stay."""
_LEARNED_FROM = f"{trajectory_pb2.PURPOSE_EXPLORE}, {trajectory_pb2.PURPOSE_DEMONSTRATE}"
_UNUSED = f"consumed_by_version IS NULL AND purpose IN ({_LEARNED_FROM})"


@dataclass(frozen=True, slots=True)
class Limits:
    """None is no limit."""

    age_days: float | None = None
    """Records and versions older than so many days go."""
    size_bytes: int | None = None
    """While the ledger holds more than so many bytes, its oldest records go."""

    @property
    def are_set(self) -> bool:
        """Whether there is any."""
        return self.age_days is not None or self.size_bytes is not None


class Retention:
    """``replay`` is the number of used records that the learner needs after a restart."""

    def __init__(
        self,
        ledger: Ledger,
        store: AdapterStore,
        limits: Limits,
        replay: int,
        now_sec: Callable[[], float] = time.time,
    ) -> None:
        self._ledger = ledger
        self._store = store
        self._limits = limits
        self._replay = replay
        self._now_sec = now_sec
        self._passed: dict[str, int] = {}
        """By condition, up to which record a look has come that is not over: the next one goes on from there."""

    def sweep(self, versions_kept: Collection[int]) -> int:
        """Empty some records that are beyond a limit and remove such versions; return how many records it were.

        Raises:
            LedgerError: the ledger refused.
            OSError: a version's files cannot be removed.
        """
        emptied = self._empty_old() + self._empty_beyond_size()
        self._remove_versions(versions_kept)
        return emptied

    def _empty_old(self) -> int:
        if self._limits.age_days is None:
            return 0
        return self._empty("AND stored_at_unix_sec < ?", self._before_sec())

    def _empty_beyond_size(self) -> int:
        limit = self._limits.size_bytes
        if limit is None or self._ledger.size_bytes() <= limit:
            return 0
        return self._empty("")

    def _empty(self, condition: str, *arguments: float) -> int:
        """Empty the oldest records that may go and fulfil the condition; return how many."""
        with self._ledger.sql() as sql:
            newest_free = sql.execute(
                "SELECT sequence FROM trajectories WHERE consumed_by_version IS NOT NULL "
                "ORDER BY sequence DESC LIMIT 1 OFFSET ?",
                (self._replay,),
            ).fetchone()
            found = sql.execute(
                "SELECT sequence FROM trajectories WHERE sequence > ? AND length(message) > 0 "
                f"AND (consumed_by_version IS NULL OR sequence <= ?) {condition} "
                f"AND NOT ({_UNUSED} AND verdict != {trajectory_pb2.VERDICT_VOID}) ORDER BY sequence LIMIT ?",
                (self._passed.get(condition, 0), newest_free[0] if newest_free else 0, *arguments, RECORDS_AT_ONCE),
            )
            sequences = [row[0] for row in found]
            places = ", ".join("?" * len(sequences))
            sql.execute(f"UPDATE trajectories SET message = x'' WHERE sequence IN ({places})", sequences)
        self._passed[condition] = sequences[-1] if len(sequences) == RECORDS_AT_ONCE else 0
        return len(sequences)

    def _remove_versions(self, kept: Collection[int]) -> None:
        if self._limits.age_days is None:
            return
        for version in self._store.versions()[:-NEWEST_VERSIONS]:
            if version not in kept and self._store.manifest(version).published_at.seconds < self._before_sec():
                self._store.remove(version)

    def _before_sec(self) -> float:
        assert self._limits.age_days is not None
        return self._now_sec() - DAY_SEC * self._limits.age_days
