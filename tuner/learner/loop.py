"""The learner's loop: take a batch, update causal model, critics and policy, publish, save. Computes no loss itself.

One update is one commit (``commit``). All randomness derives from the seed and the number of the update, so there is
no generator state to keep.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

from safetensors.torch import load

from tuner.config import LearnerConfig
from tuner.errors import RollbackError, StoreError
from tuner.ingest.ledger import Ledger, StoredTrajectory
from tuner.learner.causal import PRETRAINING_RATE
from tuner.learner.commit import Commits
from tuner.learner.decisions import append_decision
from tuner.learner.drift import STEPS_LOOKED_AT, Drift, TooFarError
from tuner.learner.entropy_watch import EntropyWatch
from tuner.learner.experience import Experience, Sampler
from tuner.learner.figures import entropies_by_action, entropy_figures, mean_figures
from tuner.learner.finite import NotFiniteError, require_sound
from tuner.learner.forged import FORGED, LogProbCheck
from tuner.learner.freshness import DROP_REASONS, Freshness
from tuner.learner.good_weights import GoodWeights
from tuner.learner.intake import Intake
from tuner.learner.mailbox import Mailbox, RollbackWish
from tuner.learner.policy_update import StepFigures
from tuner.learner.progress import Progress, manifest_of
from tuner.learner.records import WeightRecord, append_metrics, append_weight_records
from tuner.learner.reporting import Reports
from tuner.learner.rewards import Rewards
from tuner.learner.rollback import payload_to_return_to
from tuner.learner.samples import can_be_shown
from tuner.learner.student import Student
from tuner.learner.valuing import EPISODES, update_values

SCM_UTTERANCES = 256
SCM_UNSEEN_UTTERANCES = 64
SCM_LEAST_STEPS = 12
WEIGHT_RECORDS_PER_UPDATE = 8


@dataclass(frozen=True)
class Outcome:
    """What an update did: the figures of its good optimizer steps and how many were refused."""

    steps: tuple[StepFigures, ...] = ()
    explorer: tuple[StepFigures, ...] = ()
    """The explorer's figures of the same steps, where there is one."""
    refused: int = 0
    scm_loss: float = 0.0
    others: Mapping[str, float] = field(default_factory=dict)
    """Calibration of the action model, and what the critics say of themselves."""

    @property
    def exploring(self) -> tuple[StepFigures, ...]:
        """The figures of the adapter that explores."""
        return self.explorer or self.steps


class Learner:
    """Everything an update needs; ``run`` returns when a stop was asked for."""

    def __init__(self, config: LearnerConfig, student: Student, ledger: Ledger, mailbox: Mailbox) -> None:
        self._config = config
        self._student = student
        self._ledger = ledger
        self._mailbox = mailbox
        self._commits = Commits(config, ledger, mailbox)
        self._intake = Intake(ledger, config.state / "learner" / "batch.json", config.trajectories_per_update)
        self._rewards = Rewards(config, student.heads, student.longest_answer)
        self._experience = Experience(
            config.replay_capacity,
            config.discount,
            config.negative_ceiling,
            config.objective,
            config.advantage,
            student.vocabulary_size,
            self._rewards.shape,
            config.group_step_weight,
        )
        self._watch = EntropyWatch(config.entropy_collapse_share, config.entropy_blowup_factor)
        self._forgeries = LogProbCheck(student, self._commits.store, config.mismatch_limit)
        self._progress = Progress.first(config)
        self._good = GoodWeights(student)
        self._reports = Reports(config)

    @property
    def progress(self) -> Progress:
        """Where the learner stands."""
        return self._progress

    def run(self) -> None:
        """Learn until the mailbox asks to stop."""
        try:
            self._run()
        finally:
            self._reports.close()

    def _run(self) -> None:
        self.resume()
        while not self._mailbox.stop_requested:
            wish = self._mailbox.next_rollback()
            if wish is not None:
                self.roll_back(wish)
                continue
            batch = self._intake.next_batch(self._progress.update + 1)
            if not batch:
                self._mailbox.state("waiting", f"for {self._config.trajectories_per_update} new trajectories")
                self._mailbox.wait()
                continue
            self.update(batch)

    def resume(self) -> None:
        """Go on from the last whole checkpoint, finishing its commit, or start from the beginning.

        Raises:
            LearnerError: the checkpoint is of other settings.
        """
        found = self._commits.latest()
        held: dict[int, set[int]] = {}
        counted = Freshness()
        if found is None:
            self._begin()
        else:
            checkpoint, self._progress = found
            self._student.load(checkpoint.tensors)
            self._experience.baseline.load(checkpoint.state["baseline"])
            if "entropy_watch" in checkpoint.state:  # the offline stage has none
                self._watch.load(checkpoint.state["entropy_watch"])
            if "freshness" in checkpoint.state:  # the offline stage has no bound
                counted = Freshness.from_plain(checkpoint.state["freshness"])
                self._experience.dropped.update(checkpoint.state["dropped"])
                # an earlier checkpoint has none
                held = {sequence: set(places) for sequence, places in checkpoint.state.get("held", ())}
            if self._student.explorer is not None and "explorer_age" in checkpoint.state:
                self._student.explorer.age = checkpoint.state["explorer_age"]
            if "rewards" in checkpoint.state:  # an earlier checkpoint has none, nor has the offline stage
                self._rewards.load(checkpoint.state["rewards"])
            self._commits.finish(self._progress, checkpoint.tensors)
            self._progress = self._progress.at_least(self._commits.latest_version)
        self._good.remember()
        forged = {sequence for sequence, why in self._ledger.unused().items() if why == FORGED}
        self._experience.recall(self._ledger.recent(self._config.replay_capacity), held, counted, forged)
        rule = Freshness(self._config.max_version_lag, rollbacks=counted.rollbacks)
        self._experience.train_from(rule.at(self._progress.version, self._commits.rollbacks()))

    def _begin(self) -> None:
        """Start without a checkpoint: from the newest published adapter where there is one."""
        store = self._commits.store
        published = store.latest()
        if published is not None:
            self._student.load_adapter(load(store.get(published.version)[1]))
        self._progress = Progress.first(self._config, version=self._commits.latest_version)
        self._student.causal_model.pretrain(self._config.scm_pretraining_steps, f"{self._config.seed}/pretraining")
        if self._config.publish_start and not self._progress.version:
            self._progress = self._progress.published()
            self._save_and_publish()

    def update(self, batch: Sequence[StoredTrajectory]) -> None:
        """Learn from a batch and commit; nothing is committed when a stop is asked for meanwhile."""
        self._mailbox.state("training", f"update {self._progress.update + 1}")
        started_sec = time.monotonic()
        self._note_unsound(self._good.remember())
        told = [self._experience.trainable(stored) for stored in batch]
        forged = self._forgeries.forged(told)
        honest = [steps for steps in told if steps and steps[0].key[0] not in forged]
        self._rewards.look(honest, self._experience.latest_episodes(EPISODES))
        self._experience.take(batch, dict.fromkeys(forged, FORGED))
        try:
            outcome = self._learn(batch)
            require_sound(self._student.tensors())
        except (NotFiniteError, TooFarError) as error:
            self._good.bring_back()
            self._mailbox.state("training", f"update {self._progress.update + 1} was undone: {error}")
            outcome = Outcome(refused=1, others=error.figures if isinstance(error, TooFarError) else {})
        if not self._mailbox.stop_requested:
            if outcome.steps and self._student.explorer is not None:
                self._student.explorer.grow_older()
            self._commit(batch, outcome, time.monotonic() - started_sec)

    def _note_unsound(self, error: NotFiniteError | None) -> None:
        if error is not None:
            self._mailbox.state("training", f"the last good weights were brought back: {error}")

    def roll_back(self, wish: RollbackWish) -> None:
        """Commit an older version's tensors as a new version, or say why not."""
        try:
            expected = manifest_of(self._config, self._progress)
            payload = payload_to_return_to(self._commits.store, wish, expected)
        except (StoreError, RollbackError) as error:
            self._mailbox.rollback_refused(wish.request, str(error))
            return
        self._student.return_to(load(payload))
        self._progress = self._progress.rolled_back(self._commits.latest_version, wish.version)
        left = (self._progress.version, wish.version)
        self._experience.train_from(self._experience.freshness.at(self._progress.version, [left]))
        self._save_and_publish()
        self._mailbox.rolled_back(wish.request, self._progress.version)

    def _learn(self, taken: Sequence[StoredTrajectory]) -> Outcome:
        if not any(self._experience.steps_of(stored.sequence) for stored in taken):
            return Outcome()  # nothing new: versions of the replay alone would only age what is on its way
        seed = f"{self._config.seed}/{self._progress.update + 1}"
        unseen = self._experience.unseen_utterances(SCM_UNSEEN_UTTERANCES)
        others = self._student.causal_model.calibration(unseen)  # before they are trained on
        scm_loss = self._update_causal_model(seed)
        others |= update_values(self._config, self._student, self._experience, seed)
        drifts = [Drift(policy, name) for name, policy in self._student.policies.items()]
        looked_at = [step for step in self._experience.newest_steps(STEPS_LOOKED_AT) if can_be_shown(step)]
        for drift in drifts:  # the last one acted these steps, and has the word
            others |= drift.before(looked_at, self._progress.version)
        config = self._config
        sampler = Sampler(
            self._experience, config.max_uses_per_update, config.failure_share, seed, config.max_agent_share
        )
        steps: list[tuple[StepFigures, ...]] = []
        refused = 0
        for _ in range(self._config.optimizer_steps_per_update):
            drawn = sampler.batch(self._config.batch_size)
            if not drawn or self._mailbox.stop_requested:
                break
            batch = [candidate for candidate in drawn if can_be_shown(candidate.sample)]
            if not batch:
                refused += 1
                continue
            try:
                figures = self._student.step(batch)
            except NotFiniteError:
                refused += 1
                continue
            self._student.check()
            steps.append(figures)
        for drift in drifts if steps else ():
            others |= drift.after(self._config.kl_limit)
        deployed, *beside = zip(*steps, strict=True) if steps else ((),)
        return Outcome(deployed, beside[0] if beside else (), refused, scm_loss, others)

    def _update_causal_model(self, seed: str) -> float:
        latest = self._experience.latest_steps(SCM_UTTERANCES)
        utterances = list(dict.fromkeys(step.utterance for step in latest))
        self._student.rehearsal.texts = sorted({step.goal for step in latest})
        if not utterances:
            return 0.0
        self._student.weights.forget()
        first = self._progress.update == 0
        return self._student.causal_model.update(
            utterances,
            self._config.scm_epochs,
            self._config.scm_first_steps if first else SCM_LEAST_STEPS,
            PRETRAINING_RATE if first else self._config.scm_learning_rate,
            seed,
        )

    def _commit(self, batch: Sequence[StoredTrajectory], outcome: Outcome, seconds: float) -> None:
        sequences = [stored.sequence for stored in batch]
        self._progress = self._progress.after(sequences, len(outcome.steps), self._experience.unused)
        self._experience.train_from(self._experience.freshness.at(self._progress.version))
        alarms = self._watch.look(entropies_by_action(outcome.exploring))
        self._save_and_publish()
        for alarm in alarms:
            append_decision(
                self._config.state, {"decision": "alarm", **asdict(alarm), "version": self._progress.version}
            )
        self._mailbox.consumed(len(batch))
        self._report(batch, outcome, seconds)

    def _save_and_publish(self) -> None:
        self._rewards.keep()
        held = self._experience.held()
        state = {
            "baseline": self._experience.baseline.state(),
            "entropy_watch": self._watch.state(),
            "freshness": self._experience.freshness.plain(),
            "dropped": dict(self._experience.dropped),
            "held": list(held.items()),
            "rewards": self._rewards.state(held),
            **({} if self._student.explorer is None else {"explorer_age": self._student.explorer.age}),
        }
        self._commits.commit(self._progress, self._student.tensors(), state)

    def _report(self, batch: Sequence[StoredTrajectory], outcome: Outcome, seconds: float) -> None:
        judged = [steps[0] for stored in batch if (steps := self._experience.steps_of(stored.sequence))]
        figures = mean_figures(outcome.steps) | dict(outcome.others)
        figures |= {f"explorer_{name}": figure for name, figure in mean_figures(outcome.explorer).items()}
        figures |= entropy_figures(outcome.exploring, self._watch.ringing)
        figures |= {
            "update": float(self._progress.update),
            "version": float(self._progress.version),
            "optimizer_steps": float(self._progress.optimizer_steps),
            "trajectories_consumed": float(self._progress.trajectories_consumed),
            "trajectories_unused": float(self._progress.trajectories_unused),
            **{
                f"dropped_steps_{reason}": float(self._experience.dropped[reason]) for reason in (*DROP_REASONS, FORGED)
            },
            "batch_success_rate": sum(step.succeeded for step in judged) / len(judged) if judged else 0.0,
            "batch_reward": sum(step.reward for step in judged) / len(judged) if judged else 0.0,
            "refused_steps": float(outcome.refused),
            "scm_loss": outcome.scm_loss,
            "update_seconds": seconds,
        }
        append_metrics(self._config.state, figures)
        self._reports.add(self._progress.update, figures)
        append_weight_records(self._config.state, self._weight_records(batch))
        self._mailbox.metrics(figures)

    def _weight_records(self, batch: Sequence[StoredTrajectory]) -> list[WeightRecord]:
        steps = [step for stored in batch for step in self._experience.steps_of(stored.sequence)]
        return [
            WeightRecord(
                step.trajectory_id,
                step.key[1],
                self._progress.version,
                tuple(self._student.decode([token_id]) for token_id in step.utterance.token_ids),
                tuple(round(weight, 4) for weight in self._student.weights.whole(step.utterance).tolist()),
            )
            for step in steps[:: max(1, len(steps) // WEIGHT_RECORDS_PER_UPDATE)]
        ]
