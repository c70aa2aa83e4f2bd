"""The study's statistics against numbers worked out by hand."""

import numpy as np
import pytest

from benchmarks.learning_study.statistics import (
    bootstrapped,
    bootstrapped_pairs,
    difference_of_means,
    interquartile_mean,
    probability_of_improvement,
    ratio_of_means,
    steps_to,
)


def test_the_interquartile_mean_leaves_a_quarter_out_at_either_end() -> None:
    assert interquartile_mean(np.array([[8.0, 1.0], [3.0, 4.0], [5.0, 6.0], [7.0, 2.0]])) == pytest.approx(4.5)
    assert interquartile_mean(np.array([[0.0], [0.0], [0.0], [100.0]])) == 0.0


def test_of_six_scores_one_is_left_out_at_either_end() -> None:
    assert interquartile_mean(np.array([[0.0, 1.0, 2.0], [3.0, 4.0, 95.0]])) == pytest.approx(2.5)


def test_the_probability_of_improvement_counts_a_tie_for_half() -> None:
    ours, theirs = np.array([[1.0], [2.0]]), np.array([[1.0], [3.0]])
    assert probability_of_improvement(ours, theirs) == pytest.approx(1.5 / 4)  # a tie and a win of four pairs


def test_the_probability_of_improvement_is_a_mean_over_tasks() -> None:
    ours, theirs = np.array([[1.0, 0.0], [1.0, 0.0]]), np.array([[0.0, 0.0], [0.0, 1.0]])
    assert probability_of_improvement(ours, theirs) == pytest.approx((1.0 + 0.25) / 2)


def test_a_difference_kept_by_pairs_is_not_blurred_by_what_the_pairs_share() -> None:
    theirs = np.array([[0.1], [0.5], [0.9]])
    found = bootstrapped_pairs(difference_of_means, [theirs + 0.2, theirs], resamplings=100)
    assert (found.low, found.value, found.high) == pytest.approx((0.2, 0.2, 0.2))


def test_two_runs_drawn_again_span_both_of_them() -> None:
    found = bootstrapped(lambda scores: float(scores.mean()), [np.array([[0.0], [1.0]])], resamplings=400)
    assert (found.low, found.value, found.high) == (0.0, 0.5, 1.0)  # means 0, 1/2, 1 with shares 1/4, 1/2, 1/4


def test_tasks_are_drawn_again_each_on_its_own() -> None:
    scores = np.array([[0.0, 10.0], [0.0, 10.0]])
    found = bootstrapped(lambda drawn: float(drawn[:, 1].mean() - drawn[:, 0].mean()), [scores], resamplings=50)
    assert (found.low, found.high) == (10.0, 10.0)


def test_pairs_stay_together() -> None:
    ours = np.array([[1.0], [10.0], [100.0]])
    paired = bootstrapped_pairs(ratio_of_means, [ours, 2 * ours], resamplings=200)
    assert (paired.low, paired.value, paired.high) == (0.5, 0.5, 0.5)
    apart = bootstrapped(ratio_of_means, [ours, 2 * ours], resamplings=200)
    assert apart.high > 0.5


def test_a_threshold_counts_once_two_measurements_in_a_row_are_above_it() -> None:
    curve = [(0.0, 0.1), (10.0, 0.6), (20.0, 0.4), (30.0, 0.5), (40.0, 0.9)]
    assert steps_to(curve, 0.5, 50.0) == 30.0
    assert steps_to(curve, 0.9, 50.0) == 40.0
    assert steps_to(curve, 0.95, 50.0) == 50.0
