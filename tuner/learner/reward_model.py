"""ARMAP's reward model: which of two episodes of a task is the better one (arXiv 2502.12130). Judges no success.

R(τ) is a head on frozen features of the episode's steps, [those of the last step ; their mean over the steps], trained
with the pairwise loss −mean log σ(R(success) − R(failure)) over pairs of one task by the verdicts of its probe. Only
differences of R within a task mean something. What a plain failure is credited with is

    max(0, 2 σ(R(τ) − R̄) − 1),   R̄ the mean R of the task's failures known before

0 for a typical failure, near 1 for one that the model is sure is better than such; 0 from a model that was never
taught, and 0 for a task without a known failure. An eighth of the episodes, by the hash of their id, trains nothing
(``coso.critic.is_held_out``); the accuracy told is on pairs with at least one of these.
"""

import random
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from tuner.coso.critic import is_held_out
from tuner.coso.shaping import pairwise_loss
from tuner.learner.critics import Episode
from tuner.learner.features import StepFeatures
from tuner.learner.heads import Head, seeded_heads

BATCH_PAIRS = 64
PAIRS_PER_UPDATE = 512
"""Pairs of an update at most, drawn from all there are."""


class RewardModel:
    """The head ``reward`` over one source of features, whose rows are ``feature_size`` wide."""

    def __init__(
        self, features: StepFeatures, feature_size: int, learning_rate: float, max_grad_norm: float, seed: int
    ) -> None:
        self._features = features
        (self._head,) = seeded_heads(("reward",), 2 * feature_size, learning_rate, max_grad_norm, seed)

    @property
    def heads(self) -> list[Head]:
        """The head, for the checkpoint."""
        return [self._head]

    def update(self, episodes: Sequence[Episode], epochs: int, seed: str) -> dict[str, float]:
        """Pass ``epochs`` times over pairs of a success and a failure of one task; return figures.

        ``reward_model_pairs`` is how many pairs taught, ``reward_model_loss`` the mean over the passes in nats where
        there were some; ``reward_model_accuracy`` the share of ``reward_model_unseen_pairs`` ranked right, equal ones
        half, where there are such.

        Raises:
            NotFiniteError: a feature, a loss, a gradient or a weight is not finite.
        """
        known, rows = self._known(episodes)
        pairs = outcome_pairs(known)
        held = {place for place, steps in enumerate(known) if is_held_out(steps[0].trajectory_id)}
        taught = [pair for pair in pairs if not held.intersection(pair)]
        unseen = [pair for pair in pairs if held.intersection(pair)]
        drawer = random.Random(f"{seed}/reward model")
        if len(taught) > PAIRS_PER_UPDATE:
            taught = drawer.sample(taught, PAIRS_PER_UPDATE)
        figures = {"reward_model_pairs": float(len(taught)), "reward_model_unseen_pairs": float(len(unseen))}
        if taught:
            figures["reward_model_loss"] = self._train(rows, taught, epochs, drawer)
        if unseen:
            better, worse = self._told(rows[[b for b, _ in unseen]]), self._told(rows[[w for _, w in unseen]])
            right = (better > worse).double() + 0.5 * (better == worse).double()
            figures["reward_model_accuracy"] = float(right.mean())
        return figures

    def credits(self, episodes: Sequence[Episode], earlier: Sequence[Episode]) -> dict[int, float]:
        """Return the credit in [0, 1] of each failure among ``episodes``, by sequence, beside those of ``earlier``.

        Nothing is told of an episode whose pictures do not decode.

        Raises:
            NotFiniteError: a feature is not finite.
        """
        failed, rows = self._known([steps for steps in episodes if steps and not steps[0].succeeded])
        tasks = {steps[0].task_name for steps in failed}
        before = [steps for steps in earlier if not steps[0].succeeded and steps[0].task_name in tasks]
        typical = self._typical(before)
        found: dict[int, float] = {}
        for steps, told in zip(failed, self._told(rows).tolist() if failed else (), strict=True):
            mean = typical.get(steps[0].task_name)
            sure = 0.0 if mean is None else 2 * float(torch.tensor(told - mean, dtype=torch.float64).sigmoid()) - 1
            found[steps[0].key[0]] = max(0.0, sure)
        return found

    def _typical(self, failures: Sequence[Episode]) -> Mapping[str, float]:
        """Return the mean R of each task's failures."""
        known, rows = self._known(failures)
        by_task: dict[str, list[float]] = {}
        for steps, told in zip(known, self._told(rows).tolist() if known else (), strict=True):
            by_task.setdefault(steps[0].task_name, []).append(told)
        return {task: sum(told) / len(told) for task, told in by_task.items()}

    def _known(self, episodes: Sequence[Episode]) -> tuple[list[Episode], Tensor]:
        """Return the episodes that have features, and these, [N, 2 F]."""
        pairs = [
            (steps, rows) for steps in episodes if steps and (rows := self._features.of_episode(steps)) is not None
        ]
        self._features.keep()
        pooled = [torch.cat((rows[-1], rows.mean(0))) for _, rows in pairs]
        return [steps for steps, _ in pairs], torch.stack(pooled) if pooled else torch.empty(0)

    @torch.no_grad()
    def _told(self, rows: Tensor) -> Tensor:
        found: Tensor = self._head.network(rows)
        return found

    def _train(self, rows: Tensor, pairs: Sequence[tuple[int, int]], epochs: int, drawer: random.Random) -> float:
        total = 0.0
        for _ in range(epochs):
            order = drawer.sample(list(pairs), len(pairs))
            for start in range(0, len(order), BATCH_PAIRS):
                part = order[start : start + BATCH_PAIRS]
                told = self._head.network(rows[[place for pair in part for place in pair]]).reshape(-1, 2)
                total += self._head.step(pairwise_loss(told[:, 0], told[:, 1])) * len(part)
        self._head.check()
        return total / (epochs * len(pairs))


def outcome_pairs(episodes: Sequence[Episode]) -> list[tuple[int, int]]:
    """Return the places (success, failure) of all pairs of one task, in order."""
    tasks = dict.fromkeys(steps[0].task_name for steps in episodes)
    places = {task: [p for p, steps in enumerate(episodes) if steps[0].task_name == task] for task in tasks}
    return [
        (better, worse)
        for task in tasks
        for better in places[task]
        if episodes[better][0].succeeded
        for worse in places[task]
        if not episodes[worse][0].succeeded
    ]
