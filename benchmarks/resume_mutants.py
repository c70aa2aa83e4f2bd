"""Bugs to plant in a learner that must then not resume exactly. Each patches the process that calls it.

A learner is patched for its whole life: what it would do unkilled is the same, so that only kills show the bug.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any, Final

import torch
from torch import Tensor

from benchmarks.kill_points import put
from tuner.ingest.ledger import Ledger
from tuner.learner import loop, student
from tuner.learner.checkpoint import optimizer_state
from tuner.learner.commit import Commits
from tuner.learner.experience import Experience, Sampler
from tuner.learner.intake import Intake


def generator_not_saved() -> None:
    """Draw from one generator that lives as long as the process, and begins anew with it."""
    generator = random.Random("process")

    def drawing(
        experience: Experience, max_uses: int, failure_share: float, seed: str, max_agent_share: float
    ) -> Sampler:
        return Sampler(experience, max_uses, failure_share, f"{generator.random()}", max_agent_share)

    put(loop, "Sampler", drawing)


def marks_apart_from_the_checkpoint() -> None:
    """Mark a batch as used before the checkpoint that used it, and never again."""
    mark = Ledger.mark_consumed
    commit = Commits.commit

    def commit_late(self: Commits, progress: Any, tensors: Any, state: Any) -> None:
        mark(self._ledger, progress.batch, progress.version, dict(progress.unused))
        commit(self, progress, tensors, state)

    put(Commits, "commit", commit_late)
    put(Ledger, "mark_consumed", lambda *args: None)


def step_counter_lost() -> None:
    """Bring an optimizer's moments back and start its step counter anew."""

    def without_step(prefix: str, tensors: Mapping[str, Tensor]) -> dict[int, dict[str, Tensor]]:
        found = optimizer_state(prefix, tensors)
        return {
            index: {name: torch.zeros_like(value) if name == "step" else value for name, value in values.items()}
            for index, values in found.items()
        }

    put(student, "optimizer_state", without_step)


def batch_forgotten() -> None:
    """Choose the batch of an update anew after a kill, from all that waits by then."""
    put(Intake, "_chosen", lambda self, update: set())


def commit_not_finished() -> None:
    """Leave at the next start what a kill between checkpoint and publishing left."""
    finish = Commits.finish
    resumed: list[Commits] = []

    def finish_only_own(self: Commits, progress: Any, tensors: Any) -> None:
        if resumed or not progress.update:
            finish(self, progress, tensors)
        resumed.append(self)

    put(Commits, "finish", finish_only_own)


MUTANTS: Final[dict[str, Callable[[], None]]] = {
    "a generator whose state is not saved": generator_not_saved,
    "marks outside the checkpoint's commit": marks_apart_from_the_checkpoint,
    "the optimizer's step counter lost": step_counter_lost,
    "the choice of a batch forgotten": batch_forgotten,
    "a commit that is not finished at the next start": commit_not_finished,
}
