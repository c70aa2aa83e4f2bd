"""Chooses the trajectories of the next update, and remembers the choice over a crash. Learns nothing.

An update that was killed is done again with the very same trajectories, whatever has arrived since, so that a
learner that was killed ends up where an undisturbed one does.
"""

import json
from pathlib import Path

from tuner.files import write_atomically
from tuner.ingest.ledger import Ledger, StoredTrajectory

MOST_TIMES_WANTED = 2
"""An update takes what waits, up to twice the number wanted: a learner that lags catches up."""


class Intake:
    """Takes batches from ``ledger``, ``wanted`` trajectories at least; the choice lies in ``choice_path``."""

    def __init__(self, ledger: Ledger, choice_path: Path, wanted: int) -> None:
        self._ledger = ledger
        self._choice_path = choice_path
        self._wanted = wanted

    def next_batch(self, update: int) -> list[StoredTrajectory]:
        """Return the batch of the update with this number, oldest first; empty when too few wait."""
        waiting = self._ledger.waiting(MOST_TIMES_WANTED * self._wanted)
        chosen = self._chosen(update)
        begun = [stored for stored in waiting if stored.sequence in chosen]
        if begun:
            return begun
        if len(waiting) < self._wanted:
            return []
        choice = {"update": update, "sequences": [stored.sequence for stored in waiting]}
        write_atomically(self._choice_path, json.dumps(choice).encode())
        return waiting

    def _chosen(self, update: int) -> set[int]:
        try:
            choice = json.loads(self._choice_path.read_bytes())
            return set(map(int, choice["sequences"])) if choice["update"] == update else set()
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return set()
