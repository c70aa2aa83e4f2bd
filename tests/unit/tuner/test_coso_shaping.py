"""Optima's terms and ARMAP's loss, by hand."""

from __future__ import annotations

import math

import pytest
import torch

from tuner.coso.critic import SuccessClassifier
from tuner.coso.shaping import optima_reward, pairwise_loss, perplexity


def test_optima_by_hand() -> None:
    """1 − 0.5 · 30/120 + 0.2/4 = 1 − 0.125 + 0.05 = 0.925."""
    assert optima_reward(1.0, 30, 120, 4.0, 0.5, 0.2) == pytest.approx(0.925)
    assert optima_reward(1.0, 30, 120, 4.0, 0.0, 0.0) == 1.0


def test_perplexity_by_hand() -> None:
    """Two tokens of 1/2 and 1/8: exp((ln 2 + ln 8)/2) = √16 = 4."""
    assert perplexity([-math.log(2), -math.log(8)]) == pytest.approx(4.0)
    assert perplexity([0.0]) == 1.0


@pytest.mark.parametrize("bad", [(1.0, 5, 4, 2.0), (1.0, -1, 4, 2.0), (1.0, 0, 0, 2.0), (1.0, 1, 4, 0.5)])
def test_what_cannot_be_is_refused(bad: tuple[float, int, int, float]) -> None:
    with pytest.raises(ValueError, match="expected"):
        optima_reward(*bad, 0.1, 0.1)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_what_is_no_number_is_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="Got"):
        optima_reward(bad, 1, 4, 2.0, 0.1, 0.1)
    with pytest.raises(ValueError, match="Got"):
        optima_reward(1.0, 1, 4, bad, 0.1, 0.1)
    with pytest.raises(ValueError, match="Got"):
        perplexity([-bad])
    with pytest.raises(ValueError, match="no log-probs"):
        perplexity([])


def test_pairwise_loss_by_hand() -> None:
    """−ln σ(2) = ln(1 + e⁻²) = 0.126928; −ln σ(0) = ln 2."""
    found = pairwise_loss(torch.tensor([3.0, 1.0]), torch.tensor([1.0, 1.0]))
    torch.testing.assert_close(found, torch.tensor((math.log(1 + math.exp(-2)) + math.log(2)) / 2))


def test_pairwise_loss_has_the_gradients_of_finite_differences() -> None:
    pair = [torch.randn(5, dtype=torch.float64, requires_grad=True) for _ in range(2)]
    assert torch.autograd.gradcheck(pairwise_loss, pair)


def test_a_head_on_frozen_features_learns_the_order_of_pairs() -> None:
    torch.manual_seed(0)
    features = torch.randn(64, 8)
    worth = features[:, 0]
    better, worse = features[worth > 0.3][:20], features[worth < -0.3][:20]
    count = min(len(better), len(worse))
    head = SuccessClassifier(8)
    optimizer = torch.optim.AdamW(head.parameters(), lr=1e-2)
    for _ in range(60):
        loss = pairwise_loss(head(better[:count]), head(worse[:count]))
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
    unseen = torch.randn(200, 8)
    said, truth = head(unseen) > 0, unseen[:, 0] > 0
    assert (head(unseen)[truth].mean() > head(unseen)[~truth].mean()).item()
    assert said.float().std() > 0
