"""Recorded episodes as estimators take them: ratios, outcomes and values as arrays. Reads no session, runs no model.

N is episodes, H the steps of the longest. Rows are padded on the right: an episode that ended goes on for ever without
a choice and without a reward, so its ratios there are 1 and its rewards 0. That keeps its weight among the others,
as weights that are normalised step by step need it.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Episode:
    """One episode: its ``outcome`` in [0, 1], and for every step log ρ_h and a name of the state it was taken in.

    log ρ_h = log π(y_h|s_h) − log μ(y_h|s_h) in nats, π the policy asked about, μ the one that acted; −∞ where π
    never writes it.
    """

    task: Hashable
    outcome: float
    log_ratios: tuple[float, ...]
    states: tuple[Hashable, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Episodes as arrays: ``ratios`` [N, H + 1] of the steps so far, ``rewards`` [N, H].

    Column h of ``ratios`` is ρ_1 ⋯ ρ_h divided by the column's largest, so that nothing overflows; estimators divide
    by the column's sum. Column 0 is before the first step: 1. ``log_largest`` [H + 1] are the logarithms of what was
    divided by.
    """

    ratios: Floats
    rewards: Floats
    log_largest: Floats

    @property
    def episodes(self) -> int:
        """N."""
        return len(self.ratios)


def table_of(episodes: Sequence[Episode]) -> Table:
    """Return the arrays of at least one episode; the reward r_h is the outcome at the last step and 0 before.

    Raises:
        ValueError: there is none, a ratio is NaN or +∞, or an outcome is not in [0, 1].
    """
    if not episodes:
        raise ValueError("Got no episode, expected one at least.")
    longest = max(1, *(len(episode.log_ratios) for episode in episodes))
    logs = np.zeros((len(episodes), longest + 1))
    rewards = np.zeros((len(episodes), longest))
    for row, episode in enumerate(episodes):
        count = len(episode.log_ratios)
        logs[row, 1 : count + 1] = episode.log_ratios
        rewards[row, max(0, count - 1)] = episode.outcome
    if np.isnan(logs).any() or (logs == np.inf).any():
        raise ValueError("Got a ratio that is no number below infinity, expected π / μ with both above 0 for μ.")
    if not ((rewards >= 0) & (rewards <= 1)).all():
        raise ValueError("Got an outcome outside [0, 1], expected a share of success.")
    so_far = logs.cumsum(1)
    log_largest = so_far.max(0)
    with np.errstate(invalid="ignore"):  # a column of nothing but −∞
        ratios = np.nan_to_num(np.exp(so_far - log_largest), nan=0.0)
    return Table(ratios, rewards, log_largest)
