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

Entropy and latency are means of a logarithm, so that a margin is a factor, and the same test for normal data:

    Z = sum n_s n_c (m_c - m_s) / (n sigma^2)        V = sum n_s n_c / (n sigma^2)        theta = log of the factor

with the means m and the variance sigma^2 within strata, pooled over them and kept from 0. Latency is compared runtime
by runtime, for one may be slower than another.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

Decision = Literal["wait", "promote", "withdraw"]
_Strata = Mapping[str, "Outcomes"]
_GUARDS = {
    "malformed": "Too many of its episodes are malformed.",
    "void": "Too many of its episodes are void.",
    "entropy_low": "Its entropy has collapsed.",
    "entropy_high": "Its entropy has blown up.",
    "slow": "Its decisions take too long.",
}
LEAST_RATE = 0.02
"""Rates are taken as at least this far from 0 and 1 where odds are made of them."""
LEAST_SURPRISE_NATS = 0.02
LEAST_LATENCY_MS = 1.0
LEAST_VARIANCE = 0.25
"""Of a logarithm: a few episodes that happen to be alike are no proof that all are."""
LEAST_EPISODES = 5
"""Of each version, before a mean counts for anything."""


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Episodes of one version in one stratum; ``judged`` are those that are not void."""

    judged: int = 0
    succeeded: int = 0
    malformed: int = 0
    """Judged episodes with at least one answer outside the grammar."""
    void: int = 0

    def and_episode(self, is_void: bool, succeeded: bool, malformed: bool) -> Outcomes:
        """Return these with one more episode."""
        if is_void:
            return replace(self, void=self.void + 1)
        return Outcomes(self.judged + 1, self.succeeded + succeeded, self.malformed + malformed, self.void)


@dataclass(frozen=True, slots=True)
class Moments:
    """Count, sum and sum of squares of a logarithm, one value an episode."""

    count: int = 0
    total: float = 0.0
    squares: float = 0.0

    def and_value(self, value: float) -> Moments:
        """Return these with one more value."""
        return Moments(self.count + 1, self.total + value, self.squares + value**2)


@dataclass(frozen=True, slots=True)
class Arm:
    """The episodes of one version."""

    outcomes: Mapping[str, Outcomes] = field(default_factory=dict)
    """By stratum: a task and what it was run for."""
    entropy: Mapping[str, Moments] = field(default_factory=dict)
    """Of ``log_entropy``, by the same strata."""
    latency: Mapping[str, Moments] = field(default_factory=dict)
    """Of the logarithm of a decision's milliseconds, by runtime."""


def log_entropy(surprise_nats: float) -> float:
    """Return the logarithm of an episode's mean surprise, kept from minus infinity."""
    return math.log(surprise_nats + LEAST_SURPRISE_NATS)


def log_latency(decide_ms: float) -> float:
    """Return the logarithm of an episode's mean time of a decision, kept from minus infinity."""
    return math.log(decide_ms + LEAST_LATENCY_MS)


@dataclass(frozen=True, slots=True)
class Rule:
    """Margins are differences of rates; error rates are nominal, and docs/canary.md has the measured ones."""

    success_margin: float = 0.15
    """How much less may succeed; half of the stable rate where that is smaller."""
    guard_margin: float = 0.15
    """How many more may be malformed, or void."""
    withdraw_error: float = 0.02
    """Chance to withdraw a version that succeeds as often."""
    entropy_factor: float = 3.0
    """How many times lower (collapse) or higher (noise) the entropy may be."""
    latency_factor: float = 1.5
    """How many times longer a decision may take."""
    promote_error: float = 0.05
    """Chance to promote a version that is worse by the margin."""
    guard_error: float = 0.005
    """Chance of each guard to withdraw a version that is as good."""
    min_trusted: int = 20
    """Episodes of the trusted version before another one goes on trial: there would be nothing to compare with."""
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
        "success": _ratio(stable.outcomes, canary.outcomes, lambda o: (o.judged, o.succeeded), -rule.success_margin),
        "malformed": _ratio(stable.outcomes, canary.outcomes, lambda o: (o.judged, o.malformed), rule.guard_margin),
        "void": _ratio(_pooled(stable), _pooled(canary), lambda o: (o.judged + o.void, o.void), rule.guard_margin),
        "entropy_low": _ratio_of_means(stable.entropy, canary.entropy, -math.log(rule.entropy_factor)),
        "entropy_high": _ratio_of_means(stable.entropy, canary.entropy, math.log(rule.entropy_factor)),
        "slow": _ratio_of_means(stable.latency, canary.latency, math.log(rule.latency_factor)),
    }
    judged = sum(outcomes.judged for outcomes in canary.outcomes.values())
    surely_worse = math.log((1 - rule.promote_error) / rule.withdraw_error)
    for name, reason in _GUARDS.items():
        if ratios[name] >= math.log(1 / rule.guard_error):
            return Judgement("withdraw", reason, ratios)
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


def _ratio(stable: _Strata, canary: _Strata, counted: Callable[[Outcomes], tuple[int, int]], margin: float) -> float:
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


def _ratio_of_means(stable: Mapping[str, Moments], canary: Mapping[str, Moments], theta: float) -> float:
    """Return log P(data | means differ by ``theta``) - log P(data | means equal)."""
    shared = [(stable[name], canary[name]) for name in canary if name in stable]
    shared = [(old, new) for old, new in shared if old.count and new.count]
    if min(sum(old.count for old, _ in shared), sum(new.count for _, new in shared)) < LEAST_EPISODES:
        return 0.0
    freedom = max(1, sum(arm.count - 1 for pair in shared for arm in pair))
    within = sum(max(0.0, arm.squares - arm.total**2 / arm.count) for pair in shared for arm in pair)
    variance = max(within / freedom, LEAST_VARIANCE)
    score = information = 0.0
    for old, new in shared:
        weight = old.count * new.count / ((old.count + new.count) * variance)
        score += weight * (new.total / new.count - old.total / old.count)
        information += weight
    return theta * score - theta**2 * information / 2


def _pooled(arm: Arm) -> _Strata:
    """Return the arm as one stratum: whether an episode is void has little to do with its task."""
    judged, void = (sum(getattr(o, name) for o in arm.outcomes.values()) for name in ("judged", "void"))
    return {"": Outcomes(judged=judged, void=void)}


def _inside(rate: float) -> float:
    return min(max(rate, LEAST_RATE), 1 - LEAST_RATE)


def _logit(rate: float) -> float:
    return math.log(rate / (1 - rate))
