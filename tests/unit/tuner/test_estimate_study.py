"""A sample of the study of estimates, and planted bugs it must see. The full run is `benchmarks.policy_estimate`."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.estimate_vlm import Answer, missed
from benchmarks.estimate_worlds import STEP_LIMIT, make_policy, make_world, moved, play, truth
from benchmarks.policy_estimate import answered, caught, promises, trials
from tuner.estimate.intervals import Interval

PAIRS, SEED, SIZES = 14, 5, (200,)


def test_the_truth_is_what_playing_comes_to() -> None:
    rng = np.random.default_rng(1)
    world = make_world(rng)
    policy = moved(world, make_policy(world, rng), 0.5, rng)
    played = play(world, policy, policy, 3000, rng)
    error = (0.25 / len(played)) ** 0.5
    assert np.mean([episode.outcome for episode in played]) == pytest.approx(truth(world, policy), abs=4 * error)
    assert max(len(episode.log_ratios) for episode in played) == STEP_LIMIT
    assert all(ratio == 0 for episode in played for ratio in episode.log_ratios)


def test_a_sample_of_the_study_keeps_its_promises() -> None:
    asked = trials(PAIRS, SEED, SIZES)
    assert [promise for promise in promises(asked) if not promise.holds] == []
    assert 0 < len(answered(asked)) < len(asked)


@pytest.mark.parametrize(
    "name", ["the episodes are not weighed at all", "ratios upside down", "nothing is ever refused"]
)
def test_a_planted_bug_shows(name: str) -> None:
    assert caught(name, PAIRS, SEED, SIZES)


@pytest.mark.parametrize(
    ("told", "expected"),
    [((0.5, 0.4, 0.6), 0), ((0.3, 0.2, 0.44), 1), ((0.7, 0.56, 0.8), 1), ((0.4, 0.3, 0.45), 0), (None, 0)],
)
def test_an_interval_misses_where_it_and_the_truths_do_not_meet(
    told: tuple[float, float, float] | None, expected: int
) -> None:
    answer = Answer("temperature 1", "temperature 0.7", 0, 100.0, 0.1, told, (0.5, 0.45, 0.55))
    assert missed(answer, Interval(0.45, 0.55)) == expected
