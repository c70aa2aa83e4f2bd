"""Rewards beyond the task's own: Optima's terms for length and readability, ARMAP's pairwise loss. Pure functions.

What the learner makes of them is ``learner.shaping``'s and ``learner.reward_model``'s business.
"""

import math
from collections.abc import Sequence

from torch import Tensor, nn


def optima_reward(
    task_reward: float,
    tokens: int,
    most_tokens: int,
    perplexity: float,
    length_weight: float,
    readability_weight: float,
) -> float:
    """Return R = R_task − λ₁ · tokens / most + λ₂ / perplexity (Optima, arXiv 2410.08115).

    ``tokens`` of the utterances of an episode, ``most_tokens`` of the longest episode it is compared with;
    ``perplexity`` of its text under a language model that is not being trained, else wording is all that is learned.

    Raises:
        ValueError: a number is out of its range or not finite.
    """
    if not (0 <= tokens <= most_tokens and most_tokens >= 1 and 1 <= perplexity < math.inf):
        raise ValueError(
            f"Got {tokens} of at most {most_tokens} tokens and the perplexity {perplexity}: expected 0 to the most, "
            "and a finite perplexity of at least 1."
        )
    if not all(math.isfinite(value) for value in (task_reward, length_weight, readability_weight)):
        raise ValueError("Got a reward or a weight that is no finite number.")
    return task_reward - length_weight * tokens / most_tokens + readability_weight / perplexity


def perplexity(log_probs: Sequence[float]) -> float:
    """Return exp(−mean log p) of a text's tokens, in [1, ∞).

    Raises:
        ValueError: there is no token, or a log-prob above 0 or not finite.
    """
    if not log_probs or not all(math.isfinite(value) and value <= 0 for value in log_probs):
        raise ValueError("Got no log-probs, or one that is no finite number at or below 0.")
    return math.exp(-math.fsum(log_probs) / len(log_probs))


def pairwise_loss(preferred: Tensor, others: Tensor) -> Tensor:
    """Return −mean log σ(R(preferred) − R(other)), a scalar (Bradley–Terry; ARMAP, arXiv 2502.12130).

    Both [N], N ≥ 1: what a reward model says of a verified success and of its altered, worse twin. A head such as
    ``critic.SuccessClassifier`` on frozen features gives them.
    """
    assert preferred.ndim == 1
    assert others.shape == preferred.shape
    assert len(preferred) >= 1
    return nn.functional.softplus(others - preferred).mean()
