"""Chooses α of each arm from the pilot's records, by the rule and nothing else. Plays nothing."""

from collections.abc import Mapping
from typing import Any

from benchmarks.learning_study.arms import RunSpec, Weights
from benchmarks.learning_study.plans import ENTROPIES, specs_of


def chosen_alphas(records: Mapping[RunSpec, Mapping[str, Any]]) -> dict[Weights, float]:
    """Return for each kind of weights the α of the largest mean area under the curve over the pilot's seeds.

    Of two that are equal the smaller one.

    Raises:
        ValueError: a run of the pilot is missing.
    """
    missing = [spec.file_name for spec in specs_of("pilot") if spec not in records]
    if missing:
        raise ValueError(
            f"Got a pilot without {len(missing)} of its runs ({missing[0]} first), expected all: alpha is chosen by "
            "them, so play the stage pilot first."
        )
    areas: dict[tuple[Weights, float], list[float]] = {}
    for spec, record in records.items():
        areas.setdefault((spec.arm.weights, spec.arm.alpha), []).append(area(record))
    means = {arm: round(sum(found) / len(found), 9) for arm, found in areas.items()}
    return {
        weights: max((mean, -alpha, alpha) for (kind, alpha), mean in means.items() if kind == weights)[2]
        for weights in ENTROPIES
    }


def area(record: Mapping[str, Any]) -> float:
    """Return the mean of a run's curve: greedy success on unseen instances, at even distances from its start on."""
    curve = [point["success"] for point in record["curve"]]
    return float(sum(curve) / len(curve))
