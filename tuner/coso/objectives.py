"""The losses, as pure functions of tensors. Builds no batch and touches no parameter.

B is utterances, T token positions, V the vocabulary. ``mask`` [B, T] is 1 at tokens of the utterance and 0
at padding. Every function asserts its shapes first.

A loss of CoSo is a policy term (``awr_loss``, ``ppo_loss``, ``token_ppo_loss`` or ``bc_loss``) and an entropy
term, joined by ``with_entropy``: causal weights None leave the entropy out, ones are plain entropy, B is Eq. 7.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

RATIO_LIMIT_NATS = 20.0


@dataclass(frozen=True)
class CosoLoss:
    """The loss and its parts, all scalars; ``total`` = ``policy`` − α · ``causal_entropy`` (0 without the term)."""

    total: Tensor
    policy: Tensor
    causal_entropy: Tensor


def token_log_probs_and_entropies(logits: Tensor, token_ids: Tensor) -> tuple[Tensor, Tensor]:
    """Return log π(y_i | y_<i) of the tokens written and H(y_i | y_<i) in nats, both [B, T], from logits [B, T, V].

    H is Eq. 2, per token. One pass over the vocabulary serves both, in float32 at least.
    """
    assert logits.ndim == 3
    assert token_ids.shape == logits.shape[:2]
    log_probs = torch.log_softmax(logits, -1, dtype=torch.promote_types(logits.dtype, torch.float32))
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


def bc_loss(log_probs: Tensor, kept: Tensor, mask: Tensor) -> Tensor:
    """Return −(1/B) Σ_b kept_b · log π(y_b | s_b), a scalar: filtered behaviour cloning (DigiRL, arXiv 2406.11896).

    ``log_probs`` [B, T]; ``kept`` [B] is True where the step passed the filter. A step that did not still counts
    in B, so what is kept pulls as hard whatever else the batch holds.
    """
    assert kept.dtype == torch.bool
    return awr_loss(log_probs, kept.to(log_probs), mask)


def thought_scaled(log_probs: Tensor, thought: Tensor, scaling: float) -> Tensor:
    """Return λ · log p_i at thought tokens and log p_i at the others, [B, T].

    Summed over tokens it is RL4VLM's log π = λ Σ log p(thought) + Σ log p(action) (arXiv 2405.10292): long
    thoughts no longer drown the few tokens of the action. ``thought`` [B, T] is bool; λ = 1 changes nothing.
    """
    assert log_probs.ndim == 2
    assert thought.shape == log_probs.shape
    assert thought.dtype == torch.bool
    return torch.where(thought, scaling * log_probs, log_probs)


def causally_blamed(log_probs: Tensor, causal_weights: Tensor, blamed: Tensor) -> Tensor:
    """Return B_i · log p_i where ``blamed``, and log p_i elsewhere, all [B, T].

    A negative advantage A then presses token i down by A · B_i (the gradient at ρ = 1 is A Σ_i B_i ∇log p_i): a failure
    is put down to the tokens that decided the action, and wording and format, which did not, keep their probability.
    ``causal_weights`` B (Eq. 6) are constants; ``blamed`` is bool. Ours, not the paper's.
    """
    assert log_probs.ndim == 2
    assert causal_weights.shape == blamed.shape == log_probs.shape
    assert blamed.dtype == torch.bool
    return torch.where(blamed, causal_weights.detach() * log_probs, log_probs)


def importance_ratio(log_prob: Tensor, old_log_prob: Tensor) -> Tensor:
    """Return ρ = π(y|s) / π_old(y|s), shaped as ``log_prob``, with gradient.

    log ρ is held within ±``RATIO_LIMIT_NATS``: beyond that the ratio is far outside any clip range, and exp would
    overflow and poison the gradient of the branch that was not taken.
    """
    assert old_log_prob.shape == log_prob.shape
    return (log_prob - old_log_prob.detach()).clamp(-RATIO_LIMIT_NATS, RATIO_LIMIT_NATS).exp()


def clipped_surrogate(ratio: Tensor, advantages: Tensor, clip_range: float) -> Tensor:
    """Return −min(ρ·A, clip(ρ, 1 ± ε)·A), shaped as ``ratio`` (PPO, arXiv 1707.06347, Eq. 7); A is a constant."""
    assert advantages.shape == ratio.shape
    constant = advantages.detach()
    return -torch.minimum(ratio * constant, ratio.clamp(1 - clip_range, 1 + clip_range) * constant)


def ppo_loss(log_prob: Tensor, old_log_prob: Tensor, advantages: Tensor, clip_range: float) -> Tensor:
    """Return −(1/B) Σ_b min(ρ_b A_b, clip(ρ_b, 1 ± ε) A_b), a scalar: one ratio for a whole utterance.

    All [B]: log π(y|s) now and when acting, scaled alike by ``thought_scaled``, and A, which may be negative.
    """
    assert log_prob.ndim == 1
    return clipped_surrogate(importance_ratio(log_prob, old_log_prob), advantages, clip_range).mean()


def token_ppo_loss(
    log_probs: Tensor, old_log_probs: Tensor, advantages: Tensor, mask: Tensor, clip_range: float
) -> Tensor:
    """Return −(1/N) Σ_bi min(ρ_bi A_bi, clip(ρ_bi, 1 ± ε) A_bi) over the N tokens of the batch, a scalar.

    POAD's loss (arXiv 2405.15821), one ratio for each token, with the advantages of ``credit.bad_advantages``;
    all [B, T].
    """
    assert log_probs.ndim == 2
    assert mask.shape == log_probs.shape
    seen = mask.bool()
    now, old = torch.where(seen, log_probs, 0.0), torch.where(seen, old_log_probs, 0.0)
    terms = clipped_surrogate(importance_ratio(now, old), torch.where(seen, advantages, 0.0), clip_range)
    return terms.sum() / seen.sum().clamp(min=1)


def causal_entropy(entropies: Tensor, causal_weights: Tensor, mask: Tensor) -> Tensor:
    """Return (1/B) Σ_b Σ_i B_bi · H_bi, a scalar (Eq. 7's bonus); the B_bi [B, T] are constants."""
    assert entropies.ndim == 2
    assert causal_weights.shape == entropies.shape
    assert mask.shape == entropies.shape
    weighted = causal_weights.detach() * entropies
    return torch.where(mask.bool(), weighted, 0.0).sum(1).mean()


def with_entropy(
    policy: Tensor, entropies: Tensor, causal_weights: Tensor | None, mask: Tensor, alpha: float
) -> CosoLoss:
    """Return L = ``policy`` − α · (1/B) Σ_b Σ_i B_bi · H_bi and its parts (Eq. 7).

    ``policy`` is a scalar; ``entropies`` [B, T]; ``causal_weights`` [B, T]: None for no entropy term, ones for the
    plain entropy of Eq. 2, B for the causal one. α = 0 leaves the gradient of ``policy`` to the last bit.
    """
    assert policy.ndim == 0
    assert entropies.ndim == 2
    assert mask.shape == entropies.shape
    if causal_weights is None:
        return CosoLoss(policy, policy, torch.zeros_like(policy))
    bonus = causal_entropy(entropies, causal_weights, mask)
    return CosoLoss(policy - alpha * bonus, policy, bonus)


def coso_loss(
    log_probs: Tensor,
    weights: Tensor,
    entropies: Tensor,
    causal_weights: Tensor | None,
    mask: Tensor,
    alpha: float,
) -> CosoLoss:
    """Return −mean(w · log π(y|s)) − α · mean(Σ_i B_i H_i) and its parts (AWR form of CoSo)."""
    return with_entropy(awr_loss(log_probs, weights, mask), entropies, causal_weights, mask, alpha)


def truncated_importance(log_prob: Tensor, behaviour_log_prob: Tensor, ceiling: float) -> Tensor:
    """Return min(ceiling, π(y|s) / π_behaviour(y|s)) [B], a constant (V-trace's truncation, arXiv 1802.01561)."""
    assert log_prob.ndim == 1
    assert behaviour_log_prob.shape == log_prob.shape
    return (log_prob - behaviour_log_prob).detach().exp().clamp(max=ceiling)
