"""An explorer learned beside the deployed adapter: who gets the bonus, when they are one again, what is kept."""

from __future__ import annotations

import io
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load
from torch import Tensor

from agent_runtime.adapters.deltas import decode_delta
from agent_runtime.adapters.explorer import carries_explorer, deployed_part, exploring_part
from agent_runtime.adapters.extrapolation import decode_extrapolated
from agent_runtime.policy.generate import load_policy
from agent_runtime.trajectory import Purpose
from agent_runtime.uplink.codec import trajectory_to_message
from tests.learner_world import PROMPT, REWARDED, UNREWARDED, World, learner_config, picture_png
from tuner.adapters.store import AdapterStore
from tuner.config import LearnerConfig
from tuner.ingest.ledger import Ledger
from tuner.learner.checkpoint import CheckpointFolder
from tuner.learner.experience import Candidate
from tuner.learner.finite import NotFiniteError
from tuner.learner.loop import Learner
from tuner.learner.mailbox import Mailbox, RollbackWish
from tuner.learner.samples import trainable_steps
from tuner.learner.student import Student, load_student

torch.set_num_threads(1)
MIXED = (REWARDED, UNREWARDED, UNREWARDED, REWARDED)
TWO: dict[str, Any] = {"explorer": True, "explorer_reset_every": 2, "entropy": "uniform", "entropy_alpha": 0.1}
Tensors = dict[str, Tensor]


class Running:
    """A learner with its ledger."""

    def __init__(self, config: LearnerConfig) -> None:
        self.config = config
        self.ledger = Ledger(config.state)
        self.ledger.open()
        self.student: Student = load_student(config)
        self.said = io.StringIO()
        self.learner = Learner(config, self.student, self.ledger, Mailbox(io.StringIO(), self.said))
        self.learner.resume()
        self.store = AdapterStore(config.state / "adapters")

    def learn(self, world: World, first: int) -> None:
        world.store(self.ledger, first, MIXED)
        self.learner.update(self.ledger.waiting(4))

    def version(self, version: int) -> tuple[Tensors, Tensors]:
        """Return the deployed adapter and the explorer of a version, by PEFT's names."""
        tensors = load(self.store.get(version)[1])
        assert carries_explorer(tensors)
        return deployed_part(tensors), exploring_part(tensors)

    def metrics(self) -> dict[str, float]:
        lines = (self.config.state / "metrics.jsonl").read_text().splitlines()
        return json.loads(lines[-1])  # type: ignore[no-any-return]


def equal(ours: Tensors, theirs: Tensors) -> bool:
    return ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)


def part(student: Student, prefix: str) -> Tensors:
    """Copies of the student's tensors whose names begin so, without that."""
    found = student.tensors().items()
    return {name.removeprefix(prefix): t.detach().clone() for name, t in found if name.startswith(prefix)}


def batch_of(world: World, tmp_path: Path, weight: float) -> list[Candidate]:
    ledger = Ledger(tmp_path)
    ledger.open()
    world.store(ledger, 0, MIXED)
    steps = [step for stored in ledger.waiting(4) for step in trainable_steps(stored)]
    ledger.close()
    return [Candidate(step, weight, 1.0) for step in steps]


@pytest.fixture(scope="module")
def student(tmp_path_factory: pytest.TempPathFactory, checkpoint: Path) -> Student:
    return load_student(learner_config(tmp_path_factory.mktemp("s"), checkpoint, **TWO))


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory, checkpoint: Path, world: World) -> Running:
    """A learner that has published versions 1 to 3; after the second the explorer became the deployed adapter."""
    running = Running(learner_config(tmp_path_factory.mktemp("learned") / "state", checkpoint, **TWO))
    for update in range(3):
        running.learn(world, 4 * update)
    return running


# --- one step


def test_only_the_explorer_gets_the_bonus(student: Student, world: World, tmp_path: Path) -> None:
    """Where no step has a weight the bonus is all there is: the deployed adapter stays bit for bit."""
    before = part(student, "lora/"), part(student, "explorer/")
    assert equal(*before)  # it begins as the deployed one
    told, beside = student.step(batch_of(world, tmp_path, 0.0))
    assert equal(part(student, "lora/"), before[0])
    assert not equal(part(student, "explorer/"), before[1])
    assert told.causal_entropy == 0 < beside.causal_entropy
    assert told.gradient_norm == 0 < beside.gradient_norm


def test_both_learn_from_the_same_batch_and_differ_by_the_bonus(
    student: Student, world: World, tmp_path: Path, checkpoint: Path
) -> None:
    assert student.explorer is not None
    student.explorer.reset()
    plain = load_student(learner_config(tmp_path / "none", checkpoint, entropy="none"))
    bonus = load_student(learner_config(tmp_path / "bonus", checkpoint, entropy="uniform", entropy_alpha=0.1))
    batch = batch_of(world, tmp_path, 1.0)
    student.policy.optimizer.state.clear()
    for one in (plain, bonus):
        one.load_adapter(part(student, "lora/"))
    for one in (plain, bonus, student, plain, bonus, student):  # a first step of AdamW sees no more than signs
        one.step(batch)
    assert equal(part(student, "lora/"), part(plain, "lora/"))
    assert equal(part(student, "explorer/"), part(bonus, "lora/"))
    assert not equal(part(student, "lora/"), part(student, "explorer/"))


def test_where_one_cannot_step_neither_does(
    student: Student, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert student.explorer is not None
    batch, before = batch_of(world, tmp_path, 1.0), (part(student, "lora/"), part(student, "explorer/"))
    handle = student.explorer.policy.parameters[0].register_hook(lambda gradient: gradient * float("nan"))
    with pytest.raises(NotFiniteError):
        student.step(batch)
    handle.remove()
    assert equal(part(student, "lora/"), before[0])
    assert equal(part(student, "explorer/"), before[1])


# --- updates


def test_after_so_many_updates_the_explorer_is_the_deployed_adapter_and_starts_anew(learned: Running) -> None:
    assert [equal(*learned.version(version)) for version in (1, 2, 3)] == [False, True, False]
    first, third = learned.version(1), learned.version(3)
    assert not equal(first[0], third[0])
    explorer = learned.student.explorer
    assert explorer is not None
    assert explorer.age == 1
    deployed_steps = learned.student.policy.optimizer.state_dict()["state"][0]["step"]
    assert (deployed_steps, explorer.policy.optimizer.state_dict()["state"][0]["step"]) == (9, 3)


def test_metrics_tell_of_both(learned: Running) -> None:
    metrics = learned.metrics()
    assert metrics["explorer_entropy"] > 0
    assert metrics["explorer_causal_entropy"] > 0 == metrics["causal_entropy"]
    assert metrics["policy_kl"] > 0
    assert metrics["explorer_kl"] > 0


def test_a_version_travels_as_either_delta(learned: Running) -> None:
    manifests, payloads = zip(*(learned.store.get(version) for version in (1, 2, 3)), strict=True)
    first, second = ({name: t.numpy() for name, t in load(payload).items()} for payload in payloads[:2])
    delta = learned.store.delta(manifests[1], manifests[0].payload_sha256)
    further = learned.store.extrapolated(manifests[2], manifests[1].payload_sha256, manifests[0].payload_sha256)
    if delta is not None:
        assert decode_delta(first, delta) == payloads[1]
    if further is not None:
        assert decode_extrapolated(first, second, further) == payloads[2]
    assert delta is not None or further is not None


def test_a_learner_started_again_ends_up_bit_for_bit_where_an_undisturbed_one_does(
    tmp_path: Path, checkpoint: Path, world: World, learned: Running
) -> None:
    config = learner_config(tmp_path / "state", checkpoint, **TWO)
    for update in range(3):
        restarted = Running(config)  # from disk alone, every time
        restarted.learn(world, 4 * update)
    expected, found = learned.student.tensors(), restarted.student.tensors()
    assert equal(expected, found)
    assert any(name.startswith("explorer_adam/") for name in expected)
    assert [restarted.store.get(n)[1] for n in (1, 2, 3)] == [learned.store.get(n)[1] for n in (1, 2, 3)]
    states = [CheckpointFolder(one.config.state / "learner").latest() for one in (learned, restarted)]
    assert states[0] is not None
    assert states[1] is not None
    assert states[0].state == states[1].state
    assert states[0].state["explorer_age"] == 1


def test_an_update_that_goes_too_far_is_undone_for_both(tmp_path: Path, checkpoint: Path, world: World) -> None:
    running = Running(learner_config(tmp_path / "state", checkpoint, kl_limit=1e-9, **TWO))
    before = part(running.student, "lora/"), part(running.student, "explorer/")
    running.learn(world, 0)
    assert running.store.versions() == []
    assert equal(part(running.student, "lora/"), before[0])
    assert equal(part(running.student, "explorer/"), before[1])
    assert running.student.explorer is not None
    assert running.student.explorer.age == 0


@pytest.fixture
def copied(tmp_path: Path, learned: Running) -> Path:
    return shutil.copytree(learned.config.state, tmp_path / "state")


def test_a_rollback_brings_both_back(copied: Path, checkpoint: Path) -> None:
    running = Running(learner_config(copied, checkpoint, **TWO))
    running.learner.roll_back(RollbackWish(1, 1, 3))
    assert running.store.get(4)[1] == running.store.get(1)[1]
    assert equal(part(running.student, "explorer/"), running.version(1)[1])
    assert running.student.explorer is not None
    assert not running.student.explorer.policy.optimizer.state
    assert equal(Running(running.config).student.tensors(), running.student.tensors())


def test_the_option_can_be_switched_off_and_on(copied: Path, checkpoint: Path, world: World) -> None:
    """Without the option nothing of the explorer is left, and a new one begins as the deployed adapter."""
    off = Running(learner_config(copied, checkpoint))
    deployed, _ = off.version(3)
    assert equal(part(off.student, "lora/"), deployed)
    off.learn(world, 12)
    assert load(off.store.get(4)[1]).keys() == deployed.keys()
    on = Running(learner_config(copied, checkpoint, **TWO))
    assert equal(part(on.student, "lora/"), load(on.store.get(4)[1]))
    assert equal(part(on.student, "lora/"), part(on.student, "explorer/"))
    assert on.student.explorer is not None
    assert on.student.explorer.age == 0


# --- who acted


def acted_by(running: Running, world: World, version: int, adapter: Tensors, number: int) -> Any:
    """An episode whose log-probs are those of this adapter, said to be of that version."""
    with running.student.acting_as(adapter):
        running.student.policy._choose_adapter()
        log_probs = world.token_log_probs(running.student._peft, REWARDED)
    told = world.trajectory(number, REWARDED)
    step = told.steps[0]
    decision = replace(step.decision, log_probs=log_probs, adapter_version=version)
    return trajectory_to_message(replace(told, steps=(replace(step, decision=decision),)))


def test_log_probs_are_held_against_the_explorer_that_acted(tmp_path: Path, checkpoint: Path, world: World) -> None:
    settings = {**TWO, "explorer_reset_every": 9, "entropy_alpha": 5.0, "mismatch_limit": 1e-3, "kl_limit": 100.0}
    running = Running(learner_config(tmp_path / "state", checkpoint, **settings))
    running.learn(world, 0)
    deployed, explorer = running.version(1)
    honest = [acted_by(running, world, 1, explorer, number) for number in range(10, 13)]
    claimed = acted_by(running, world, 1, deployed, 13)
    for message in (*honest, claimed):
        running.ledger.store(message)
    running.learner.update(running.ledger.waiting(4))
    assert list(running.ledger.unused().values()) == ["forged_log_probs"]
    metrics = running.metrics()
    assert metrics["mismatch_version"] == 1
    assert metrics["mismatch_max"] < 1e-4
    assert metrics["dropped_steps_forged_log_probs"] == 1


def test_a_runtime_acts_as_the_learner_says(checkpoint: Path, world: World, learned: Running) -> None:
    """The whole way: what is published is what explores and what is evaluated."""
    deployed, explorer = learned.version(3)
    policy = load_policy(checkpoint, "none", None)
    manifest, payload = learned.store.get(3)
    manifest.replaces_any = True
    policy.stage_and_apply(manifest, payload)
    for purpose, adapter in ((Purpose.EXPLORE, explorer), (Purpose.EVALUATE, deployed)):
        policy.slot.act_as(purpose is Purpose.EXPLORE)
        with learned.student.acting_as(adapter):
            learned.student.policy._choose_adapter()
            expected = world.token_log_probs(learned.student._peft, REWARDED)
        assert world.token_log_probs(policy.slot.model, REWARDED) == pytest.approx(expected, abs=1e-5)
    asked = (picture_png(), PROMPT)
    answers = [policy.decide(*asked, temperature=1.0, seed=1, explores=explores) for explores in (True, False)]
    assert answers[0].log_probs != answers[1].log_probs


def test_an_order_to_a_helping_process_says_which_adapter_it_is_about(student: Student) -> None:
    assert student.explorer is not None
    for policy, prefix in ((student.policy, "lora/"), (student.explorer.policy, "explorer/")):
        told = student.led(policy)
        assert {name.partition("/")[0] for name in told} == {prefix.rstrip("/"), "scm"}
        moved = {name: tensor + 1 if name.startswith(prefix) else tensor for name, tensor in told.items()}
        assert student.follow({name: tensor.clone() for name, tensor in moved.items()}) is policy
        assert all(torch.equal(moved[f"{prefix}{name}"], tensor) for name, tensor in part(student, prefix).items())
