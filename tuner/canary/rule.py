"""The rule that promotes or withdraws a canary version, as a pure function of counts. Reads and keeps nothing.

Success, malformed answers and void episodes are each held against the stable version's by Wald's sequential
probability ratio test on the stratified score statistic (Whitehead, *The Design and Analysis of Sequential Clinical
Trials*, 2nd ed. 1997, ch. 3; summed over strata as in Mantel and Haenszel 1959). With x successes among n episodes of a
stratum, c the canary and s the stable version,

    Z = sum (n_s x_c - n_c x_s) / n        V = sum n_c n_s p (1 - p) / n        llr = theta Z - theta^2 V / 2

llr is the log-likelihood ratio of "worse by the margin" to "as good"; theta is the log-odds ratio that the margin makes
of the stable version's rate. Where a stratum has few episodes p is drawn towards the rate over all of them, and it is
kept from 0 and 1, so that two perfect versions can be told to be alike. Strata that one of the two has not seen say
nothing. The guards only withdraw: a rise below their margin holds nobody.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

Decision = Literal["wait", "promote", "withdraw"]
LEAST_RATE = 0.02
"""Rates are taken as at least this far from 0 and 1 where odds are made of them."""


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Episodes of one version in one stratum; ``judged`` are those that are not void."""

    judged: int = 0
    succeeded: int = 0
    malformed: int = 0
    """Judged episodes with at least one answer outside the grammar."""
    void: int = 0


Arm = Mapping[str, Outcomes]
"""The episodes of one version by stratum: a task and what it was run for."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Margins are differences of rates; error rates are nominal, and docs/canary.md has the measured ones."""

    success_margin: float = 0.15
    """How much less may succeed; half of the stable rate where that is smaller."""
    guard_margin: float = 0.15
    """How many more may be malformed, or void."""
    withdraw_error: float = 0.02
    """Chance to withdraw a version that succeeds as often."""
    promote_error: float = 0.05
    """Chance to promote a version that is worse by the margin."""
    guard_error: float = 0.005
    """Chance of each guard to withdraw a version that is as good."""
    min_judged: int = 10
    """Judged episodes of the canary before its success counts for anything."""
    max_judged: int = 150
    """So many decide: withdrawn when half of the evidence for an early withdrawal is there, promoted otherwise."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """A decision, why in one sentence, and the log-likelihood ratios by name (above 0: likelier worse than as good)."""

    decision: Decision
    reason: str
    ratios: Mapping[str, float]


def judge(stable: Arm, canary: Arm, rule: Rule) -> Judgement:
    """Return what is to become of the canary; to be asked again after every episode."""
    ratios = {
        "success": _ratio(stable, canary, lambda o: (o.judged, o.succeeded), -rule.success_margin),
        "malformed": _ratio(stable, canary, lambda o: (o.judged, o.malformed), rule.guard_margin),
        "void": _ratio(_pooled(stable), _pooled(canary), lambda o: (o.judged + o.void, o.void), rule.guard_margin),
    }
    judged = sum(outcomes.judged for outcomes in canary.values())
    surely_worse = math.log((1 - rule.promote_error) / rule.withdraw_error)
    for name in ("malformed", "void"):
        if ratios[name] >= math.log(1 / rule.guard_error):
            return Judgement("withdraw", f"Too many of its episodes are {name}.", ratios)
    if judged >= rule.min_judged:
        if ratios["success"] >= surely_worse:
            return Judgement("withdraw", "It succeeds less often than the stable version.", ratios)
        if ratios["success"] <= math.log(rule.promote_error / (1 - rule.withdraw_error)):
            return Judgement("promote", "It succeeds as often as the stable version, within the margin.", ratios)
    if judged < rule.max_judged:
        return Judgement("wait", f"{judged} of at most {rule.max_judged} judged episodes say too little yet.", ratios)
    if ratios["success"] >= surely_worse / 2:
        return Judgement("withdraw", f"After {judged} episodes it is much likelier worse than as good.", ratios)
    return Judgement("promote", f"After {judged} episodes nothing shows that it is worse.", ratios)


def _ratio(stable: Arm, canary: Arm, counted: Callable[[Outcomes], tuple[int, int]], margin: float) -> float:
    """Return log P(data | rate worse by ``margin``) - log P(data | rates equal) of one kind of outcome."""
    shared = [counted(stable[name]) + counted(canary[name]) for name in canary if name in stable]
    shared = [row for row in shared if row[0] and row[2]]
    if not shared:
        return 0.0
    pooled = (sum(x_s + x_c for _, x_s, _, x_c in shared) + 0.5) / (sum(n_s + n_c for n_s, _, n_c, _ in shared) + 1)
    score = information = expected = 0.0
    for n_s, x_s, n_c, x_c in shared:
        n = n_s + n_c
        share = _inside((x_s + x_c + pooled) / (n + 1))
        score += (n_s * x_c - n_c * x_s) / n
        information += n_c * n_s * share * (1 - share) / n
        expected += n_c * x_s / n_s
    rate = _inside(expected / sum(n_c for _, _, n_c, _ in shared))
    worse = rate + margin if margin > 0 else max(rate + margin, rate / 2)
    theta = _logit(_inside(worse)) - _logit(rate)
    return theta * score - theta**2 * information / 2


def _pooled(arm: Arm) -> Arm:
    """Return the arm as one stratum: whether an episode is void has little to do with its task."""
    judged, void = (sum(getattr(o, name) for o in arm.values()) for name in ("judged", "void"))
    return {"": Outcomes(judged=judged, void=void)}


def _inside(rate: float) -> float:
    return min(max(rate, LEAST_RATE), 1 - LEAST_RATE)


def _logit(rate: float) -> float:
    return math.log(rate / (1 - rate))
