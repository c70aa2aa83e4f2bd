"""What who is signed in may have done: a version promoted, or an older one's tensors published again. Knows no HTTP."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from tuner.errors import LedgerError, RollbackError
from tuner.ingest.learner_view import LearnerView
from tuner.ingest.version_trials import VersionTrials

PATIENCE_SEC: Final = 10.0
"""An update in progress ends before a rollback; a browser need not wait for that."""
_LOG = logging.getLogger(__name__)


class Controls:
    """All calls come from the service's event loop; the ledger is asked on ``executor`` only."""

    def __init__(self, learner: LearnerView, trials: VersionTrials | None, executor: ThreadPoolExecutor) -> None:
        self._learner = learner
        self._trials = trials
        self._executor = executor
        self._asked: set[asyncio.Task[int]] = set()

    @property
    def on_trial(self) -> int:
        """The version that may be promoted, 0 for none."""
        return 0 if self._trials is None else self._trials.standing.trial

    async def roll_back(self, version: int, latest_version: int) -> str:
        """Have an older version's tensors published again; return what came of it in one sentence.

        Raises:
            RollbackError: it was not done.
        """
        asked = asyncio.create_task(self._learner.roll_back(version, latest_version))
        self._asked.add(asked)
        asked.add_done_callback(self._forget)
        done, _ = await asyncio.wait({asked}, timeout=PATIENCE_SEC)
        if not done:
            return f"Asked for version {version} again: it is published once the update in progress is over."
        return f"Version {asked.result()} has the tensors of version {version}."

    async def promote(self, version: int) -> str:
        """Have the version on trial go to everyone; return what came of it in one sentence.

        Raises:
            RollbackError: it is not on trial.
            LedgerError: the decision could not be kept, and does not hold.
        """
        trials = self._trials
        if trials is None or not await asyncio.get_running_loop().run_in_executor(
            self._executor, trials.promote_by_hand, version
        ):
            raise RollbackError(f"Got version {version} to promote, expected the one on trial: look again.")
        self._learner.tell_news()
        return f"Version {version} goes to everyone from now on."

    def _forget(self, asked: asyncio.Task[int]) -> None:
        self._asked.discard(asked)
        if not asked.cancelled() and isinstance(asked.exception(), RollbackError | LedgerError):
            _LOG.warning("a rollback asked for on the page: %s", asked.exception())
