"""Bugs to plant in a learner's numeric guards, each for as long as a block runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Final
from unittest import mock

import torch

from tuner.learner.experience import Candidate
from tuner.learner.finite import require_finite
from tuner.learner.good_weights import GoodWeights
from tuner.learner.policy_update import PolicyUpdater, StepFigures, _figures


def _late_step(self: PolicyUpdater, batch: Sequence[Candidate]) -> StepFigures:
    """Step first and look afterwards, as ``PolicyUpdater.step`` does not."""
    self.optimizer.zero_grad()
    with mock.patch("tuner.learner.policy_update.require_finite"):
        figures = self.crew.add_up(self, batch)
    norm = torch.nn.utils.clip_grad_norm_(self.parameters, self._max_grad_norm)
    self.optimizer.step()
    require_finite("the gradient norm", norm)
    return _figures(figures, float(norm), batch)


@contextmanager
def checked_after_the_step() -> Iterator[None]:
    """Look at loss and gradient when the weights have moved."""
    with mock.patch.object(PolicyUpdater, "step", _late_step):
        yield


@contextmanager
def checked_after_the_save() -> Iterator[None]:
    """Look at weights and moments nowhere before they are saved."""
    with ExitStack() as stack:
        stack.enter_context(mock.patch.object(PolicyUpdater, "check", return_value=None))
        for module in ("loop", "commit", "good_weights"):
            stack.enter_context(mock.patch(f"tuner.learner.{module}.require_sound", return_value=None))
        yield


@contextmanager
def nothing_brought_back() -> Iterator[None]:
    """Refuse an update and go on with what it left."""
    with mock.patch.object(GoodWeights, "bring_back", return_value=None):
        yield


MUTANTS: Final[dict[str, Callable[[], AbstractContextManager[None]]]] = {
    "checked after the step": checked_after_the_step,
    "checked after the save": checked_after_the_save,
    "nothing brought back": nothing_brought_back,
}
