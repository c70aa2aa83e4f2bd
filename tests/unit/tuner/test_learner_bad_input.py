"""What an update makes of input that teaches nothing: a sound no-op, finite figures, never a NaN."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from agent_runtime.actions import Malformed
from agent_runtime.trajectory import Trajectory, Verdict
from agent_runtime.uplink.codec import trajectory_to_message
from tests.learner_parts import resumed_learner
from tests.learner_world import REWARDED, UNREWARDED, World, learner_config
from tuner.coso.action_model import ActionModel
from tuner.coso.counterfactual import ScmWeights
from tuner.coso.labels import FIELD_SIZES, Utterance
from tuner.learner.loop import Learner

torch.set_num_threads(1)
BABBLE = "left left left"


def updated(state: Path, checkpoint: Path, episodes: list[Trajectory], **settings: Any) -> tuple[Learner, Any]:
    """One update on all of the episodes; return the learner and the metrics, every one a finite number."""
    config = learner_config(state, checkpoint, **settings)
    learner, ledger = resumed_learner(config)
    for episode in episodes:
        ledger.store(trajectory_to_message(episode))
    learner.update(ledger.recent(100) + ledger.waiting(100))
    metrics = json.loads((state / "metrics.jsonl").read_text().splitlines()[-1])
    assert all(math.isfinite(value) for value in metrics.values())
    assert all(bool(torch.isfinite(tensor).all()) for tensor in learner._student.tensors().values())
    return learner, metrics


ADVANTAGES = [
    {"advantage": "baseline"},
    {"advantage": "group"},
    {"advantage": "critic"},
    {"objective": "ppo", "advantage": "group"},
    {"objective": "ppo", "advantage": "group", "group_step_weight": 1.0},
    {"objective": "ppo", "advantage": "critic"},
    {"objective": "ppo", "advantage": "bad"},
    {"reward_model_weight": 0.5, "readability_weight": 0.5},
]
JUDGED_BY_VALUES = [{"objective": "ppo", "advantage": name} for name in ("critic", "bad")]
"""What a value of 1/2 makes a surprise of: failures alone teach these."""


@pytest.mark.parametrize("settings", ADVANTAGES)
@pytest.mark.parametrize("kind", ["none at all", "all void", "all fail", "all succeed"])
def test_batches_that_tell_nothing_apart(
    tmp_path: Path, checkpoint: Path, world: World, kind: str, settings: dict[str, Any]
) -> None:
    verdicts = {"all void": Verdict.VOID, "all fail": Verdict.FAILURE, "all succeed": Verdict.SUCCESS}
    episodes = [world.trajectory(n, REWARDED, verdicts[kind]) for n in range(4)] if kind in verdicts else []
    learner, metrics = updated(tmp_path / "s", checkpoint, episodes, **settings)
    assert metrics["batch_success_rate"] == (kind == "all succeed")
    if kind != "all succeed" and settings not in JUDGED_BY_VALUES:
        assert learner.progress.version == 0  # nothing was imitated, nothing published
    if kind in ("none at all", "all void"):
        assert learner.progress.version == 0
        assert metrics["optimizer_steps"] == 0
    assert metrics["refused_steps"] == 0
    assert metrics["update"] == 1


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"advantage": "group"},
        {"objective": "ppo"},
        {"objective": "ppo", "advantage": "group"},
        {"objective": "ppo", "advantage": "group", "group_step_weight": 1.0},
    ],
    ids=str,
)
def test_constant_rewards_say_nothing(tmp_path: Path, checkpoint: Path, world: World, settings: dict[str, Any]) -> None:
    episodes = [replace(world.trajectory(n, UNREWARDED, Verdict.FAILURE), reward=0.5) for n in range(4)]
    learner, metrics = updated(tmp_path / "s", checkpoint, episodes, **settings)
    assert learner.progress.version == 0
    assert metrics["batch_reward"] == 0.5


@pytest.mark.parametrize("source", ["scm", "parser", "released"])
def test_a_policy_that_never_parses(tmp_path: Path, checkpoint: Path, world: World, source: str) -> None:
    world._base[BABBLE] = world.token_log_probs(world.loaded.model, BABBLE)
    episodes = [world.trajectory(n, BABBLE, Verdict.FAILURE) for n in range(3)]
    assert isinstance(episodes[0].steps[0].action, Malformed)
    winner = world.trajectory(9, REWARDED)
    learner, metrics = updated(tmp_path / "s", checkpoint, [*episodes, winner], weight_source=source, failure_share=0.5)
    assert learner.progress.version == 1
    assert metrics["entropy_malformed"] > 0


@pytest.mark.parametrize("objective", ["awr", "ppo", "bc"])
def test_a_grammar_in_which_nothing_ever_parses(tmp_path: Path, checkpoint: Path, world: World, objective: str) -> None:
    world._base[BABBLE] = world.token_log_probs(world.loaded.model, BABBLE)
    episodes = [world.trajectory(n, BABBLE, Verdict.FAILURE) for n in range(4)]
    learner, metrics = updated(tmp_path / "s", checkpoint, episodes, objective=objective)
    assert learner.progress.version == 0
    assert metrics["optimizer_steps"] == 0
    assert metrics["batch_success_rate"] == 0
    assert metrics["scm_unseen"] == 1  # one text, and so one class in every field, which the action model is told of
    assert metrics["scm_accuracy"] in (0, 1)


def test_an_utterance_as_long_as_the_ledger_takes_has_finite_weights() -> None:
    torch.manual_seed(0)
    model = ActionModel(50).eval()
    utterance = Utterance(tuple(place % 50 for place in range(4096)), (1,) * len(FIELD_SIZES))
    needed = torch.zeros(4096, dtype=torch.bool)
    needed[[0, 2000, 4095]] = True
    (weights,) = ScmWeights(model, chunk_rows=2).weights([utterance], [needed])
    assert bool(torch.isfinite(weights).all())
    assert (weights[~needed] == 0).all()


DIGIRL = {"advantage": "critic", "instruction_share": 1.0}
RL4VLM = {"objective": "ppo", "advantage": "critic", "thought_scaling": 0.2}


@pytest.mark.parametrize(
    "form", [{}, {"objective": "ppo"}, {"objective": "ppo", "advantage": "bad"}, DIGIRL, RL4VLM], ids=str
)
def test_without_alpha_an_update_is_one_without_the_entropy_term_to_the_last_bit(
    tmp_path: Path, checkpoint: Path, world: World, form: dict[str, Any]
) -> None:
    episodes = [world.trajectory(n, text) for n, text in enumerate((REWARDED, UNREWARDED, REWARDED, UNREWARDED))]
    found = []
    for name, settings in (("a", {"entropy_alpha": 0.0}), ("b", {"entropy": "none"}), ("c", {"entropy_alpha": 0.5})):
        # without failures riding along, which an arm without the term has no use for either
        learner, _ = updated(tmp_path / name, checkpoint, episodes, failure_share=0.0, **form, **settings)
        found.append({n: t for n, t in learner._student.tensors().items() if n.startswith("lora")})
    assert all(torch.equal(found[0][name], found[1][name]) for name in found[0])
    assert not all(torch.equal(found[0][name], found[2][name]) for name in found[0])
