"""The learned reward model: pairs, what it learns and credits, what it leaves alone, and an exact resume."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from agent_runtime.trajectory import Verdict
from agent_runtime.uplink.codec import trajectory_to_message
from tests.learner_parts import differing, made_step, resumed_learner
from tests.learner_world import REWARDED, UNREWARDED, World, learner_config
from tuner.coso.critic import is_held_out
from tuner.ingest.ledger import Ledger
from tuner.learner.features import StepFeatures
from tuner.learner.finite import NotFiniteError
from tuner.learner.reward_model import RewardModel, outcome_pairs
from tuner.learner.rewards import Rewards
from tuner.learner.samples import StepSample
from tuner.learner.shaping import credited
from tuner.learner.value_heads import ValueHeads

torch.set_num_threads(1)
TAUGHT = [name for name in map(str, range(200)) if not is_held_out(name)]
HELD = [name for name in map(str, range(200)) if is_held_out(name)]


def _episode(sequence: int, looks: float, reward: float = 0.0, task: str = "task", name: str = "") -> list[StepSample]:
    """An episode whose last screen looks as good as ``looks``."""
    return [
        made_step(
            sequence,
            place,
            trajectory_id=name or TAUGHT[sequence],
            task_name=task,
            prompt=str(looks if place else 0.0),
            group=(task, ()),
            reward=reward,
            succeeded=reward == 1,
            steps=2,
            horizon=4,
        )
        for place in range(2)
    ]


class _Features(StepFeatures):
    """Features that say how a screen looks; no model."""

    def __init__(self) -> None:
        pass

    def of_episode(self, steps: Sequence[StepSample]) -> torch.Tensor | None:
        if steps[0].goal == "broken":
            return None
        looks = [float(step.prompt) for step in steps]
        if math.isnan(looks[-1]):
            raise NotFiniteError("a feature of the base model is not finite")
        return torch.tensor([[value, -value, 1.0, 0.0] for value in looks])

    def keep(self) -> None:
        pass


def _model() -> RewardModel:
    return RewardModel(_Features(), 4, 1e-2, 1.0, 0)


GOOD = [_episode(n, 1.0, 1.0) for n in range(4)]
POOR = [_episode(4 + n, -1.0) for n in range(4)]


def test_pairs_are_a_success_and_a_failure_of_one_task() -> None:
    episodes = [*GOOD[:1], *POOR[:2], _episode(9, 0.0, 1.0, "other"), _episode(10, 0.0, 0.4, "third")]
    assert outcome_pairs(episodes) == [(0, 1), (0, 2)]
    assert outcome_pairs([]) == []


def test_a_model_that_was_never_taught_credits_nobody() -> None:
    assert _model().credits([_episode(20, 1.0)], [*GOOD, *POOR]) == {20: 0.0}


def test_a_failure_that_looks_like_a_success_is_credited_and_a_typical_one_is_not() -> None:
    model = _model()
    figures = model.update([*GOOD, *POOR], epochs=30, seed="s")
    assert figures["reward_model_pairs"] == 16
    assert figures["reward_model_unseen_pairs"] == 0
    assert figures["reward_model_loss"] < math.log(2)
    told = model.credits([_episode(20, 1.0), _episode(21, -1.0), _episode(22, -1.5), *GOOD[:1]], POOR)
    assert told.keys() == {20, 21, 22}  # a success has its reward
    assert told[20] > 0.5
    assert told[21] == pytest.approx(0.0, abs=1e-6)
    assert told[22] == 0.0
    assert model.credits([_episode(20, 1.0, task="unknown")], POOR) == {20: 0.0}
    assert model.credits([], POOR) == {}


def test_the_credit_is_how_sure_the_model_is_beyond_a_coin() -> None:
    model = _model()
    model.update([*GOOD, *POOR], epochs=3, seed="s")
    rows = torch.tensor([[1.0, -1.0, 1.0, 0.0, 0.5, -0.5, 1.0, 0.0], [-1.0, 1.0, 1.0, 0.0, -0.5, 0.5, 1.0, 0.0]])
    good, poor = model._told(rows).tolist()  # [the last step's ; the mean over the two steps]
    assert model.credits([_episode(20, 1.0)], POOR)[20] == pytest.approx(2 / (1 + math.exp(poor - good)) - 1, abs=1e-6)


def test_accuracy_is_told_of_pairs_that_taught_nothing() -> None:
    one, other = _model(), _model()
    unseen = [_episode(30, 1.0, 1.0, name=HELD[0]), _episode(31, -1.0, name=HELD[1])]
    one.update([*GOOD, *POOR], 20, "s")
    figures = other.update([*GOOD, *POOR, *unseen], 20, "s")
    pairs = zip(one.heads[0].tensors().values(), other.heads[0].tensors().values(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
    assert figures["reward_model_unseen_pairs"] == 4 + 4 + 1
    assert figures["reward_model_accuracy"] == 1.0


@pytest.mark.parametrize("episodes", [[], GOOD, POOR, [GOOD[0], _episode(9, 0.0, task="other")]], ids=len)
def test_without_a_pair_the_model_stays_as_it_is(episodes: list[list[StepSample]]) -> None:
    model = _model()
    before = {name: tensor.clone() for name, tensor in model.heads[0].tensors().items()}
    assert model.update(episodes, 4, "s") == {"reward_model_pairs": 0.0, "reward_model_unseen_pairs": 0.0}
    assert all(torch.equal(tensor, model.heads[0].tensors()[name]) for name, tensor in before.items())


def test_what_cannot_be_shown_is_left_out() -> None:
    broken = [replace(step, goal="broken") for step in _episode(20, 1.0)]
    model = _model()
    assert model.update([*GOOD, *POOR, broken], 1, "s")["reward_model_pairs"] == 16
    assert model.credits([broken], [*POOR, broken]) == {}


def test_a_verdict_of_the_probe_stands() -> None:
    shaped = credited(0.5, {1: 0.8, 2: 0.8, 3: 0.8})
    assert shaped(_episode(1, 0.0))[0].reward == pytest.approx(0.4)
    assert not shaped(_episode(1, 0.0))[0].succeeded
    assert shaped(_episode(2, 0.0, 1.0))[0].reward == 1.0
    assert shaped(_episode(3, 0.0, 0.25))[0].reward == 0.25
    assert shaped(_episode(4, 0.0))[0].reward == 0.0
    assert shaped([]) == []


def _rewards(tmp_path: Path) -> tuple[Rewards, RewardModel]:
    heads = ValueHeads.__new__(ValueHeads)
    heads.reward_model, heads.readability = _model(), None
    config = learner_config(tmp_path / "state", tmp_path, base_model_digest="d", reward_model_weight=0.5)
    return Rewards(config, heads, 40), heads.reward_model


def test_what_was_said_when_an_episode_came_in_survives_a_restart_and_is_dropped_with_it(tmp_path: Path) -> None:
    rewards, model = _rewards(tmp_path)
    model.update([*GOOD, *POOR], 30, "s")
    rewards.look([_episode(20, 1.0), _episode(21, 1.0)], POOR)
    shaped = rewards.shape(_episode(20, 1.0))
    assert shaped[0].reward > 0.25
    state = json.loads(json.dumps(rewards.state({20: [0]})))
    assert [sequence for sequence, _ in state["credits"]] == [20]
    fresh, _ = _rewards(tmp_path)
    fresh.load(state)
    assert fresh.shape(_episode(20, 1.0)) == shaped
    assert fresh.shape(_episode(21, 1.0))[0].reward == 0.0


def test_a_base_model_that_says_no_number_credits_nobody_and_is_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rewards, _ = _rewards(tmp_path)
    rewards.look([_episode(20, math.nan)], POOR)
    assert rewards.shape(_episode(20, 1.0))[0].reward == 0.0
    assert "no failure of this batch is credited" in caplog.text


# ---- the learner


def _store(world: World, ledger: Ledger, update: int) -> None:
    """Four episodes of which two fail; failures of the second batch show what successes of the first showed."""
    for number, text in enumerate((REWARDED, UNREWARDED, UNREWARDED, REWARDED), start=4 * update):
        told = world.trajectory(number, text, Verdict.SUCCESS if text == REWARDED else Verdict.FAILURE)
        prompt = "Goal: left" if text == REWARDED or update else "Goal: right"
        ledger.store(trajectory_to_message(replace(told, steps=(replace(told.steps[0], prompt=prompt),))))


def test_a_learner_with_shaped_rewards_resumes_exactly(tmp_path: Path, checkpoint: Path) -> None:
    world = World(checkpoint)
    settings = {
        "reward_model_weight": 0.5,
        "readability_weight": 0.2,
        "advantage": "group",
        "critic_epochs": 40,
        "mismatch_limit": 0.0,  # the prompts are not those that were acted on
    }
    configs = [learner_config(tmp_path / name, checkpoint, **settings) for name in ("a", "b")]
    undisturbed, ledger = resumed_learner(configs[0])
    for update in range(3):
        _store(world, ledger, update)
        undisturbed.update(ledger.waiting(4))
    for update in range(3):
        restarted, ledger = resumed_learner(configs[1])
        _store(world, ledger, update)
        restarted.update(ledger.waiting(4))
    expected = undisturbed._student.tensors()
    assert any(name.startswith("critic_adam_reward/") for name in expected)
    assert differing(expected, restarted._student.tensors()) == set()
    assert undisturbed._experience.episodes() == restarted._experience.episodes()
    told = [json.loads(line) for line in (configs[0].state / "metrics.jsonl").read_text().splitlines()]
    assert [line["reward_model_pairs"] > 0 for line in told] == [True] * 3
    failures = [steps[0].reward for steps in undisturbed._experience.episodes() if not steps[0].succeeded]
    assert failures[:2] == [0.0, 0.0]
    assert failures[2] > 0
    assert all(0 < steps[0].reward < 1 for steps in undisturbed._experience.episodes() if steps[0].succeeded)
