"""The losses, as pure functions of tensors. Builds no batch and touches no parameter.

B is utterances, T token positions, V the vocabulary. ``mask`` [B, T] is 1 at tokens of the utterance and 0
at padding. Every function asserts its shapes first.
"""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class CosoLoss:
    """The loss and its parts, all scalars; ``total`` = ``policy`` − α · ``causal_entropy``."""

    total: Tensor
    policy: Tensor
    causal_entropy: Tensor


def token_log_probs(logits: Tensor, token_ids: Tensor) -> Tensor:
    """Return log π(y_i | y_<i) [B, T] of the tokens written, from logits [B, T, V]."""
    assert logits.ndim == 3
    assert token_ids.shape == logits.shape[:2]
    return torch.log_softmax(logits.float(), -1).gather(-1, token_ids.unsqueeze(-1)).squeeze(-1)


def token_entropies(logits: Tensor) -> Tensor:
    """Return H(y_i | y_<i) [B, T] in nats, from logits [B, T, V] (Eq. 2, per token)."""
    assert logits.ndim == 3
    log_probs = torch.log_softmax(logits.float(), -1)
    return -(log_probs.exp() * log_probs).sum(-1)


def sequence_log_probs(log_probs: Tensor, mask: Tensor) -> Tensor:
    """Return log π(y | s) [B] = Σ_i mask_i · log π(y_i | y_<i); what lies under padding never counts."""
    assert log_probs.ndim == 2
    assert mask.shape == log_probs.shape
    return torch.where(mask.bool(), log_probs, 0.0).sum(1)


def awr_loss(log_probs: Tensor, weights: Tensor, mask: Tensor) -> Tensor:
    """Return −(1/B) Σ_b w_b · log π(y_b | s_b), a scalar (the policy term of the AWR form).

    ``log_probs`` [B, T]; ``weights`` [B] are constants (kept and weighed by ``advantage``), 0 for a step
    that is not kept.
    """
    assert log_probs.ndim == 2
    assert weights.shape == log_probs.shape[:1]
    assert mask.shape == log_probs.shape
    return -(weights.detach() * sequence_log_probs(log_probs, mask)).mean()


def causal_entropy(entropies: Tensor, causal_weights: Tensor, mask: Tensor) -> Tensor:
    """Return (1/B) Σ_b Σ_i B_bi · H_bi, a scalar (Eq. 7's bonus); the B_bi [B, T] are constants."""
    assert entropies.ndim == 2
    assert causal_weights.shape == entropies.shape
    assert mask.shape == entropies.shape
    weighted = causal_weights.detach() * entropies
    return torch.where(mask.bool(), weighted, 0.0).sum(1).mean()


def coso_loss(
    log_probs: Tensor,
    weights: Tensor,
    entropies: Tensor,
    causal_weights: Tensor,
    mask: Tensor,
    alpha: float,
) -> CosoLoss:
    """Return −mean(w · log π(y|s)) − α · mean(Σ_i B_i H_i) and its parts (AWR form of CoSo)."""
    policy = awr_loss(log_probs, weights, mask)
    bonus = causal_entropy(entropies, causal_weights, mask)
    return CosoLoss(policy - alpha * bonus, policy, bonus)


def truncated_importance(log_prob: Tensor, behaviour_log_prob: Tensor, ceiling: float) -> Tensor:
    """Return min(ceiling, π(y|s) / π_behaviour(y|s)) [B], a constant (V-trace's truncation, arXiv 1802.01561)."""
    assert log_prob.ndim == 1
    assert behaviour_log_prob.shape == log_prob.shape
    return (log_prob - behaviour_log_prob).detach().exp().clamp(max=ceiling)
