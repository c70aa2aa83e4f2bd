"""Trajectories as they go over the wire, and a tuner's front served from a thread, for tests. Holds no tests."""

from __future__ import annotations

import asyncio
import io
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from coso.v1 import policy_pb2, trajectory_pb2
from PIL import Image

from agent_runtime.actions import Action, Finish, Tap, grammar_named
from agent_runtime.trajectory import (
    NO_ADAPTER_DIGEST,
    Decision,
    PolicyIdentity,
    Purpose,
    Screenshot,
    Step,
    Timings,
    Trajectory,
    Verdict,
)
from agent_runtime.uplink.codec import trajectory_to_message
from tuner.adapters.store import AdapterStore
from tuner.ingest.identity import Identity
from tuner.ingest.learner_view import LearnerView
from tuner.ingest.ledger import Ledger
from tuner.ingest.server import Front
from tuner.ingest.service import TunerService

DEADLINE_SEC = 20.0
SIZE_PX = (4, 8)
BASE, TOKENIZER = "b" * 64, "7" * 64
IDENTITY = Identity(BASE, TOKENIZER, "none", "json")
RUNTIME_IDENTITY = PolicyIdentity(BASE, TOKENIZER, "none", "json")
TAP = Tap(0.5, 0.25)
JSON = grammar_named("json")
Result = TypeVar("Result")


def until(condition: Callable[[], bool], deadline_sec: float = DEADLINE_SEC) -> bool:
    """Return True as soon as the condition holds, False when it does not within the deadline."""
    ends_at = time.monotonic() + deadline_sec
    while not condition():
        if time.monotonic() >= ends_at:
            return False
        time.sleep(0.005)
    return True


def png(size_px: tuple[int, int] = SIZE_PX) -> bytes:
    """Return a grey picture."""
    content = io.BytesIO()
    Image.new("RGB", size_px, (90, 90, 90)).save(content, "PNG")
    return content.getvalue()


def step(index: int = 0, action: Action = TAP) -> Step:
    """Return a step the tuner takes, of two tokens."""
    utterance = JSON.render(action)
    decision = Decision(utterance, (5, 6), (-0.5, -0.25), 0, NO_ADAPTER_DIGEST)
    screenshot = Screenshot(png(), *SIZE_PX, 40, 80)
    return Step(index, "Goal: go", screenshot, decision, JSON.parse(utterance), Timings(1, 2, 3, 4))


def trajectory(
    trajectory_id: str = "t", verdict: Verdict = Verdict.SUCCESS, purpose: Purpose = Purpose.EXPLORE, steps: int = 1
) -> Trajectory:
    """Return an episode that a tuner of ``IDENTITY`` takes: taps, and the announcement where it succeeded."""
    last = Finish(True) if verdict is Verdict.SUCCESS else TAP
    actions = [*[TAP] * (steps - 1), last][:steps]
    return Trajectory(
        trajectory_id=trajectory_id,
        runtime_id="runtime",
        task_name="fake/act",
        goal="go",
        task_params={"thing": "a"},
        purpose=purpose,
        seed=3,
        step_limit=8,
        verdict=verdict,
        void_reason="DeviceError: the cable is out" if verdict is Verdict.VOID else "",
        reward=1.0 if verdict is Verdict.SUCCESS else 0.0,
        steps=tuple(step(index, action) for index, action in enumerate(actions)),
        started_at_unix_sec=1_700_000_000.0,
        device_serial="fake-1",
        temperature=1.0,
        identity=RUNTIME_IDENTITY,
    )


def message(trajectory_id: str = "t", **facts: Any) -> trajectory_pb2.Trajectory:
    """Return ``trajectory`` as a message."""
    return trajectory_to_message(trajectory(trajectory_id, **facts))


def manifest(version: int, parent_version: int | None = None) -> policy_pb2.AdapterManifest:
    """Return what a learner fills in before it publishes."""
    parent = version - 1 if parent_version is None else parent_version
    return policy_pb2.AdapterManifest(version=version, parent_version=parent, base_model_digest=BASE)


class LoopThread:
    """An event loop in a thread of its own, for a server beside code that blocks."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name="test-loop", daemon=True)
        self._thread.start()

    def call(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Run a coroutine on the loop and return what it returns."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(DEADLINE_SEC)

    def stop(self) -> None:
        """End the loop and its thread."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(DEADLINE_SEC)
        self.loop.close()


class ServedTuner:
    """A real front over a real ledger and store, without a learner; ``publish`` stands in for one."""

    def __init__(
        self,
        thread: LoopThread,
        state: Path,
        identity: Identity = IDENTITY,
        service: Callable[..., TunerService] = TunerService,
        listen: str = "127.0.0.1:0",
    ) -> None:
        state.mkdir(exist_ok=True)
        self.store = AdapterStore(state / "adapters")
        self._ledger = Ledger(state)
        self._thread = thread
        self._stopped = False
        self._executor = ThreadPoolExecutor(1)
        self._executor.submit(self._ledger.open).result(DEADLINE_SEC)
        self.address = thread.call(self._start(identity, service, listen))

    async def _start(self, identity: Identity, service: Callable[..., TunerService], listen: str) -> str:
        self.heard: list[dict[str, object]] = []
        self.view = LearnerView(self.heard.append)
        self.service = service(self._ledger, self.store, identity, self.view, self._executor)
        self._front = Front(self.service)
        return f"127.0.0.1:{await self._front.start(listen)}"

    def stored_ids(self) -> list[str]:
        """Return the ids of what waits to be trained on, in order of arrival."""
        waiting = self._executor.submit(self._ledger.waiting, 1000).result(DEADLINE_SEC)
        return [stored.message.trajectory_id for stored in waiting]

    def runtime_ids(self) -> list[str]:
        """Return who registered, the latest first."""
        return self._executor.submit(self._ledger.runtime_ids).result(DEADLINE_SEC)

    def publish(self, version: int, payload: bytes, parent_version: int | None = None) -> None:
        """Publish a version and wake the followers."""
        self.store.publish(manifest(version, parent_version), payload)

        async def tell() -> None:
            self.view.published()

        self._thread.call(tell())

    def stop(self) -> None:
        """Close the port and the ledger; safe to call twice."""
        if self._stopped:
            return
        self._stopped = True
        self._thread.call(self._front.stop())
        self._executor.submit(self._ledger.close).result(DEADLINE_SEC)
        self._executor.shutdown()


@contextmanager
def served_tuner(state: Path, **options: Any) -> Iterator[ServedTuner]:
    """Serve a ``ServedTuner`` from a thread of its own while the block runs."""
    thread = LoopThread()
    try:
        served = ServedTuner(thread, state, **options)
        try:
            yield served
        finally:
            served.stop()
    finally:
        thread.stop()
