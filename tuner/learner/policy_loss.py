"""The loss of a batch of scored steps under the objective asked for. Runs no model and moves no weight.

    awr   −mean(c·ρ·w·log π(y|s)),  ρ = min(ceiling, π/π_behaviour) a constant
    ppo   −mean(c·min(ρ·A, clip(ρ, 1 ± ε)·A)),  ρ = π/π_behaviour with gradient, A signed
    bc    −mean(1[kept]·log π(y|s))

and, where the advantage is BAD's, with one ρ_i and one A_i for each token,

    ppo   −mean(c·Σ_i min(ρ_i·A_i, clip(ρ_i, 1 ± ε)·A_i))

each with log π = λ Σ log p(thought) + Σ log p(action), minus α times the entropy term. Where blame is not whole and the
advantage of a well-formed answer negative, each token's part of log π is multiplied by its causal weight B_i, or by 0
where broken answers alone are blamed (``causally_blamed``). What w, A, kept and c are is ``experience``'s business (c,
the correction of the draw and for an agent's share, multiplies the entropy term of awr and ppo too; bc has none); log
π_behaviour are the log-probs stored with the trajectory. POAD takes the mean over the tokens of a batch where the last
line has a sum over those of an utterance; so it pulls as hard as the line above does at ρ = 1, whatever else the batch
holds. Advantages are not standardised over the batch, and there is no value loss: the critics share no weight with the
policy.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from tuner.config import LearnerConfig
from tuner.coso.labels import is_malformed
from tuner.coso.objectives import (
    CosoLoss,
    bc_loss,
    causally_blamed,
    coso_loss,
    importance_ratio,
    ppo_loss,
    sequence_log_probs,
    thought_scaled,
    token_ppo_loss,
    truncated_importance,
    with_entropy,
)
from tuner.learner.experience import Candidate

ThoughtMaskOf = Callable[[tuple[int, ...]], Sequence[bool]]
"""Says of every token of an utterance whether it is thought."""


@dataclass(frozen=True)
class BatchLoss:
    """The loss and, without gradient and both [B]: the ratio ρ, and whether it lay outside 1 ± ε."""

    loss: CosoLoss
    importance: Tensor
    clipped: Tensor


class PolicyLoss:
    """The objective of ``config``; ``thought_mask_of`` is asked only where λ is not 1."""

    def __init__(self, config: LearnerConfig, thought_mask_of: ThoughtMaskOf) -> None:
        self._objective = config.objective
        self._by_token = config.advantage == "bad"
        self._alpha = config.entropy_alpha
        self._ceiling = config.importance_ceiling
        self._clip_range = config.clip_range
        self._scaling = config.thought_scaling
        self._thought_mask_of = thought_mask_of

    def of(
        self,
        rows: Sequence[Candidate],
        log_probs: Tensor,
        entropies: Tensor,
        causal: Tensor | None,
        mask: Tensor,
        blame: Tensor | None = None,
    ) -> BatchLoss:
        """Return the loss of ``rows``, whose tokens have these log-probs and entropies [B, T] now.

        ``causal`` [B, T] weighs the entropies, None for no entropy term; ``mask`` [B, T] is 1 at tokens; ``blame``
        [B, T] weighs the tokens of well-formed answers with a negative advantage, None where all count alike.
        """
        assert log_probs.ndim == 2
        assert entropies.shape == mask.shape == log_probs.shape
        assert len(rows) == len(log_probs)
        corrections = log_probs.new_tensor([row.correction for row in rows])
        scaled = self._scaled(rows, log_probs, blame)
        if self._objective == "ppo":
            then = self._scaled(rows, _behaviour(rows, log_probs), blame)
            policy = self._surrogate(rows, scaled, then, corrections, mask)
            loss = with_entropy(policy, entropies, _corrected(causal, corrections), mask, self._alpha)
            ratio = importance_ratio(sequence_log_probs(scaled, mask), sequence_log_probs(then, mask)).detach()
            return BatchLoss(loss, ratio, ((ratio - 1).abs() > self._clip_range).to(ratio))
        weights = log_probs.new_tensor([row.weight for row in rows])
        sequences = sequence_log_probs(log_probs, mask)
        behaviour = sequences.new_tensor([row.sample.behaviour_log_prob for row in rows])
        importance = truncated_importance(sequences, behaviour, self._ceiling)
        if self._objective == "bc":
            policy = bc_loss(scaled, weights > 0, mask)
            loss = with_entropy(policy, entropies, causal, mask, self._alpha)
        else:
            bonus = _corrected(causal, corrections)
            loss = coso_loss(scaled, corrections * importance * weights, entropies, bonus, mask, self._alpha)
        return BatchLoss(loss, importance, torch.zeros_like(importance))

    def _surrogate(
        self, rows: Sequence[Candidate], now: Tensor, then: Tensor, corrections: Tensor, mask: Tensor
    ) -> Tensor:
        """Return PPO's policy term from scaled log-probs [B, T], now and when acting."""
        if self._by_token:
            credit = corrections[:, None] * _by_token([row.token_weights for row in rows], now)
            return token_ppo_loss(now, then, credit, mask, self._clip_range) * (mask.sum() / len(rows))
        advantages = corrections * now.new_tensor([row.weight for row in rows])
        return ppo_loss(sequence_log_probs(now, mask), sequence_log_probs(then, mask), advantages, self._clip_range)

    def _scaled(self, rows: Sequence[Candidate], log_probs: Tensor, blame: Tensor | None) -> Tensor:
        scaled = log_probs if self._scaling == 1 else self._thought_scaled(rows, log_probs)
        return scaled if blame is None else causally_blamed(scaled, blame, self._blamed(rows, log_probs))

    def _blamed(self, rows: Sequence[Candidate], like: Tensor) -> Tensor:
        """Return which tokens [B, T] have a negative advantage, but for answers that are malformed.

        What breaks an answer stands in no field, so that no token of it has a weight: it is pressed down whole.
        """
        if self._by_token:
            negative = _by_token([row.token_weights for row in rows], like) < 0
        else:
            negative = like.new_tensor([row.weight for row in rows])[:, None].expand(like.shape) < 0
        whole = [is_malformed(row.sample.utterance.labels) for row in rows]
        return negative & ~torch.tensor(whole, device=like.device)[:, None]

    def _thought_scaled(self, rows: Sequence[Candidate], log_probs: Tensor) -> Tensor:
        thought = torch.zeros(log_probs.shape, dtype=torch.bool)
        for place, row in enumerate(rows):
            token_ids = row.sample.utterance.token_ids
            thought[place, : len(token_ids)] = torch.tensor(self._thought_mask_of(token_ids), dtype=torch.bool)
        return thought_scaled(log_probs, thought.to(log_probs.device), self._scaling)


def _corrected(causal: Tensor | None, corrections: Tensor) -> Tensor | None:
    return None if causal is None else corrections[:, None] * causal


def _behaviour(rows: Sequence[Candidate], like: Tensor) -> Tensor:
    """Return the log-probs stored with the trajectory [B, T], 0 at padding."""
    return _by_token([row.sample.behaviour_log_probs for row in rows], like)


def _by_token(rows: Sequence[Sequence[float]], like: Tensor) -> Tensor:
    """Return numbers of tokens as [B, T], 0 where a row has none."""
    found = torch.zeros_like(like)
    for place, row in enumerate(rows):
        found[place, : len(row)] = found.new_tensor(row)
    return found
