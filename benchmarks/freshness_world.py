"""The learner's real loop, commit and replay over stores in memory and a policy that only notes what it is shown.

Nothing is computed: the student has no tensors. A kill is an exception at one of ``POINTS``, after which a new learner
starts from what the checkpoint, the store and the ledger held; the checkpoint's state goes through JSON.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final
from unittest import mock

from coso.v1 import policy_pb2, trajectory_pb2

from benchmarks.freshness_oracle import Oracle
from tuner.config import LearnerConfig
from tuner.coso.labels import Utterance
from tuner.errors import StoreError
from tuner.ingest.ledger import StoredTrajectory
from tuner.learner import commit, loop
from tuner.learner.checkpoint import Checkpoint
from tuner.learner.commit import Commits
from tuner.learner.finite import NotFiniteError
from tuner.learner.loop import Learner
from tuner.learner.policy_update import StepFigures
from tuner.learner.samples import StepSample, trainable_steps

POINTS: Final = ("drawing", "before the checkpoint", "after the checkpoint", "after publishing", "after marking")
EVERYTHING: Final = 1_000_000
FIGURES: Final = StepFigures(0.0, 0.0, 0.0, 1.0, 0.0, 0.0, {})


class KilledError(Exception):
    """The learner's process has ended here."""


class World:
    """What outlives a learner, and the oracle that looks on."""

    def __init__(self, oracle: Oracle, rng: random.Random) -> None:
        self.oracle = oracle
        self.rng = rng
        self.kill_at: str | None = None
        self.good_steps = 0
        self.returning = False
        self.trajectories: dict[int, StoredTrajectory] = {}
        self.consumed: dict[int, int] = {}
        self.unused: dict[int, str] = {}
        self.manifests: dict[int, policy_pb2.AdapterManifest] = {}
        self.checkpoint = ""
        self._sequence_of: dict[str, int] = {}
        self._samples: dict[int, list[StepSample]] = {}

    def point(self, name: str) -> None:
        """Pass a point, or end here."""
        if self.kill_at == name:
            self.kill_at = None
            raise KilledError(name)

    def store(self, message: trajectory_pb2.Trajectory) -> bool:
        """Take an upload, an id once only; tell whether it was new."""
        if message.trajectory_id in self._sequence_of:
            return False
        sequence = self._sequence_of[message.trajectory_id] = len(self.trajectories) + 1
        for place, step in enumerate(message.steps):
            step.token_ids[:] = [sequence, place]  # by which the oracle knows an utterance
        self.trajectories[sequence] = StoredTrajectory(sequence, message)
        return True

    def samples(self, stored: StoredTrajectory) -> list[StepSample]:
        """Return what the learner reads of a trajectory, read once for all learners of this schedule."""
        if stored.sequence not in self._samples:
            self._samples[stored.sequence] = trainable_steps(stored)
        return list(self._samples[stored.sequence])

    # what the learner asks of its ledger

    def waiting(self, limit: int) -> list[StoredTrajectory]:
        """Return what no update has used yet."""
        return [stored for stored in self._trainable() if stored.sequence not in self.consumed][:limit]

    def recent(self, limit: int) -> list[StoredTrajectory]:
        """Return what updates have used last."""
        return [stored for stored in self._trainable() if stored.sequence in self.consumed][-limit:]

    def mark_consumed(self, sequences: Sequence[int], version: int, unused: Mapping[int, str]) -> None:
        """Mark a batch as used."""
        self.consumed.update(dict.fromkeys(sequences, version))
        self.unused.update(unused)
        self.point("after marking")

    def _trainable(self) -> list[StoredTrajectory]:
        explore, void = trajectory_pb2.PURPOSE_EXPLORE, trajectory_pb2.VERDICT_VOID
        every = self.trajectories.values()
        return [told for told in every if told.message.purpose == explore and told.message.verdict != void]


class _Ledger:
    def __init__(self, world: World) -> None:
        self.waiting, self.recent, self.mark_consumed = world.waiting, world.recent, world.mark_consumed
        self.unused = lambda: dict(world.unused)


class _Store:
    def __init__(self, world: World) -> None:
        self._world = world

    def versions(self) -> list[int]:
        return sorted(self._world.manifests)

    def newest(self) -> int:
        return max(self._world.manifests, default=0)

    def latest(self) -> policy_pb2.AdapterManifest | None:
        return self._world.manifests[self.versions()[-1]] if self._world.manifests else None

    def manifest(self, version: int) -> policy_pb2.AdapterManifest:
        if version not in self._world.manifests:
            raise StoreError(f"Got version {version}, expected one of {self.versions()}.")
        return self._world.manifests[version]

    def get(self, version: int) -> tuple[policy_pb2.AdapterManifest, bytes]:
        return self.manifest(version), b""

    def publish(self, manifest: policy_pb2.AdapterManifest, payload: bytes) -> None:
        self._world.manifests[manifest.version] = manifest
        self._world.point("after publishing")


class _Checkpoints:
    def __init__(self, world: World, folder: Path) -> None:
        self._world = world
        self.folder = folder

    def save(self, update: int, tensors: Mapping[str, Any], state: Mapping[str, Any]) -> None:
        world = self._world
        world.point("before the checkpoint")
        world.checkpoint = json.dumps({"update": update, "state": state})
        progress = state["progress"]
        is_new = world.returning or world.good_steps > 0
        returned_to = progress["rolled_back_to"] if world.returning else 0
        world.oracle.saved(progress["version"], is_new, returned_to, state["dropped"])
        world.point("after the checkpoint")

    def latest(self) -> Checkpoint | None:
        if not self._world.checkpoint:
            return None
        told = json.loads(self._world.checkpoint)
        return Checkpoint(told["update"], {}, told["state"])


class _Commits(Commits):
    def __init__(self, config: LearnerConfig, world: World) -> None:
        self.store: Any = _Store(world)
        self._config = config
        self._ledger: Any = _Ledger(world)
        self._mailbox: Any = mock_mailbox()
        self._checkpoints: Any = _Checkpoints(world, config.state)


class _Policy:
    """Notes what it is shown; one batch in ten is refused."""

    def __init__(self, world: World) -> None:
        self._world = world

    def scored(self, samples: Sequence[StepSample]) -> list[Any]:
        self._world.oracle.used(sample.key for sample in samples)
        return []

    def step(self, batch: Sequence[Any]) -> StepFigures:
        self._world.oracle.used(candidate.sample.key for candidate in batch)
        self._world.point("drawing")
        if self._world.rng.random() < 0.1:
            raise NotFiniteError("a loss that is none")
        self._world.good_steps += 1
        return FIGURES

    def check(self) -> None:
        pass


class _CausalModel:
    def __init__(self, world: World) -> None:
        self._world = world

    def pretrain(self, steps: int, seed: str) -> None:
        pass

    def calibration(self, unseen: Sequence[Utterance]) -> dict[str, float]:
        return self._note(unseen)

    def update(self, utterances: Sequence[Utterance], *settings: object) -> float:
        self._note(utterances)
        return 0.0

    def _note(self, utterances: Sequence[Utterance]) -> dict[str, float]:
        self._world.oracle.used((told.token_ids[0], told.token_ids[1]) for told in utterances)
        return {}


class Bench(Learner):
    """The real learner over a world's stores; figures go nowhere."""

    def __init__(self, config: LearnerConfig, world: World) -> None:
        policy = _Policy(world)
        student: Any = SimpleNamespace(
            vocabulary_size=EVERYTHING,
            policy=policy,
            policies={"policy": policy},
            explorer=None,
            step=lambda batch: (policy.step(batch),),
            check=policy.check,
            causal_model=_CausalModel(world),
            critics=None,
            heads=None,
            longest_answer=1,
            rehearsal=SimpleNamespace(texts=[]),
            weights=SimpleNamespace(forget=lambda: None),
            tensors=dict,
            load=lambda tensors: None,
            load_adapter=lambda tensors: None,
            return_to=lambda tensors: None,
        )
        ledger: Any = _Ledger(world)
        super().__init__(config, student, ledger, mock_mailbox())
        self._commits = _Commits(config, world)
        setattr(self._experience, "trainable", world.samples)  # noqa: B010 (a method of the class)

    def replay(self) -> dict[int, set[int]]:
        """Return the places of all steps in the replay, by sequence."""
        found: dict[int, set[int]] = {}
        for step in self._experience.latest_steps(EVERYTHING):
            found.setdefault(step.key[0], set()).add(step.key[1])
        return found

    @property
    def dropped(self) -> Mapping[str, int]:
        """Steps dropped so far, by the reason."""
        return self._experience.dropped

    def _report(self, batch: Sequence[StoredTrajectory], outcome: loop.Outcome, seconds: float) -> None:
        pass


def mock_mailbox() -> Any:
    """Return a mailbox that nobody reads."""

    def ignore(*told: object) -> None:
        pass

    names = ("state", "published", "consumed", "metrics", "rolled_back", "rollback_refused")
    return SimpleNamespace(stop_requested=False, **dict.fromkeys(names, ignore))


@contextmanager
def in_memory() -> Iterator[None]:
    """Leave out what needs a file, a picture or a payload while this is open."""
    with (
        mock.patch.object(commit, "record_rollback", return_value=None),
        mock.patch.object(commit, "make_folder", return_value=None),
        mock.patch.object(commit, "_adapter_payload", return_value=b""),
        mock.patch.object(loop, "load", return_value={}),
        mock.patch.object(loop, "can_be_shown", return_value=True),
    ):
        yield
