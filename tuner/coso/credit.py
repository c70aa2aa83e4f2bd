"""Who earned the outcome: advantages of steps and of tokens. Pure functions; learns no value and keeps no replay.

R is episodes, H steps of an episode, T tokens of a step. Rows are padded on the right; what lies under padding
never counts. Values come from the caller: of steps (``learner.critics``), of tokens for BAD (``learner.token_critic``).
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


def gae(
    rewards: Tensor, values: Tensor, last_values: Tensor, mask: Tensor, discount: float, gae_lambda: float
) -> Tensor:
    """Return the generalised advantage of every step [R, H], 0 at padding (GAE, arXiv 1506.02438, Eq. 16).

        δ_h = r_h + γ V_{h+1} − V_h          A_h = δ_h + γλ A_{h+1}

    ``rewards``, ``values`` and ``mask`` [R, H]; ``last_values`` [R] is V behind the last step of each row: 0 where
    the episode ended there, the critic's word where it was cut off.
    """
    assert rewards.ndim == 2
    assert values.shape == mask.shape == rewards.shape
    assert last_values.shape == rewards.shape[:1]
    seen = mask.bool()
    following = torch.zeros_like(last_values)  # A_{h+1}
    next_values = last_values
    found = torch.zeros_like(values)
    for step in reversed(range(rewards.shape[1])):
        here = seen[:, step]
        delta = rewards[:, step] + discount * next_values - values[:, step]
        following = torch.where(here, delta + discount * gae_lambda * following, following)
        next_values = torch.where(here, values[:, step], next_values)
        found[:, step] = torch.where(here, following, 0.0)
    return found


def bad_targets(rewards: Tensor, values: Tensor, last_value: Tensor, mask: Tensor, discount: float) -> Tensor:
    """Return what each V(s_h, y_<j) of one episode is moved towards, [H, T] (BAD, arXiv 2405.15821).

        V(tok_j) ← V(tok_{j+1})                           inside an action: no reward, no discount
        V(tok_last) ← r_h + γ V(first token of h + 1)     only the last token looks beyond the action

    ``rewards`` [H]; ``values`` [H, T] before each token is written; ``last_value`` [] behind the last action;
    ``mask`` [H, T] is 1 at tokens, at least one in each step. 0 at padding.
    """
    assert rewards.ndim == 1
    assert values.ndim == 2
    assert len(values) == len(rewards)
    assert mask.shape == values.shape
    assert last_value.ndim == 0
    seen = mask.bool()
    last = _last_tokens(seen)
    beyond = torch.cat((values[1:, 0], last_value.reshape(1)))  # V(first token of h + 1) [H]
    inside = torch.cat((values[:, 1:], torch.zeros_like(values[:, :1])), 1)
    targets = torch.where(last, (rewards + discount * beyond).unsqueeze(1), inside)
    return torch.where(seen, targets, 0.0)


def bad_advantages(
    rewards: Tensor, values: Tensor, last_value: Tensor, mask: Tensor, discount: float, gae_lambda: float
) -> Tensor:
    """Return the advantage of every token of one episode [H, T]: GAE along its tokens, γ at the action's end only.

        δ = ``bad_targets`` − V
        A_{h,j} = δ_{h,j} + λ A_{h,j+1}                  inside an action
        A_{h,last} = δ_{h,last} + γλ A_{h+1,1}           at its end

    Arguments as ``bad_targets``; the recursion is that of POAD's released buffer (morning9393/ADRL).
    """
    deltas = bad_targets(rewards, values, last_value, mask, discount) - values
    seen = mask.bool()
    last = _last_tokens(seen)
    found = torch.zeros_like(values)
    following = torch.zeros_like(last_value)
    for step in reversed(range(values.shape[0])):
        for place in reversed(range(values.shape[1])):
            if seen[step, place]:
                fading = discount * gae_lambda if last[step, place] else gae_lambda
                following = deltas[step, place] + fading * following
                found[step, place] = following
    return found


def _last_tokens(seen: Tensor) -> Tensor:
    """Return [H, T], True at the last token of each step; every step must have one."""
    lengths = seen.sum(1)
    assert bool((lengths > 0).all())
    assert torch.equal(seen, torch.arange(seen.shape[1], device=seen.device) < lengths.unsqueeze(1))
    return torch.arange(seen.shape[1], device=seen.device) == (lengths - 1).unsqueeze(1)


def group_advantage(reward: float, members: Sequence[float]) -> float:
    """Return (r − mean) / std of an episode among its group (GRPO, arXiv 2402.03300, section 4.1.2).

    ``members`` are the rewards of episodes of the same task with the same parameters, its own among them; std is
    the population's, without a constant added. A group of one, or one whose rewards are all equal, says nothing
    about which behaviour was better: 0.
    """
    if not members:
        raise ValueError("Got a group of nobody, expected the episode itself at least.")
    if min(members) == max(members):
        return 0.0
    mean = sum(members) / len(members)
    spread = (sum((member - mean) ** 2 for member in members) / len(members)) ** 0.5
    return (reward - mean) / spread if spread > 0 else 0.0


@dataclass(frozen=True, slots=True)
class Visited:
    """An episode as its group sees it: its reward, and the state that each of its steps was taken in.

    States are compared by equality alone. None is one that is not known: it meets no other, itself included.
    """

    reward: float
    states: Sequence[Hashable | None]


def gigpo_advantages(group: Sequence[Visited], member: int, discount: float, step_weight: float) -> tuple[float, ...]:
    """Return the advantage of every step of ``group[member]`` within its group (GiGPO, arXiv 2505.10978).

        A_h = A_E + ω A_S(h)
        A_E = (r − mean) / std                  ``group_advantage`` of the episode's reward among the group's
        A_S(h) = (R_h − mean) / std             the same of its return among those of all visits to its state,
        R_h = γ^(H−h) r                         by any step of any episode of the group; h = 1 … H

    The reward comes with the last step; ω is ``step_weight``. A state that was visited once, or from which all
    returns were equal, says nothing: A_S = 0. So does one that is not known.
    """
    own = group[member]
    visits: dict[Hashable, list[float]] = {state: [] for state in own.states}
    for episode in group:
        for state, value in zip(episode.states, _returns(episode, discount), strict=True):
            if state in visits:
                visits[state].append(value)
    whole = group_advantage(own.reward, [episode.reward for episode in group])
    return tuple(
        whole if state is None else whole + step_weight * group_advantage(value, visits[state])
        for state, value in zip(own.states, _returns(own, discount), strict=True)
    )


def _returns(episode: Visited, discount: float) -> list[float]:
    """Return γ^(H−h) r of every step."""
    steps = len(episode.states)
    return [discount ** (steps - h) * episode.reward for h in range(1, steps + 1)]
