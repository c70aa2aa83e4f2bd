"""Trials of versions: whom they reach, how they end, what survives a restart, and how a withdrawn one is left."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from coso.v1 import policy_pb2, trajectory_pb2, tuner_pb2, tuner_pb2_grpc

from tests.wire_world import DEADLINE_SEC, LoopThread, ServedTuner, manifest, message, until
from tuner.adapters.store import AdapterStore
from tuner.canary.facts import facts_of
from tuner.canary.rule import Rule
from tuner.canary.standing import Standing
from tuner.ingest.ledger import Ledger
from tuner.ingest.rollout import Rollout
from tuner.ingest.service import TunerService
from tuner.ingest.steward import Steward
from tuner.ingest.version_trials import VersionTrials

RULE = Rule(min_trusted=4)


class Desk:
    """A ledger, a store and their trials in one thread."""

    def __init__(self, state: Path) -> None:
        self.ledger = Ledger(state)
        self.ledger.open()
        self.store = AdapterStore(state / "adapters")
        self.trials = VersionTrials(self.ledger, self.store, RULE)
        self.trials.open()

    def publish(self, version: int, **facts: int) -> str:
        """Publish a version and have it looked at; return its digest."""
        made = policy_pb2.AdapterManifest(version=version, parent_version=version - 1, **facts)
        digest = self.store.publish(made, f"tensors {version}".encode()).payload_sha256
        self.trials.look()
        return digest

    def play(self, digest: str, count: int, succeeded: bool = True) -> None:
        """Have so many episodes end under an adapter."""
        for _ in range(count):
            self.trials.note(episode(digest, succeeded))


def episode(digest: str, succeeded: bool = True, malformed: bool = False) -> trajectory_pb2.Trajectory:
    success, failure = trajectory_pb2.VERDICT_SUCCESS, trajectory_pb2.VERDICT_FAILURE
    told = message("t")
    told.verdict = success if succeeded else failure
    told.steps[0].adapter_digest = digest
    if malformed:
        told.steps[0].action.malformed.reason = "no action"
    return told


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.ledger.close()


def test_an_episode_says_what_its_steps_say() -> None:
    told = episode("d" * 64, malformed=True)
    facts = facts_of(told)
    assert facts is not None
    assert (facts.adapter_digest, facts.stratum, facts.malformed) == ("d" * 64, "PURPOSE_EXPLORE fake/act", True)
    assert facts.surprise_nats == pytest.approx((0.5 + 0.25) / 2)
    assert facts.decide_ms == 2.0
    told.temperature = 0.0
    greedy = facts_of(told)
    assert greedy is not None
    assert greedy.surprise_nats is None


def test_a_demonstration_says_nothing_of_any_version() -> None:
    told = episode("d" * 64)
    told.purpose = trajectory_pb2.PURPOSE_DEMONSTRATE
    assert facts_of(told) is None


def test_an_episode_of_two_adapters_says_nothing_of_either() -> None:
    told = message("t", steps=2)
    told.steps[1].adapter_digest = "e" * 64
    assert facts_of(told) is None


def test_a_void_episode_without_steps_counts_for_the_adapter_that_was_sent(desk: Desk) -> None:
    empty = trajectory_pb2.Trajectory(runtime_id="runtime", task_name="t", verdict=trajectory_pb2.VERDICT_VOID)
    assert facts_of(empty) is None
    facts = facts_of(empty, without_steps="d" * 64)
    assert facts is not None
    assert (facts.is_void, facts.decide_ms) == (True, None)


def test_the_first_version_is_trusted_and_the_second_tried_once_there_is_something_to_compare_with(desk: Desk) -> None:
    first = desk.publish(1)
    desk.publish(2, optimizer_steps=8)
    assert desk.trials.standing == Standing(1, first)
    desk.play(first, RULE.min_trusted)
    assert (desk.trials.standing.trusted, desk.trials.standing.trial) == (1, 2)


def test_a_good_version_is_promoted_and_the_newest_one_follows_it(desk: Desk) -> None:
    first = desk.publish(1)
    second = desk.publish(2, optimizer_steps=8)
    desk.play(first, 100)
    desk.publish(3, optimizer_steps=16)
    desk.publish(4, optimizer_steps=24)
    desk.play(second, RULE.max_judged)
    assert [decision.kind for decision in desk.trials.decisions()] == ["trust", "trial", "promote", "trial"]
    assert (desk.trials.standing.trusted, desk.trials.standing.trial) == (2, 4)


def test_a_broken_version_is_withdrawn_and_nothing_made_from_it_is_tried(desk: Desk) -> None:
    first = desk.publish(1)
    second = desk.publish(2, optimizer_steps=8)
    desk.play(first, 40)
    desk.play(second, 40, succeeded=False)
    assert desk.trials.standing == Standing(1, first, withdrawn=2)
    desk.publish(3, optimizer_steps=16)
    assert desk.trials.standing.trial == 0
    back = desk.publish(4, rolled_back_to=1, optimizer_steps=16)
    standing = desk.trials.standing
    assert (standing.trusted, standing.trusted_digest, standing.withdrawn) == (4, back, 0)
    reason = desk.trials.decisions()[-2].reason
    assert "succeeds less often" in reason


def test_a_persons_rollback_ends_a_trial(desk: Desk) -> None:
    first = desk.publish(1)
    desk.publish(2, optimizer_steps=8)
    desk.play(first, RULE.min_trusted)
    desk.publish(3, rolled_back_to=1, optimizer_steps=8)
    assert (desk.trials.standing.trusted, desk.trials.standing.trial) == (3, 0)


def test_a_restart_goes_on_with_the_trial(desk: Desk, tmp_path: Path) -> None:
    first = desk.publish(1)
    second = desk.publish(2, optimizer_steps=8)
    desk.play(first, 40)
    desk.play(second, 8, succeeded=False)
    standing = desk.trials.standing
    desk.ledger.close()
    again = Desk(tmp_path)
    assert again.trials.standing == standing
    again.play(second, 10, succeeded=False)
    assert again.trials.standing.withdrawn == 2
    again.ledger.close()


def test_versions_that_were_out_before_trials_began_are_trusted(tmp_path: Path) -> None:
    store = AdapterStore(tmp_path / "adapters")
    for version in (1, 2):
        made = policy_pb2.AdapterManifest(version=version, optimizer_steps=8 * version)
        store.publish(made, f"tensors {version}".encode())
    desk = Desk(tmp_path)
    desk.trials.look()
    assert desk.trials.standing.trusted == 2
    desk.ledger.close()


# --- over the wire


class Farm:
    """A served tuner with trials, and a learner that only returns to older versions."""

    def __init__(self, thread: LoopThread, state: Path) -> None:
        self.thread = thread

        def service(*parts: object) -> TunerService:
            ledger, store, _, view, executor = parts
            self.trials = VersionTrials(ledger, store, RULE)  # type: ignore[arg-type]
            executor.submit(self.trials.open).result(DEADLINE_SEC)  # type: ignore[attr-defined]
            self.kinds = lambda: executor.submit(  # type: ignore[attr-defined]
                lambda: [decision.kind for decision in self.trials.decisions()]
            ).result(DEADLINE_SEC)
            self._steward = Steward(self.trials, view, executor)  # type: ignore[arg-type]
            return TunerService(*parts, rollout=Rollout(store, self.trials, 0.0))  # type: ignore[arg-type]

        self.served = ServedTuner(thread, state, service=service)
        self.served.view.state = "waiting"
        self.channel = grpc.insecure_channel(self.served.address)
        self.stub = tuner_pb2_grpc.TunerServiceStub(self.channel)
        self.task = thread.call(self._started())

    async def _started(self) -> asyncio.Task[None]:
        return asyncio.get_running_loop().create_task(self._steward.run())

    def publish(self, version: int, **facts: int) -> str:
        made = manifest(version)
        for name, value in facts.items():
            setattr(made, name, value)
        digest = self.served.store.publish(made, f"tensors {version}".encode()).payload_sha256
        self.thread.loop.call_soon_threadsafe(self.served.view.published)
        return digest

    def follow(self, runtime_id: str) -> Iterator[int]:
        """Yield the versions a runtime is sent."""
        stream = self.stub.FollowAdapters(tuner_pb2.FollowAdaptersRequest(runtime_id=runtime_id), timeout=DEADLINE_SEC)
        return (part.manifest.version for part in stream if part.WhichOneof("part") == "manifest")

    def play(self, digest: str, count: int, succeeded: bool, name: str) -> None:
        def requests() -> Iterator[tuner_pb2.SubmitTrajectoriesRequest]:
            for number in range(count):
                told = episode(digest, succeeded)
                told.trajectory_id = f"{name}-{number}"
                yield tuner_pb2.SubmitTrajectoriesRequest(trajectory=told)

        outcomes = [answer.outcome for answer in self.stub.SubmitTrajectories(requests(), timeout=DEADLINE_SEC)]
        assert outcomes == [tuner_pb2.SUBMIT_OUTCOME_STORED] * count

    def stop(self) -> None:
        self.thread.loop.call_soon_threadsafe(self.task.cancel)
        self.channel.close()
        self.served.stop()


@pytest.fixture
def farm(tmp_path: Path) -> Iterator[Farm]:
    thread = LoopThread()
    farm = Farm(thread, tmp_path / "state")
    yield farm
    farm.stop()
    thread.stop()


def test_one_runtime_tries_a_version_and_all_are_led_back_from_a_broken_one(farm: Farm) -> None:
    first = farm.publish(1)
    streams = {name: farm.follow(name) for name in ("a", "b", "c")}
    assert [next(stream) for stream in streams.values()] == [1, 1, 1]
    farm.play(first, 40, True, "first")
    second = farm.publish(2, optimizer_steps=8)
    assert until(lambda: farm.trials.standing.trial == 2)
    status = farm.stub.GetStatus(tuner_pb2.GetStatusRequest(), timeout=DEADLINE_SEC)
    assert (status.trusted_version, status.trial_version) == (1, 2)
    chosen = [name for name in streams if farm.trials.standing.version_for(name, 0.0, list(streams)) == 2]
    assert len(chosen) == 1
    assert next(streams[chosen[0]]) == 2

    farm.play(second, 30, False, "second")
    wish = {"event": "rollback", "request": 1, "version": 1, "latest_version": 2}
    assert until(lambda: wish in farm.served.heard)
    farm.publish(3, optimizer_steps=8, rolled_back_to=1)
    farm.thread.loop.call_soon_threadsafe(farm.served.view.rolled_back, 1, 3)
    assert [next(stream) for stream in streams.values()] == [3, 3, 3]
    assert farm.kinds() == ["trust", "trial", "withdraw", "trust"]


def test_a_learner_that_cannot_return_yet_is_asked_again(farm: Farm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tuner.ingest.steward.RETRY_SEC", 0.02)
    first = farm.publish(1)
    farm.play(first, 40, True, "first")
    second = farm.publish(2, optimizer_steps=8)
    assert until(lambda: farm.trials.standing.trial == 2)
    farm.served.view.state = "starting"
    farm.play(second, 30, False, "second")
    assert until(lambda: farm.trials.standing.withdrawn == 2)
    assert not any(event["event"] == "rollback" for event in farm.served.heard)
    farm.served.view.state = "waiting"
    assert until(lambda: any(event["event"] == "rollback" for event in farm.served.heard))
