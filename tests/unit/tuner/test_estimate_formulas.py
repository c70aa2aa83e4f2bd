"""The estimators' arithmetic by hand, what is refused, and what no number may do."""

import math

import numpy as np
import pytest

from tuner.estimate.episodes import Episode, table_of
from tuner.estimate.estimators import pdwis, weighted_doubly_robust
from tuner.estimate.intervals import Interval, bootstrap_draws, percentiles, wilson
from tuner.estimate.overlap import OverlapRule, overlap_of, refusal
from tuner.estimate.values import MOST_WEIGHT, PRIOR, cross_fitted_values
from tuner.estimate.verdict import judge

RULE = OverlapRule()


def _episode(outcome: float, *ratios: float, task: str = "t", states: tuple[str, ...] | None = None) -> Episode:
    logs = tuple(math.log(ratio) if ratio else -math.inf for ratio in ratios)
    return Episode(task, outcome, logs, states or tuple(f"s{step}" for step in range(len(ratios))))


TWO = [_episode(1.0, 2.0, 3.0), _episode(0.5, 1.0)]


def test_an_episode_that_ended_keeps_its_weight() -> None:
    """ρ so far: [2, 6] and [1, 1]. Step 1: only the second is rewarded, 1/(2 + 1) · 0.5. Step 2: 6/(6 + 1) · 1."""
    table = table_of(TWO)
    assert table.ratios * np.exp(table.log_largest) == pytest.approx(np.array([[1, 2, 6], [1, 1, 1]]))
    assert pdwis(table)[0] == pytest.approx(1 / 3 * 0.5 + 6 / 7 * 1.0)


def test_doubly_robust_by_hand() -> None:
    """Σ w_h (r − Q̂) + w_{h−1} V̂, with Q̂ = V̂ = 0.4, 0.8 in the first and 0.2 in the second.

    Step 1: 2/3 (0 − 0.4) + 1/3 (0.5 − 0.2) + 1/2 · 0.4 + 1/2 · 0.2.  Step 2: 6/7 (1 − 0.8) + 2/3 · 0.8.
    """
    values = np.array([[0.4, 0.8], [0.2, 0.0]])
    by_hand = 2 / 3 * -0.4 + 1 / 3 * 0.3 + 0.3 + 6 / 7 * 0.2 + 2 / 3 * 0.8
    assert weighted_doubly_robust(table_of(TWO), values, values)[0] == pytest.approx(by_hand)


def test_true_values_leave_only_the_states_that_were_drawn() -> None:
    """Where Q̂ says the outcome of each last step exactly and is V̂ before it, no weight matters: mean V̂(s_1)."""
    episodes = [_episode(1.0, 9.0), _episode(0.0, 0.1), _episode(1.0, 1.0)]
    table = table_of(episodes)
    v = np.array([[0.7], [0.2], [0.6]])
    assert weighted_doubly_robust(table, table.rewards, v)[0] == pytest.approx((0.7 + 0.2 + 0.6) / 3)


def test_the_policy_that_acted_is_estimated_by_the_plain_mean() -> None:
    episodes = [_episode(outcome, *[1.0] * steps) for outcome, steps in ((1, 3), (0, 5), (0.25, 1), (1, 2))]
    assert pdwis(table_of(episodes))[0] == pytest.approx(2.25 / 4)


def test_counts_are_repeated_episodes() -> None:
    counts = np.array([[2.0, 1.0], [0.0, 3.0]])
    table = table_of(TWO)
    told = pdwis(table, counts)
    assert told[0] == pytest.approx(pdwis(table_of([TWO[0], TWO[0], TWO[1]]))[0])
    assert told[1] == pytest.approx(0.5)


def test_ratios_far_beyond_floating_point_give_the_same_as_small_ones() -> None:
    def shifted(nats: float) -> float:
        logs = ((nats, 0.0), (nats + math.log(0.5), 0.0))
        return float(pdwis(table_of([Episode("t", float(n == 0), log, ("a", "b")) for n, log in enumerate(logs)]))[0])

    assert shifted(0.0) == pytest.approx(2 / 3)
    assert shifted(5000.0) == pytest.approx(2 / 3)
    assert shifted(-5000.0) == pytest.approx(2 / 3)


def test_what_the_policy_never_writes_weighs_nothing() -> None:
    assert pdwis(table_of([_episode(1.0, 0.0), _episode(0.0, 1.0), _episode(1.0, 1.0)]))[0] == pytest.approx(0.5)
    said = judge([_episode(1.0, 0.0), _episode(0.0, 0.0)])
    assert said.refusal is not None
    assert said.overlap.effective == 0


@pytest.mark.parametrize("ratio", [math.nan, math.inf])
def test_a_ratio_that_is_no_number_is_refused(ratio: float) -> None:
    with pytest.raises(ValueError, match="no number"):
        table_of([Episode("t", 1.0, (ratio,), ("s",))])


def test_no_episode_and_an_outcome_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match="no episode"):
        table_of([])
    with pytest.raises(ValueError, match="outside"):
        table_of([_episode(1.5, 1.0)])


# --- overlap


def test_overlap_by_hand() -> None:
    """Ratios 3, 1, 1: ESS = 25/11, share = 3/5, mass = 5/3."""
    told = overlap_of(table_of([_episode(1.0, 3.0), _episode(1.0, 1.0), _episode(0.0, 1.0)]))
    assert told.effective == pytest.approx(25 / 11)
    assert told.largest_share == pytest.approx(0.6)
    assert math.exp(told.log_mass_high) == pytest.approx(5 / 3)


def test_the_worst_step_decides() -> None:
    told = overlap_of(table_of([_episode(1.0, 9.0, 1 / 9), _episode(1.0, 1.0, 1.0)]))
    assert told.effective == pytest.approx(100 / 82)  # at step 1, though both ratios are 1 in the end


@pytest.mark.parametrize(
    ("episodes", "words"),
    [
        ([_episode(1.0, 1.0)] * 10, "count as 10.0"),
        ([_episode(1.0, 1.0)] * 100 + [_episode(1.0, 25.0)], "20% of all weight"),
        ([_episode(1.0, 0.1)] * 100, "hold only 0.1 of what this policy does"),
        ([_episode(1.0, 3.0)] * 100, "whose mean is 3"),
    ],
)
def test_each_refusal_says_what_is_missing(episodes: list[Episode], words: str) -> None:
    loose = OverlapRule(least_effective=11 if len(episodes) == 10 else 5)
    told = refusal(overlap_of(table_of(episodes)), loose)
    assert told is not None
    assert words in told
    assert judge(episodes, loose).doubly_robust is None


# --- values


def test_values_by_hand() -> None:
    """Five episodes, one a fold. The first is judged by the four others, three of which were in its state.

    All and its task: (0 + 1 + 1 + 0 + 4 · 0.5) / (4 + 4) = 0.5. Its state: (0 + 1 + 1 + 4 · 0.5) / (3 + 4).
    """
    outcomes, states = (1, 0, 1, 1, 0), ("a", "a", "a", "a", "b")
    episodes = [_episode(float(o), 1.0, states=(s,)) for o, s in zip(outcomes, states, strict=True)]
    assert PRIOR == 4
    assert cross_fitted_values(episodes)[0, 0] == pytest.approx((0 + 1 + 1 + 4 * 0.5) / 7)


def test_an_episode_is_not_judged_by_itself() -> None:
    others = [_episode(0.0, 1.0), _episode(1.0, 1.0), _episode(1.0, 1.0), _episode(0.0, 1.0)]
    won, lost = (cross_fitted_values([_episode(own, 1.0), *others])[0, 0] for own in (1.0, 0.0))
    assert won == lost


def test_one_episode_counts_no_more_than_the_cut() -> None:
    """Judged by an episode of ratio 1000 that failed and one of ratio 1 that succeeded: weights 4 and 1."""
    episodes = [_episode(1.0, 1.0), _episode(0.0, 1000.0), _episode(1.0, 1.0)]
    task = overall = (1 + 4 * 0.5) / (5 + 4)
    task = (1 + 4 * overall) / 9
    assert MOST_WEIGHT == 4
    assert cross_fitted_values(episodes)[0, 0] == pytest.approx((1 + 4 * task) / 9)


# --- intervals


def test_wilson_by_hand() -> None:
    """p = 1, n = 10, z = 1.95996: low = 1 / (1 + z²/n)."""
    told = wilson(1.0, 10, 0.95)
    assert told.low == pytest.approx(1 / (1 + 1.959964**2 / 10), abs=1e-6)
    assert told.high == 1.0


def test_outcomes_that_are_all_alike_leave_room_for_the_other() -> None:
    said = judge([_episode(1.0, 1.0)] * 40)
    assert said.importance_sampling is not None
    assert said.importance_sampling.value == 1
    assert said.importance_sampling.interval.low == pytest.approx(wilson(1.0, 40, 0.95).low)


def test_the_bootstrap_spreads_as_the_mean_does() -> None:
    """For ratios of 1 the standard error is √(p(1 − p)/n) = 0.05."""
    table = table_of([_episode(float(n % 2), 1.0) for n in range(100)])
    nothing = np.zeros_like(table.rewards)
    drawn, means = bootstrap_draws(table, nothing, nothing, 2000, 0)
    assert drawn == pytest.approx(means)
    assert float(np.std(drawn)) == pytest.approx(0.05, abs=0.004)
    assert percentiles(drawn, 0.95).holds(0.5)


def test_the_same_seed_says_the_same() -> None:
    episodes = [_episode(float(n % 3 == 0), 1.0 + n / 100) for n in range(60)]
    assert judge(episodes, seed=3) == judge(episodes, seed=3)
    assert judge(episodes, seed=3) != judge(episodes, seed=4)


def test_a_better_policy_is_told_to_be_better() -> None:
    """Half take A, which succeeds, half B; the policy asked about takes A in nine of ten: ratios 1.8 and 0.2."""
    said = judge([_episode(float(n % 2), 1.8 if n % 2 else 0.2) for n in range(200)])
    assert said.doubly_robust is not None
    assert said.doubly_robust.value == pytest.approx(0.9, abs=0.01)
    assert said.doubly_robust.gain.low > 0.3
    assert said.recorded_interval.holds(0.5)
    assert Interval(0.1, 0.2).joined(Interval(0.15, 0.3)) == Interval(0.1, 0.3)
