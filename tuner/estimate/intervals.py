"""How far an estimate may be off: a bootstrap over episodes, and Wilson's interval where that sees no spread.

The bootstrap draws N episodes with replacement and takes percentiles; it cannot see what no episode shows, and where
all that carry weight ended alike it has no width at all. So the interval is the smallest that holds both it and
Wilson's, with the effective sample size for n:

    (p + z²/2n ± z √(p(1−p)/n + z²/4n²)) / (1 + z²/n)           (Wilson 1927)
"""

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from tuner.estimate.episodes import Floats, Table
from tuner.estimate.estimators import weighted_doubly_robust

_DRAWS_AT_ONCE = 250


@dataclass(frozen=True, slots=True)
class Interval:
    """From ``low`` to ``high``."""

    low: float
    high: float

    def holds(self, value: float) -> bool:
        """Say whether the value lies in it, its ends included."""
        return self.low <= value <= self.high

    def joined(self, other: "Interval") -> "Interval":
        """Return the smallest interval that holds both."""
        return Interval(min(self.low, other.low), max(self.high, other.high))


def bootstrap_draws(table: Table, q: Floats, v: Floats, draws: int, seed: int) -> tuple[Floats, Floats]:
    """Return WDR and the plain mean outcome of so many resampled sets of episodes, both [draws].

    A set in which no weight is left says NaN for WDR.
    """
    rng = np.random.default_rng(seed)
    outcomes = table.rewards.sum(1)
    even = np.full(table.episodes, 1 / table.episodes)
    estimates, means = [], []
    for start in range(0, draws, _DRAWS_AT_ONCE):
        counts = rng.multinomial(table.episodes, even, min(_DRAWS_AT_ONCE, draws - start)).astype(np.float64)
        estimates.append(weighted_doubly_robust(table, q, v, counts))
        means.append(counts @ outcomes / table.episodes)
    return np.concatenate(estimates), np.concatenate(means)


def percentiles(draws: Floats, confidence: float) -> Interval:
    """Return the middle ``confidence`` of the draws that are numbers.

    Raises:
        ValueError: none is.
    """
    told = draws[np.isfinite(draws)]
    if not len(told):
        raise ValueError("Got no draw that is a number, expected one at least.")
    low, high = np.quantile(told, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(float(low), float(high))


def wilson(share: float, count: float, confidence: float) -> Interval:
    """Return Wilson's interval of a share in [0, 1] seen in ``count`` > 0 trials, a whole number or not."""
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    middle = share + z * z / (2 * count)
    reach = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    scale = 1 + z * z / count
    return Interval(max(0.0, (middle - reach) / scale), min(1.0, (middle + reach) / scale))
