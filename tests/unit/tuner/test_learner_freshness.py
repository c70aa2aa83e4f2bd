"""The allowed lag: nothing older is learned from, on arrival, in the replay and after a restart; all of it counted."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from coso.v1 import policy_pb2

from agent_runtime.actions.vocabulary import Tap
from agent_runtime.trajectory import (
    NO_ADAPTER_DIGEST,
    Decision,
    PolicyIdentity,
    Purpose,
    Screenshot,
    Step,
    Timings,
    Trajectory,
    Verdict,
)
from agent_runtime.uplink.codec import trajectory_to_message
from tests.learner_parts import resumed_learner
from tests.learner_world import MIXED, World, learner_config
from tuner.ingest.ledger import Ledger, StoredTrajectory
from tuner.learner.commit import Commits
from tuner.learner.experience import NOT_TRAINABLE, Experience
from tuner.learner.freshness import Freshness
from tuner.learner.mailbox import Mailbox, RollbackWish

torch.set_num_threads(1)


def _stored(sequence: int, *versions: int, verdict: Verdict = Verdict.SUCCESS) -> StoredTrajectory:
    steps = tuple(
        Step(
            index,
            "Goal: go",
            Screenshot(b"png", 4, 4, 4, 4),
            Decision("text", (1, index), (-0.5, 0.0), version, NO_ADAPTER_DIGEST),
            Tap(0.5, 0.5),
            Timings(),
        )
        for index, version in enumerate(versions)
    )
    trajectory = Trajectory(
        f"t{sequence}",
        runtime_id="r",
        task_name="task",
        goal="go",
        task_params={},
        purpose=Purpose.EXPLORE,
        seed=0,
        step_limit=8,
        verdict=verdict,
        void_reason="black" if verdict is Verdict.VOID else "",
        reward=1.0 if verdict is Verdict.SUCCESS else 0.0,
        steps=steps,
        started_at_unix_sec=0.0,
        device_serial="fake-1",
        temperature=1.0,
        identity=PolicyIdentity("base", "tokenizer", "none", "json"),
    )
    return StoredTrajectory(sequence, trajectory_to_message(trajectory))


@pytest.mark.parametrize(
    ("max_lag", "acted", "reason"),
    [
        (None, 0, None),
        (None, 99, None),
        (0, 9, None),
        (0, 8, "too_old"),
        (3, 6, None),
        (3, 5, "too_old"),
        (3, 10, "unknown_version"),
    ],
)
def test_age_counts_the_versions_published_since(max_lag: int | None, acted: int, reason: str | None) -> None:
    assert Freshness(max_lag, version=9).reason(acted) == reason


def test_a_rollback_ages_all_before_it_and_what_it_left_is_not_used() -> None:
    rule = Freshness(3).at(5, [(5, 2)])
    assert [rule.reason(acted) for acted in range(6)] == [
        "too_old",
        "too_old",
        None,
        "rolled_back",
        "rolled_back",
        None,
    ]
    assert rule.at(9).reason(4) == "rolled_back"
    assert Freshness(None).at(5, [(5, 2)]).reason(4) is None
    assert Freshness.from_plain(json.loads(json.dumps(rule.plain()))) == rule


def test_steps_are_dropped_one_by_one_and_what_is_wholly_unused_is_told() -> None:
    experience = Experience(capacity=10, discount=1.0)
    experience.train_from(Freshness(1, version=4))
    experience.take([_stored(1, 2, 3, 4), _stored(2, 1), _stored(3, 7, 7), _stored(4, verdict=Verdict.VOID)])
    assert [step.key for step in experience.steps_of(1)] == [(1, 1), (1, 2)]
    assert experience.unused == {2: "too_old", 3: "unknown_version", 4: NOT_TRAINABLE}
    assert experience.dropped == {"too_old": 2, "unknown_version": 2}
    assert experience.baseline.counts == {"task": 1}


def test_the_replay_ages_and_a_restart_forgets_nothing_and_counts_nothing_twice() -> None:
    batch = [_stored(1, 0), _stored(2, 1), _stored(3, 2)]
    live = Experience(capacity=10, discount=1.0)
    live.train_from(Freshness(2, version=2))
    live.take(batch)
    live.train_from(live.freshness.at(3))
    again = Experience(capacity=10, discount=1.0)
    again.baseline.load(live.baseline.state())
    again.dropped.update(live.dropped)
    again.recall(batch, live.held())
    again.train_from(live.freshness)
    assert again.dropped == live.dropped == {"too_old": 1}
    for experience in (live, again):
        experience.train_from(experience.freshness.at(4))
        experience.take([])
    assert again.dropped == live.dropped == {"too_old": 2}
    assert again.candidates() == live.candidates()
    assert {candidate.sample.version for candidate in live.candidates()[0]} == {2}


class Running:
    """A learner with its ledger and what it said."""

    def __init__(self, state: Path, checkpoint: Path, max_version_lag: int | None) -> None:
        config = learner_config(state, checkpoint, max_version_lag=max_version_lag)
        self.said = io.StringIO()
        self.learner, self.ledger = resumed_learner(config, self.said)

    def learn(self, world: World, first: int, version: int) -> None:
        for number, text in enumerate(MIXED, start=first):
            trajectory = world.trajectory(number, text)
            (step,) = trajectory.steps
            acted = replace(step, decision=replace(step.decision, adapter_version=version))
            self.ledger.store(trajectory_to_message(replace(trajectory, steps=(acted,))))
        self.learner.update(self.ledger.waiting(4))

    def figures(self) -> dict[str, float]:
        events = [json.loads(line) for line in self.said.getvalue().splitlines()]
        found: dict[str, float] = [event["metrics"] for event in events if event["event"] == "metrics"][-1]
        return found


def test_rollbacks_are_known_from_the_store_alone(tmp_path: Path, checkpoint: Path) -> None:
    config = learner_config(tmp_path, checkpoint)
    ledger = Ledger(tmp_path)
    commits = Commits(config, ledger, Mailbox(io.StringIO(), io.StringIO()))
    assert commits.rollbacks() == []
    for version, to in ((1, 0), (2, 0), (3, 1), (4, 0), (5, 2), (6, 4)):
        manifest = policy_pb2.AdapterManifest(version=version, parent_version=version - 1, rolled_back_to=to)
        commits.store.publish(manifest, b"tensors")
    path = tmp_path / "adapters" / "00000005" / "manifest.pb"
    path.write_bytes(path.read_bytes()[:-1])
    assert commits.rollbacks() == [(3, 1), (6, 4)]  # the fifth is set aside


def test_a_late_upload_is_consumed_unused_marked_and_counted_restarts_included(
    tmp_path: Path, checkpoint: Path, world: World
) -> None:
    running = Running(tmp_path, checkpoint, max_version_lag=1)
    running.learn(world, 0, version=0)
    running.learn(world, 4, version=1)  # trained from version 1: what version 0 acted is still near enough
    assert running.learner.progress.version == 2
    running.ledger.close()
    running = Running(tmp_path, checkpoint, max_version_lag=1)
    running.learn(world, 8, version=0)
    figures = running.figures()
    assert running.learner.progress.version == 2  # nothing new, nothing learned
    assert running.ledger.unused() == dict.fromkeys(range(9, 13), "too_old")
    assert running.ledger.counts().consumed == 12
    assert figures["dropped_steps_too_old"] == 8.0  # those four, and the four of the first batch, by then too old
    assert figures["trajectories_unused"] == 4.0


def test_what_a_rollback_left_is_dropped(tmp_path: Path, checkpoint: Path, world: World) -> None:
    running = Running(tmp_path, checkpoint, max_version_lag=10)
    running.learn(world, 0, version=0)
    running.learn(world, 4, version=1)
    running.learner.roll_back(RollbackWish(1, 1, 2))  # version 3 has the tensors of version 1
    running.ledger.close()
    running = Running(tmp_path, checkpoint, max_version_lag=10)
    running.learn(world, 8, version=2)
    assert running.ledger.unused() == dict.fromkeys(range(9, 13), "rolled_back")
    running.learn(world, 12, version=3)
    assert running.figures()["dropped_steps_rolled_back"] == 4.0
    assert running.learner.progress.version == 4


def test_without_a_bound_nothing_is_dropped(tmp_path: Path, checkpoint: Path, world: World) -> None:
    running = Running(tmp_path, checkpoint, max_version_lag=None)
    for update in range(3):
        running.learn(world, 4 * update, version=0)
    assert running.learner.progress.version == 3
    assert running.ledger.unused() == {}
