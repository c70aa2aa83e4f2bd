"""The learner on a tiny checkpoint: it learns what is rewarded, publishes what verifies, and resumes exactly."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
import torch

from agent_runtime.policy.adapter import AdapterSlot
from agent_runtime.trajectory import Verdict
from agent_runtime.uplink.codec import trajectory_to_message
from tests.learner_parts import differing
from tests.learner_world import MIXED, REWARDED, UNREWARDED, World, learner_config
from tuner.adapters.store import AdapterStore
from tuner.config import LearnerConfig
from tuner.errors import LearnerError
from tuner.ingest.ledger import Ledger
from tuner.learner.loop import Learner
from tuner.learner.mailbox import Mailbox
from tuner.learner.student import Student, load_student

torch.set_num_threads(1)


class Running:
    """A learner with its ledger and what it said."""

    def __init__(self, config: LearnerConfig) -> None:
        self.config = config
        self.said = io.StringIO()
        self.ledger = Ledger(config.state)
        self.ledger.open()
        self.student: Student = load_student(config)
        self.mailbox = Mailbox(io.StringIO(), self.said)
        self.learner = Learner(config, self.student, self.ledger, self.mailbox)
        self.learner.resume()

    def update(self) -> None:
        sequences = self.ledger.waiting(self.config.trajectories_per_update)
        assert len(sequences) == self.config.trajectories_per_update
        self.learner.update(sequences)

    def events(self, name: str) -> list[dict[str, Any]]:
        events = [json.loads(line) for line in self.said.getvalue().splitlines()]
        return [event for event in events if event["event"] == name]

    @property
    def store(self) -> AdapterStore:
        return AdapterStore(self.config.state / "adapters")


def test_the_rewarded_utterance_becomes_likelier_and_the_published_adapter_carries_it(
    tmp_path: Path, checkpoint: Path, world: World
) -> None:
    running = Running(learner_config(tmp_path / "state", checkpoint))
    assert running.store.versions() == []
    for update in range(3):
        world.store(running.ledger, 4 * update, MIXED)
        running.update()
    manifest, payload = running.store.get(3)
    runtime = World(checkpoint)
    slot = AdapterSlot(runtime.loaded.model, running.config.base_model_digest)
    before = {text: runtime.log_prob(slot.model, text) for text in (REWARDED, UNREWARDED)}
    manifest.replaces_any = True  # as the service says to a runtime that holds none
    slot.apply(slot.stage(manifest, payload))
    gain = {text: runtime.log_prob(slot.model, text) - before[text] for text in before}
    assert gain[REWARDED] > 5
    assert gain[REWARDED] > gain[UNREWARDED] + 1
    assert running.ledger.counts().consumed == 12
    assert [event["version"] for event in running.events("published")] == [1, 2, 3]
    assert [event["count"] for event in running.events("consumed")] == [4, 4, 4]


def test_a_version_names_its_parent_and_what_it_was_made_of(tmp_path: Path, checkpoint: Path, world: World) -> None:
    running = Running(learner_config(tmp_path / "state", checkpoint))
    for update in range(2):
        world.store(running.ledger, 4 * update, MIXED)
        running.update()
    manifest = running.store.get(2)[0]
    assert (manifest.parent_version, manifest.trajectories_consumed, manifest.optimizer_steps) == (1, 8, 6)
    assert (manifest.lora.r, manifest.base_model_digest) == (4, running.config.base_model_digest)


def test_without_a_success_nothing_is_published_and_the_batch_is_consumed(
    tmp_path: Path, checkpoint: Path, world: World
) -> None:
    running = Running(learner_config(tmp_path / "state", checkpoint))
    world.store(running.ledger, 0, [UNREWARDED] * 4)
    running.update()
    assert running.store.versions() == []
    assert running.ledger.waiting(10) == []
    assert running.learner.progress.version == 0
    assert running.learner.progress.update == 1


def test_void_episodes_never_reach_an_update(tmp_path: Path, checkpoint: Path, world: World) -> None:
    running = Running(learner_config(tmp_path / "state", checkpoint))
    void = world.trajectory(0, REWARDED, Verdict.VOID)
    running.ledger.store(trajectory_to_message(void))
    assert running.ledger.waiting(10) == []


def test_a_learner_started_again_ends_up_bit_for_bit_where_an_undisturbed_one_does(
    tmp_path: Path, checkpoint: Path, world: World
) -> None:
    undisturbed = Running(learner_config(tmp_path / "a", checkpoint))
    for update in range(3):
        world.store(undisturbed.ledger, 4 * update, MIXED)
        undisturbed.update()
    config = learner_config(tmp_path / "b", checkpoint)
    for update in range(3):
        restarted = Running(config)  # from disk alone, every time
        world.store(restarted.ledger, 4 * update, MIXED)
        restarted.update()
    assert differing(undisturbed.student.tensors(), restarted.student.tensors()) == set()
    assert restarted.store.get(3)[1] == undisturbed.store.get(3)[1]
    assert restarted.learner.progress == undisturbed.learner.progress


class CrashError(Exception):
    """Stands for a kill at the place it is raised."""


def _crash(*_: object) -> None:
    raise CrashError


@pytest.mark.parametrize("spot", ["publish", "mark_consumed"])
def test_a_crash_after_the_checkpoint_is_made_good_at_the_next_start(
    tmp_path: Path, checkpoint: Path, world: World, monkeypatch: pytest.MonkeyPatch, spot: str
) -> None:
    config = learner_config(tmp_path / "state", checkpoint)
    running = Running(config)
    world.store(running.ledger, 0, MIXED)
    with monkeypatch.context() as patch:
        patch.setattr(AdapterStore if spot == "publish" else Ledger, spot, _crash)
        with pytest.raises(CrashError):
            running.update()
    assert len(running.ledger.waiting(10)) == 4
    again = Running(config)
    assert again.store.versions() == [1]
    assert again.ledger.waiting(10) == []
    assert again.ledger.counts().consumed == 4
    assert again.learner.progress.update == 1


def test_a_crash_before_the_checkpoint_leaves_everything_as_it_was(
    tmp_path: Path, checkpoint: Path, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = learner_config(tmp_path / "state", checkpoint)
    running = Running(config)
    world.store(running.ledger, 0, MIXED)
    with monkeypatch.context() as patch:
        patch.setattr("tuner.learner.checkpoint.write_atomically", _crash)
        with pytest.raises(CrashError):
            running.update()
    again = Running(config)
    assert (again.store.versions(), again.learner.progress.update) == ([], 0)
    assert len(again.ledger.waiting(10)) == 4


@pytest.mark.parametrize("poison", [float("nan"), float("inf"), 1e30])
def test_poisoned_weights_are_undone_and_not_published(
    tmp_path: Path, checkpoint: Path, world: World, monkeypatch: pytest.MonkeyPatch, poison: float
) -> None:
    running = Running(learner_config(tmp_path / "state", checkpoint))
    world.store(running.ledger, 0, MIXED * 2)
    running.update()
    good = {name: tensor.clone() for name, tensor in running.student.tensors().items() if name.startswith("lora")}
    step = running.student.policy.step

    def poisoned(batch: Any) -> Any:
        figures = step(batch)
        running.student.policy.parameters[0].data[0, 0] = poison
        return figures

    monkeypatch.setattr(running.student.policy, "step", poisoned)
    running.update()
    assert running.store.versions() == [1]
    kept = running.student.tensors()
    assert [name for name in good if not torch.equal(good[name], kept[name])] == []
    assert running.ledger.waiting(10) == []


def test_a_checkpoint_with_numbers_that_must_not_be_used_is_refused_and_such_are_not_saved(
    tmp_path: Path, checkpoint: Path, world: World
) -> None:
    config = learner_config(tmp_path / "state", checkpoint)
    running = Running(config)
    world.store(running.ledger, 0, MIXED)
    running.update()
    commits, tensors = running.learner._commits, running.student.tensors()
    name = next(name for name in tensors if name.startswith("scm_adam/"))
    broken = {**tensors, name: torch.full_like(tensors[name], float("nan"))}
    with pytest.raises(LearnerError, match=f"must not be kept \\({name} holds"):
        commits.commit(running.learner.progress, broken, {})
    sound = commits._checkpoints.latest()
    assert sound is not None
    commits._checkpoints.save(9, broken, sound.state)
    with pytest.raises(LearnerError, match="Got weights to start from that must not be used"):
        Running(config)


def test_a_gradient_that_is_not_finite_moves_nothing(
    tmp_path: Path, checkpoint: Path, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = Running(learner_config(tmp_path / "state", checkpoint))
    world.store(running.ledger, 0, MIXED)
    before = {name: tensor.clone() for name, tensor in running.student.tensors().items() if name.startswith("lora/")}
    handle = running.student.policy.parameters[0].register_hook(lambda gradient: gradient * float("nan"))
    running.update()
    handle.remove()
    assert running.store.versions() == []
    assert [n for n, t in before.items() if not torch.equal(t, running.student.tensors()[n])] == []
    assert running.events("metrics")[-1]["metrics"]["refused_steps"] == 3.0


def test_a_picture_that_does_not_decode_and_a_token_nobody_has_stop_nobody(
    tmp_path: Path, checkpoint: Path, world: World
) -> None:
    running = Running(learner_config(tmp_path / "state", checkpoint))
    world.store(running.ledger, 0, MIXED[:2])
    broken = trajectory_to_message(world.trajectory(10, REWARDED))
    png = bytearray(broken.steps[0].screenshot.png)
    png[len(png) // 2] ^= 0xFF
    broken.steps[0].screenshot.png = bytes(png)
    foreign = trajectory_to_message(world.trajectory(11, REWARDED))
    foreign.steps[0].token_ids[0] = 1 << 20
    for message in (broken, foreign):
        running.ledger.store(message)
    running.update()
    assert running.ledger.waiting(10) == []
    assert running.store.versions() == [1]


def test_a_stop_during_an_update_leaves_it_for_the_next_start(tmp_path: Path, checkpoint: Path, world: World) -> None:
    running = Running(learner_config(tmp_path / "state", checkpoint))
    world.store(running.ledger, 0, MIXED)
    running.mailbox.start()  # its input ends at once, which is a stop
    while not running.mailbox.stop_requested:
        running.mailbox.wait()
    running.update()
    assert running.store.versions() == []
    assert len(running.ledger.waiting(10)) == 4


def test_a_checkpoint_of_other_settings_is_refused(tmp_path: Path, checkpoint: Path, world: World) -> None:
    running = Running(learner_config(tmp_path / "state", checkpoint))
    world.store(running.ledger, 0, MIXED)
    running.update()
    with pytest.raises(LearnerError, match="lora_r=8"):
        Running(learner_config(tmp_path / "state", checkpoint, lora_r=8))


def test_a_lost_checkpoint_goes_on_from_the_newest_adapter(tmp_path: Path, checkpoint: Path, world: World) -> None:
    running = Running(learner_config(tmp_path / "state", checkpoint))
    world.store(running.ledger, 0, MIXED * 2)
    running.update()
    lora = {name: tensor.clone() for name, tensor in running.student.tensors().items() if name.startswith("lora/")}
    for path in (tmp_path / "state" / "learner").glob("0*.json"):
        path.write_text("{}")
    again = Running(learner_config(tmp_path / "state", checkpoint))
    assert [n for n, t in lora.items() if not torch.equal(t, again.student.tensors()[n])] == []
    again.update()
    assert again.store.versions() == [1, 2]


def test_the_start_is_published_where_there_must_be_something_to_return_to(
    tmp_path: Path, checkpoint: Path, world: World
) -> None:
    config = learner_config(tmp_path, checkpoint).model_copy(update={"publish_start": True})
    running = Running(config)
    assert running.store.versions() == [1]
    start = running.store.manifest(1)
    assert (start.optimizer_steps, start.parent_version) == (0, 0)
    assert running.events("published") == [{"event": "published", "version": 1}]
    running.ledger.close()
    assert Running(config).store.versions() == [1]


def test_causal_weights_are_recorded_for_people(tmp_path: Path, checkpoint: Path, world: World) -> None:
    running = Running(learner_config(tmp_path / "state", checkpoint))
    world.store(running.ledger, 0, MIXED)
    running.update()
    lines = (tmp_path / "state" / "weights.jsonl").read_text().splitlines()
    record = json.loads(lines[0])
    assert len(lines) == 4
    assert "".join(record["tokens"]) == REWARDED
    assert len(record["weights"]) == len(record["tokens"])
    assert record["version"] == 1


@pytest.mark.parametrize(("source", "over"), [("parser", "tokens"), ("uniform", "tokens"), ("parser", "actions")])
def test_every_weight_source_learns(tmp_path: Path, checkpoint: Path, world: World, source: str, over: str) -> None:
    running = Running(learner_config(tmp_path / "state", checkpoint, weight_source=source, entropy_over=over))
    world.store(running.ledger, 0, MIXED)
    running.update()
    assert running.store.versions() == [1]
    assert running.events("metrics")[-1]["metrics"]["causal_entropy"] > 0
