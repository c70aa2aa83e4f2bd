"""The statistics of rliable, of our own: interquartile mean, stratified bootstrap, probability of improvement.

Source of the formulas: Agarwal et al. 2021, "Deep Reinforcement Learning at the Edge of the Statistical Precipice",
arXiv 2108.13264, section 4 and appendix A. Scores are [N runs, M tasks]. rliable itself is not used: it brings scipy,
arch, pandas and seaborn for these few lines. Reads no record.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float64]
RESAMPLINGS = 5000
LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Estimate:
    """A point estimate and its percentile interval at 95 %."""

    value: float
    low: float
    high: float


def interquartile_mean(scores: Scores) -> float:
    """Return the mean of the middle half of all N·M scores: ⌊n/4⌋ are left out at either end."""
    ranked = np.sort(scores, axis=None)
    cut = len(ranked) // 4
    return float(ranked[cut : len(ranked) - cut].mean())


def probability_of_improvement(ours: Scores, theirs: Scores) -> float:
    """Return P(X > Y) = (1/M) Σ_m U_m / (N·K), ties counting a half: Mann and Whitney's U of each task.

    ``ours`` [N, M] and ``theirs`` [K, M].
    """
    assert ours.shape[1] == theirs.shape[1]
    above = ours[:, None, :] > theirs[None, :, :]
    level = ours[:, None, :] == theirs[None, :, :]
    return float((above + 0.5 * level).mean())


def bootstrapped(
    measure: Callable[..., float], samples: Sequence[Scores], seed: int = 0, resamplings: int = RESAMPLINGS
) -> Estimate:
    """Return ``measure`` of the samples with its stratified bootstrap interval.

    Runs are drawn again with replacement, for each task on its own and for each sample on its own, as rliable does.
    """
    rng = np.random.default_rng(seed)
    found = np.empty(resamplings)
    for place in range(resamplings):
        found[place] = measure(*(_redrawn(scores, rng) for scores in samples))
    return _interval(measure(*samples), found)


def bootstrapped_pairs(
    measure: Callable[..., float], samples: Sequence[Scores], seed: int = 0, resamplings: int = RESAMPLINGS
) -> Estimate:
    """Return ``measure`` with an interval that keeps pairs: the same runs (rows) are drawn from every sample."""
    runs = len(samples[0])
    assert all(len(scores) == runs for scores in samples)
    rng = np.random.default_rng(seed)
    found = np.empty(resamplings)
    for place in range(resamplings):
        drawn = rng.integers(0, runs, runs)
        found[place] = measure(*(scores[drawn] for scores in samples))
    return _interval(measure(*samples), found)


def ratio_of_means(ours: Scores, theirs: Scores) -> float:
    """Return mean(ours) / mean(theirs), not a number where theirs is 0."""
    return float(ours.mean() / theirs.mean()) if theirs.mean() else float("nan")


def difference_of_means(ours: Scores, theirs: Scores) -> float:
    """Return mean(ours) − mean(theirs)."""
    return float(ours.mean() - theirs.mean())


def steps_to(curve: Sequence[tuple[float, float]], threshold: float, beyond: float) -> float:
    """Return where a curve of (steps, success) first reaches the threshold at two measurements in a row.

    The last measurement needs no second one. ``beyond`` is returned for a curve that never does.
    """
    for place, (steps, success) in enumerate(curve):
        following = curve[min(place + 1, len(curve) - 1)][1]
        if success >= threshold and following >= threshold:
            return steps
    return beyond


def _redrawn(scores: Scores, rng: np.random.Generator) -> Scores:
    drawn = rng.integers(0, len(scores), scores.shape)
    redrawn: Scores = scores[drawn, np.arange(scores.shape[1])]
    return redrawn


def _interval(value: float, found: NDArray[np.float64]) -> Estimate:
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(found, (tail, 1 - tail))
    return Estimate(value, float(low), float(high))
