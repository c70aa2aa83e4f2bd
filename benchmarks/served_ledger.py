"""A tuner's front over a ledger in this process, without a learner, for harnesses with bugs and clocks of their own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from agent_runtime.trajectory import PolicyIdentity
from tuner.adapters.store import AdapterStore
from tuner.ingest.identity import Identity
from tuner.ingest.learner_view import LearnerView
from tuner.ingest.ledger import Ledger
from tuner.ingest.server import Front
from tuner.ingest.service import TunerService

DEADLINE_SEC = 60.0
Result = TypeVar("Result")


class ServedLedger:
    """The front listens at ``port`` of loopback from the start; all work on the ledger goes through ``on_ledger``."""

    def __init__(self, state: Path, identity: PolicyIdentity, ledger: Ledger) -> None:
        state.mkdir(parents=True, exist_ok=True)
        self.ledger = ledger
        self._executor = ThreadPoolExecutor(1)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="front", daemon=True)
        self._thread.start()
        self.on_ledger(ledger.open)
        mine = Identity(
            identity.base_model_digest, identity.tokenizer_digest, identity.quantization, identity.action_grammar
        )
        self._store = AdapterStore(state / "adapters")
        self.port = self._call(self._start(mine))

    async def _start(self, identity: Identity) -> int:
        view = LearnerView(lambda event: None)
        self._front = Front(TunerService(self.ledger, self._store, identity, view, self._executor))
        return await self._front.start("127.0.0.1:0")

    def on_ledger(self, work: Callable[[], Result]) -> Result:
        """Do something on the ledger's thread."""
        return self._executor.submit(work).result(DEADLINE_SEC)

    def stop(self) -> None:
        """Close port and ledger."""
        self._call(self._front.stop())
        self.on_ledger(self.ledger.close)
        self._executor.shutdown()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(DEADLINE_SEC)
        self._loop.close()

    def _call(self, work: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(DEADLINE_SEC)
