"""How the service stands at one moment, copied on its event loop for a page made in a thread. Asks no ledger."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from tuner.ingest.identity import Identity
from tuner.ingest.learner_view import LearnerView


@dataclass(frozen=True, slots=True)
class Standing:
    """A copy: nothing in it changes any more."""

    software_version: str
    identity: Identity
    learner_state: str
    learner_message: str
    learner_metrics: Mapping[str, float]
    submissions: Mapping[str, int]
    """Answers to trajectories sent in since the start, by outcome."""
    uptime_sec: float


class Watched:
    """What the page watches; ``now`` is to be called on the service's event loop."""

    def __init__(
        self, software_version: str, identity: Identity, learner: LearnerView, submissions: Mapping[str, int]
    ) -> None:
        self._software_version = software_version
        self._identity = identity
        self._learner = learner
        self._submissions = submissions
        self._started_sec = time.monotonic()

    def now(self) -> Standing:
        """Return how the service stands."""
        return Standing(
            software_version=self._software_version,
            identity=self._identity,
            learner_state=self._learner.state,
            learner_message=self._learner.message,
            learner_metrics=dict(self._learner.metrics),
            submissions=dict(self._submissions),
            uptime_sec=time.monotonic() - self._started_sec,
        )
