"""Episodes whose log-probs are not those of the version that they name, among honest ones. Poisons nothing."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final
from unittest import mock

from coso.v1 import trajectory_pb2

from agent_runtime.policy.adapter import AdapterSlot
from agent_runtime.uplink.codec import trajectory_to_message
from benchmarks.warm_learner import EPISODES
from tests.learner_world import World
from tuner.learner.forged import FORGED, LogProbCheck

if TYPE_CHECKING:
    from benchmarks.numeric_guards import Bench

ROUNDING_NATS: Final = 0.02
"""By how much an honest token is off, up to."""
Forge = Callable[[Sequence[float], random.Random], list[float]]


def _lower(share: float, nats: float) -> Forge:
    """Return what makes a share of the tokens, one at least, look less likely, so that the episode weighs more."""

    def forge(log_probs: Sequence[float], rng: random.Random) -> list[float]:
        places = rng.sample(range(len(log_probs)), max(1, round(share * len(log_probs))))
        return [value - nats * (place in places) for place, value in enumerate(log_probs)]

    return forge


KINDS: Final[dict[str, Forge]] = {
    "every token less likely": _lower(1.0, 1.0),
    "half of the tokens less likely": _lower(0.5, 2.0),
    "one token less likely": _lower(0.0, 6.0),
    "drawn at random": lambda log_probs, rng: [value - rng.expovariate(0.5) for value in log_probs],
    "all alike": lambda log_probs, rng: [-3.0 for _ in log_probs],
}


class Forgeries:
    """Rounds of one forged episode of each kind among honest ones, all under the version that is the newest then."""

    def __init__(self, bench: Bench, checkpoint: Path, rng: random.Random) -> None:
        self.forged = self.missed = self.honest = self.wronged = 0
        self._bench = bench
        self._rng = rng
        self._acting = World(checkpoint)
        self._slot = AdapterSlot(self._acting.loaded.model, bench.config.base_model_digest)

    def run(self, rounds: int, until_sec: float = math.inf) -> None:
        """Send them in, until the monotonic clock shows ``until_sec``, and count by what the ledger says of them."""
        for _ in range(rounds):
            if time.monotonic() < until_sec:
                self._round()

    def _round(self) -> None:
        manifest, payload = self._bench.store.get(self._bench.learner.progress.version)
        manifest.replaces_any = True
        if manifest.version > self._slot.version:
            self._slot.apply(self._slot.stage(manifest, payload))
        true = {text: self._acting.token_log_probs(self._slot.model, text) for text, _ in EPISODES}
        messages = [self._episode(true, forge) for forge in KINDS.values()]
        forged = {message.trajectory_id for message in messages}
        messages += [self._episode(true, self._round_off) for _ in KINDS]
        self._rng.shuffle(messages)
        self._bench.update(messages)
        refused = self._refused()
        honest = {message.trajectory_id for message in messages} - forged
        self.forged, self.missed = self.forged + len(forged), self.missed + len(forged - refused)
        self.honest, self.wronged = self.honest + len(honest), self.wronged + len(honest & refused)

    def _round_off(self, log_probs: Sequence[float], rng: random.Random) -> list[float]:
        return [min(0.0, value + rng.uniform(-ROUNDING_NATS, ROUNDING_NATS)) for value in log_probs]

    def _episode(self, true: Mapping[str, Sequence[float]], forge: Forge) -> trajectory_pb2.Trajectory:
        bench = self._bench
        text, verdict = self._rng.choice(EPISODES)
        message = trajectory_to_message(bench.world.trajectory(next(bench.numbers), text, verdict))
        step = message.steps[0]
        step.adapter_version, step.adapter_digest = self._slot.version, self._slot.digest
        del step.log_probs[:]
        step.log_probs.extend(forge(true[text], self._rng))
        return message

    def _refused(self) -> set[str]:
        with self._bench.ledger.sql() as sql:
            rows = sql.execute(
                "SELECT id FROM trajectories JOIN unused USING (sequence) WHERE reason = ?", (FORGED,)
            ).fetchall()
        return {row[0] for row in rows}


@contextmanager
def believed() -> Iterator[None]:
    """Plant the bug: whatever an episode says is believed."""
    with mock.patch.object(LogProbCheck, "forged", return_value={}):
        yield
