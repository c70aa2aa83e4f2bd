"""The runs of each stage of the study: pilot, headline, ablations, the full grid. Plays nothing."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Literal

from benchmarks.learning_study.arms import Arm, Recipe, RunSpec, Scale, Weights
from tuner.config import Objective

Stage = Literal["pilot", "headline", "ppo", "ablations", "full", "smoke"]
STAGES: tuple[Stage, ...] = ("pilot", "headline", "ppo", "ablations", "full", "smoke")
ENTROPIES: tuple[Weights, ...] = ("uniform", "scm", "parser", "valid")
OBJECTIVES: tuple[Objective, ...] = ("awr", "ppo")
ALPHAS = (0.003, 0.01, 0.03)
"""The same small grid for every arm, tried on the pilot's seeds alone."""
PILOT_SEEDS = (100, 101)
HEADLINE_SEEDS = tuple(range(12))
ABLATION_SEEDS = tuple(range(4))
FULL_SEEDS = tuple(range(32))
STANDARD = Scale()
STANDARD_RECIPE = Recipe()
LARGE = replace(STANDARD, updates=80, episodes_per_update=64, final_episodes=240)
TINY = replace(
    STANDARD, updates=2, episodes_per_update=12, optimizer_steps=2, curve_every=1, curve_episodes=6, final_episodes=6
)
TINY_RECIPE = Recipe(vocabulary_demonstrations=800, stem_steps=20, seed_steps=4, rehearsal_steps=4, first_steps=4)
CHOSEN: dict[Weights, float] = {"uniform": 0.01, "scm": 0.01, "parser": 0.01, "valid": 0.01}
"""α of each arm, by the pilot of the AWR form; see docs/learning-study.md."""


def specs_of(stage: Stage) -> list[RunSpec]:
    """Return the runs of a stage, those of a seed one after another."""
    match stage:
        case "pilot":
            return _crossed(_grid(ALPHAS), PILOT_SEEDS, STANDARD)
        case "headline":
            return _crossed([*chosen_arms("awr"), Arm("bc", "none")], HEADLINE_SEEDS, STANDARD)
        case "ppo":
            return _crossed(chosen_arms("ppo"), HEADLINE_SEEDS, STANDARD)
        case "ablations":
            named = _crossed(chosen_arms("awr"), ABLATION_SEEDS, STANDARD, Recipe(names_choice=True))
            return _crossed(ablation_arms(), ABLATION_SEEDS, STANDARD) + named
        case "full":
            return _crossed(_grid((0.001, *ALPHAS, 0.1)), FULL_SEEDS, LARGE)
        case "smoke":
            return _crossed([Arm("awr", "scm", 0.03), Arm("awr", "none")], (0,), TINY, TINY_RECIPE)


def chosen_arms(objective: Objective) -> list[Arm]:
    """Return every arm of an objective once, at the α chosen."""
    return [Arm(objective, "none"), *(Arm(objective, weights, CHOSEN[weights]) for weights in ENTROPIES)]


def ablation_arms() -> list[Arm]:
    """Return variants of the AWR arm with weights of the action model: one setting changed at a time."""
    base = Arm("awr", "scm", CHOSEN["scm"])
    return [
        base,
        replace(base, window=4),
        replace(base, null="neighbour"),
        replace(base, null="pad"),
        replace(base, labels="type"),
        replace(base, weights="released"),
    ]


def _grid(alphas: Iterable[float]) -> list[Arm]:
    arms = [Arm("bc", "none")]
    for objective in OBJECTIVES:
        arms.append(Arm(objective, "none"))
        arms += [Arm(objective, weights, alpha) for weights in ENTROPIES for alpha in alphas]
    return arms


def _crossed(
    arms: Iterable[Arm], seeds: Iterable[int], scale: Scale, recipe: Recipe = STANDARD_RECIPE
) -> list[RunSpec]:
    every = list(arms)
    return [RunSpec(arm, seed, scale, recipe) for seed in seeds for arm in every]
