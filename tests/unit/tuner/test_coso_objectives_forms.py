"""PPO, cloning, and the entropy term: by hand, against finite differences, and to the bit where α is 0."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from tuner.coso.objectives import (
    RATIO_LIMIT_NATS,
    awr_loss,
    bc_loss,
    clipped_surrogate,
    coso_loss,
    importance_ratio,
    ppo_loss,
    sequence_log_probs,
    thought_scaled,
    token_log_probs_and_entropies,
    token_ppo_loss,
    with_entropy,
)

torch.set_num_threads(1)
MASK = torch.tensor([[1, 1, 0], [1, 1, 1]])


def test_thought_tokens_count_lambda_and_action_tokens_one() -> None:
    log_probs = torch.tensor([[-1.0, -2.0, -4.0]])
    scaled = thought_scaled(log_probs, torch.tensor([[True, True, False]]), 0.2)
    # 0.2 · (−1 − 2) − 4 = −4.6
    assert sequence_log_probs(scaled, torch.ones(1, 3)).item() == pytest.approx(-4.6)


def test_lambda_of_one_changes_no_bit() -> None:
    log_probs = torch.randn(3, 5, generator=torch.Generator().manual_seed(0))
    assert torch.equal(thought_scaled(log_probs, log_probs > 0, 1.0), log_probs)


@pytest.mark.parametrize(
    ("ratio", "advantage", "expected"),
    [
        (1.0, 2.0, -2.0),
        (1.5, 2.0, -2.2),  # −min(3, 1.1 · 2)
        (0.5, 2.0, -1.0),  # −min(1, 1.8): a pessimist keeps the smaller
        (1.5, -2.0, 3.0),  # −min(−3, −2.2)
        (0.5, -2.0, 1.8),  # −min(−1, 0.9 · −2)
        (0.5, 0.0, 0.0),
    ],
)
def test_the_clipped_surrogate_by_hand(ratio: float, advantage: float, expected: float) -> None:
    found = clipped_surrogate(torch.tensor([ratio]), torch.tensor([advantage]), 0.1)
    assert found.item() == pytest.approx(expected)


def test_ppo_is_the_mean_over_utterances() -> None:
    now = torch.tensor([math.log(0.6), math.log(0.2)])
    old = torch.tensor([math.log(0.4), math.log(0.4)])
    # ρ = 1.5 and 0.5, A = 1 and −1, ε = 0.2: −(min(1.5, 1.2) + min(−0.5, −0.8)) / 2 = −(1.2 − 0.8) / 2
    assert ppo_loss(now, old, torch.tensor([1.0, -1.0]), 0.2).item() == pytest.approx(-0.2)


def test_at_the_old_policy_ppo_has_the_gradient_of_plain_policy_gradient() -> None:
    log_prob = torch.tensor([-3.0, -1.0], requires_grad=True)
    torch.autograd.backward(ppo_loss(log_prob, log_prob.detach().clone(), torch.tensor([2.0, -4.0]), 0.1))
    assert log_prob.grad is not None
    assert log_prob.grad.tolist() == [-1.0, 2.0]  # −A/B


def test_a_ratio_beyond_the_clip_has_no_gradient_and_one_on_the_wrong_side_keeps_it() -> None:
    # ρ = e^0.5: with A > 0 far enough already; with A < 0 it is to come back
    log_prob = torch.tensor([0.5, 0.5], requires_grad=True)
    torch.autograd.backward(ppo_loss(log_prob, torch.zeros(2), torch.tensor([1.0, -1.0]), 0.1))
    assert log_prob.grad is not None
    assert log_prob.grad.tolist() == pytest.approx([0.0, math.exp(0.5) / 2])


def test_a_ratio_that_would_overflow_stays_finite_and_so_does_its_gradient() -> None:
    log_prob = torch.tensor([500.0, -500.0], requires_grad=True)
    loss = ppo_loss(log_prob, torch.zeros(2), torch.tensor([1.0, 1.0]), 0.1)
    torch.autograd.backward(loss)
    assert log_prob.grad is not None
    assert log_prob.grad.tolist() == [0.0, 0.0]
    # −(1.1 + e^−20) / 2
    assert loss.item() == pytest.approx(-(1.1 + math.exp(-RATIO_LIMIT_NATS)) / 2)


def test_token_ppo_is_the_mean_over_the_tokens_of_the_batch() -> None:
    now = torch.tensor([[0.0, math.log(2), 9.0], [0.0, 0.0, math.log(0.5)]])
    advantages = torch.tensor([[1.0, 1.0, 9.0], [2.0, -1.0, 1.0]])
    # ρA clipped at ε = 0.5: 1, min(2, 1.5); 2, −1, min(0.5, 0.5): −(1 + 1.5 + 2 − 1 + 0.5) / 5
    assert token_ppo_loss(now, torch.zeros(2, 3), advantages, MASK, 0.5).item() == pytest.approx(-0.8)


def test_cloning_is_the_log_likelihood_of_what_was_kept() -> None:
    log_probs = torch.tensor([[-1.0, -2.0, -99.0], [-0.5, -0.5, -1.0]])
    # the first is kept: −(−3) / 2
    assert bc_loss(log_probs, torch.tensor([True, False]), MASK).item() == pytest.approx(1.5)


def test_entropy_none_uniform_and_causal_are_one_argument() -> None:
    entropies = torch.tensor([[1.0, 2.0, 9.0], [0.5, 0.0, 1.0]])
    weights = torch.tensor([[0.1, 0.5, 1.0], [1.0, 1.0, 0.25]])
    policy = torch.tensor(2.0)
    found = [with_entropy(policy, entropies, causal, MASK, 0.1) for causal in (None, torch.ones(2, 3), weights)]
    # plain (3 + 1.5) / 2 = 2.25; causal (1.1 + 0.75) / 2 = 0.925
    assert [loss.causal_entropy.item() for loss in found] == pytest.approx([0.0, 2.25, 0.925])
    assert [loss.total.item() for loss in found] == pytest.approx([2.0, 2.0 - 0.225, 2.0 - 0.0925])


# ---- gradients

B, T, V = 3, 4, 5
SEEN = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0], [1, 0, 0, 0]])
THOUGHT = torch.tensor([[1, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]]).bool()


def _draw(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


TOKENS = torch.tensor([[0, 1, 2, 3], [4, 0, 0, 0], [2, 0, 0, 0]])
CAUSAL = _draw(3, B, T).abs()
ADVANTAGES = torch.tensor([1.5, -0.7, 0.3], dtype=torch.float64)


def _old() -> Tensor:
    return token_log_probs_and_entropies(_draw(0, B, T, V) + 0.3 * _draw(9, B, T, V), TOKENS)[0]


def _awr(log_probs: Tensor) -> Tensor:
    return awr_loss(log_probs, ADVANTAGES, SEEN)


def _ppo(log_probs: Tensor) -> Tensor:
    now, old = (sequence_log_probs(thought_scaled(rows, THOUGHT, 0.5), SEEN) for rows in (log_probs, _old()))
    return ppo_loss(now, old, ADVANTAGES, 0.2)


def _token_ppo(log_probs: Tensor) -> Tensor:
    return token_ppo_loss(log_probs, _old(), _draw(5, B, T), SEEN, 0.2)


def _bc(log_probs: Tensor) -> Tensor:
    return bc_loss(log_probs, torch.tensor([True, False, True]), SEEN)


FORMS: list[Callable[[Tensor], Tensor]] = [_awr, _ppo, _token_ppo, _bc]


def _total(policy: Callable[[Tensor], Tensor], logits: Tensor, causal: Tensor | None, alpha: float) -> Tensor:
    log_probs, entropies = token_log_probs_and_entropies(logits, TOKENS)
    return with_entropy(policy(log_probs), entropies, causal, SEEN, alpha).total


def _gradient(policy: Callable[[Tensor], Tensor], logits: Tensor, causal: Tensor | None, alpha: float) -> Tensor:
    leaf = logits.clone().requires_grad_()
    return torch.autograd.grad(_total(policy, leaf, causal, alpha), leaf)[0]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("causal", [None, torch.ones(B, T, dtype=torch.float64), CAUSAL], ids=["none", "one", "B"])
def test_gradients_are_those_of_finite_differences(form: Callable[[Tensor], Tensor], causal: Tensor | None) -> None:
    logits = _draw(0, B, T, V)
    exact = _gradient(form, logits, causal, 0.3)
    step = 1e-6
    for place in range(logits.numel()):
        nudge = torch.zeros(logits.numel(), dtype=torch.float64)
        nudge[place] = step
        up, down = (_total(form, logits + sign * nudge.view_as(logits), causal, 0.3) for sign in (1, -1))
        assert ((up - down) / (2 * step)).item() == pytest.approx(exact.flatten()[place].item(), abs=1e-8)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("form", FORMS)
def test_without_alpha_the_gradient_is_that_of_the_plain_form_to_the_bit(
    form: Callable[[Tensor], Tensor], dtype: torch.dtype
) -> None:
    logits = _draw(0, B, T, V).to(dtype)
    plain = _gradient(form, logits, None, 0.3)
    assert torch.equal(_gradient(form, logits, CAUSAL.to(dtype), 0.0), plain)
    assert not torch.equal(_gradient(form, logits, CAUSAL.to(dtype), 0.3), plain)


def test_the_awr_form_of_coso_without_alpha_is_awr_to_the_bit() -> None:
    gradients = []
    for whole in (True, False):
        leaf = _draw(0, B, T, V).float().requires_grad_()
        log_probs, entropies = token_log_probs_and_entropies(leaf, TOKENS)
        weights = ADVANTAGES.float()
        coso = coso_loss(log_probs, weights, entropies, CAUSAL.float(), SEEN, 0.0).total
        gradients.append(torch.autograd.grad(coso if whole else awr_loss(log_probs, weights, SEEN), leaf)[0])
    assert torch.equal(*gradients)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("poison", [0.0, 7.0, -1e30])
def test_what_lies_under_padding_reaches_neither_loss_nor_gradient(
    form: Callable[[Tensor], Tensor], poison: float
) -> None:
    logits = _draw(0, B, T, V)
    spoiled = torch.where(SEEN.bool().unsqueeze(-1), logits, poison)
    causal = torch.where(SEEN.bool(), CAUSAL, poison)
    expected, found = (_gradient(form, rows, weights, 0.3) for rows, weights in ((logits, CAUSAL), (spoiled, causal)))
    assert torch.equal(found[SEEN.bool()], expected[SEEN.bool()])
    assert not found[~SEEN.bool()].any()
    assert torch.equal(_total(form, spoiled, causal, 0.3), _total(form, logits, CAUSAL, 0.3))


def test_advantages_and_old_log_probs_are_constants() -> None:
    now, old, advantages = (_draw(seed, B).requires_grad_() for seed in range(3))
    torch.autograd.backward(ppo_loss(now, old, advantages, 0.2))
    assert (old.grad, advantages.grad) == (None, None)


def test_wrong_shapes_are_refused_first() -> None:
    two, pair = torch.zeros(2), torch.zeros(2, 1)
    with pytest.raises(AssertionError):
        ppo_loss(two, pair, two, 0.1)
    with pytest.raises(AssertionError):
        ppo_loss(pair, pair, pair, 0.1)
    with pytest.raises(AssertionError):
        clipped_surrogate(two, pair, 0.1)
    with pytest.raises(AssertionError):
        importance_ratio(two, pair)
    with pytest.raises(AssertionError):
        bc_loss(torch.zeros(2, 3), two, MASK)
    with pytest.raises(AssertionError):
        thought_scaled(torch.zeros(2, 3), MASK, 0.5)
    with pytest.raises(AssertionError):
        with_entropy(two, torch.zeros(2, 3), None, MASK, 0.1)
