"""Runtime and learner make a grammar that counts in pixels for the picture size of the checkpoint's agent.json."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from agent_runtime.errors import UsageError
from agent_runtime.policy.generate import load_policy
from tests.learner_world import SIDE_PX, learner_config, tiny_checkpoint
from tuner.cli import app
from tuner.coso.labels import is_malformed
from tuner.learner.student import load_student

NAME = "qwen2.5-mobile-use"
SAYS = f"Got the grammar '{NAME}', which counts in pixels"


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint whose own grammar counts in pixels of a picture of 64x64."""
    folder = tiny_checkpoint(tmp_path_factory.mktemp("pixels") / "checkpoint")
    change(folder, grammar=NAME)
    return folder


@pytest.fixture
def without_size(checkpoint: Path) -> Path:
    change(checkpoint, image_size_px=None)
    return checkpoint


def change(folder: Path, **values: object) -> None:
    path = folder / "agent.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def test_both_ends_take_the_size_of_the_checkpoint(tmp_path: Path, checkpoint: Path) -> None:
    change(checkpoint, image_size_px=[SIDE_PX, SIDE_PX], prompt_style="full")
    policy = load_policy(checkpoint, "none", None)
    assert (policy.identity.action_grammar, policy.image_size_px) == (NAME, (SIDE_PX, SIDE_PX))
    config = learner_config(tmp_path / "state", checkpoint, action_grammar=NAME)
    student = load_student(config)
    rehearsed = student.rehearsal.utterances(64)
    assert sum(is_malformed(utterance.labels) for utterance in rehearsed) < 32  # about an eighth is spoiled on purpose


def test_without_a_size_runtime_and_learner_say_so(tmp_path: Path, without_size: Path) -> None:
    with pytest.raises(UsageError, match=SAYS):
        load_policy(without_size, "none", None)
    config = learner_config(tmp_path / "state", without_size, action_grammar=NAME)
    with pytest.raises(UsageError, match=SAYS):
        load_student(config)


def test_without_a_size_the_tuner_does_not_start(tmp_path: Path, without_size: Path) -> None:
    done = CliRunner().invoke(
        app, ["serve", "--state", str(tmp_path / "state"), "--model", str(without_size), "--grammar", NAME]
    )
    assert done.exit_code == 2
    assert SAYS in done.output
