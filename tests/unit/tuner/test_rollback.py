"""A rollback: old tensors as a new version, learning goes on from them, and a crash at any place leaves none or all."""

from __future__ import annotations

import asyncio
import io
import json
import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

import grpc
import pytest
import torch
from coso.v1 import tuner_pb2, tuner_pb2_grpc
from safetensors.torch import load
from typer.testing import CliRunner

from tests.learner_world import MIXED, World, learner_config
from tests.wire_world import DEADLINE_SEC, ServedTuner, served_tuner, until
from tuner.adapters.export import card
from tuner.adapters.store import AdapterStore
from tuner.cli import app
from tuner.config import LearnerConfig
from tuner.errors import RollbackError
from tuner.ingest.learner_view import LearnerView
from tuner.ingest.ledger import Ledger
from tuner.learner.checkpoint import CheckpointFolder
from tuner.learner.loop import Learner
from tuner.learner.mailbox import Mailbox, RollbackWish
from tuner.learner.rollback import DECISIONS_NAME, record_rollback
from tuner.learner.student import load_student

torch.set_num_threads(1)


class Running:
    """A learner with its ledger and what it said."""

    def __init__(self, config: LearnerConfig, incoming: TextIO | None = None) -> None:
        self.config, self.said = config, io.StringIO()
        self.ledger = Ledger(config.state)
        self.ledger.open()
        self.student = load_student(config)
        self.mailbox = Mailbox(incoming or io.StringIO(), self.said)
        self.learner = Learner(config, self.student, self.ledger, self.mailbox)
        self.learner.resume()
        self.store = AdapterStore(config.state / "adapters")

    def learn(self, world: World, first: int) -> None:
        world.store(self.ledger, first, MIXED)
        self.learner.update(self.ledger.waiting(4))

    def said_of(self, name: str) -> list[dict[str, Any]]:
        events = [json.loads(line) for line in self.said.getvalue().splitlines()]
        return [event for event in events if event["event"] == name]

    def decisions(self) -> list[dict[str, Any]]:
        path = self.config.state / DECISIONS_NAME
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def lora(self) -> dict[str, torch.Tensor]:
        tensors = self.student.tensors()
        return {name.removeprefix("lora/"): tensors[name] for name in tensors if name.startswith("lora/")}


def equal(ours: dict[str, torch.Tensor], theirs: dict[str, torch.Tensor]) -> bool:
    return ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory, checkpoint: Path, world: World) -> Path:
    """The state folder of a learner that has published versions 1 to 3."""
    running = Running(learner_config(tmp_path_factory.mktemp("learned") / "state", checkpoint))
    for update in range(3):
        running.learn(world, 4 * update)
    running.ledger.close()
    return running.config.state


@pytest.fixture
def three(tmp_path: Path, checkpoint: Path, learned: Path) -> Running:
    """A learner started on a copy of that folder."""
    return Running(learner_config(shutil.copytree(learned, tmp_path / "state"), checkpoint))


def test_the_old_tensors_come_back_as_a_new_version_with_the_latest_as_parent(three: Running) -> None:
    three.learner.roll_back(RollbackWish(7, 1, 3))
    manifest, payload = three.store.get(4)
    assert (manifest.parent_version, manifest.rolled_back_to) == (3, 1)
    assert payload == three.store.get(1)[1]
    assert three.store.versions() == [1, 2, 3, 4]
    assert equal(three.lora(), load(payload))
    assert three.said_of("rolled_back") == [{"event": "rolled_back", "request": 7, "version": 4}]
    assert three.said_of("published")[-1]["version"] == 4
    told = three.decisions()
    assert [(d["to_version"], d["from_version"], d["new_version"]) for d in told] == [(1, 3, 4)]
    assert "version 1 again" in card(manifest, {}, {}, None)


def test_learning_goes_on_from_them_also_after_a_restart(three: Running, world: World) -> None:
    three.learner.roll_back(RollbackWish(1, 1, 3))
    again = Running(three.config)
    assert equal(again.lora(), load(three.store.get(1)[1]))
    assert again.store.versions() == [1, 2, 3, 4]  # a restart publishes nothing twice
    assert len(again.decisions()) == 1
    again.learn(world, 12)
    manifest, payload = again.store.get(5)
    assert (manifest.parent_version, manifest.rolled_back_to) == (4, 0)
    first, fifth = load(again.store.get(1)[1]), load(payload)
    moved = max(float((first[name] - fifth[name]).abs().max()) for name in first)
    assert 0 < moved < 3 * 5e-3 * 1.01  # three steps of AdamW with fresh moments, each of at most the learning rate
    assert again.ledger.counts().consumed == 16


def test_a_restart_after_the_rollback_is_where_an_undisturbed_learner_is(three: Running) -> None:
    three.learner.roll_back(RollbackWish(1, 2, 3))
    restarted = Running(three.config)
    assert equal(restarted.student.tensors(), three.student.tensors())  # LoRA, action model, both optimizers
    assert restarted.learner.progress == three.learner.progress


def test_the_optimizers_moments_of_what_was_left_are_gone(three: Running) -> None:
    assert three.student.policy.optimizer.state
    three.learner.roll_back(RollbackWish(1, 1, 3))
    assert not three.student.policy.optimizer.state
    assert three.student.causal_model.optimizer.state  # the action model keeps what it learned


@pytest.mark.parametrize(("version", "says"), [(0, "below the latest, 3"), (3, "below the latest, 3"), (9, "below")])
def test_a_version_that_is_not_older_is_refused(three: Running, version: int, says: str) -> None:
    before = {name: tensor.clone() for name, tensor in three.lora().items()}
    three.learner.roll_back(RollbackWish(1, version, 3))
    refused = three.said_of("rollback_refused")
    assert (refused[0]["request"], says in refused[0]["message"]) == (1, True)
    assert equal(before, three.lora())
    assert (three.store.versions(), three.decisions()) == ([1, 2, 3], [])


def test_a_damaged_version_is_refused_and_nothing_moves(three: Running, tmp_path: Path) -> None:
    (tmp_path / "state" / "adapters" / "00000001" / "adapter_model.safetensors").write_bytes(b"rot")
    three.learner.roll_back(RollbackWish(1, 1, 3))
    assert "damaged" in three.said_of("rollback_refused")[0]["message"]
    assert three.store.versions() == [2, 3]


def test_a_version_learned_meanwhile_is_left_too_but_a_second_rollback_is_not_overrun(three: Running) -> None:
    three.learner.roll_back(RollbackWish(1, 1, 2))  # asked for when 2 was the latest; 3 descends from it
    assert three.store.get(4)[0].rolled_back_to == 1
    three.learner.roll_back(RollbackWish(2, 2, 3))  # asked for before the first one was done
    assert "another rollback" in three.said_of("rollback_refused")[0]["message"]
    three.learner.roll_back(RollbackWish(3, 2, 4))
    assert three.store.get(5)[1] == three.store.get(2)[1]
    assert [decision["new_version"] for decision in three.decisions()] == [4, 5]


class CrashError(Exception):
    """Stands for a kill at the place it is raised."""


def _crash(*_: object) -> None:
    raise CrashError


PLACES = {
    "save": (CheckpointFolder, "save", False),
    "publish": (AdapterStore, "publish", True),
    "mark": (Ledger, "mark_consumed", True),
}


@pytest.mark.parametrize("place", [*PLACES, "record"])
def test_a_crash_leaves_none_or_all_of_a_rollback(three: Running, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    owner, name, done = PLACES.get(place, (None, "", True))
    with monkeypatch.context() as patch:
        if owner is None:
            patch.setattr("tuner.learner.commit.record_rollback", _crash)
        else:
            patch.setattr(owner, name, _crash)
        with pytest.raises(CrashError):
            three.learner.roll_back(RollbackWish(1, 1, 3))
    again = Running(three.config)
    assert again.store.versions() == ([1, 2, 3, 4] if done else [1, 2, 3])
    assert len(again.decisions()) == (1 if done else 0)
    assert equal(again.lora(), load(again.store.get(1 if done else 3)[1]))


def test_the_loop_takes_a_wish_from_its_mailbox(three: Running) -> None:
    wish = {"event": "rollback", "request": 5, "version": 2, "latest_version": 3}
    words = f'{json.dumps(wish)}\n{{"event": "rollback", "request": "x"}}\n'
    reading, writing = os.pipe()
    os.write(writing, words.encode())
    with os.fdopen(reading) as incoming:
        again = Running(three.config, incoming)
        ending = threading.Thread(target=lambda: (until(lambda: bool(again.said_of("rolled_back"))), os.close(writing)))
        ending.start()  # the end of the input is a stop
        again.mailbox.start()
        again.learner.run()
        ending.join(DEADLINE_SEC)
    assert again.said_of("rolled_back") == [{"event": "rolled_back", "request": 5, "version": 4}]


def test_a_decision_is_recorded_once_and_a_torn_line_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / DECISIONS_NAME).write_text('{"torn\n[]\n')
    for _ in range(2):
        record_rollback(tmp_path, 1, 3, 4)
    record_rollback(tmp_path, 2, 4, 5)
    lines = (tmp_path / DECISIONS_NAME).read_text().splitlines()
    assert [json.loads(line)["new_version"] for line in lines[2:]] == [4, 5]


def test_a_decision_after_a_torn_end_stands_on_a_line_of_its_own_and_is_not_told_twice(tmp_path: Path) -> None:
    (tmp_path / DECISIONS_NAME).write_bytes(b'{"decision": "roll\xc3')  # a crash in the middle of an append
    for _ in range(2):
        record_rollback(tmp_path, 1, 3, 4)
    torn, *whole = (tmp_path / DECISIONS_NAME).read_bytes().splitlines()
    assert torn == b'{"decision": "roll\xc3'
    assert [json.loads(line)["new_version"] for line in whole] == [4]


# --- the front and the command line


@pytest.fixture
def tuner(tmp_path: Path) -> Iterator[ServedTuner]:
    with served_tuner(tmp_path / "served") as served:
        for version in (1, 2, 3):
            served.publish(version, b"payload %d" % version)
        served.view.state = "waiting"
        yield served


def answering(tuner: ServedTuner, answer: Any) -> list[dict[str, object]]:
    """Have a stand-in for the learner answer every wish; return what it was told."""
    told: list[dict[str, object]] = []

    def tell(event: dict[str, object]) -> None:
        told.append(event)
        if event["event"] == "rollback":
            asyncio.get_running_loop().call_soon(answer, event["request"])

    tuner.view._tell_learner = tell
    return told


def cli(*args: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, ["rollback", *args])
    return done.exit_code, done.stdout, done.stderr


def test_the_command_passes_the_wish_on_and_prints_the_new_version(tuner: ServedTuner) -> None:
    told = answering(tuner, lambda request: tuner.view.rolled_back(request, 4))
    code, out, _ = cli("1", "--address", tuner.address)
    assert (code, "version 4 has the tensors of version 1" in out) == (0, True)
    assert told == [{"event": "rollback", "request": 1, "version": 1, "latest_version": 3}]


def test_a_refusal_is_one_sentence_and_exit_code_2(tuner: ServedTuner) -> None:
    answering(tuner, lambda request: tuner.view.rollback_refused(request, "Got version 9, expected one below 3."))
    code, _, error = cli("9", "--address", tuner.address)
    assert (code, error) == (2, "tuner: Got version 9, expected one below 3.\n")


@pytest.mark.parametrize("state", ["starting", "failed", "stopped"])
def test_a_learner_that_is_not_at_work_is_not_asked(tuner: ServedTuner, state: str) -> None:
    told = answering(tuner, lambda request: None)
    tuner.view.state = state
    code, _, error = cli("1", "--address", tuner.address)
    assert (code, f"learner that is {state}" in error, told) == (2, True, [])


def test_a_learner_that_ends_meanwhile_is_told_of(tuner: ServedTuner) -> None:
    answering(tuner, lambda request: tuner.view.learner_ended())
    code, _, error = cli("1", "--address", tuner.address)
    assert (code, "the learner ended" in error) == (2, True)


def test_a_learner_that_does_not_answer_in_time_is_one_sentence(tuner: ServedTuner) -> None:
    answering(tuner, lambda request: None)
    code, _, error = cli("1", "--address", tuner.address, "--timeout", "1")
    assert (code, "in time" in error) == (2, True)


def test_no_tuner_there_is_one_sentence() -> None:
    code, _, error = cli("1", "--address", "127.0.0.1:1")
    assert (code, "expected a tuner" in error) == (2, True)


def test_who_knows_another_latest_version_is_refused(tuner: ServedTuner) -> None:
    told = answering(tuner, lambda request: tuner.view.rolled_back(request, 4))
    request = tuner_pb2.RollbackAdapterRequest(version=1, latest_version=2)
    with grpc.insecure_channel(tuner.address) as channel:
        stub = tuner_pb2_grpc.TunerServiceStub(channel)
        with pytest.raises(grpc.RpcError) as refused:
            stub.RollbackAdapter(request, timeout=DEADLINE_SEC)
    assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert "Got 2 as the latest version, expected 3" in refused.value.details()
    assert told == []


def test_an_answer_nobody_waits_for_does_no_harm() -> None:
    async def story() -> None:
        view = LearnerView(lambda event: None)
        view.state = "training"
        asking = asyncio.create_task(view.roll_back(1, 3))
        await asyncio.sleep(0)
        view.rolled_back(99, 4)
        view.rollback_refused(99, "Got nothing.")
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        view.rolled_back(1, 4)
        view.learner_ended()
        second = asyncio.create_task(view.roll_back(1, 3))
        await asyncio.sleep(0)
        view.learner_ended()
        with pytest.raises(RollbackError):
            await second

    asyncio.run(story())
