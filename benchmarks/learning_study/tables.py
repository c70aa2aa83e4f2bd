"""Adds a stage's records up: arms against each other, with intervals. Draws nothing and plays nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np

from benchmarks.learning_study.arms import RunSpec
from benchmarks.learning_study.goals import SPLITS
from benchmarks.learning_study.statistics import (
    Estimate,
    Scores,
    bootstrapped,
    bootstrapped_pairs,
    difference_of_means,
    interquartile_mean,
    probability_of_improvement,
    ratio_of_means,
    steps_to,
)

Record = Mapping[str, Any]
BASELINES = ("none", "uniform")
THRESHOLD_SHARE = 0.8


@dataclass(frozen=True)
class ArmRow:
    """One arm: interquartile means over seeds and templates of final greedy success, and what went on inside."""

    arm: str
    seeds: int
    success: dict[str, Estimate]
    mean_success: dict[str, float]
    steps_to_threshold: float
    never_reached: int
    malformed_while_learning: float
    malformed_in_the_end: float
    critical_entropy: float
    other_entropy: float
    low_share: dict[str, float]
    cpu_seconds: float


@dataclass(frozen=True)
class Comparison:
    """An arm against a baseline of the same objective on one split; ``steps_ratio`` below 1 is faster.

    ``difference`` is the mean difference of success by pairs of a seed, with an interval that keeps the pairs.
    """

    arm: str
    baseline: str
    split: str
    improvement: Estimate
    improvement_by_template: Estimate
    steps_ratio: Estimate
    difference: Estimate


class Results:
    """The records of one stage, by arm, every arm on the same seeds in the same order."""

    def __init__(self, records: Mapping[RunSpec, Record], reference: str = "") -> None:
        """``reference`` is an arm that others are compared with besides the baselines."""
        self._reference = reference
        self.by_arm: dict[str, list[Record]] = {}
        arms = {self.name_of(spec) for spec in records}
        seeds = [{s.seed for s in records if self.name_of(s) == arm} for arm in arms]
        self.seeds = sorted(set.intersection(*seeds)) if seeds else []
        for spec in sorted(records, key=lambda spec: spec.seed):
            if spec.seed in self.seeds:
                self.by_arm.setdefault(self.name_of(spec), []).append(records[spec])

    @staticmethod
    def name_of(spec: RunSpec) -> str:
        """Return what an arm is called in tables."""
        return spec.name

    def splits(self, arm: str) -> list[str]:
        """Return what the arm's final success was measured on."""
        return list(self.by_arm[arm][0]["final"])

    def scores(self, arm: str, split: str) -> Scores:
        """Return final greedy success [seeds, templates]."""
        return np.array([list(record["final"][split]["by_template"].values()) for record in self.by_arm[arm]])

    def threshold(self, objective: str) -> float:
        """Return 80 % of the final success of the best arm without causal weights, cloning too, on unseen instances."""
        known = [arm for arm in self.by_arm if not arm.endswith("causal-blame")]
        arms = [arm for arm in known if _is_baseline(arm, objective) or arm.startswith("bc-")]
        return THRESHOLD_SHARE * max(float(self.scores(arm, "instances").mean()) for arm in arms)

    def steps(self, arm: str, threshold: float) -> Scores:
        """Return the episodes until the curve reaches the threshold [seeds, 1]; one interval more if never."""
        curves = [[(point["episodes"], point["success"]) for point in record["curve"]] for record in self.by_arm[arm]]
        beyond = 2 * curves[0][-1][0] - curves[0][-2][0]
        return np.array([[steps_to(curve, threshold, beyond)] for curve in curves], dtype=np.float64)

    @cached_property
    def rows(self) -> list[ArmRow]:
        """The line of each arm."""
        return [self._row(arm) for arm in self.by_arm]

    def _row(self, arm: str) -> ArmRow:
        records = self.by_arm[arm]
        objective = arm.partition("-")[0]
        threshold = self.threshold(objective if objective != "bc" else "awr")
        steps = self.steps(arm, threshold)
        last = records[0]["curve"][-1]["episodes"]
        return ArmRow(
            arm=arm,
            seeds=len(records),
            success={s: bootstrapped(interquartile_mean, [self.scores(arm, s)]) for s in self.splits(arm)},
            mean_success={s: float(self.scores(arm, s).mean()) for s in self.splits(arm)},
            steps_to_threshold=float(steps.mean()),
            never_reached=int((steps > last).sum()),
            malformed_while_learning=_mean(update["malformed"] for r in records for update in r["updates"]),
            malformed_in_the_end=_mean(r["sampled"]["malformed"] for r in records),
            critical_entropy=_mean(r["updates"][-1]["critical_entropy"] for r in records),
            other_entropy=_mean(r["updates"][-1]["other_entropy"] for r in records),
            low_share={k: _mean(r["weights"][f"{k}_low_share"] for r in records) for k in ("scm", "parser")},
            cpu_seconds=_mean(r["cpu_seconds"] for r in records),
        )

    def compare(self, arm: str, baseline: str, split: str) -> Comparison:
        """Return an arm against a baseline."""
        ours, theirs = self.scores(arm, split), self.scores(baseline, split)
        threshold = self.threshold(arm.partition("-")[0])
        means = [ours.mean(1, keepdims=True), theirs.mean(1, keepdims=True)]
        return Comparison(
            arm,
            baseline,
            split,
            bootstrapped(probability_of_improvement, means),
            bootstrapped(probability_of_improvement, [ours, theirs]),
            bootstrapped_pairs(ratio_of_means, [self.steps(arm, threshold), self.steps(baseline, threshold)]),
            bootstrapped_pairs(difference_of_means, means),
        )

    @cached_property
    def comparisons(self) -> list[Comparison]:
        """Every arm against the baselines of its objective, on every split."""
        found = []
        for arm in self.by_arm:
            objective = arm.partition("-")[0]
            others = [name for name in self.by_arm if name != arm]
            baselines = [name for name in others if _is_baseline(name, objective) or name == self._reference]
            if objective == "bc" or "-none" in arm:
                continue
            found += [self.compare(arm, baseline, split) for baseline in baselines for split in self.splits(arm)]
        return found

    def as_dict(self) -> dict[str, object]:
        """Return everything as plain data."""
        return {
            "seeds": self.seeds,
            "arms": [asdict(row) for row in self.rows],
            "comparisons": [asdict(comparison) for comparison in self.comparisons],
        }


def markdown(results: Results) -> str:
    """Return the two tables as Markdown."""
    lines = [
        "| arm | seeds | train | unseen instances | unseen templates | unseen apps | episodes to 80 % "
        "| malformed, learning | malformed, end | H critical | H others | cpu s |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in results.rows:
        shown = " | ".join(
            f"{_percent(row.success[split])} ({100 * row.mean_success[split]:.0f})" if split in row.success else ""
            for split in SPLITS
        )
        lines.append(
            f"| {row.arm} | {row.seeds} | {shown} | {row.steps_to_threshold:.0f} ({row.never_reached} never) "
            f"| {100 * row.malformed_while_learning:.1f} % | {100 * row.malformed_in_the_end:.1f} % "
            f"| {row.critical_entropy:.3f} | {row.other_entropy:.3f} | {row.cpu_seconds:.0f} |"
        )
    titles = "P(improvement) of seeds", "of seeds and templates", "steps ratio", "difference by pairs"
    lines += ["", f"| arm against baseline, split | {' | '.join(titles)} |"]
    lines += ["|---|---|---|---|---|"]
    for found in results.comparisons:
        estimates = (found.improvement, found.improvement_by_template, found.steps_ratio, found.difference)
        shown = " | ".join(map(_interval, estimates))
        lines.append(f"| {found.arm} > {found.baseline}, {found.split} | {shown} |")
    return "\n".join(lines)


def _is_baseline(arm: str, objective: str) -> bool:
    return any(arm.startswith(f"{objective}-{name}") for name in BASELINES)


def _mean(values: Any) -> float:
    found = list(values)
    return float(sum(found) / len(found))


def _percent(estimate: Estimate) -> str:
    return f"{100 * estimate.value:.0f} % [{100 * estimate.low:.0f}, {100 * estimate.high:.0f}]"


def _interval(estimate: Estimate) -> str:
    return f"{estimate.value:.2f} [{estimate.low:.2f}, {estimate.high:.2f}]"


__all__: Sequence[str] = ("ArmRow", "Comparison", "Results", "markdown")
