"""Optima's terms in the learner: the arithmetic, what they leave alone, and an update of the tiny checkpoint."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from agent_runtime.policy.identity import agent_defaults
from tests.learner_parts import resumed_learner
from tests.learner_world import REWARDED, UNREWARDED, World, learner_config
from tuner.ingest.ledger import Ledger
from tuner.learner.experience import Experience
from tuner.learner.feature_cache import FeatureCache
from tuner.learner.readability import LEAST_MEAN_LOG_PROB, Readability
from tuner.learner.samples import trainable_steps
from tuner.learner.shaping import optima_shape, unshaped
from tuner.learner.student import load_student

torch.set_num_threads(1)


def _stored(folder: Path, world: World, *texts: str) -> Ledger:
    folder.mkdir(parents=True, exist_ok=True)
    ledger = Ledger(folder)
    ledger.open()
    world.store(ledger, 0, texts)
    return ledger


def test_a_success_loses_by_what_it_wrote_and_a_failure_keeps_nothing(tmp_path: Path, world: World) -> None:
    """A step limit of 4 and answers of at most 40 tokens: 160. With λ₁ = 0.5 a success of n tokens is 1 − 0.5 n/160."""
    won, lost = (trainable_steps(one) for one in _stored(tmp_path, world, REWARDED, UNREWARDED).waiting(2))
    shaped = optima_shape(0.5, 40)
    tokens = len(world.token_ids(REWARDED))
    assert shaped(won)[0].reward == pytest.approx(1 - 0.5 * tokens / 160)
    assert (shaped(won)[0].succeeded, shaped(won)[0].key) == (True, won[0].key)
    assert shaped(lost)[0].reward == 0.0
    assert shaped([]) == []
    assert unshaped(won) == won


def test_a_longer_answer_than_there_can_be_never_costs_more_than_the_weight(tmp_path: Path, world: World) -> None:
    (won,) = (trainable_steps(one) for one in _stored(tmp_path, world, REWARDED).waiting(1))
    assert optima_shape(0.5, 1)(won)[0].reward == pytest.approx(0.5)
    assert optima_shape(1.0, 1)(won)[0].reward == 0.0


def test_a_success_loses_by_what_the_base_model_would_not_write(tmp_path: Path, world: World) -> None:
    """Perplexity 4, λ₂ = 0.4: 1 + 0.4/4 − 0.4 = 1 − 0.4 · (1 − 1/4) = 0.7; what it wrote comes off beside."""
    won, lost = (trainable_steps(one) for one in _stored(tmp_path, world, REWARDED, UNREWARDED).waiting(2))
    tokens = len(world.token_ids(REWARDED))
    assert optima_shape(0.0, 40, 0.4, lambda _: -math.log(4))(won)[0].reward == pytest.approx(0.7)
    both = optima_shape(0.5, 40, 0.4, lambda _: -math.log(4))(won)[0]
    assert both.reward == pytest.approx(0.7 - 0.5 * tokens / 160)
    assert both.succeeded
    assert optima_shape(0.0, 40, 0.4, lambda _: None)(won)[0].reward == 1.0
    assert optima_shape(0.0, 40, 1.0, lambda _: LEAST_MEAN_LOG_PROB)(won)[0].reward == pytest.approx(0.0, abs=1e-9)
    asked: list[object] = []
    assert optima_shape(0.5, 40, 0.4, asked.append)(lost) == lost  # type: ignore[arg-type,func-returns-value]
    assert asked == []  # a plain failure has nothing to lose: no forward pass


def test_readability_is_that_of_the_base_model_alone_computed_once_and_kept(
    tmp_path: Path, checkpoint: Path, world: World
) -> None:
    config = learner_config(tmp_path / "state", checkpoint, readability_weight=0.5)
    student = load_student(config)
    readability = student.heads.readability
    assert readability is not None
    (steps,) = (trainable_steps(one) for one in _stored(tmp_path, world, REWARDED).waiting(1))
    for parameter in student.policy.parameters:
        parameter.data.fill_(0.3)  # the adapter's own log-probs are far from these
    expected = sum(world._base[REWARDED]) / len(world._base[REWARDED])
    found = readability.mean_log_prob(steps)
    assert found == pytest.approx(expected, rel=2e-3)  # float16
    colder = [replace(steps[0], temperature=0.5, key=(9, 0), behaviour_log_probs=())]
    assert readability.mean_log_prob(colder) == found
    assert readability.computed == 1
    assert all(parameter.requires_grad for parameter in student.policy.parameters)
    other = [replace(steps[0], utterance=replace(steps[0].utterance, token_ids=world.token_ids(UNREWARDED)))]
    assert readability.mean_log_prob(other) != found
    assert readability.mean_log_prob([replace(steps[0], screenshot_png=b"none")]) is None
    readability.keep()
    folder = config.state / "learner" / "readability"
    again = Readability(student.policy, FeatureCache(folder, 1), readability._identity)
    assert again.mean_log_prob(steps) == found
    assert again.computed == 0


def test_what_is_recalled_is_shaped_as_what_was_taken(tmp_path: Path, world: World) -> None:
    batch = _stored(tmp_path, world, REWARDED, UNREWARDED).waiting(2)
    taken, recalled = (Experience(10, 0.9, shape=optima_shape(0.5, 40)) for _ in range(2))
    taken.take(batch)
    recalled.recall(batch)
    assert taken.episodes() == recalled.episodes()
    assert taken.baseline.value("two/choices") == pytest.approx(taken.episodes()[0][0].reward / 2)


def test_an_update_learns_from_the_shaped_reward(tmp_path: Path, checkpoint: Path, world: World) -> None:
    config = learner_config(tmp_path / "state", checkpoint, length_weight=0.5)
    learner, ledger = resumed_learner(config)
    world.store(ledger, 0, [REWARDED, UNREWARDED] * 2)
    learner.update(ledger.waiting(4))
    told = json.loads((config.state / "metrics.jsonl").read_text().splitlines()[-1])
    most = 4 * agent_defaults(checkpoint).max_new_tokens
    assert told["batch_reward"] == pytest.approx(0.5 * (1 - 0.5 * len(world.token_ids(REWARDED)) / most))
    assert told["batch_success_rate"] == 0.5


def test_an_update_learns_from_the_reward_that_reading_well_leaves(
    tmp_path: Path, checkpoint: Path, world: World
) -> None:
    config = learner_config(tmp_path / "state", checkpoint, readability_weight=0.5)
    learner, ledger = resumed_learner(config)
    world.store(ledger, 0, [REWARDED, UNREWARDED] * 2)
    learner.update(ledger.waiting(4))
    told = json.loads((config.state / "metrics.jsonl").read_text().splitlines()[-1])
    reads = math.exp(sum(world._base[REWARDED]) / len(world._base[REWARDED]))  # 1 / perplexity
    assert told["batch_reward"] == pytest.approx(0.5 * (1 - 0.5 * (1 - reads)), rel=1e-3)
    assert told["batch_success_rate"] == 0.5
    assert list((config.state / "learner" / "readability").iterdir())
