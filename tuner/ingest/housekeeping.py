"""Sweeps again and again beside the calls, in small pieces. Decides nothing of what goes."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from tuner.canary.standing import Standing
from tuner.errors import LedgerError, StoreError
from tuner.ingest.retention import RECORDS_AT_ONCE, Retention
from tuner.ingest.rollout import Rollout

INTERVAL_SEC: Final = 60.0
_LOG = logging.getLogger(__name__)


class Housekeeping:
    """``run`` until its task is cancelled; the ledger is asked on ``executor`` only."""

    def __init__(self, retention: Retention, rollout: Rollout, executor: ThreadPoolExecutor) -> None:
        self._retention = retention
        self._rollout = rollout
        self._executor = executor

    async def run(self) -> None:
        """Sweep every minute, at once again while there is much to sweep."""
        loop = asyncio.get_running_loop()
        while True:
            emptied = 0
            try:
                kept = _versions(self._rollout.standing)
                emptied = await loop.run_in_executor(self._executor, self._retention.sweep, kept)
            except (LedgerError, StoreError, OSError) as error:
                _LOG.warning("old records and versions: %s", error)
            await asyncio.sleep(0.0 if emptied >= RECORDS_AT_ONCE else INTERVAL_SEC)


def _versions(standing: Standing) -> frozenset[int]:
    """Return the versions that runtimes are to have, or the learner is to return to."""
    return frozenset((standing.trusted, standing.trial, standing.withdrawn))
