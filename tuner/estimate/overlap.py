"""How much of what a policy does the recorded episodes hold, and the rule that refuses to go on. Estimates nothing.

At every step h, over the N episodes (ρ_{1:h} as in ``episodes``):

    ESS_h   = (Σ_i ρ_i)² / Σ_i ρ_i²          effective sample size: so many equal episodes are as good (Kong 1992)
    share_h = max_i ρ_i / Σ_i ρ_i            what the single heaviest episode decides
    mass_h  = (1/N) Σ_i ρ_i                  E_μ[ρ_{1:h}] = 1 where μ's log-probs are true and it does all that π does

ESS alone can be fooled: where π does what μ never did, all ratios are small and alike. Then ``mass`` is far below 1.
One far above 1 means that the recorded log-probs are not those of who acted. The worst step decides.
"""

import math
from dataclasses import dataclass

import numpy as np

from tuner.estimate.episodes import Table


@dataclass(frozen=True, slots=True)
class Overlap:
    """The worst of each over the steps; ``log_mass_low`` and ``log_mass_high`` are of the mass, in nats."""

    episodes: int
    effective: float
    largest_share: float
    log_mass_low: float
    log_mass_high: float


@dataclass(frozen=True, slots=True)
class OverlapRule:
    """What is asked before an estimate is given; docs/estimates.md has the study these come from."""

    least_effective: float = 25.0
    most_share: float = 0.15
    least_mass: float = 0.5
    most_mass: float = 2.0


def overlap_of(table: Table) -> Overlap:
    """Return how much the recorded episodes overlap with the policy asked about."""
    sums = table.ratios.sum(0)
    if not (sums > 0).all():
        return Overlap(table.episodes, 0.0, 1.0, -math.inf, float(table.log_largest.max()))
    log_mass = np.log(sums / table.episodes) + table.log_largest
    return Overlap(
        table.episodes,
        float((sums**2 / (table.ratios**2).sum(0)).min()),
        float((table.ratios.max(0) / sums).max()),
        float(log_mass.min()),
        float(log_mass.max()),
    )


def refusal(overlap: Overlap, rule: OverlapRule) -> str | None:
    """Return why no estimate may be given, as a sentence, None where one may."""
    more = "record more episodes, or under a policy closer to this one"
    if overlap.effective < rule.least_effective:
        return (
            f"Got {overlap.episodes} episodes that count as {overlap.effective:.1f} under this policy, expected "
            f"{rule.least_effective:g} at least: {more}."
        )
    if overlap.largest_share > rule.most_share:
        return (
            f"Got an episode that carries {overlap.largest_share:.0%} of all weight, expected "
            f"{rule.most_share:.0%} at most: {more}."
        )
    if overlap.log_mass_low < math.log(rule.least_mass):
        return (
            f"Got episodes that hold only {math.exp(overlap.log_mass_low):.2g} of what this policy does, expected "
            f"{rule.least_mass:g} at least: it does what nobody did while recording; {more}."
        )
    if overlap.log_mass_high > math.log(rule.most_mass):
        return (
            f"Got ratios whose mean is {math.exp(min(overlap.log_mass_high, 700.0)):.3g}, expected 1: the recorded "
            "log-probs are not those of the policy that acted; leave these sessions out."
        )
    return None
