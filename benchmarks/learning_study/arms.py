"""What is compared: arms, their settings, and one run's specification. Runs nothing."""

import zlib
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

from benchmarks.learning_study.goals import SPLITS, SplitName
from tuner.config import Blame, LearnerConfig, NullToken, Objective, WeightSource

Weights = Literal["none", "uniform", "scm", "parser", "valid", "actions", "released"]
Labels = Literal["fields", "type"]


@dataclass(frozen=True, slots=True)
class Arm:
    """One way to learn; everything that no arm changes is in ``Scale``.

    ``weights`` "valid" is the parser's weights counting only swaps that give another action that can be done;
    "actions" is the entropy of the action at each token in the place of the token's own.
    """

    objective: Objective
    weights: Weights
    alpha: float = 0.0
    window: int = 1
    null: NullToken = "mask"
    labels: Labels = "fields"
    blame: Blame = "whole"

    @property
    def needs_action_model(self) -> bool:
        """Whether its weights are of the action model, so that this has to be kept current."""
        return self.weights in ("scm", "released") or self.blame == "causal"

    @property
    def name(self) -> str:
        """A name for files and tables."""
        extras = [f"w{self.window}"] * (self.window != 1) + [self.null] * (self.null != "mask")
        extras += [self.labels] * (self.labels != "fields") + [f"{self.blame}-blame"] * (self.blame != "whole")
        return "-".join([self.objective, self.weights, *([f"{self.alpha:g}"] if self.alpha else []), *extras])

    @property
    def family(self) -> str:
        """The arm without its α."""
        return f"{self.objective}-{self.weights}"


@dataclass(frozen=True, slots=True)
class Scale:
    """How large a run is; the same for every arm."""

    updates: int = 10
    episodes_per_update: int = 48
    optimizer_steps: int = 6
    batch_size: int = 48
    learning_rate: float = 3e-4
    clip_range: float = 0.1
    curve_every: int = 2
    curve_episodes: int = 40
    final_episodes: int = 60
    final_splits: tuple[SplitName, ...] = SPLITS
    replay_episodes: int = 320
    failure_share: float = 0.25
    alpha_falls: bool = False
    """Whether α falls from its value at the first update in equal steps to 0 after the last."""
    scm_utterances: int = 128
    scm_least_steps: int = 8


@dataclass(frozen=True, slots=True)
class Recipe:
    """How the base policies are made: a stem for all seeds, then a few steps for each seed on data of its own."""

    vocabulary_demonstrations: int = 3000
    stem_steps: int = 900
    stem_rate: float = 4e-3
    seed_steps: int = field(default=80, repr=False)
    seed_rate: float = field(default=1e-3, repr=False)
    rehearsal_steps: int = 200
    first_steps: int = 150
    names_choice: bool = False
    """Whether the thought says what is about to be done."""
    buries: Literal["all", "deep"] = field(default="all", repr=False)
    """How the bases' habits bury the right steps (``demonstrator``); the stem is the same."""
    bases: int = field(default=3, repr=False)

    @property
    def kind(self) -> str:
        """A name for its stem's files, another one for every other stem."""
        return f"{'names' if self.names_choice else 'plain'}-{zlib.crc32(repr(self).encode()):08x}"


@dataclass(frozen=True, slots=True)
class RunSpec:
    """One run: an arm on a seed."""

    arm: Arm
    seed: int
    scale: Scale
    recipe: Recipe

    @property
    def base(self) -> int:
        """Which base it starts from: the seeds take turns."""
        return self.seed % self.recipe.bases

    @property
    def name(self) -> str:
        """The arm, and where step size, clip or the kind of base are not the usual ones, those."""
        usual = Scale()
        extras = [f"lr{self.scale.learning_rate:g}"] * (self.scale.learning_rate != usual.learning_rate)
        extras += [f"clip{self.scale.clip_range:g}"] * (self.scale.clip_range != usual.clip_range)
        return "-".join([self.arm.name, *extras, *["names"] * self.recipe.names_choice])

    @property
    def file_name(self) -> str:
        """Where its raw record lies."""
        return f"{self.name}-seed{self.seed}.json"

    def as_dict(self) -> dict[str, object]:
        """Return it as plain data."""
        return asdict(self)


def learner_config(spec: RunSpec) -> LearnerConfig:
    """Return the tuner's own settings for a run: what is not named here is as shipped."""
    arm, scale = spec.arm, spec.scale
    exact: dict[Weights, WeightSource] = dict.fromkeys(("parser", "valid", "actions"), "parser")
    sources = exact | {"released": "released"}
    causal = arm.weights == "scm" or arm.weights in sources
    return LearnerConfig(
        state=Path(),
        model=Path(),
        base_model_digest="",
        objective=arm.objective,
        blame=arm.blame,
        entropy="causal" if causal else "uniform" if arm.weights == "uniform" else "none",
        weight_source=sources.get(arm.weights, "scm"),
        entropy_over="actions" if arm.weights == "actions" else "tokens",
        entropy_alpha=arm.alpha,
        scm_window=arm.window,
        scm_null=arm.null,
        learning_rate=scale.learning_rate,
        clip_range=scale.clip_range,
        batch_size=scale.batch_size,
        optimizer_steps_per_update=scale.optimizer_steps,
        trajectories_per_update=scale.episodes_per_update,
        replay_capacity=scale.replay_episodes,
        failure_share=scale.failure_share,
        thought_scaling=0.5 if arm.objective == "ppo" else 1.0,
        seed=spec.seed,
    )
