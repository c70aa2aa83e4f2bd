"""Chooses α of each arm, and PPO's step size and clip, from pilots' records, by the rule alone. Plays nothing."""

from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any, TypeVar

from benchmarks.learning_study.arms import Arm, RunSpec, Weights
from benchmarks.learning_study.plans import BLAMING, DEEP_ALPHAS, ENTROPIES, Kind, Steps, specs_of

Records = Mapping[RunSpec, Mapping[str, Any]]
Key = TypeVar("Key", bound=Hashable)


def chosen_alphas(records: Records, pilot: Iterable[RunSpec] | None = None) -> dict[Weights, float]:
    """Return for each kind of weights the α of the largest mean area under the curve over the pilot's seeds.

    Of two that are equal the smaller one. ``pilot`` is the runs it takes, those of the stage pilot unless told.

    Raises:
        ValueError: a run of the pilot is missing.
    """
    specs = list(specs_of("pilot") if pilot is None else pilot)
    means = _means(records, specs, lambda spec: (spec.arm.weights, spec.arm.alpha), area)
    return {weights: _best(means, weights) for weights in ENTROPIES}


def deep_alphas(records: Records) -> dict[Weights, float]:
    """Return for each kind of weights of the stage deep the α of the largest mean final success over its pilot's seeds.

    Of two that are equal the smaller one.

    Raises:
        ValueError: a run of the pilot is missing.
    """
    means = _means(records, specs_of("deep-pilot"), lambda spec: (spec.arm.weights, spec.arm.alpha), final)
    return {weights: _best(means, weights) for weights in DEEP_ALPHAS}


def chosen_blaming(records: Records, pilot: Iterable[RunSpec], kinds: Iterable[Kind] = BLAMING) -> list[Arm]:
    """Return an arm of each kind, at its α of the largest mean area over the pilot's seeds.

    Of two that are equal the smaller one. ``pilot`` is the runs of blame-pilot, of rare-pilot for the kinds ``RARE``.

    Raises:
        ValueError: a run of the pilot is missing.
    """
    means = _means(records, list(pilot), lambda spec: spec.arm, area)
    of_kind = ([arm for arm in means if (arm.blame, arm.weights) == kind] for kind in kinds)
    return [max(arms, key=lambda arm: (means[arm], -arm.alpha)) for arms in of_kind]


def chosen_steps(records: Records) -> Steps:
    """Return PPO's step size and clip of the largest mean area, of equal ones the smaller step, then the smaller clip.

    Raises:
        ValueError: a run of the stage ppo-steps is missing.
    """
    specs = specs_of("ppo-steps")
    means = _means(records, specs, lambda spec: (spec.scale.learning_rate, spec.scale.clip_range), area)
    return max(means, key=lambda steps: (means[steps], -steps[0], -steps[1]))


def _best(means: Mapping[tuple[Weights, float], float], weights: Weights) -> float:
    return max((mean, -alpha, alpha) for (kind, alpha), mean in means.items() if kind == weights)[2]


def _means(
    records: Records,
    pilot: list[RunSpec],
    key_of: Callable[[RunSpec], Key],
    measure: Callable[[Mapping[str, Any]], float],
) -> dict[Key, float]:
    missing = [spec.file_name for spec in pilot if spec not in records]
    if missing:
        raise ValueError(
            f"Got a pilot without {len(missing)} of its runs ({missing[0]} first), expected all: what follows is "
            "chosen by them."
        )
    values: dict[Key, list[float]] = {}
    for spec in pilot:
        values.setdefault(key_of(spec), []).append(measure(records[spec]))
    return {key: round(sum(found) / len(found), 9) for key, found in values.items()}


def final(record: Mapping[str, Any]) -> float:
    """Return a run's greedy success on unseen instances after its last update."""
    return float(record["final"]["instances"]["success"])


def area(record: Mapping[str, Any]) -> float:
    """Return the mean of a run's curve: greedy success on unseen instances, at even distances from its start on."""
    curve = [point["success"] for point in record["curve"]]
    return float(sum(curve) / len(curve))
