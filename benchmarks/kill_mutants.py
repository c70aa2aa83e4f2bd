"""Bugs to plant in a front, a runtime or a learner that then lose what they accepted when killed. Needs no torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

from coso.v1 import trajectory_pb2

from agent_runtime.uplink.spool import Spool
from benchmarks.kill_points import put
from tuner.ingest.ledger import Ledger, StoreOutcome

COMMIT_EACH: Final = 4


def acknowledged_before_the_commit() -> None:
    """Answer at once and commit several trajectories together, later."""
    store, close = Ledger.store, Ledger.close
    pending: list[trajectory_pb2.Trajectory] = []

    def store_later(self: Ledger, message: trajectory_pb2.Trajectory) -> StoreOutcome:
        kept = trajectory_pb2.Trajectory()
        kept.CopyFrom(message)
        pending.append(kept)
        if len(pending) >= COMMIT_EACH:
            _flush(self)
        return StoreOutcome.STORED

    def _flush(self: Ledger) -> None:
        for message in pending:
            store(self, message)
        pending.clear()

    def flush_and_close(self: Ledger) -> None:
        _flush(self)
        close(self)

    put(Ledger, "store", store_later)
    put(Ledger, "close", flush_and_close)


def left_the_spool_before_the_answer() -> None:
    """Forget a trajectory once it was handed to the network."""
    waiting = Spool.waiting

    def taken(self: Spool) -> Iterator[tuple[Path, trajectory_pb2.Trajectory]]:
        for path, message in waiting(self):
            path.unlink()
            yield path, message

    put(Spool, "waiting", taken)


FRONT_MUTANTS: Final[Mapping[str, Callable[[], None]]] = {
    "acknowledged before the commit": acknowledged_before_the_commit
}
RUNTIME_MUTANTS: Final[Mapping[str, Callable[[], None]]] = {
    "left the spool before the answer": left_the_spool_before_the_answer
}
