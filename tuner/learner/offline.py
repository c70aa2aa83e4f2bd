"""The offline stage: learn from the episodes there are before any new one is acted. Acts nothing and reads no file.

Four parts in this order (method of CoSo, arXiv 2505.03792, over DigiRL, arXiv 2406.11896), on the same episodes:

    imitation       −mean(log π(y|s)) over the steps of successes, and of demonstrations where there are some
    action model    φ, rehearsed and then on the episodes' own utterances
    critics         V and V_instr (``critics``)
    filtered        −mean(log π(y|s)) over the steps DigiRL's filter keeps (``judging``)

There is no entropy term and no importance ratio: who acted may be anybody. Every few optimizer steps are committed
(``commit``) with where the stage stands; draws derive from the seed, the part and the step, so a stage that was
killed goes on to the very same weights. The version is published, and the episodes marked consumed, at the end.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from safetensors.torch import load

from tuner.config import LearnerConfig
from tuner.coso.advantage import SuccessBaseline
from tuner.errors import LearnerError
from tuner.ingest.ledger import Ledger, StoredTrajectory
from tuner.learner.causal import PRETRAINING_RATE
from tuner.learner.commit import Commits
from tuner.learner.experience import Candidate
from tuner.learner.finite import NotFiniteError
from tuner.learner.judging import digirl_weights
from tuner.learner.mailbox import Mailbox
from tuner.learner.progress import Progress
from tuner.learner.samples import StepSample, can_be_shown, trainable_steps
from tuner.learner.student import Student

PARTS = ("imitation", "action model", "critics", "filtered")
_DONE = "done"
_ONE_STEP_PARTS = ("action model", "critics")

Tell = Callable[[str, int, int, Mapping[str, float]], None]
"""Told the part, how many of its steps are done and of how many, and the latest figures."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Optimizer steps of the policy by part, and passes of the critics over the episodes."""

    imitation_steps: int = 200
    filtered_steps: int = 200
    critic_epochs: int = 20

    def steps_of(self, part: str) -> int:
        """Return how many steps the part has; the action model and the critics are trained in one."""
        return {"imitation": self.imitation_steps, "filtered": self.filtered_steps}.get(part, 1)


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a stage is: ``done`` steps of ``part``, on the episodes up to ``last_sequence`` in the ledger."""

    part: str
    done: int
    last_sequence: int
    demonstrated: int = 0
    """Steps of demonstrations that are imitated beside the episodes."""

    def plain(self) -> dict[str, Any]:
        """Return everything as JSON knows it."""
        return asdict(self)


def offline_config(config: LearnerConfig) -> LearnerConfig:
    """Return the settings a student of this stage is built with: cloning without entropy, with critics."""
    return config.model_copy(update={"objective": "bc", "entropy": "none", "advantage": "critic", "explorer": False})


class OfflineStage:
    """``student`` is built with ``offline_config``; ``run`` returns when the version is published."""

    def __init__(
        self,
        config: LearnerConfig,
        student: Student,
        ledger: Ledger,
        mailbox: Mailbox,
        plan: Plan,
        tell: Tell,
        demonstrations: Sequence[StepSample] = (),
    ) -> None:
        self._config = config
        self._student = student
        self._ledger = ledger
        self._plan = plan
        self._tell = tell
        self._demonstrations = demonstrations
        self._commits = Commits(config, ledger, mailbox)
        self._baseline = SuccessBaseline()
        self._progress = Progress.first(config)

    def run(self) -> Progress:
        """Go through the parts, or through what is left of them, and return where the learner stands.

        Raises:
            LearnerError: nothing to learn from, a number that is not finite, or a checkpoint of other settings.
        """
        standing = self._resume()
        stored = self._stored()
        if standing is None or standing.part == _DONE:
            newest = max((item.sequence for item in stored), default=0)
            shown = len(self._demonstrations)
            if standing is not None and newest <= standing.last_sequence and shown == standing.demonstrated:
                return self._progress
            standing = Standing(PARTS[0], 0, newest, shown)
        self._require_same_demonstrations(standing)
        stored = [item for item in stored if item.sequence <= standing.last_sequence]
        episodes = [steps for item in stored if (steps := trainable_steps(item, self._student.vocabulary_size))]
        wins = [step for steps in episodes for step in steps if step.succeeded] + list(self._demonstrations)
        if not wins:
            raise LearnerError(
                f"Got {len(episodes)} episodes without a success, expected one at least to learn from: "
                "name sessions that hold some with --sessions."
            )
        for part in PARTS[PARTS.index(standing.part) :]:
            standing = standing if standing.part == part else replace(standing, part=part, done=0)
            standing = self._part(standing, episodes, wins)
        return self._finish(standing, episodes)

    def _require_same_demonstrations(self, standing: Standing) -> None:
        """Draws are by place among the steps: with others it would be another stage."""
        if standing.part == PARTS[0] and standing.demonstrated != len(self._demonstrations):
            raise LearnerError(
                f"Got {len(self._demonstrations)} demonstrated steps, expected {standing.demonstrated} as when this "
                "stage began: run it with those that were there, or with another --state."
            )

    def _resume(self) -> Standing | None:
        found = self._commits.latest()
        if found is None:
            published = self._commits.store.latest()
            if published is not None:
                self._student.load_adapter(load(self._commits.store.get(published.version)[1]))
            self._progress = Progress.first(self._config, version=self._commits.latest_version)
            return None
        checkpoint, self._progress = found
        self._student.load(checkpoint.tensors)
        self._baseline.load(checkpoint.state["baseline"])
        self._commits.finish(self._progress, checkpoint.tensors)
        self._progress = self._progress.at_least(self._commits.latest_version)
        plain = checkpoint.state.get("offline")
        return None if plain is None else Standing(**plain)

    def _stored(self) -> list[StoredTrajectory]:
        limit = self._config.replay_capacity
        both = [*self._ledger.recent(limit), *self._ledger.waiting(limit)]
        return sorted(both, key=lambda item: item.sequence)

    def _part(self, standing: Standing, episodes: Sequence[list[StepSample]], wins: Sequence[StepSample]) -> Standing:
        steps = self._plan.steps_of(standing.part)
        self._tell(standing.part, standing.done, steps, {})
        try:
            if standing.part in _ONE_STEP_PARTS:
                return standing if standing.done else self._models(standing, episodes)
            pool = wins if standing.part == "imitation" else self._kept(episodes)
            while standing.done < steps and pool:
                chunk = range(standing.done, min(steps, standing.done + self._config.optimizer_steps_per_update))
                figures = [self._policy_step(f"{standing.part}/{step}", pool) for step in chunk]
                standing = replace(standing, done=chunk.stop)
                self._progress = replace(self._progress, optimizer_steps=self._progress.optimizer_steps + len(chunk))
                self._commit(standing)
                self._tell(standing.part, standing.done, steps, {"loss": sum(figures) / len(figures)})
        except NotFiniteError as error:
            raise LearnerError(
                f"Got a number that cannot be used in the part {standing.part} ({error}), expected finite ones: go on "
                "with a smaller --learning-rate; the last checkpoint stands."
            ) from error
        return standing

    def _models(self, standing: Standing, episodes: Sequence[list[StepSample]]) -> Standing:
        """Train the action model or the critics, in one go."""
        config, seed = self._config, f"{self._config.seed}/offline/{standing.part}"
        if standing.part == "critics":
            assert self._student.critics is not None, "the student is built with offline_config"
            figures = self._student.critics.update(episodes, self._plan.critic_epochs, seed)
        else:
            utterances = list(dict.fromkeys(step.utterance for steps in episodes for step in steps))
            self._student.rehearsal.texts = sorted({steps[0].goal for steps in episodes})
            self._student.causal_model.pretrain(config.scm_pretraining_steps, seed)
            loss = self._student.causal_model.update(
                utterances, config.scm_epochs, config.scm_first_steps, PRETRAINING_RATE, seed
            )
            figures = {"loss": loss}
        standing = replace(standing, done=1)
        self._commit(standing)
        self._tell(standing.part, 1, 1, figures)
        return standing

    def _kept(self, episodes: Sequence[list[StepSample]]) -> list[StepSample]:
        assert self._student.critics is not None, "the student is built with offline_config"
        values = self._student.critics.values(episodes)
        weights = digirl_weights(episodes, values, self._config.discount, self._config.instruction_share)
        return [step for steps in episodes for step in steps if weights.get(step.key)]

    def _policy_step(self, name: str, pool: Sequence[StepSample]) -> float:
        drawn = random.Random(f"{self._config.seed}/offline/{name}").sample(
            range(len(pool)), min(len(pool), self._config.batch_size)
        )
        batch = [Candidate(pool[place], 1.0, 1.0) for place in drawn if can_be_shown(pool[place])]
        if not batch:
            return 0.0
        figures = self._student.policy.step(batch)
        self._student.policy.check()
        return figures.policy_loss

    def _commit(self, standing: Standing) -> None:
        self._progress = replace(self._progress, update=self._progress.update + 1, batch=(), rolled_back_to=0)
        self._save(standing)

    def _finish(self, standing: Standing, episodes: Sequence[list[StepSample]]) -> Progress:
        waiting = {item.sequence for item in self._ledger.waiting(self._config.replay_capacity)}
        batch = sorted(sequence for sequence in waiting if sequence <= standing.last_sequence)
        for steps in episodes:
            if steps[0].key[0] in waiting:
                self._baseline.update(steps[0].task_name, steps[0].reward)
        self._progress = replace(self._progress.after(batch, 1), optimizer_steps=self._progress.optimizer_steps)
        self._save(replace(standing, part=_DONE))
        return self._progress

    def _save(self, standing: Standing) -> None:
        state = {"baseline": self._baseline.state(), "offline": standing.plain()}
        self._commits.commit(self._progress, self._student.tensors(), state)
