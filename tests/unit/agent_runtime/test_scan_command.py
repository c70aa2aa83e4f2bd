"""`agent-runtime scan` on a tiny checkpoint: what it asks of a real policy, and what it says."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from agent_runtime.actions import grammar_named
from agent_runtime.policy.generate import load_policy
from agent_runtime.policy.identity import base_model_digest, tokenizer_digest
from agent_runtime.scan_command import ScannedPolicy
from agent_runtime.trajectory import PolicyIdentity
from tests import session_world as world
from tests.tiny_vlm import IMAGE_SIZE_PX, picture_png, tiny_checkpoint

torch.set_num_threads(1)
JSON = grammar_named("json")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_checkpoint(tmp_path_factory.mktemp("tiny"))


def test_the_probability_of_an_answer_is_that_of_its_greedy_decision(checkpoint: Path) -> None:
    policy = load_policy(checkpoint, "none", "json")
    asked = ScannedPolicy(policy, JSON, str(checkpoint))
    pictures = [picture_png(seed, IMAGE_SIZE_PX) for seed in range(10)]
    answer = asked.answer(pictures[3], "Goal: go")
    told = asked.log_probs(pictures, "Goal: go", answer.token_ids)
    assert len(told) == len(pictures)
    assert told[3] == pytest.approx(answer.log_prob, abs=1e-2)
    assert len({round(log_prob, 4) for log_prob in told}) > 1
    assert asked.log_probs([], "Goal: go", answer.token_ids) == []


def test_a_session_is_scanned_and_nobody_accused(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    whose = PolicyIdentity(base_model_digest(checkpoint), tokenizer_digest(checkpoint), "none", "json")
    world.record(tmp_path / "s", [replace(one, identity=whose) for one in world.some_trajectories()])
    arguments = ["scan", tmp_path / "s", "--model", checkpoint, "--states", 3, "--json", tmp_path / "found.json"]
    code, out, _ = world.run_program(monkeypatch, capsys, *arguments)
    assert code == 0
    assert out.splitlines()[-1] == "No region was found that steers this policy."
    examined, malformed = (int(word) for word in out.split() if word.isdigit())
    assert examined + malformed == 3
    assert json.loads((tmp_path / "found.json").read_text()) == []


@pytest.mark.parametrize("wrong", [["nowhere"], ["SESSION", "--model", "nowhere"], ["SESSION", "--adapter", "nowhere"]])
def test_wrong_input_is_one_sentence(
    checkpoint: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    wrong: list[str],
) -> None:
    world.record(tmp_path / "s", world.some_trajectories())
    named = [str(tmp_path / "s") if word == "SESSION" else word for word in wrong]
    given = [] if "--model" in named else ["--model", checkpoint, "--quantization", "none"]
    code, _, err = world.run_program(monkeypatch, capsys, "scan", *named, *given)
    assert code == 2
    assert "expected" in err
    assert "Traceback" not in err
