"""Credit: GAE, BAD and groups against numbers worked out by hand and against sums written out in full."""

import math
from collections.abc import Hashable, Sequence

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tuner.coso.credit import (
    Visited,
    bad_advantages,
    bad_targets,
    gae,
    gigpo_advantages,
    group_advantage,
)

torch.set_num_threads(1)
F64 = torch.float64
numbers = st.floats(-3, 3)
shares = st.floats(0, 1)


def _row(*values: float) -> torch.Tensor:
    return torch.tensor([values], dtype=F64)


def test_gae_by_hand() -> None:
    # γ = 0.5, λ = 0.5, V = 1, 2, 4, then 0; r = 0, 0, 1
    # δ: 0 + 0.5·2 − 1 = 0;  0 + 0.5·4 − 2 = 0;  1 + 0 − 4 = −3
    # A_3 = −3;  A_2 = 0 + 0.25·−3 = −0.75;  A_1 = 0 + 0.25·−0.75 = −0.1875
    found = gae(_row(0, 0, 1), _row(1, 2, 4), torch.zeros(1, dtype=F64), torch.ones(1, 3), 0.5, 0.5)
    assert found.tolist() == [[-0.1875, -0.75, -3.0]]


def test_a_row_that_was_cut_off_bootstraps_from_the_last_value() -> None:
    # one step: 1 + 0.9 · 10 − 4 = 6
    found = gae(_row(1), _row(4), torch.tensor([10.0], dtype=F64), torch.ones(1, 1), 0.9, 0.95)
    assert found.item() == pytest.approx(6.0)


def test_lambda_zero_is_the_td_error_and_lambda_one_the_return_minus_the_value() -> None:
    rewards, values, last = _row(1, 2, 3), _row(0.5, 0.5, 0.5), torch.zeros(1, dtype=F64)
    errors = gae(rewards, values, last, torch.ones(1, 3), 0.5, 0.0)
    assert errors.tolist() == [[0.75, 1.75, 2.5]]  # r + 0.5 · 0.5 − 0.5, and 3 − 0.5
    returns = gae(rewards, values, last, torch.ones(1, 3), 0.5, 1.0)
    # 1 + 0.5·2 + 0.25·3 − 0.5 = 2.25; 2 + 0.5·3 − 0.5 = 3; 2.5
    assert returns.tolist() == [[2.25, 3.0, 2.5]]


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(numbers, numbers), min_size=1, max_size=7), numbers, shares, shares, st.integers(0, 3))
def test_gae_is_the_sum_written_out_whatever_the_padding(
    steps: list[tuple[float, float]], last: float, discount: float, gae_lambda: float, padding: int
) -> None:
    rewards, values = [r for r, _ in steps], [v for _, v in steps]
    behind = [*values[1:], last]
    deltas = [r + discount * n - v for r, n, v in zip(rewards, behind, values, strict=True)]
    expected = [
        sum((discount * gae_lambda) ** (later - h) * deltas[later] for later in range(h, len(steps)))
        for h in range(len(steps))
    ]
    pad = [math.nan] * padding
    mask = _row(*[1.0] * len(steps), *[0.0] * padding)
    found = gae(_row(*rewards, *pad), _row(*values, *pad), torch.tensor([last], dtype=F64), mask, discount, gae_lambda)
    assert found[0, : len(steps)].tolist() == pytest.approx(expected, abs=1e-9)
    assert not found[0, len(steps) :].any()


# ---- BAD


def test_bad_targets_by_hand() -> None:
    # two actions of 3 and 1 tokens; γ = 0.9; V before each token
    values = torch.tensor([[1.0, 2.0, 3.0], [5.0, 99.0, 99.0]], dtype=F64)
    mask = torch.tensor([[1, 1, 1], [1, 0, 0]])
    found = bad_targets(torch.tensor([0.5, 1.0], dtype=F64), values, torch.tensor(0.0, dtype=F64), mask, 0.9)
    # inside: V(2) = 2 and V(3) = 3, undiscounted; last of the first: 0.5 + 0.9·5 = 5; last of all: 1 + 0
    torch.testing.assert_close(found, torch.tensor([[2.0, 3.0, 5.0], [1.0, 0.0, 0.0]], dtype=F64))


def test_bad_advantages_by_hand() -> None:
    # the same; δ = 1, 1, 2 and −4; λ = 0.5, γλ = 0.45
    # −4;  2 + 0.45·−4 = 0.2;  1 + 0.5·0.2 = 1.1;  1 + 0.5·1.1 = 1.55
    values = torch.tensor([[1.0, 2.0, 3.0], [5.0, 99.0, 99.0]], dtype=F64)
    mask = torch.tensor([[1, 1, 1], [1, 0, 0]])
    rewards = torch.tensor([0.5, 1.0], dtype=F64)
    found = bad_advantages(rewards, values, torch.tensor(0.0, dtype=F64), mask, 0.9, 0.5)
    torch.testing.assert_close(found, torch.tensor([[1.55, 1.1, 0.2], [-4.0, 0.0, 0.0]], dtype=F64))


actions = st.lists(st.tuples(numbers, st.lists(numbers, min_size=1, max_size=4)), min_size=1, max_size=4)


def _tables(episode: list[tuple[float, list[float]]], padding: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    width = max(len(values) for _, values in episode) + padding
    rows = [values + [math.nan] * (width - len(values)) for _, values in episode]
    mask = [[place < len(values) for place in range(width)] for _, values in episode]
    return torch.tensor([r for r, _ in episode], dtype=F64), torch.tensor(rows, dtype=F64), torch.tensor(mask)


@settings(deadline=None, max_examples=60)
@given(actions, numbers, shares, shares, st.integers(0, 2))
def test_bad_is_gae_over_the_chain_of_tokens_whatever_the_padding(
    episode: list[tuple[float, list[float]]], last: float, discount: float, gae_lambda: float, padding: int
) -> None:
    chain = [value for _, values in episode for value in values] + [last]
    ends = {sum(len(values) for _, values in episode[: count + 1]) - 1: count for count in range(len(episode))}
    fades = [discount if place in ends else 1.0 for place in range(len(chain) - 1)]
    gains = [episode[ends[place]][0] if place in ends else 0.0 for place in range(len(chain) - 1)]
    deltas = [gains[p] + fades[p] * chain[p + 1] - chain[p] for p in range(len(chain) - 1)]
    expected = [
        sum(
            math.prod(gae_lambda * fade for fade in fades[place:later]) * deltas[later]
            for later in range(place, len(deltas))
        )
        for place in range(len(deltas))
    ]
    rewards, values, mask = _tables(episode, padding)
    found = bad_advantages(rewards, values, torch.tensor(last, dtype=F64), mask, discount, gae_lambda)
    assert found[mask].tolist() == pytest.approx(expected, abs=1e-9)
    assert not found[~mask].any()


def test_with_one_token_a_step_bad_is_gae() -> None:
    rewards, values = torch.tensor([0.0, 1.0, 2.0], dtype=F64), torch.tensor([0.3, 0.2, 0.9], dtype=F64)
    last = torch.tensor(0.4, dtype=F64)
    tokens = bad_advantages(rewards, values.unsqueeze(1), last, torch.ones(3, 1), 0.9, 0.95)
    steps = gae(rewards.unsqueeze(0), values.unsqueeze(0), last.unsqueeze(0), torch.ones(1, 3), 0.9, 0.95)
    torch.testing.assert_close(tokens[:, 0], steps[0])


def test_the_wording_of_an_action_is_not_discounted_away() -> None:
    # λ = 1, V = 0: every token of an action gets its action's whole return, however long the action is
    mask = torch.ones(2, 9)
    rewards, zero = torch.tensor([0.0, 1.0], dtype=F64), torch.tensor(0.0, dtype=F64)
    found = bad_advantages(rewards, torch.zeros(2, 9, dtype=F64), zero, mask, 0.5, 1.0)
    assert found.tolist() == [[0.5] * 9, [1.0] * 9]


def test_a_step_without_a_token_or_with_a_hole_is_refused() -> None:
    zeros, zero = torch.zeros(2, 2), torch.tensor(0.0)
    for mask in (torch.tensor([[1, 1], [0, 0]]), torch.tensor([[0, 1], [1, 0]])):
        with pytest.raises(AssertionError):
            bad_targets(torch.zeros(2), zeros, zero, mask, 0.9)
    with pytest.raises(AssertionError):
        gae(torch.zeros(1, 2), torch.zeros(1, 3), torch.zeros(1), torch.ones(1, 2), 0.9, 0.9)


# ---- groups


def group_advantages(rewards: Sequence[float], groups: Sequence[Hashable]) -> list[float]:
    """Return every episode's advantage in its group."""
    members = [[reward for reward, other in zip(rewards, groups, strict=True) if other == own] for own in groups]
    return [group_advantage(reward, group) for reward, group in zip(rewards, members, strict=True)]


def test_a_group_is_standardised_with_its_own_mean_and_deviation() -> None:
    # 1, 0, 0, 0: mean 1/4, variance 3/16; (3/4) / (√3/4) = √3, (−1/4) / (√3/4) = −1/√3
    expected = [math.sqrt(3)] + 3 * [-1 / math.sqrt(3)]
    assert group_advantages([1, 0, 0, 0], ["a"] * 4) == pytest.approx(expected)


def test_groups_do_not_touch_each_other() -> None:
    found = group_advantages([1, 5, 0, 7], ["a", "b", "a", "b"])
    assert found == pytest.approx([1, -1, -1, 1])


@pytest.mark.parametrize("rewards", [[1.0], [0.0], [0.0, 0.0, 0.0], [1.0, 1.0], [0.1, 0.1, 0.1]])
def test_a_group_of_one_and_one_without_a_difference_say_nothing(rewards: list[float]) -> None:
    assert group_advantages(rewards, ["a"] * len(rewards)) == [0.0] * len(rewards)


@given(st.lists(st.floats(0, 1), min_size=2, max_size=9))
def test_a_groups_advantages_have_mean_zero_and_deviation_one(rewards: list[float]) -> None:
    found = group_advantages(rewards, [0] * len(rewards))
    assert sum(found) == pytest.approx(0, abs=1e-6)
    if max(rewards) - min(rewards) > 1e-6:
        assert sum(value**2 for value in found) / len(found) == pytest.approx(1)


def test_nobody_is_no_group() -> None:
    with pytest.raises(ValueError, match="nobody"):
        group_advantage(1.0, [])


# ---- GiGPO


def test_gigpo_by_hand() -> None:
    # γ = 0.5, ω = 0.5; a success that goes a, b and a failure that goes a, a, c
    # A_E: mean 1/2, deviation 1/2: 1 and −1
    # returns: 0.5·1 = 0.5, 1 and 0, 0, 0.  At a: 0.5, 0, 0: mean 1/6, variance (1/9 + 1/36 + 1/36)/3 = 1/18
    # A_S there: (1/3)·√18 = √2 and (−1/6)·√18 = −√2/2 twice; b and c were visited once: 0
    group = [Visited(1.0, ("a", "b")), Visited(0.0, ("a", "a", "c"))]
    assert gigpo_advantages(group, 0, 0.5, 0.5) == pytest.approx((1 + math.sqrt(2) / 2, 1.0))
    assert gigpo_advantages(group, 1, 0.5, 0.5) == pytest.approx((-1 - math.sqrt(2) / 4, -1 - math.sqrt(2) / 4, -1.0))


def test_gigpo_tells_a_detour_from_the_short_way_where_all_succeed() -> None:
    # γ = 0.5, ω = 1; all rewards 1, so A_E = 0.  From a: 1 in one step, and 0.5 by way of b: ± 1
    group = [Visited(1.0, ("a",)), Visited(1.0, ("a", "b"))]
    assert gigpo_advantages(group, 0, 0.5, 1.0) == pytest.approx((1.0,))
    assert gigpo_advantages(group, 1, 0.5, 1.0) == pytest.approx((-1.0, 0.0))


def test_states_that_are_not_known_meet_nobody() -> None:
    group = [Visited(1.0, (None, "b")), Visited(0.0, (None, None))]
    assert gigpo_advantages(group, 0, 0.5, 3.0) == (1.0, 1.0)
    assert gigpo_advantages(group, 1, 0.5, 3.0) == (-1.0, -1.0)


visited = st.builds(Visited, shares, st.lists(st.sampled_from(["a", "b", "c", None]), min_size=1, max_size=6))


@settings(deadline=None, max_examples=100)
@given(st.lists(visited, min_size=1, max_size=5), st.floats(0.1, 1), st.floats(0.0, 3.0))
def test_gigpo_is_two_levels_of_groups_added(group: list[Visited], discount: float, step_weight: float) -> None:
    places = [(i, h) for i, episode in enumerate(group) for h in range(len(episode.states))]
    returns = [group[i].reward * discount ** (len(group[i].states) - 1 - h) for i, h in places]
    # a state that is not known is one of its own
    states = [group[i].states[h] or (i, h) for i, h in places]
    macro = group_advantages([episode.reward for episode in group], ["one"] * len(group))
    micro = group_advantages(returns, states)
    expected = [macro[i] + step_weight * of_step for (i, _), of_step in zip(places, micro, strict=True)]
    found = [value for i in range(len(group)) for value in gigpo_advantages(group, i, discount, step_weight)]
    assert found == pytest.approx(expected, abs=1e-5)
