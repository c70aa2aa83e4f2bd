"""The tuner's learning, with the small policy in the VLM's place: its replay, losses, weights and action model.

What is tested is what ships: ``Experience`` and ``Sampler``, ``PolicyLoss``, ``CausalWeights``, ``ActionModelTrainer``
and all of ``tuner.coso`` are the tuner's own. Only the forward pass of the policy is this study's. Plays no episode.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import torch
from torch import Tensor

from benchmarks.learning_study.answers import GRAMMAR
from benchmarks.learning_study.arms import Recipe, RunSpec, learner_config
from benchmarks.learning_study.policy import Policy, Sight, batch_of
from benchmarks.learning_study.rollout import Decision, Episode
from benchmarks.learning_study.tokens import TokenKinds
from benchmarks.learning_study.vocabulary import Vocabulary
from tuner.config import LearnerConfig
from tuner.coso.action_entropy import ParsedAlternatives, action_entropies
from tuner.coso.action_model import ActionModel
from tuner.coso.counterfactual import ScmWeights
from tuner.coso.labels import Utterance
from tuner.coso.nulls import ConstantNull, NeighbourNull
from tuner.coso.objectives import token_log_probs_and_entropies
from tuner.coso.parser_weights import ParserWeights
from tuner.coso.rehearsal import Rehearsal
from tuner.coso.released import PUNCTUATION
from tuner.coso.spans import thought_mask
from tuner.learner.causal import ActionModelTrainer, CausalWeights, numbers_in, padded
from tuner.learner.experience import Candidate, Experience, Sampler
from tuner.learner.finite import clip_gradients
from tuner.learner.policy_loss import PolicyLoss
from tuner.learner.samples import StepSample

FIRST_RATE = 2e-3
GAP_SHARE = 0.5
"""Of the action model's training rows, as in all runs on record; the tuner's own default is 0 since."""


class Replay(Experience):
    """The tuner's replay, filled with the study's episodes instead of stored messages."""

    def __init__(self, config: LearnerConfig) -> None:
        super().__init__(config.replay_capacity, config.discount, config.negative_ceiling, config.objective)
        self.sights: dict[tuple[int, int], Sight] = {}
        self._next = 0

    def take_episodes(self, episodes: Sequence[Episode]) -> None:
        """Take in new episodes and their outcomes; they are the fresh ones until the next call."""
        self._fresh = set(range(self._next, self._next + len(episodes)))
        for sequence, episode in zip(sorted(self._fresh), episodes, strict=True):
            self._steps[sequence] = [
                self._sample((sequence, place), episode) for place in range(len(episode.decisions))
            ]
            self.baseline.update(episode.start.task.name, float(episode.succeeded))
        self._next += len(episodes)
        self._trim()
        self.sights = {key: sight for key, sight in self.sights.items() if key[0] in self._steps}

    def _sample(self, key: tuple[int, int], episode: Episode) -> StepSample:
        decision, task = episode.decisions[key[1]], episode.start.task
        self.sights[key] = decision.sight
        return StepSample(
            key=key,
            trajectory_id=str(key[0]),
            task_name=task.name,
            goal=task.goal,
            prompt="",
            screenshot_png=b"",
            group=(task.name, tuple(sorted(task.params.items()))),
            utterance=decision.utterance,
            behaviour_log_prob=sum(decision.log_probs),
            behaviour_log_probs=decision.log_probs,
            temperature=1.0,
            reward=float(episode.succeeded),
            succeeded=episode.succeeded,
            version=0,
            steps=len(episode.decisions),
            horizon=episode.start.step_limit,
        )


@dataclass(frozen=True)
class UpdateFigures:
    """Means over an update's optimizer steps; entropies in nats per token, critical tokens and the others apart."""

    critical_entropy: float
    other_entropy: float
    clipped: float
    scm_loss: float
    scm_accuracy: float
    steps: int


class Learner:
    """One run's policy, action model, replay and optimizers."""

    def __init__(self, spec: RunSpec, policy: Policy, action_model: ActionModel, vocabulary: Vocabulary) -> None:
        self.config = learner_config(spec)
        self.policy = policy
        self._spec = spec
        self._kinds = TokenKinds(vocabulary)
        self._replay = Replay(self.config)
        self._rehearsal = rehearsal_of(vocabulary, spec.seed)
        null_id = vocabulary.pad_id if spec.arm.null == "pad" else None
        self._trainer = ActionModelTrainer(action_model, self._rehearsal, self.config.max_grad_norm, null_id, GAP_SHARE)
        self.scm = scm_weights(action_model, self.config, vocabulary)
        self.parser = ParserWeights(GRAMMAR, vocabulary.decode, valid_only=spec.arm.weights == "valid")
        over_actions = self.config.entropy_over == "actions"
        alternatives = ParsedAlternatives(GRAMMAR, vocabulary.decode) if over_actions else None
        sources = self.scm, self.parser, self.config.bonus_weights
        self._weights = CausalWeights(*sources, alternatives, blame=spec.arm.blame)
        self._thoughts = lru_cache(16384)(lambda ids: thought_mask(ids, vocabulary.decode, "json"))
        self._optimizer = torch.optim.AdamW(policy.parameters(), lr=self.config.learning_rate, weight_decay=0.0)
        self._update = 0

    def update(self, episodes: Sequence[Episode]) -> UpdateFigures:
        """Learn from new episodes: the action model first, then the policy, as Algorithm 1 has it."""
        self._update += 1
        seed = f"{self.config.seed}/{self._update}"
        self._replay.take_episodes(episodes)
        accuracy = loss = 0.0
        self._weights.forget()
        self._loss = PolicyLoss(
            self.config.model_copy(update={"entropy_alpha": self.alpha(self._update)}), self._thoughts
        )
        if self._spec.arm.needs_action_model:
            unseen = self._labelled(self._replay.unseen_utterances(64))
            accuracy = self._trainer.calibration(unseen).get("scm_accuracy", 0.0)
            loss = self._update_action_model(seed)
        sampler = Sampler(self._replay, self.config.max_uses_per_update, self.config.failure_share, seed)
        entropies: list[Tensor] = []
        clipped: list[float] = []
        for _ in range(self.config.optimizer_steps_per_update):
            batch = sampler.batch(self.config.batch_size)
            if not batch:
                break
            entropy, outside = self._step(batch)
            entropies.append(entropy)
            clipped.append(outside)
        means = torch.stack(entropies).mean(0).tolist() if entropies else [0.0, 0.0]
        return UpdateFigures(means[0], means[1], sum(clipped) / max(1, len(clipped)), loss, accuracy, len(entropies))

    def alpha(self, update: int) -> float:
        """Return α of an update, the first of which is 1."""
        scale = self._spec.scale
        left = 1 - (update - 1) / scale.updates if scale.alpha_falls else 1.0
        return left * self.config.entropy_alpha

    @torch.no_grad()
    def parser_weights(self, decisions: Sequence[Decision]) -> list[Tensor]:
        """Return the exact weight [T] of every token under the policy as it is now."""
        utterances = [decision.utterance for decision in decisions]
        ids, mask = padded(utterances)
        shares = self.policy(batch_of([decision.sight for decision in decisions]), ids).softmax(-1)
        spans = [row[seen] for row, seen in zip(shares, mask, strict=True)]
        return self.parser.weights(utterances, list(map(_everywhere, utterances)), spans)

    def _update_action_model(self, seed: str) -> float:
        latest = self._replay.latest_steps(self._spec.scale.scm_utterances)
        self._rehearsal.texts = sorted({step.goal for step in latest})
        utterances = self._labelled(list(dict.fromkeys(step.utterance for step in latest)))
        rate = self.config.scm_learning_rate
        return self._trainer.update(utterances, 1, self._spec.scale.scm_least_steps, rate, seed)

    def _step(self, batch: Sequence[Candidate]) -> tuple[Tensor, float]:
        utterances = [row.sample.utterance for row in batch]
        ids, mask = padded(utterances)
        logits = self.policy(batch_of([self._replay.sights[row.sample.key] for row in batch]), ids)
        log_probs, entropies = token_log_probs_and_entropies(logits, ids)
        labelled = self._labelled(utterances)
        bonus, causal = self._bonus(labelled, logits, entropies)
        blame = self._weights.blame(labelled, entropies.detach())
        scored = self._loss.of(batch, log_probs, bonus, causal, mask, blame)
        self._optimizer.zero_grad()
        torch.autograd.backward(scored.loss.total)
        clip_gradients("policy", self.policy.parameters(), self.config.max_grad_norm)
        self._optimizer.step()
        return self._kinds.mean_entropies(ids, mask, entropies.detach()), scored.clipped.mean().item()

    def _bonus(
        self, utterances: Sequence[Utterance], logits: Tensor, entropies: Tensor
    ) -> tuple[Tensor, Tensor | None]:
        """Return the entropies of the bonus and the weight of each, both [B, T], no weights for no bonus."""
        shares = logits.detach().softmax(-1)
        lengths = [len(utterance.token_ids) for utterance in utterances]
        asked = utterances, entropies.detach(), lambda row: shares[row, : lengths[row]]
        found = self._weights.alternatives(*asked)
        if found is None:
            return entropies, self._weights.rows(*asked)
        nats = action_entropies(logits.gather(-1, found.token_ids), found.actions)
        return nats, torch.ones_like(nats)

    def _labelled(self, utterances: Sequence[Utterance]) -> list[Utterance]:
        """Return the utterances with the labels the arm asks for: of every field, or of the type alone."""
        if self._spec.arm.labels == "fields":
            return list(utterances)
        return [
            replace(utterance, labels=(utterance.labels[0], *[0] * (len(utterance.labels) - 1)))
            for utterance in utterances
        ]


def rehearsal_of(vocabulary: Vocabulary, seed: int) -> Rehearsal:
    """Return the tuner's rehearsal over the study's vocabulary; every utterance ends with the end token."""
    found = Rehearsal(GRAMMAR, lambda text: [*vocabulary.encode(text), vocabulary.end_id], vocabulary.decode, seed)
    found.per_milles = vocabulary.numbers()
    return found


def scm_weights(model: ActionModel, config: LearnerConfig, vocabulary: Vocabulary) -> ScmWeights:
    """Return the weights of the action model as the settings ask for them."""
    if config.bonus_weights == "released":
        marks = (vocabulary.encode(mark) for mark in PUNCTUATION)
        return ScmWeights.released(model, frozenset((vocabulary.pad_id, vocabulary.end_id)).union(*marks))
    if config.scm_null == "neighbour":
        return ScmWeights(model, window=config.scm_window, nulls=NeighbourNull(model))
    null_id = vocabulary.pad_id if config.scm_null == "pad" else model.null_id
    return ScmWeights(model, window=config.scm_window, nulls=ConstantNull(null_id))


def first_action_model(vocabulary: Vocabulary, answers: Sequence[Utterance], seed: int, recipe: Recipe) -> ActionModel:
    """Return the action model after its offline stage: rehearsed utterances, then the demonstrations' own wording."""
    torch.manual_seed(seed)
    model = ActionModel(len(vocabulary))
    model.place_numbers(numbers_in(vocabulary.as_mapping()))
    trainer = ActionModelTrainer(model, rehearsal_of(vocabulary, seed), 1.0, gap_share=GAP_SHARE)
    trainer.pretrain(recipe.rehearsal_steps, f"{seed}/pretraining")
    trainer.update(answers, 1, recipe.first_steps, FIRST_RATE, f"{seed}/first")
    return model


def _everywhere(utterance: Utterance) -> Tensor:
    return torch.ones(len(utterance.token_ids), dtype=torch.bool)
