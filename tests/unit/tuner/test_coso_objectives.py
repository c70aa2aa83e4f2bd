"""The losses, each against arithmetic done by hand."""

import math

import pytest
import torch

from tuner.coso.objectives import (
    awr_loss,
    causal_entropy,
    coso_loss,
    sequence_log_probs,
    token_log_probs_and_entropies,
    truncated_importance,
)

MASK = torch.tensor([[1, 1, 0], [1, 1, 1]])


def test_entropy_of_two_equal_choices_is_log_two_and_of_one_is_zero() -> None:
    logits = torch.tensor([[[0.0, 0.0], [50.0, -50.0]]])
    assert token_log_probs_and_entropies(logits, torch.zeros(1, 2).long())[1][0].tolist() == pytest.approx(
        [math.log(2), 0.0], abs=1e-6
    )


def test_token_log_probs_are_of_the_tokens_written() -> None:
    # softmax([0, log 3]) = [1/4, 3/4]
    logits = torch.tensor([[[0.0, math.log(3)], [0.0, math.log(3)]]])
    found = token_log_probs_and_entropies(logits, torch.tensor([[0, 1]]))[0]
    assert found[0].exp().tolist() == pytest.approx([0.25, 0.75])


def test_awr_is_the_mean_over_utterances_of_weight_times_log_prob() -> None:
    log_probs = torch.tensor([[-1.0, -2.0, -99.0], [-0.5, -0.5, -1.0]])
    # sequences: −3 and −2; −(0.5 · −3 + 1 · −2) / 2 = 1.75
    assert awr_loss(log_probs, torch.tensor([0.5, 1.0]), MASK).item() == pytest.approx(1.75)


def test_causal_entropy_is_the_mean_over_utterances_of_the_weighted_sum() -> None:
    entropies = torch.tensor([[1.0, 2.0, 9.0], [0.5, 0.0, 1.0]])
    weights = torch.tensor([[0.1, 0.5, 1.0], [1.0, 1.0, 0.25]])
    # (0.1 + 1.0) and (0.5 + 0 + 0.25); (1.1 + 0.75) / 2 = 0.925
    assert causal_entropy(entropies, weights, MASK).item() == pytest.approx(0.925)


def test_the_total_subtracts_alpha_times_the_entropy() -> None:
    log_probs = torch.full((2, 3), -1.0)
    ones = torch.ones(2, 3)
    loss = coso_loss(log_probs, torch.ones(2), ones, ones, MASK, alpha=0.2)
    # policy (2 + 3) / 2 = 2.5, entropy (2 + 3) / 2 = 2.5, total 2.5 − 0.2 · 2.5 = 2
    assert loss.total.item() == pytest.approx(2.0)


def test_padding_never_reaches_loss_or_gradient_even_when_it_is_infinite() -> None:
    log_probs = torch.tensor([[-1.0, -torch.inf]], requires_grad=True)
    mask = torch.tensor([[1, 0]])
    loss = awr_loss(log_probs, torch.ones(1), mask)
    torch.autograd.backward(loss)
    assert loss.item() == pytest.approx(1.0)
    assert log_probs.grad is not None
    assert log_probs.grad.tolist() == [[-1.0, 0.0]]


def test_one_utterances_length_does_not_touch_anothers_gradient() -> None:
    # the released code divides every sample by every other sample's length
    log_probs = torch.zeros(2, 3, requires_grad=True)
    torch.autograd.backward(awr_loss(log_probs, torch.ones(2), MASK))
    assert log_probs.grad is not None
    assert log_probs.grad.tolist() == [[-0.5, -0.5, 0.0], [-0.5, -0.5, -0.5]]


def test_weights_carry_no_gradient() -> None:
    weights = torch.ones(2, 3, requires_grad=True)
    entropies = torch.ones(2, 3, requires_grad=True)
    torch.autograd.backward(causal_entropy(entropies, weights, MASK))
    assert weights.grad is None


def test_wrong_shapes_are_refused_first() -> None:
    with pytest.raises(AssertionError):
        awr_loss(torch.zeros(2, 3), torch.ones(2, 1), MASK)
    with pytest.raises(AssertionError):
        causal_entropy(torch.zeros(2, 3), torch.ones(3), MASK)
    with pytest.raises(AssertionError):
        sequence_log_probs(torch.zeros(2, 3), torch.ones(2, 2))


def test_importance_is_the_ratio_cut_at_the_ceiling() -> None:
    now = torch.tensor([math.log(0.2), math.log(0.8), math.log(0.5)])
    then = torch.tensor([math.log(0.4), math.log(0.1), math.log(0.5)])
    assert truncated_importance(now, then, 2.0).tolist() == pytest.approx([0.5, 2.0, 1.0])
