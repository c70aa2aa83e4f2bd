"""DigiRL's filters, each against arithmetic done by hand."""

import pytest
import torch

from tuner.coso.filters import digirl_step_advantages, instruction_advantages, kept_episodes, kept_steps

F64 = torch.float64


def test_step_advantages_of_a_success() -> None:
    # H = 3, λ = 0.5, r = 0, 0, 1; V = 0.2, 0.5, 0.4, 1
    # λ^(H−h)·r_H = 0.25, 0.5, 1;  V' + r − V = 0.3, −0.1, 1.6
    # 0.25 + 0.75·0.3 = 0.475;  0.5 + 0.5·−0.1 = 0.45;  1 + 0·1.6 = 1
    values = torch.tensor([0.2, 0.5, 0.4, 1.0], dtype=F64)
    found = digirl_step_advantages(torch.tensor([0, 0, 1], dtype=F64), values, 0.5)
    assert found.tolist() == pytest.approx([0.475, 0.45, 1.0])


def test_in_a_failure_the_critic_alone_decides() -> None:
    values = torch.tensor([0.2, 0.5, 0.4], dtype=F64)
    found = digirl_step_advantages(torch.zeros(2, dtype=F64), values, 0.5)
    assert found.tolist() == pytest.approx([0.3, -0.1])


@pytest.mark.parametrize(("horizon", "kept"), [(10, [False, False, True]), (20, [False, True, True])])
def test_the_bar_is_one_over_the_horizon(horizon: int, kept: list[bool]) -> None:
    assert kept_steps(torch.tensor([0.05, 0.1, 0.2], dtype=F64), horizon).tolist() == kept


def test_instruction_advantages_are_outcome_minus_value() -> None:
    assert instruction_advantages([1.0, 0.0], [0.25, 0.5]) == [0.75, -0.5]


def test_the_top_share_is_kept_and_of_equals_the_earlier() -> None:
    advantages = [0.1, 0.9, 0.5, 0.9, 0.5, 0.0, 0.0, 0.0, 0.0, 0.0]
    assert [place for place, kept in enumerate(kept_episodes(advantages, 0.1)) if kept] == [1]
    assert [place for place, kept in enumerate(kept_episodes(advantages, 0.3)) if kept] == [1, 2, 3]
    assert all(kept_episodes(advantages, 1.0))


def test_one_episode_is_kept_at_least_and_none_of_none() -> None:
    assert kept_episodes([-1.0, -2.0], 0.1) == [True, False]
    assert kept_episodes([], 0.1) == []
    with pytest.raises(ValueError, match="share"):
        kept_episodes([1.0], 0.0)


def test_wrong_shapes_are_refused_first() -> None:
    with pytest.raises(AssertionError):
        digirl_step_advantages(torch.zeros(3), torch.zeros(3), 0.5)
