"""From episodes to what may be said of a policy: two estimates with intervals, or a refusal. Reads no session."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tuner.estimate.episodes import Episode, Floats, Table, table_of
from tuner.estimate.estimators import weighted_doubly_robust
from tuner.estimate.intervals import Interval, bootstrap_draws, percentiles, wilson
from tuner.estimate.overlap import Overlap, OverlapRule, overlap_of, refusal
from tuner.estimate.values import cross_fitted_values

DRAWS = 2000
CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Estimate:
    """A share of success and its interval, both within [0, 1]; ``gain`` is over the mean of what was recorded."""

    value: float
    interval: Interval
    gain: Interval


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the episodes say; with ``refusal`` there are no estimates."""

    overlap: Overlap
    recorded: float
    """Mean outcome of the episodes as they were acted."""
    recorded_interval: Interval
    refusal: str | None
    doubly_robust: Estimate | None
    importance_sampling: Estimate | None


def judge(
    episodes: Sequence[Episode],
    rule: OverlapRule | None = None,
    confidence: float = CONFIDENCE,
    draws: int = DRAWS,
    seed: int = 0,
) -> Verdict:
    """Return what at least one episode says of the policy its ratios are for.

    Raises:
        ValueError: there is no episode, or a number is none.
    """
    table = table_of(episodes)
    overlap = overlap_of(table)
    recorded = float(table.rewards.sum(1).mean())
    why = refusal(overlap, OverlapRule() if rule is None else rule)
    around = wilson(recorded, table.episodes, confidence)
    if why is not None:
        return Verdict(overlap, recorded, around, why, None, None)
    values = cross_fitted_values(episodes)
    robust, plain = (
        _estimate(table, baseline, overlap, confidence, draws, seed) for baseline in (values, np.zeros_like(values))
    )
    return Verdict(overlap, recorded, around, None, robust, plain)


def _estimate(table: Table, values: Floats, overlap: Overlap, confidence: float, draws: int, seed: int) -> Estimate:
    value = min(1.0, max(0.0, float(weighted_doubly_robust(table, values, values)[0])))
    drawn, means = bootstrap_draws(table, values, values, draws, seed)
    told = percentiles(drawn, confidence).joined(wilson(value, overlap.effective, confidence))
    interval = Interval(max(0.0, told.low), min(1.0, told.high))
    return Estimate(value, interval, percentiles(drawn - means, confidence))
