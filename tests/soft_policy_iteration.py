"""Soft policy iteration with causal-weighted entropy on a table (lemmas 4.1 to 4.3). Knows no network.

S is states, A utterances, n tokens of an utterance, each out of V: A = V^n, the first token slowest. A policy is
written token by token, π(y|s) = Π_i π_i(y_i | s, y_<i), π_i of shape [S, V, …, V] with i + 1 token axes. The causal
weights B [S, n] are one for each token position of a state.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

TIE = 1e-9
"""Values this close are equal: which of them is best would be decided by rounding."""


def soft_backup(
    q: Tensor,
    rewards: Tensor,
    transitions: Tensor,
    policy: Tensor,
    entropies: Tensor,
    discount: float,
    alpha: float,
) -> Tensor:
    """Return T_B Q [S, A] (lemma 4.2), a γ-contraction in the sup norm for any policy and any B.

        T_B Q(s,a) = r(s,a) + γ E_{s'|s,a} [α H_B(s') + Σ_a' π(a'|s') Q(s',a')]

    ``q``, ``rewards`` and ``policy`` [S, A]; ``transitions`` [S, A, S], rows that sum to less than 1 end the
    episode; ``entropies`` [S] is H_B of ``policy``.
    """
    assert q.ndim == 2
    assert rewards.shape == policy.shape == q.shape
    assert transitions.shape == (*q.shape, q.shape[0])
    assert entropies.shape == q.shape[:1]
    values = alpha * entropies + (policy * q).sum(1)  # [S]
    return rewards + discount * transitions @ values


def joint(conditionals: Sequence[Tensor]) -> Tensor:
    """Return π(y|s) [S, A] from the token policies π_i [S, V, …]."""
    product = conditionals[0]
    for conditional in conditionals[1:]:
        assert conditional.shape[:-1] == product.shape
        product = product.unsqueeze(-1) * conditional
    return product.flatten(1)


def weighted_entropy(conditionals: Sequence[Tensor], weights: Tensor) -> Tensor:
    """Return H_B(s) = Σ_i B_i E_{y_<i} [H(π_i(· | s, y_<i))], [S], in nats (Eq. 7 in expectation)."""
    assert weights.shape == (len(conditionals[0]), len(conditionals))
    reach = torch.ones_like(weights[:, 0])  # π(y_<i | s) [S, V, …]
    total = torch.zeros_like(reach)
    for place, conditional in enumerate(conditionals):
        entropies = torch.special.entr(conditional).sum(-1)
        total = total + weights[:, place] * (reach * entropies).reshape(len(weights), -1).sum(1)
        reach = reach.unsqueeze(-1) * conditional
    return total


def soft_improvement(q: Tensor, weights: Tensor, alpha: float, before: Sequence[Tensor]) -> tuple[list[Tensor], Tensor]:
    """Return the token policies that maximise Σ_y π(y|s) Q(s,y) + α H_B(s), and that maximum [S] (lemma 4.3).

    From the last token back, with V_n = Q:  π_i ∝ exp(V_i / (α B_i)),  V_{i−1} = α B_i log Σ_v exp(V_i / (α B_i)).
    Where α B_i = 0 the best tokens share what they had in ``before``, or equally when they had nothing: a token
    that earns no entropy is moved by value alone. ``q`` [S, A]; ``weights`` [S, n].
    """
    states, count = len(q), len(before)
    assert weights.shape == (states, count)
    values = q.reshape(states, *before[-1].shape[1:])
    found: list[Tensor] = []
    for place in reversed(range(count)):
        assert values.shape == before[place].shape
        scale = (alpha * weights[:, place]).reshape(states, *[1] * (values.ndim - 1))
        best = _best_tokens(values, before[place])
        warm = torch.where(scale > 0, scale, 1.0)
        found.append(torch.where(scale > 0, (values / warm).softmax(-1), best))
        soft = warm.squeeze(-1) * (values / warm).logsumexp(-1)
        values = torch.where(scale.squeeze(-1) > 0, soft, values.amax(-1))
    return found[::-1], values


def _best_tokens(values: Tensor, before: Tensor) -> Tensor:
    """Return the shares of the tokens of highest value along the last axis, in the proportions of ``before``."""
    tops = values >= values.amax(-1, keepdim=True) - TIE
    shares = torch.where(tops, before, 0.0)
    total = shares.sum(-1, keepdim=True)
    equal = tops / tops.sum(-1, keepdim=True)
    return torch.where(total > 0, shares / torch.where(total > 0, total, 1.0), equal)
