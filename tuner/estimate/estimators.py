"""Per-decision weighted importance sampling and its doubly robust form. Pure functions; say nothing of their error.

    w_h^i = ρ_{1:h}^i / Σ_j ρ_{1:h}^j                        normalised at every step, not once an episode
    PDWIS = Σ_h Σ_i w_h^i r_h^i                              (Precup, Sutton and Singh 2000; no discount)
    WDR   = Σ_h Σ_i [w_h^i (r_h^i − Q̂_h^i) + w_{h−1}^i V̂_h^i]   (Thomas and Brunskill 2016, equation 4)

Both are consistent: their error falls with the number of episodes, and for few there is some bias towards the mean
of what was recorded. WDR is right in the limit whatever V̂ says, as long as Σ_a π(a|s) Q̂(s,a) = V̂(s); a V̂ for both,
which no action moves, always is. The nearer it comes to the truth, the less an unlucky draw of states counts.

``counts`` [B, N] says how often each episode is taken: ones for the estimate itself, draws for a bootstrap.
"""

import numpy as np

from tuner.estimate.episodes import Floats, Table


def pdwis(table: Table, counts: Floats | None = None) -> Floats:
    """Return the weighted per-decision estimate of each row of ``counts``, [B]; NaN where no weight is left."""
    nothing = np.zeros_like(table.rewards)
    return weighted_doubly_robust(table, nothing, nothing, counts)


def weighted_doubly_robust(table: Table, q: Floats, v: Floats, counts: Floats | None = None) -> Floats:
    """Return WDR of each row of ``counts``, [B]; NaN where no weight is left.

    ``q`` and ``v`` [N, H] are Q̂ and V̂ at each step, in units of the outcome, 0 at padding.
    """
    assert q.shape == v.shape == table.rewards.shape
    taken = np.ones((1, table.episodes)) if counts is None else counts
    assert taken.ndim == 2
    assert taken.shape[1] == table.episodes
    with np.errstate(invalid="ignore", divide="ignore"):
        weights = taken @ table.ratios  # Σ_j ρ_{1:h}^j [B, H + 1]
        surprises = taken @ (table.ratios[:, 1:] * (table.rewards - q)) / weights[:, 1:]
        expected = taken @ (table.ratios[:, :-1] * v) / weights[:, :-1]
    found: Floats = (surprises + expected).sum(1)
    return found
