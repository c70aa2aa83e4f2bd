"""Imported demonstrations in the offline stage, and a stage that was broken off when the tuner is served."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load
from typer.testing import CliRunner

from agent_runtime.actions import Finish, LongPress
from agent_runtime.sessions.importers import aitz
from agent_runtime.sessions.importers.demonstration import Demonstration, Shown
from agent_runtime.sessions.importing import import_session
from agent_runtime.sessions.reader import open_session
from agent_runtime.sessions.recording import Origin
from agent_runtime.sessions.trajectories import trajectory_of
from agent_runtime.sessions.trust import my_trust
from agent_runtime.uplink.codec import action_to_message, trajectory_to_message
from tests.learner_world import JSON, REWARDED, SIDE_PX, UNREWARDED, World, learner_config, picture_png
from tuner import cli
from tuner.adapters.store import AdapterStore
from tuner.errors import ConfigError
from tuner.ingest.ledger import StoredTrajectory
from tuner.learner.checkpoint import CheckpointFolder
from tuner.learner.demonstrations import demonstrated
from tuner.learner.offline import offline_config
from tuner.learner.student import Student, load_student
from tuner.unfinished import refuse_unfinished_training

FIXTURES = Path(__file__).parents[4] / "shared" / "fixtures" / "sessions"
torch.set_num_threads(1)


@pytest.fixture(scope="module")
def student(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Student:
    config = learner_config(tmp_path_factory.mktemp("state"), checkpoint)
    return load_student(offline_config(config))


def imported(folder: Path, *endings: bool | None) -> Path:
    """An imported session whose episodes each tap as ``REWARDED`` does and then finish."""
    folder.mkdir(parents=True)
    picture = folder.parent / "screen.png"
    picture.write_bytes(picture_png())
    tap = Shown(picture, (SIDE_PX, SIDE_PX), JSON.parse(REWARDED), "left")
    done = [
        Demonstration(f"demo-{n}", "go", (tap, Shown(picture, (SIDE_PX, SIDE_PX), Finish(True), "")), ending)
        for n, ending in enumerate(endings)
    ]
    import_session(Origin("folder", "here"), done, folder / "session")
    my_trust().accept(open_session(folder / "session").digest, "of a test")
    return folder


def stored_of(folder: Path) -> list[StoredTrajectory]:
    """The episodes of a session as the ledger would hand them out."""
    session = open_session(folder)
    messages = [trajectory_to_message(trajectory_of(session, episode)) for episode in session.episodes]
    return [StoredTrajectory(number, message) for number, message in enumerate(messages, start=1)]


def test_a_step_is_what_the_policy_would_be_shown_and_should_say(tmp_path: Path, student: Student) -> None:
    found = demonstrated(stored_of(imported(tmp_path / "runs", True) / "session"), student.renderer)
    assert found.left_out == 0
    tap, finish = found.steps
    assert student.decode(tap.utterance.token_ids) == REWARDED
    assert (tap.prompt, tap.key, finish.key) == ("Goal: go", (1, 0), (1, 1))
    assert JSON.parse(student.decode(finish.utterance.token_ids)) == Finish(True)


def test_failures_and_episodes_of_unknown_end_are_not_imitated(tmp_path: Path, student: Student) -> None:
    stored = stored_of(imported(tmp_path / "runs", False, None) / "session")
    assert demonstrated(stored, student.renderer).steps == ()


def _command(state: Path, checkpoint: Path, *sessions: Path) -> list[str]:
    base = ["train", "--state", str(state), "--model", str(checkpoint), "--quantization", "none"]
    small = ["--imitation-steps", "4", "--filtered-steps", "2", "--lora-r", "4", "--learning-rate", "5e-3"]
    return [*base, *small, *(part for path in sessions for part in ("--sessions", str(path)))]


def test_the_command_imitates_demonstrations_and_has_nothing_to_do_the_second_time(
    tmp_path: Path, checkpoint: Path
) -> None:
    runs, state = imported(tmp_path / "runs", True, True, None), tmp_path / "state"
    first, second = (CliRunner().invoke(cli.app, _command(state, checkpoint, runs)) for _ in range(2))
    assert (first.exit_code, second.exit_code) == (0, 0), first.output
    assert "4 demonstrated steps to imitate, 0 left out" in first.output
    assert second.output.splitlines()[-1] == "version 1 after 4 optimizer steps"  # nothing was kept to filter
    trained = load_student(learner_config(state, checkpoint, learning_rate=5e-3))
    trained.load_adapter(load(AdapterStore(state / "adapters").get(1)[1]))
    world = World(checkpoint)
    gain = {
        text: world.log_prob(trained.policy._model, text) - sum(world._base[text]) for text in (REWARDED, UNREWARDED)
    }
    assert gain[REWARDED] > max(1.0, gain[UNREWARDED])


def test_other_demonstrations_in_the_midst_of_imitation_are_refused(tmp_path: Path, checkpoint: Path) -> None:
    state = tmp_path / "state"
    runs, more = imported(tmp_path / "a" / "runs", True), imported(tmp_path / "b" / "runs", True, True)
    assert CliRunner().invoke(cli.app, _command(state, checkpoint, runs)).exit_code == 0
    _break_off(state, "imitation")
    refused = CliRunner().invoke(cli.app, _command(state, checkpoint, more))
    assert refused.exit_code == 2
    assert "Got 4 demonstrated steps, expected 2" in refused.output


def _break_off(state: Path, part: str) -> None:
    """Make the newest checkpoint one of the middle of a stage."""
    folder = CheckpointFolder(state / "learner")
    newest = folder.latest()
    assert newest is not None
    newest.state["offline"] |= {"part": part, "done": 1}
    folder.save(newest.update, newest.tensors, newest.state)


def test_serving_a_broken_off_stage_is_refused_in_one_sentence(tmp_path: Path, checkpoint: Path) -> None:
    state = tmp_path / "state"
    assert CliRunner().invoke(cli.app, _command(state, checkpoint, imported(tmp_path / "runs", True))).exit_code == 0
    refuse_unfinished_training(state)
    _break_off(state, "critics")
    serve = ["serve", "--state", str(state), "--model", str(checkpoint), "--quantization", "none"]
    refused = CliRunner().invoke(cli.app, [*serve, "--listen", "127.0.0.1:0"])
    assert refused.exit_code == 2
    assert "broken off in the part critics, expected one that ended: run the same command again" in refused.output
    assert len(refused.output.strip().splitlines()) == 1


def test_no_checkpoint_a_damaged_one_and_an_online_one_are_no_reason_to_refuse(tmp_path: Path) -> None:
    folder = tmp_path / "learner"
    refuse_unfinished_training(tmp_path)
    folder.mkdir()
    (folder / "00000001.json").write_text(json.dumps({"body": {"state": {"offline": {"part": "imitation"}}}}))
    with pytest.raises(ConfigError, match="imitation"):
        refuse_unfinished_training(tmp_path)
    for content in ("{", "[]", json.dumps({"body": {"state": {}}})):
        (folder / "00000002.json").write_text(content)
        refuse_unfinished_training(tmp_path)


def test_an_action_the_grammar_has_no_words_for_is_left_out_and_counted(tmp_path: Path, student: Student) -> None:
    stored = stored_of(imported(tmp_path / "runs", True) / "session")
    stored[0].message.steps[0].action.CopyFrom(action_to_message(LongPress(0.5, 0.5)))

    class Mute:
        """The JSON grammar without long presses."""

        def render(self, action: object, thought: str = "") -> str:
            if isinstance(action, LongPress):
                raise ValueError
            return JSON.render(action, thought)  # type: ignore[arg-type]

        parse = staticmethod(JSON.parse)

    found = demonstrated(stored, replace(student.renderer, grammar=Mute()))  # type: ignore[arg-type]
    assert (len(found.steps), found.left_out) == (1, 1)


def test_what_came_over_the_wire_and_cannot_be_shown_or_read_is_left_out(tmp_path: Path, student: Student) -> None:
    stored = stored_of(imported(tmp_path / "runs", True, True) / "session")
    stored[0].message.steps[0].screenshot.png = b"no picture"
    stored[0].message.steps[1].utterance = "no JSON"  # then there is no thought
    stored[1].message.steps[0].ClearField("action")
    found = demonstrated(stored, student.renderer)
    assert ([step.key for step in found.steps], found.left_out) == ([(1, 1)], 3)


@pytest.mark.skipif(not FIXTURES.is_dir(), reason="the shared fixtures are not here")
def test_a_real_aitz_episode_can_be_imitated(tmp_path: Path, student: Student) -> None:
    source = FIXTURES / "aitz_google_apps_523638528775825151"
    report = import_session(Origin("aitz", str(source)), aitz.read(source), tmp_path / "session")
    found = demonstrated(stored_of(tmp_path / "session"), student.renderer)
    assert len(found.steps) + found.left_out == report.steps > 0
    assert len(found.steps) > 0
    assert all(step.utterance.labels[0] != 0 for step in found.steps)  # none is malformed
