"""V̂ from the recorded episodes themselves, each judged by the others only. Learns no network.

A state's value is the mean outcome of the episodes that went through it, drawn towards its task's mean, and that
towards the mean of all:

    V̂(s) = (Σ_i ω_i r_i + κ V̂(task)) / (Σ_i ω_i + κ),   ω_i = min(c, ρ_{h:H}^i)

the sums over episodes of the other folds that were in s at step h, and likewise for a task from its first steps; ω is
what the policy asked about makes of the rest of the episode, cut off at c, so that no single one rules.
"""

import math
from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence

import numpy as np

from tuner.estimate.episodes import Episode, Floats

FOLDS = 5
PRIOR = 4.0
"""κ: a mean counts as much as so many episodes."""
MOST_WEIGHT = 4.0
"""c."""

_Sums = dict[Hashable, list[float]]


def cross_fitted_values(episodes: Sequence[Episode]) -> Floats:
    """Return V̂ [N, H] at each step of each episode, 0 at padding; episode i is in fold i mod ``FOLDS``."""
    longest = max(1, *(len(episode.log_ratios) for episode in episodes))
    values = np.zeros((len(episodes), longest))
    for fold in range(FOLDS):
        tasks, states = _sums([episode for row, episode in enumerate(episodes) if row % FOLDS != fold])
        overall = _mean(tasks.values(), 0.5)
        for row in range(fold, len(episodes), FOLDS):
            episode = episodes[row]
            of_task = _mean([tasks[episode.task]] if episode.task in tasks else [], overall)
            for step, state in enumerate(episode.states):
                values[row, step] = _mean([states[state]] if state in states else [], of_task)
    return values


def _sums(episodes: Sequence[Episode]) -> tuple[_Sums, _Sums]:
    """Return [Σ ω, Σ ω r] of every task and of every state."""
    tasks: _Sums = defaultdict(lambda: [0.0, 0.0])
    states: _Sums = defaultdict(lambda: [0.0, 0.0])
    for episode in episodes:
        to_come = 0.0
        for step in reversed(range(len(episode.states))):
            to_come += episode.log_ratios[step]
            weight = math.exp(min(to_come, math.log(MOST_WEIGHT)))
            _add(states[episode.states[step]], weight, episode.outcome)
            if step == 0:
                _add(tasks[episode.task], weight, episode.outcome)
    return dict(tasks), dict(states)


def _add(sums: list[float], weight: float, outcome: float) -> None:
    sums[0] += weight
    sums[1] += weight * outcome


def _mean(parts: Iterable[list[float]], prior: float) -> float:
    sums = list(parts)
    return (sum(total for _, total in sums) + PRIOR * prior) / (sum(weight for weight, _ in sums) + PRIOR)
