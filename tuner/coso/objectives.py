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


def token_log_probs_and_entropies(logits: Tensor, token_ids: Tensor) -> tuple[Tensor, Tensor]:
    """Return log π(y_i | y_<i) of the tokens written and H(y_i | y_<i) in nats, both [B, T], from logits [B, T, V].

    H is Eq. 2, per token. One pass over the vocabulary serves both.
    """
    assert logits.ndim == 3
    assert token_ids.shape == logits.shape[:2]
    log_probs = torch.log_softmax(logits.float(), -1)
    written = log_probs.gather(-1, token_ids.unsqueeze(-1)).squeeze(-1)
    return written, -(log_probs.exp() * log_probs).sum(-1)


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
