"""DigiRL's two filters: which steps and which episodes are worth imitating. Pure functions; learns no critic.

Source: DigiRL, arXiv 2406.11896, section 4. V are probabilities of success from the caller's classifiers
(``critic``).
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor


def digirl_step_advantages(rewards: Tensor, values: Tensor, discount: float) -> Tensor:
    """Return A_step of every step of one episode, [H].

        A_step = λ^(H−h) · r_H + (1 − λ^(H−h) · r_H) · (V(s_{h+1}) + r_h − V(s_h)),   h = 1 … H

    ``rewards`` [H], the last of them the outcome r_H; ``values`` [H + 1] of s_1 … s_{H+1}. Near the end of a
    success the outcome decides, elsewhere the critic does.
    """
    assert rewards.ndim == 1
    assert values.shape == (len(rewards) + 1,)
    horizon = len(rewards)
    share = discount ** torch.arange(horizon - 1, -1, -1, device=rewards.device, dtype=rewards.dtype) * rewards[-1]
    return share + (1 - share) * (values[1:] + rewards - values[:-1])


def kept_steps(step_advantages: Tensor, horizon: int) -> Tensor:
    """Return [H], True where A_step > 1/H: the bar is the task's horizon H, not a number of its own.

    (The released code has 0.05, which is 1/H for a horizon of 20 alone.)
    """
    assert step_advantages.ndim == 1
    assert horizon >= 1
    return step_advantages > 1 / horizon


def instruction_advantages(outcomes: Sequence[float], values: Sequence[float]) -> list[float]:
    """Return A_instr = r_H − V_instr(goal) of every episode."""
    return [outcome - value for outcome, value in zip(outcomes, values, strict=True)]


def kept_episodes(advantages: Sequence[float], share: float) -> list[bool]:
    """Return True for the ``share`` of the episodes with the highest instruction advantage.

    ⌈p·N⌉ are kept, one at least when there is any; of equals the earlier ones.
    """
    if not 0 < share <= 1:
        raise ValueError(f"Got the share {share}, expected one in (0, 1].")
    count = math.ceil(share * len(advantages) - 1e-9)  # 0.1 · 10 is 1, whatever floating point makes of it
    ranked = sorted(range(len(advantages)), key=lambda place: -advantages[place])
    best = set(ranked[:count])
    return [place in best for place in range(len(advantages))]
