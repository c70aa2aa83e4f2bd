"""Step weights: the arithmetic of outcome, baseline and discount."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuner.coso.advantage import SUCCESS_FLOOR, SuccessBaseline, step_weights


def test_the_baseline_is_the_mean_at_first() -> None:
    baseline = SuccessBaseline(rate=0.1)
    for reward in (1.0, 0.0, 0.0, 1.0):
        baseline.update("settings", reward)
    assert baseline.value("settings") == pytest.approx(0.5)
    assert baseline.value("never seen") == 0.0


def test_the_baseline_forgets_exponentially_later() -> None:
    baseline = SuccessBaseline(rate=0.5, values={"a": 0.4}, counts={"a": 10})
    baseline.update("a", 1.0)
    assert baseline.value("a") == pytest.approx(0.7)  # 0.4 + 0.5 · (1 − 0.4)


def test_a_success_counts_less_the_more_steps_followed() -> None:
    # λ = 0.5, b = 0.05: 0.25 − 0.05, 0.5 − 0.05, 1 − 0.05
    assert step_weights(1.0, 3, 0.05, 0.5) == pytest.approx((0.2, 0.45, 0.95))


def test_a_mastered_task_keeps_the_floor() -> None:
    assert step_weights(1.0, 2, 1.0, 0.9) == (SUCCESS_FLOOR, SUCCESS_FLOOR)


def test_a_shorter_success_weighs_more_at_its_first_step() -> None:
    assert step_weights(1.0, 2, 0.2, 0.9)[0] > step_weights(1.0, 6, 0.2, 0.9)[0]


def test_a_failure_weighs_nothing_unless_negative_weights_are_asked_for() -> None:
    assert step_weights(0.0, 3, 0.5, 0.9) == (0.0, 0.0, 0.0)
    assert step_weights(0.0, 2, 0.5, 0.9, negative_ceiling=0.1) == (-0.1, -0.1)
    assert step_weights(0.0, 1, 0.05, 0.9, negative_ceiling=0.1) == (-0.05,)


@pytest.mark.parametrize("reward", [math.nan, math.inf, -1.0, 1e30])
def test_a_reward_that_is_no_share_is_refused(reward: float) -> None:
    with pytest.raises(ValueError, match="expected shares"):
        step_weights(reward, 1, 0.0, 0.9)


@given(st.floats(0, 1), st.integers(1, 40), st.floats(0, 1), st.floats(0.01, 1))
def test_weights_are_finite_and_bounded(reward: float, steps: int, baseline: float, discount: float) -> None:
    weights = step_weights(reward, steps, baseline, discount)
    assert len(weights) == steps
    assert all(0 <= weight <= 1 for weight in weights)


def test_the_state_survives_a_round_trip() -> None:
    baseline = SuccessBaseline()
    baseline.update("a", 1.0)
    copy = SuccessBaseline()
    copy.load(baseline.state())
    assert copy == baseline
