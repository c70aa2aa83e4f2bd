"""Carries trials on beside the calls: looks at new versions, and has the learner leave a version that was withdrawn."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from tuner.errors import LedgerError, RollbackError
from tuner.ingest.learner_view import LearnerView
from tuner.ingest.version_trials import VersionTrials

RETRY_SEC: Final = 5.0
"""How long until the ledger or the learner is asked again for what it refused."""
_LOG = logging.getLogger(__name__)


class Steward:
    """``run`` until its task is cancelled; the ledger is asked on ``executor`` only."""

    def __init__(self, trials: VersionTrials, learner: LearnerView, executor: ThreadPoolExecutor) -> None:
        self._trials = trials
        self._learner = learner
        self._executor = executor

    async def run(self) -> None:
        """Look whenever there is news, and again soon where something was refused."""
        loop = asyncio.get_running_loop()
        while True:
            seen = self._learner.news
            is_done = True
            try:
                if await loop.run_in_executor(self._executor, self._trials.look):
                    self._learner.tell_news()
                if self._trials.standing.withdrawn:
                    await self._return_to_trusted()
            except (LedgerError, RollbackError) as error:
                _LOG.warning("trials of versions: %s", error)
                is_done = False
            await self._wait_for_news(seen, None if is_done else RETRY_SEC)

    async def _return_to_trusted(self) -> None:
        """Have the learner publish the trusted version's tensors anew, and go on from them.

        Raises:
            RollbackError: it was not done; the withdrawn version goes to nobody all the same.
        """
        standing = self._trials.standing
        newest = await asyncio.get_running_loop().run_in_executor(self._executor, self._trials.newest_version)
        await self._learner.roll_back(standing.trusted, newest)

    async def _wait_for_news(self, seen: int, at_most_sec: float | None) -> None:
        try:
            await asyncio.wait_for(self._learner.wait_for_news(after=seen), at_most_sec)
        except asyncio.TimeoutError:
            return
