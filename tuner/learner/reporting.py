"""Sends each update's figures to where people watch runs: TensorBoard files always, wandb or trackio if asked for.

    tensorboard/    event files in the state folder: `tensorboard --logdir STATE/tensorboard`

Nothing here stops the learner: a tracker that cannot be reached is left out and named in the log.
"""

from __future__ import annotations

import importlib
import logging
from collections.abc import Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any

from tuner.config import LearnerConfig

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

TENSORBOARD_NAME = "tensorboard"
PROJECT = "coso-phone"
_LOG = logging.getLogger(__name__)


class Reports:
    """Opened by the first figures, and flushed after each."""

    def __init__(self, config: LearnerConfig) -> None:
        self._config = config
        self._writer: SummaryWriter | None = None
        self._tracker: ModuleType | None = None
        self._is_open = False

    def add(self, update: int, figures: Mapping[str, float]) -> None:
        """Send the figures of one update."""
        if not self._is_open:
            self._open()
        if self._writer is not None:
            for name, value in figures.items():
                self._writer.add_scalar(f"learner/{name}", value, update)
            self._writer.flush()
        if self._tracker is not None:
            self._tracker.log(dict(figures), step=update)

    def close(self) -> None:
        """End the files and the tracker's run; safe to call twice."""
        if self._writer is not None:
            self._writer.close()
        if self._tracker is not None:
            self._tracker.finish()
        self._writer, self._tracker = None, None

    def _open(self) -> None:
        self._is_open = True
        from torch.utils.tensorboard import SummaryWriter  # a second of imports, and only learners need it

        try:
            self._writer = SummaryWriter(str(self._config.state / TENSORBOARD_NAME))
        except OSError as error:
            _LOG.warning("no TensorBoard files: %s", error)
        if self._config.report_to != "none":
            self._tracker = _started(self._config)


def _started(config: LearnerConfig) -> ModuleType | None:
    """Return the tracker's module with a run begun, None where it cannot be."""
    tracker: Any = importlib.import_module(config.report_to)
    settings = config.model_dump(mode="json", exclude={"state", "model"})
    try:
        tracker.init(project=PROJECT, name=config.run_name or config.state.name, config=settings)
    except (getattr(tracker, "Error", OSError), OSError, ValueError, RuntimeError) as error:
        _LOG.warning("no figures go to %s: %s", config.report_to, error)
        return None
    found: ModuleType = tracker
    return found
