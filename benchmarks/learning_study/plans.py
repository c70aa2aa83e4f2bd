"""The runs of each stage of the study: pilot, headline, ablations, the full grid. Plays nothing."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Literal, get_args

from benchmarks.learning_study.arms import Arm, Recipe, RunSpec, Scale, Weights
from tuner.config import Blame, Objective

Stage = Literal[
    "pilot",
    "headline",
    "deep-pilot",
    "deep",
    "ppo-steps",
    "ppo-pilot",
    "ppo",
    "ppo-long",
    "ablations",
    "long-pilot",
    "falls-pilot",
    "ppo-again",
    "blame-pilot",
    "blame",
    "rare-pilot",
    "rare",
    "full",
    "smoke",
]
STAGES: tuple[Stage, ...] = get_args(Stage)
ENTROPIES: tuple[Weights, ...] = ("uniform", "scm", "parser", "actions")
OBJECTIVES: tuple[Objective, ...] = ("awr", "ppo")
ALPHAS = (0.01, 0.03, 0.1)
"""The same small grid for every arm, tried on the pilot's seeds alone."""
PPO_RATES = (3e-5, 1e-4, 3e-4)
PPO_CLIPS = (0.1, 0.2)
PPO_ALPHAS: Mapping[Weights, tuple[float, ...]] = dict.fromkeys(ENTROPIES, (0.003, 0.01, 0.03)) | {
    "uniform": (0.001, 0.003, 0.01, 0.03)
}
PILOT_SEEDS = (100, 101, 102, 103)
PPO_PILOT_SEEDS = (110, 111, 112)
HEADLINE_SEEDS = tuple(range(12))
LONG_SEEDS = tuple(range(200, 230))
FULL_SEEDS = tuple(range(32))
STANDARD = Scale()
STANDARD_RECIPE = Recipe()
PILOT = replace(STANDARD, final_splits=("instances",))
LONG_UPDATES = 16
AGAIN_UPDATES = 20
ABLATION_SEEDS = LONG_SEEDS[:6]
"""Their reference arms are the long comparison's."""
LARGE = replace(STANDARD, updates=80, episodes_per_update=64, final_episodes=240)
TINY = replace(
    STANDARD, updates=2, episodes_per_update=12, optimizer_steps=2, curve_every=1, curve_episodes=6, final_episodes=6
)
TINY_RECIPE = Recipe(vocabulary_demonstrations=800, stem_steps=20, seed_steps=4, rehearsal_steps=4, first_steps=4)
DEEP = replace(STANDARD, failure_share=0.5, alpha_falls=True)
DEEP_RECIPE = replace(STANDARD_RECIPE, buries="deep", bases=1, seed_steps=160)
DEEP_ALPHAS: Mapping[Weights, tuple[float, ...]] = {"uniform": (0.01, 0.03), "scm": (0.03, 0.1), "actions": (0.1, 0.3)}
"""What is left of 0.01 to 1 once each arm's ruin was seen on seeds 300 and 301."""
DEEP_PILOT_SEEDS = (310, 311, 312, 313)
DEEP_SEEDS = tuple(range(40, 56))
LONG_ALPHAS: Mapping[Weights, tuple[float, ...]] = {"scm": (0.005, 0.02), "actions": (0.01,)}
"""Beside those that the long comparison played."""
FALLING_ALPHAS: Mapping[Weights, tuple[float, ...]] = {
    "actions": (0.03, 0.1),
    "scm": (0.03, 0.1),
    "uniform": (0.003, 0.01),
}
"""What each has where α stays and three times as much; for ``scm`` and ``uniform`` three and ten times."""
LONG_PILOT_SEEDS = LONG_SEEDS[10:16]
AGAIN_SEEDS = tuple(range(230, 260))
BLAMES: tuple[Blame, ...] = ("malformed", "causal")
BLAME_ALPHAS: Mapping[Weights, tuple[float, ...]] = {
    "none": (0.0,),
    "uniform": (0.001, 0.003, 0.01),
    "scm": (0.003, 0.01, 0.03),
}
BLAME_PILOT_SEEDS = tuple(range(120, 126))
BLAME_PILOT_UPDATES = 14
BLAME_SEEDS = tuple(range(260, 290))
Kind = tuple[Blame, Weights]
BLAMING: tuple[Kind, ...] = (("malformed", "uniform"), ("malformed", "scm"), ("causal", "scm"))
"""Compared with ``uniform`` as PPO has it: the best that knows no causal weights, and these in one use or two."""
RARE = BLAMING[:2]
"""The two that differ by nothing but the bonus."""
RARE_ALPHAS: Mapping[Weights, tuple[float, ...]] = {
    "none": (0.0,),
    "uniform": (0.001, 0.003),
    "scm": (0.003, 0.01, 0.03),
}
"""Those that ruined nobody in blame-pilot."""
RARE_PILOT_SEEDS = tuple(range(320, 326))
RARE_SEEDS = tuple(range(340, 370))
Alphas = Mapping[Weights, float]
Steps = tuple[float, float]
"""PPO's step size and clip range."""


def specs_of(
    stage: Stage, alphas: Alphas | None = None, steps: Steps = (3e-4, 0.1), blaming: Sequence[Arm] = ()
) -> list[RunSpec]:
    """Return the runs of a stage, those of a seed one after another.

    ``alphas`` are those that a pilot chose (``alphas``), which headline, deep and all of PPO's stages after ppo-pilot
    need, ``steps`` those of PPO, which ppo-pilot and all that come after it need; ``blaming`` the arms that
    blame-pilot or rare-pilot chose, which blame and rare need.
    """
    standard, pilot = (replace(scale, learning_rate=steps[0], clip_range=steps[1]) for scale in (STANDARD, PILOT))
    match stage:
        case "pilot":
            return _crossed(_grid(("awr",), ALPHAS), PILOT_SEEDS, PILOT)
        case "headline":
            return _crossed([*chosen_arms("awr", alphas or {}), Arm("bc", "none")], HEADLINE_SEEDS, STANDARD)
        case "deep-pilot":
            arms = [Arm("awr", weights, alpha) for weights, tried in DEEP_ALPHAS.items() for alpha in tried]
            scale = replace(DEEP, final_splits=("instances",))
            return _crossed([Arm("awr", "none"), *arms], DEEP_PILOT_SEEDS, scale, DEEP_RECIPE)
        case "deep":
            arms = [Arm("awr", weights, alpha) for weights, alpha in (alphas or {}).items()]
            return _crossed([Arm("awr", "none"), *arms], DEEP_SEEDS, DEEP, DEEP_RECIPE)
        case "ppo-steps":
            tried = [replace(PILOT, learning_rate=rate, clip_range=clip) for rate in PPO_RATES for clip in PPO_CLIPS]
            return [
                RunSpec(Arm("ppo", "none"), seed, scale, STANDARD_RECIPE) for seed in PPO_PILOT_SEEDS for scale in tried
            ]
        case "ppo-pilot":
            arms = [Arm("ppo", weights, alpha) for weights in ENTROPIES for alpha in PPO_ALPHAS[weights]]
            return _crossed(arms, PPO_PILOT_SEEDS, pilot)
        case "ppo":
            arms = chosen_arms("ppo", alphas or {})
            last = [arm for arm in arms if arm.weights == "parser"]
            return [
                *_crossed([arm for arm in arms if arm not in last], HEADLINE_SEEDS, standard),
                *_crossed(last, HEADLINE_SEEDS, standard),
            ]
        case "ppo-long":
            arms = [arm for arm in chosen_arms("ppo", alphas or {}) if arm.weights in ("uniform", "scm", "actions")]
            return _crossed(arms, LONG_SEEDS, replace(standard, updates=LONG_UPDATES))
        case "ablations":
            chosen = chosen_arms("ppo", alphas or {})
            long, told = replace(standard, updates=LONG_UPDATES), Recipe(names_choice=True)
            named = [arm for arm in chosen if arm.weights in ("uniform", "scm")]
            return _crossed(ablation_arms(chosen), ABLATION_SEEDS, long) + _crossed(named, ABLATION_SEEDS, long, told)
        case "long-pilot" | "falls-pilot":
            scale = replace(pilot, updates=LONG_UPDATES, alpha_falls=stage == "falls-pilot")
            tries = FALLING_ALPHAS if scale.alpha_falls else LONG_ALPHAS
            arms = [Arm("ppo", weights, alpha) for weights, alphas_tried in tries.items() for alpha in alphas_tried]
            return _crossed(arms, LONG_PILOT_SEEDS, scale)
        case "ppo-again":
            arms = [arm for arm in chosen_arms("ppo", alphas or {}) if arm.weights in ("none", "uniform", "scm")]
            return _crossed(arms, AGAIN_SEEDS, replace(standard, updates=AGAIN_UPDATES, curve_every=1))
        case "blame-pilot":
            arms = [Arm("ppo", "uniform", (alphas or {})["uniform"]), *blaming_arms(BLAMES, BLAME_ALPHAS)]
            return _crossed(arms, BLAME_PILOT_SEEDS, replace(pilot, updates=BLAME_PILOT_UPDATES, curve_every=1))
        case "blame":
            arms = [Arm("ppo", "uniform", (alphas or {})["uniform"]), *blaming]
            return _crossed(arms, BLAME_SEEDS, replace(standard, updates=LONG_UPDATES, curve_every=1))
        case "rare-pilot":
            arms = blaming_arms(["malformed"], RARE_ALPHAS)
            return _crossed(arms, RARE_PILOT_SEEDS, replace(pilot, updates=LONG_UPDATES, curve_every=1), DEEP_RECIPE)
        case "rare":
            scale = replace(standard, updates=LONG_UPDATES, curve_every=1)
            none = [Arm("ppo", "none", blame="malformed")]
            return _crossed(blaming, RARE_SEEDS, scale, DEEP_RECIPE) + _crossed(none, RARE_SEEDS, scale, DEEP_RECIPE)
        case "full":
            arms = [*_grid(OBJECTIVES, (0.001, *ALPHAS, 0.3)), Arm("bc", "none")]
            return _crossed(arms, FULL_SEEDS, LARGE)
        case "smoke":
            return _crossed([Arm("awr", "scm", 0.03), Arm("awr", "none")], (0,), TINY, TINY_RECIPE)


def chosen_arms(objective: Objective, alphas: Alphas) -> list[Arm]:
    """Return every arm of an objective once, at the α chosen."""
    return [Arm(objective, "none"), *(Arm(objective, weights, alphas[weights]) for weights in ENTROPIES)]


def blaming_arms(blames: Iterable[Blame], alphas: Mapping[Weights, Sequence[float]]) -> list[Arm]:
    """Return PPO's arms of these blames, at every α to be tried."""
    return [
        Arm("ppo", weights, alpha, blame=blame)
        for blame in blames
        for weights, tried in alphas.items()
        for alpha in tried
    ]


def ablation_arms(arms: Iterable[Arm]) -> list[Arm]:
    """Return every arm, and variants of the one with weights of the action model: one setting changed at a time."""
    every = list(arms)
    base = next(arm for arm in every if arm.weights == "scm")
    return [
        *every,
        replace(base, window=4),
        replace(base, labels="type"),
        replace(base, weights="released"),
        replace(base, null="neighbour"),
        replace(base, null="pad"),
        *(replace(base, alpha=alpha) for alpha in PPO_ALPHAS[base.weights] if alpha != base.alpha),
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
