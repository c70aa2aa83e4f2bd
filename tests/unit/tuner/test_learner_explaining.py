"""`tuner explain`: every source's weights, alternatives, values and advantages of a recorded session."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from agent_runtime.policy.identity import tokenizer_digest
from agent_runtime.sessions.explained import read_weights
from agent_runtime.trajectory import PolicyIdentity, Purpose, Verdict
from tests import session_world
from tests.learner_world import REWARDED, UNREWARDED, World, learner_config
from tuner import cli

torch.set_num_threads(1)


@pytest.fixture
def session(tmp_path: Path, checkpoint: Path, world: World) -> Path:
    """A success, a failure run for evaluation, and a void episode."""
    digest = learner_config(tmp_path / "state", checkpoint).base_model_digest
    names = PolicyIdentity(digest, tokenizer_digest(checkpoint), "none", "json")
    texts = (REWARDED, UNREWARDED, REWARDED)
    episodes = [replace(world.trajectory(n, text), identity=names) for n, text in enumerate(texts)]
    episodes[1] = replace(episodes[1], purpose=Purpose.EVALUATE)
    episodes[2] = replace(episodes[2], verdict=Verdict.VOID, reward=0.0, void_reason="dark")
    session_world.record(tmp_path / "runs", episodes)
    return tmp_path / "runs"


def explained(session: Path, state: Path, checkpoint: Path, *options: str) -> list[dict]:  # type: ignore[type-arg]
    command = ["explain", str(session), "--state", str(state), "--model", str(checkpoint), "--quantization", "none"]
    done = CliRunner().invoke(cli.app, [*command, *options])
    assert done.exit_code == 0, done.output
    return [json.loads(line) for line in (session / "explained.jsonl").read_text("utf-8").splitlines()]


def test_without_a_checkpoint_the_base_model_explains_all_but_the_action_model(
    tmp_path: Path, session: Path, checkpoint: Path, world: World
) -> None:
    won, lost, void = explained(session, tmp_path / "state", checkpoint)
    assert set(won["sources"]) == {"parser", "uniform"}
    assert set(won["sources"]["uniform"]) == {1.0}
    assert "".join(won["tokens"]).startswith(REWARDED)
    count = len(won["tokens"])
    assert len(won["sources"]["parser"]) == len(won["alternatives"]) == count
    assert max(won["sources"]["parser"]) > 0.5, "an untrained model's alternatives break the answer"
    log_probs = world._base[REWARDED]
    for others, log_prob in zip(won["alternatives"], log_probs, strict=True):
        assert 0 < len(others) <= 5
        assert math.exp(log_prob) + sum(p for _, p in others) <= 1.001
    assert (won["judged_by"], won["value"]) == ("success rate", 0.0)
    assert (won["advantage"], lost["advantage"]) == (1.0, 0.0)
    assert (void["value"], void["judged_by"]) == (None, "")
    assert len(read_weights(session / "explained.jsonl")) == 3


def test_after_training_the_action_model_and_the_critics_speak(
    tmp_path: Path, session: Path, checkpoint: Path, world: World
) -> None:
    state = tmp_path / "state"
    more = [replace(world.trajectory(n, text), identity=identity_of(session)) for n, text in enumerate(MIXED, start=10)]
    session_world.record(tmp_path / "more", more)
    train = ["train", "--state", str(state), "--model", str(checkpoint), "--quantization", "none", "--lora-r", "4"]
    train += ["--sessions", str(tmp_path / "more"), "--imitation-steps", "4", "--filtered-steps", "2"]
    done = CliRunner().invoke(cli.app, train)
    assert done.exit_code == 0, done.output
    before = {path: path.read_bytes() for path in state.rglob("*") if path.is_file()}
    won, lost, _ = explained(session, state, checkpoint)
    assert {path: path.read_bytes() for path in state.rglob("*") if path.is_file()} == before
    assert set(won["sources"]) == {"scm", "parser", "uniform"}
    assert all(0 <= weight <= 1 for weight in won["sources"]["scm"])
    assert won["judged_by"] == "critic"
    assert 0 < won["value"] < 1
    assert won["advantage"] == pytest.approx(1 - won["value"], abs=2e-4), "one step: A = r − V"
    assert lost["advantage"] == pytest.approx(-lost["value"], abs=2e-4)


MIXED = [REWARDED, UNREWARDED, REWARDED, UNREWARDED]


def identity_of(session: Path) -> PolicyIdentity:
    from agent_runtime.sessions.reader import open_session

    return open_session(session).info.identity


def test_a_step_of_a_version_that_is_not_there_has_no_alternatives(
    tmp_path: Path, checkpoint: Path, session: Path, world: World
) -> None:
    names = identity_of(session)
    done = replace(world.trajectory(5, REWARDED), identity=names)
    step = done.steps[0]
    acted = replace(step, decision=replace(step.decision, adapter_version=7, adapter_digest="7" * 64))
    session_world.record(tmp_path / "later", [replace(done, steps=(acted, *done.steps[1:]))])
    first, *_ = explained(tmp_path / "later", tmp_path / "state", checkpoint)
    assert (set(first["sources"]), first["alternatives"], first["version"]) == ({"uniform"}, [], 7)


def test_what_cannot_be_explained_is_one_sentence(tmp_path: Path, checkpoint: Path) -> None:
    done = CliRunner().invoke(cli.app, ["explain", str(tmp_path), "--state", str(tmp_path), "--model", str(checkpoint)])
    assert done.exit_code == 2
    assert len(done.output.strip().splitlines()) == 1


def test_no_thread_at_all_is_no_traceback(tmp_path: Path) -> None:
    done = CliRunner().invoke(cli.app, ["explain", str(tmp_path), "--state", str(tmp_path), "--num-threads", "0"])
    assert done.exit_code == 2
    assert isinstance(done.exception, SystemExit)
