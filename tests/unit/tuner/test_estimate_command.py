"""`tuner estimate` over recorded sessions and a tiny checkpoint: what is scored, what is said, what is refused."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from coso.v1 import policy_pb2
from safetensors.torch import save
from typer.testing import CliRunner

from agent_runtime.policy.checkpoint import load_model
from agent_runtime.policy.identity import base_model_digest, tokenizer_digest
from agent_runtime.policy.lora import adapter_tensors, attach_lora
from agent_runtime.trajectory import PolicyIdentity, Trajectory, Verdict
from tests import session_world
from tests.learner_world import REWARDED, UNREWARDED, World
from tuner import cli
from tuner.adapters.store import AdapterStore

torch.set_num_threads(1)
EPISODES = 40


@pytest.fixture(scope="module")
def trajectories(checkpoint: Path) -> list[Trajectory]:
    """Forty episodes that the base model acted at temperature 1; one in four succeeded."""
    world = World(checkpoint)
    whose = PolicyIdentity(base_model_digest(checkpoint), tokenizer_digest(checkpoint), "none", "json")
    texts = [REWARDED if number % 4 == 0 else UNREWARDED for number in range(EPISODES)]
    return [replace(world.trajectory(number, text), identity=whose) for number, text in enumerate(texts)]


def _estimate(checkpoint: Path, *args: object) -> tuple[int, str]:
    base = ["estimate", "--model", str(checkpoint), "--quantization", "none"]
    done = CliRunner().invoke(cli.app, [*base, *map(str, args)])
    return done.exit_code, done.output


def test_who_acted_is_told_the_recorded_share(tmp_path: Path, checkpoint: Path, trajectories: list[Trajectory]) -> None:
    extra = [
        replace(trajectories[0], trajectory_id="void", verdict=Verdict.VOID, void_reason="dark", reward=0.0),
        replace(trajectories[1], trajectory_id="greedy", temperature=0.0),
    ]
    session_world.record(tmp_path / "runs" / "monday", [*trajectories, *extra])
    code, told = _estimate(checkpoint, "--sessions", tmp_path / "runs", "--json", tmp_path / "told.json")
    assert code == 0, told
    assert "40 episodes of 1 sessions, 2 more left out; under this policy they count as 40.0" in told
    figures = json.loads((tmp_path / "told.json").read_text())
    assert figures["recorded"] == 0.25
    assert figures["importance_sampling"]["value"] == pytest.approx(0.25, abs=1e-4)
    assert figures["overlap"]["effective"] == pytest.approx(EPISODES, abs=1e-2)


def test_an_adapter_changes_what_is_said(tmp_path: Path, checkpoint: Path, trajectories: list[Trajectory]) -> None:
    """Episodes told with the adapter's own log-probs are its own: 1/4; told with the base's they are not."""
    model = attach_lora(load_model(checkpoint, "none").model, 4, 8.0, ["q_proj", "v_proj"], 0)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for tensor in adapter_tensors(model).values():
            tensor.copy_(3 * torch.randn(tensor.shape, generator=generator))
    world = World(checkpoint)
    lora = policy_pb2.LoraConfig(r=4, lora_alpha=8.0, target_modules=["q_proj", "v_proj"])
    manifest = policy_pb2.AdapterManifest(version=1, base_model_digest=base_model_digest(checkpoint), lora=lora)
    AdapterStore(tmp_path / "state" / "adapters").publish(manifest, save(adapter_tensors(model)))
    own = [_told(world, model, one) for one in trajectories]
    session_world.record(tmp_path / "own", own)
    session_world.record(tmp_path / "base", trajectories)
    said = []
    for sessions in ("own", "base"):
        asked = ["--state", tmp_path / "state", "--sessions", tmp_path / sessions, "--json", tmp_path / "told.json"]
        assert _estimate(checkpoint, *asked)[0] in (0, 1)
        said.append(json.loads((tmp_path / "told.json").read_text())["overlap"])
    assert said[0]["log_mass_low"] == pytest.approx(0.0, abs=1e-3)
    assert said[0]["effective"] == pytest.approx(EPISODES, abs=1e-2)
    assert abs(said[1]["log_mass_low"]) + abs(said[1]["log_mass_high"]) > 0.1


def _told(world: World, model: object, one: Trajectory) -> Trajectory:
    step = one.steps[0]
    told = replace(step.decision, log_probs=world.token_log_probs(model, step.decision.utterance))
    return replace(one, steps=(replace(step, decision=told),))


def test_another_temperature_is_another_policy(
    tmp_path: Path, checkpoint: Path, trajectories: list[Trajectory]
) -> None:
    session_world.record(tmp_path / "s", trajectories)
    assert _estimate(checkpoint, "--sessions", tmp_path / "s", "--temperature", 1.0)[0] == 0
    assert _estimate(checkpoint, "--sessions", tmp_path / "s", "--temperature", 0.1)[0] == 1


def test_bad_input_is_one_sentence(tmp_path: Path, checkpoint: Path, trajectories: list[Trajectory]) -> None:
    session_world.record(tmp_path / "s", trajectories[:2])
    session_world.record(
        tmp_path / "other", [replace(one, identity=session_world.IDENTITY) for one in trajectories[:1]]
    )
    session_world.record(tmp_path / "greedy", [replace(one, temperature=0.0) for one in trajectories[:1]])
    for args, words in (
        (["--sessions", tmp_path], "base model"),
        (["--sessions", tmp_path / "greedy"], "was sampled"),
        (["--sessions", tmp_path / "nowhere"], "without a session"),
        (["--sessions", tmp_path / "s", "--version", 1], "without --state"),
        (["--sessions", tmp_path / "s", "--state", tmp_path], "without a version"),
    ):
        code, told = _estimate(checkpoint, *args)
        assert (code, words in told) == (2, True), told
        assert "Traceback" not in told
    code, told = _estimate(checkpoint, "--sessions", tmp_path / "s")
    assert code == 1
    assert "2 episodes that count as 2.0" in told
