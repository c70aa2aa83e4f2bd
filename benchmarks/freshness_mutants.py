"""Bugs to plant in the bound on a step's age, each of which must show. Patched while the context is open."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any, Final
from unittest import mock

from tuner.ingest.ledger import StoredTrajectory
from tuner.learner.experience import Experience
from tuner.learner.freshness import DropReason, Freshness
from tuner.learner.loop import Learner
from tuner.learner.samples import StepSample

_reason = Freshness.reason
_recall = Experience.recall
_kept_by_rule = Experience._kept_by_rule
_resume = Learner.resume


def _one_too_many(self: Freshness, acted: int) -> DropReason | None:
    lag = self.max_lag
    return _reason(self if lag is None else replace(self, max_lag=lag + 1), acted)


def _one_too_few(self: Freshness, acted: int) -> DropReason | None:
    return "too_old" if self.max_lag and self.version - acted == self.max_lag else _reason(self, acted)


def _without_rollbacks(self: Freshness, acted: int) -> DropReason | None:
    return _reason(replace(self, rollbacks=()), acted)


def _always_too_old(self: Freshness, acted: int) -> DropReason | None:
    return None if _reason(self, acted) is None else "too_old"


def _no_bound_after_a_restart(self: Learner) -> None:
    if self._commits.latest() is not None:
        self._config = self._config.model_copy(update={"max_version_lag": None})
    _resume(self)


def _counts_not_brought_back(self: Learner) -> None:
    _resume(self)
    self._experience.dropped.clear()


def _rollbacks_not_brought_back(plain: Mapping[str, Any]) -> Freshness:
    return Freshness(plain["max_lag"], plain["version"])


def _not_counted(self: Experience, steps: Sequence[StepSample]) -> list[StepSample]:
    return [step for step in steps if self.freshness.reason(step.version) is None]


def _by_the_first_step(self: Experience, steps: Sequence[StepSample]) -> list[StepSample]:
    reason = self.freshness.reason(steps[0].version) if steps else None
    if reason is None:
        return list(steps)
    self.dropped[reason] += len(steps)
    return []


def _counted_on_recall(
    self: Experience,
    replay: Iterable[StoredTrajectory],
    held: Mapping[int, Collection[int]] | None = None,
    counted: Freshness | None = None,
    refused: Collection[int] = (),
) -> None:
    _recall(self, replay, None, None, refused)


def _judged_anew_on_recall(
    self: Experience,
    replay: Iterable[StoredTrajectory],
    held: Mapping[int, Collection[int]] | None = None,
    counted: Freshness | None = None,
    refused: Collection[int] = (),
) -> None:
    _recall(self, replay, None, counted, refused)


def _replay_does_not_age(self: Experience, freshness: Freshness) -> None:
    self.freshness = freshness


MUTANTS: Final[dict[str, Callable[[], AbstractContextManager[object]]]] = {
    "one version too many": lambda: mock.patch.object(Freshness, "reason", _one_too_many),
    "one version too few": lambda: mock.patch.object(Freshness, "reason", _one_too_few),
    "what a rollback left is used": lambda: mock.patch.object(Freshness, "reason", _without_rollbacks),
    "counted under another reason": lambda: mock.patch.object(Freshness, "reason", _always_too_old),
    "the bound forgotten at a restart": lambda: mock.patch.object(Learner, "resume", _no_bound_after_a_restart),
    "the counts forgotten at a restart": lambda: mock.patch.object(Learner, "resume", _counts_not_brought_back),
    "rollbacks known from the store alone": lambda: mock.patch.object(
        Freshness, "from_plain", _rollbacks_not_brought_back
    ),
    "drops not counted": lambda: mock.patch.object(Experience, "_kept_by_rule", _not_counted),
    "an episode judged by its first step": lambda: mock.patch.object(Experience, "_kept_by_rule", _by_the_first_step),
    "counted twice on recall": lambda: mock.patch.object(Experience, "recall", _counted_on_recall),
    "judged anew on recall": lambda: mock.patch.object(Experience, "recall", _judged_anew_on_recall),
    "a replay that does not age": lambda: mock.patch.object(Experience, "train_from", _replay_does_not_age),
}
