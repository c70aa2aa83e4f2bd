"""The runs of each stage of the study: pilot, headline, ablations, the full grid. Plays nothing."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Literal

from benchmarks.learning_study.arms import Arm, Recipe, RunSpec, Scale, Weights
from tuner.config import Objective

Stage = Literal["pilot", "headline", "ppo", "ablations", "full", "smoke"]
STAGES: tuple[Stage, ...] = ("pilot", "headline", "ppo", "ablations", "full", "smoke")
ENTROPIES: tuple[Weights, ...] = ("uniform", "scm", "parser", "actions")
OBJECTIVES: tuple[Objective, ...] = ("awr", "ppo")
ALPHAS = (0.01, 0.03, 0.1)
"""The same small grid for every arm, tried on the pilot's seeds alone."""
PILOT_SEEDS = (100, 101, 102, 103)
HEADLINE_SEEDS = tuple(range(12))
ABLATION_SEEDS = tuple(range(4))
FULL_SEEDS = tuple(range(32))
STANDARD = Scale()
STANDARD_RECIPE = Recipe()
PILOT = replace(STANDARD, final_splits=("instances",))
LARGE = replace(STANDARD, updates=80, episodes_per_update=64, final_episodes=240)
TINY = replace(
    STANDARD, updates=2, episodes_per_update=12, optimizer_steps=2, curve_every=1, curve_episodes=6, final_episodes=6
)
TINY_RECIPE = Recipe(vocabulary_demonstrations=800, stem_steps=20, seed_steps=4, rehearsal_steps=4, first_steps=4)
Alphas = Mapping[Weights, float]


def specs_of(stage: Stage, alphas: Alphas | None = None) -> list[RunSpec]:
    """Return the runs of a stage, those of a seed one after another.

    ``alphas`` are those that the pilot chose (``alphas``), which every stage needs but pilot, full and smoke.
    """
    match stage:
        case "pilot":
            return _crossed(_grid(("awr",), ALPHAS), PILOT_SEEDS, PILOT)
        case "headline":
            return _crossed([*chosen_arms("awr", alphas or {}), Arm("bc", "none")], HEADLINE_SEEDS, STANDARD)
        case "ppo":
            return _crossed(chosen_arms("ppo", alphas or {}), HEADLINE_SEEDS, STANDARD)
        case "ablations":
            arms = chosen_arms("awr", alphas or {})
            named = _crossed(arms, ABLATION_SEEDS, STANDARD, Recipe(names_choice=True))
            return _crossed(ablation_arms(arms), ABLATION_SEEDS, STANDARD) + named
        case "full":
            arms = [*_grid(OBJECTIVES, (0.001, *ALPHAS, 0.3)), Arm("bc", "none")]
            return _crossed(arms, FULL_SEEDS, LARGE)
        case "smoke":
            return _crossed([Arm("awr", "scm", 0.03), Arm("awr", "none")], (0,), TINY, TINY_RECIPE)


def chosen_arms(objective: Objective, alphas: Alphas) -> list[Arm]:
    """Return every arm of an objective once, at the α chosen."""
    return [Arm(objective, "none"), *(Arm(objective, weights, alphas[weights]) for weights in ENTROPIES)]


def ablation_arms(arms: Iterable[Arm]) -> list[Arm]:
    """Return variants of the arm with weights of the action model: one setting changed at a time."""
    base = next(arm for arm in arms if arm.weights == "scm")
    return [
        base,
        replace(base, window=4),
        replace(base, null="neighbour"),
        replace(base, null="pad"),
        replace(base, labels="type"),
        replace(base, weights="released"),
    ]


def _grid(objectives: Iterable[Objective], alphas: Iterable[float]) -> list[Arm]:
    arms, steps = [], tuple(alphas)
    for objective in objectives:
        arms.append(Arm(objective, "none"))
        arms += [Arm(objective, weights, alpha) for weights in ENTROPIES for alpha in steps]
    return arms


def _crossed(
    arms: Iterable[Arm], seeds: Iterable[int], scale: Scale, recipe: Recipe = STANDARD_RECIPE
) -> list[RunSpec]:
    every = list(arms)
    return [RunSpec(arm, seed, scale, recipe) for seed in seeds for arm in every]
