"""The offline stage: it learns what succeeded, can be killed at every commit, and the learner goes on from it."""

import io
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from agent_runtime.policy.identity import tokenizer_digest
from agent_runtime.trajectory import PolicyIdentity, Purpose, Verdict
from tests import session_world
from tests.learner_parts import differing
from tests.learner_world import MIXED, REWARDED, UNREWARDED, World, learner_config
from tuner import cli
from tuner.config import LearnerConfig
from tuner.errors import ConfigError, LearnerError
from tuner.ingest.identity import Identity
from tuner.ingest.ledger import Ledger
from tuner.learner.loop import Learner
from tuner.learner.mailbox import Mailbox
from tuner.learner.offline import OfflineStage, Plan, offline_config
from tuner.learner.progress import Progress
from tuner.learner.student import Student, load_student
from tuner.recorded import take_sessions

torch.set_num_threads(1)
PLAN = Plan(imitation_steps=4, filtered_steps=4, critic_epochs=2)


class KilledError(Exception):
    """Stands for a kill after a commit."""


def _config(state: Path, checkpoint: Path) -> LearnerConfig:
    return learner_config(state, checkpoint, instruction_share=0.5, optimizer_steps_per_update=2)


def _run(config: LearnerConfig, kill_after: int = 1000) -> tuple[Progress, Student, list[str]]:
    """Run from disk alone, to the end or until it was told ``kill_after`` times of something done."""
    told: list[str] = []

    def tell(part: str, done: int, steps: int, figures: Mapping[str, float]) -> None:
        if figures:
            told.append(f"{part} {done}/{steps}")
            if len(told) == kill_after:
                raise KilledError

    ledger = Ledger(config.state)
    ledger.open()
    student = load_student(offline_config(config))
    mailbox = Mailbox(io.StringIO(), io.StringIO())
    return OfflineStage(config, student, ledger, mailbox, PLAN, tell).run(), student, told


def _stored(config: LearnerConfig, world: World, first: int = 0) -> Ledger:
    ledger = Ledger(config.state)
    ledger.open()
    world.store(ledger, first, MIXED)
    return ledger


def test_it_learns_what_succeeded_publishes_once_and_marks_the_episodes(
    tmp_path: Path, checkpoint: Path, world: World
) -> None:
    config = _config(tmp_path / "s", checkpoint)
    ledger = _stored(config, world)
    progress, student, told = _run(config)
    parts = ["imitation 2/4", "imitation 4/4", "action model 1/1", "critics 1/1", "filtered 2/4", "filtered 4/4"]
    assert told == parts
    assert (progress.version, progress.optimizer_steps, progress.trajectories_consumed) == (1, 8, 4)
    assert ledger.waiting(10) == []
    gain = {
        text: world.log_prob(student.policy._model, text) - sum(world._base[text]) for text in (REWARDED, UNREWARDED)
    }
    assert gain[REWARDED] > max(1.0, gain[UNREWARDED])
    again, _, told = _run(config)
    assert (again, told) == (progress, [])  # nothing new to learn from


def test_killed_after_every_commit_it_ends_up_bit_for_bit_where_an_undisturbed_one_does(
    tmp_path: Path, checkpoint: Path, world: World
) -> None:
    undisturbed, killed = _config(tmp_path / "a", checkpoint), _config(tmp_path / "b", checkpoint)
    for config in (undisturbed, killed):
        _stored(config, world)
    progress, student, _ = _run(undisturbed)
    kills = 0
    while True:
        try:
            found, restarted, _ = _run(killed, kill_after=1)
            break
        except KilledError:
            kills += 1
    assert kills == 6
    assert found == progress
    assert differing(student.tensors(), restarted.tensors()) == set()


@pytest.mark.parametrize("advantage", ["baseline", "critic"])
def test_the_learner_goes_on_from_it(tmp_path: Path, checkpoint: Path, world: World, advantage: str) -> None:
    config = _config(tmp_path / "s", checkpoint)
    ledger = _stored(config, world)
    _, student, _ = _run(config)
    online = learner_config(config.state, checkpoint, advantage=advantage, instruction_share=1.0)
    learner = Learner(online, load_student(online), ledger, Mailbox(io.StringIO(), io.StringIO()))
    learner.resume()
    kept = learner._student.tensors()
    assert "critic/step/layers.1.weight" in kept  # kept for later, also where nothing asks it
    assert [name for name in kept if not torch.equal(kept[name], student.tensors()[name])] == []
    assert learner._experience.baseline.value("two/choices") == 0.5
    world.store(ledger, 4, MIXED)
    learner.update(ledger.waiting(4))
    assert learner.progress.version == 2


def test_without_a_success_it_says_so(tmp_path: Path, checkpoint: Path, world: World) -> None:
    config = _config(tmp_path / "s", checkpoint)
    ledger = Ledger(config.state)
    ledger.open()
    with pytest.raises(LearnerError, match="0 episodes without a success"):
        _run(config)
    world.store(ledger, 0, [UNREWARDED] * 2)
    with pytest.raises(LearnerError, match="2 episodes without a success"):
        _run(config)


def _recorded(folder: Path, config: LearnerConfig, world: World) -> Identity:
    """Record two episodes to learn from, one for evaluation and one void; return whose they are."""
    digests = config.base_model_digest, tokenizer_digest(config.model)
    names = PolicyIdentity(*digests, "none", "json")
    episodes = [replace(world.trajectory(n, text), identity=names) for n, text in enumerate(MIXED)]
    episodes[1] = replace(episodes[1], purpose=Purpose.EVALUATE)
    episodes[2] = replace(episodes[2], verdict=Verdict.VOID, void_reason="dark")
    session_world.record(folder, episodes)
    return Identity(*digests, "none", "json")


def test_sessions_are_taken_once_without_evaluations_and_voids(tmp_path: Path, checkpoint: Path, world: World) -> None:
    config = _config(tmp_path / "state", checkpoint)
    identity = _recorded(tmp_path / "runs" / "monday", config, world)
    ledger = Ledger(config.state)
    ledger.open()
    taken = take_sessions(tmp_path / "runs", identity, ledger)
    assert (taken.stored, taken.known, len(taken.left_out)) == (2, 0, 2)
    assert [told.partition("is left out: ")[2] for told in taken.left_out] == [
        "it was run for evaluation",
        "it is void (dark)",
    ]
    assert [item.message.trajectory_id for item in ledger.waiting(9)] == ["trajectory-0", "trajectory-3"]
    assert take_sessions(tmp_path / "runs" / "monday", identity, ledger).known == 2
    with pytest.raises(ConfigError, match="quantization"):
        take_sessions(tmp_path / "runs", replace(identity, quantization="nf4"), ledger)
    with pytest.raises(ConfigError, match="without a session"):
        take_sessions(tmp_path / "state", identity, ledger)


def test_the_command_says_what_is_wrong_in_one_sentence(tmp_path: Path, checkpoint: Path) -> None:
    base = ["train", "--state", str(tmp_path / "s"), "--model", str(checkpoint), "--quantization", "none"]
    nothing = CliRunner().invoke(cli.app, [*base, "--sessions", str(tmp_path)])
    assert nothing.exit_code == 2
    assert "without a session" in nothing.output
    setting = CliRunner().invoke(cli.app, [*base, "--learning-rate", "-1"])
    assert setting.exit_code == 2
    assert "learning_rate" in setting.output


def test_the_command_trains_from_a_session_and_has_nothing_to_do_the_second_time(
    tmp_path: Path, checkpoint: Path, world: World
) -> None:
    config = _config(tmp_path / "state", checkpoint)
    _recorded(tmp_path / "monday", config, world)
    base = ["train", "--state", str(config.state), "--model", str(checkpoint), "--quantization", "none"]
    command = [*base, "--sessions", str(tmp_path / "monday"), "--imitation-steps", "1", "--filtered-steps", "1"]
    first, second = CliRunner().invoke(cli.app, command), CliRunner().invoke(cli.app, command)
    assert (first.exit_code, second.exit_code) == (0, 0), first.output
    assert "2 episodes stored, 0 known already, 2 left out" in first.output
    assert "imitation 1/1  loss" in first.output
    assert second.output.splitlines()[-2:] == [
        f"{tmp_path / 'monday'}: 0 episodes stored, 2 known already, 2 left out",
        "version 1 after 2 optimizer steps",
    ]
