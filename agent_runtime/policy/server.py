"""One policy for many devices: requests of any thread are answered together, token by token. Samples nothing itself.

A worker thread runs the model. Whatever waits joins the rows in flight before their next token, the oldest first, and
each row leaves with its last one, so nobody waits for a batch to fill or for the slowest row. Where somebody wants the
model's lock, for a new adapter, nobody joins until the rows in flight are over and that has happened: every decision
is made under one adapter. So it is where the oldest that waits is for the version's other adapter. Needs no torch.
"""

import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, InvalidStateError
from dataclasses import dataclass
from types import TracebackType
from typing import Generic, Protocol, TypeVar

from agent_runtime.actions import Action
from agent_runtime.errors import PolicyError
from agent_runtime.policy.exploring import Exploring
from agent_runtime.policy.turn_lock import TurnLock
from agent_runtime.trajectory import Decision, PolicyIdentity

_FAULTS = (PolicyError, RuntimeError, ValueError, TypeError, LookupError)
"""What a model raises for inputs or weights it cannot work with; torch's own are RuntimeErrors."""


class FlyingRow(Protocol):
    """A decision in flight."""

    @property
    def is_over(self) -> bool:
        """Whether its last token is drawn."""


Asked = TypeVar("Asked")
Taken = TypeVar("Taken", contravariant=True)
Row = TypeVar("Row", bound=FlyingRow)


class Batch(Protocol[Taken, Row]):
    """What rows fly in: `agent_runtime.policy.batch.TokenBatch`, or a fake of it."""

    @property
    def has_room(self) -> bool:
        """Whether one more may join."""

    def join(self, request: Taken) -> Row:
        """Take a request in; a row that is over at once is not kept."""

    def step(self) -> Sequence[Row]:
        """Give every row a token; return those that are over, which leave."""

    def drop(self, row: Row) -> None:
        """Let a row leave before it is over."""


class BatchedPolicy(Protocol[Asked, Row]):
    """What the server runs: `agent_runtime.policy.generate.VlmPolicy`, or a fake of it."""

    identity: PolicyIdentity
    image_size_px: tuple[int, int] | None

    @property
    def lock(self) -> TurnLock:
        """Held while rows are in flight, and by every change of the adapter."""

    def prompt_text(self, goal: str, history: Sequence[Action]) -> str:
        """See ``base.Policy``."""

    def request(self, image_png: bytes, prompt: str, *, temperature: float, seed: int) -> Asked:
        """Prepare a request; called in its caller's thread. Raises ``PolicyError``."""

    @property
    def has_explorer(self) -> bool:
        """Whether those that explore and the others are answered by two adapters now."""

    def new_batch(self, explores: bool) -> Batch[Asked, Row]:
        """Return an empty batch, for requests that explore or for the others."""

    def decision(self, row: Row) -> Decision:
        """Return what a row came to. Raises ``PolicyError``."""


@dataclass(frozen=True, slots=True)
class _Waiting(Generic[Asked]):
    request: Asked
    answer: "Future[Decision]"
    explores: bool


class DecisionServer(Generic[Asked, Row]):
    """A ``base.Policy`` over a batched one; runs between ``open`` and ``close``, or as a context."""

    def __init__(self, policy: BatchedPolicy[Asked, Row]) -> None:
        self.identity = policy.identity
        self.image_size_px = policy.image_size_px
        self._policy = policy
        self._changed = threading.Condition()
        self._waiting: deque[_Waiting[Asked]] = deque()
        self._closed = False
        self._worker = threading.Thread(target=self._work, name="decisions", daemon=True)

    def open(self) -> None:
        """Start the worker."""
        self._worker.start()

    def close(self) -> None:
        """End the worker after the token it is at; whoever still waits gets a ``PolicyError``."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._worker.join()

    def prompt_text(self, goal: str, history: Sequence[Action]) -> str:
        """See ``base.Policy``."""
        return self._policy.prompt_text(goal, history)

    def exploring(self) -> Exploring:
        """See ``exploring.HasExplorer``."""
        return Exploring(self)

    def decide(
        self, image_png: bytes, prompt: str, *, temperature: float, seed: int, explores: bool = False
    ) -> Decision:
        """See ``base.Policy``; any number of threads may ask at once. ``explores``: by the explorer where there is one.

        Raises:
            PolicyError: the model cannot answer, or the server was closed.
        """
        answer = self.submit(image_png, prompt, temperature=temperature, seed=seed, explores=explores)
        try:
            return answer.result()
        finally:
            answer.cancel()  # who was interrupted leaves no row behind; nothing happens to one that is over

    def submit(
        self, image_png: bytes, prompt: str, *, temperature: float, seed: int, explores: bool = False
    ) -> "Future[Decision]":
        """Ask and return at once; cancelling the answer takes its row out before the next token.

        Raises:
            PolicyError: the picture is no PNG, or the server is closed.
        """
        request = self._policy.request(image_png, prompt, temperature=temperature, seed=seed)
        waiting = _Waiting(request, Future(), explores)
        with self._changed:
            if self._closed:
                raise _closed()
            self._waiting.append(waiting)
            self._changed.notify_all()
        return waiting.answer

    # --- the worker

    def _work(self) -> None:
        try:
            while self._something_waits():
                with self._policy.lock:
                    self._fly()
        finally:  # also where the model failed in a way nobody foresaw: nobody waits for ever
            with self._changed:
                self._closed = True
                left = list(self._waiting)
                self._waiting.clear()
            for waiting in left:
                _fail(waiting.answer, _closed())

    def _something_waits(self) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            return not self._closed

    def _fly(self) -> None:
        """Serve until no row is in flight; others that want the lock keep newcomers out."""
        explores = self._oldest_explores() if self._policy.has_explorer else None
        batch = self._policy.new_batch(bool(explores))
        flying: dict[Row, Future[Decision]] = {}
        try:
            while not self._closed:
                while batch.has_room and not self._policy.lock.is_wanted:
                    waiting = self._next(explores)
                    if waiting is None:
                        break
                    self._join(batch, waiting, flying)
                for row in [row for row, answer in flying.items() if answer.cancelled()]:
                    batch.drop(row)
                    del flying[row]
                if not flying:
                    return
                try:
                    over = batch.step()
                except _FAULTS as fault:
                    for answer in flying.values():
                        _fail(answer, fault)
                    flying.clear()
                    return
                for row in over:
                    self._answer(flying.pop(row), row)
        finally:
            for answer in flying.values():
                _fail(answer, _closed())

    def _oldest_explores(self) -> bool:
        with self._changed:
            return bool(self._waiting) and self._waiting[0].explores

    def _next(self, explores: bool | None) -> _Waiting[Asked] | None:
        """Take the oldest request that somebody still wants answered, None while it is not for these rows' adapter."""
        with self._changed:
            while self._waiting:
                if self._waiting[0].answer.cancelled():
                    self._waiting.popleft()
                    continue
                return None if explores not in (None, self._waiting[0].explores) else self._waiting.popleft()
        return None

    def _join(self, batch: Batch[Asked, Row], waiting: _Waiting[Asked], flying: "dict[Row, Future[Decision]]") -> None:
        try:
            row = batch.join(waiting.request)
        except _FAULTS as fault:
            _fail(waiting.answer, fault)
            return
        if row.is_over:
            self._answer(waiting.answer, row)
        else:
            flying[row] = waiting.answer

    def _answer(self, answer: "Future[Decision]", row: Row) -> None:
        try:
            decision = self._policy.decision(row)
        except PolicyError as fault:
            _fail(answer, fault)
            return
        try:
            answer.set_result(decision)
        except InvalidStateError:  # cancelled meanwhile
            return

    def __enter__(self) -> "DecisionServer[Asked, Row]":
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _fail(answer: "Future[Decision]", fault: Exception) -> None:
    try:
        answer.set_exception(fault)
    except InvalidStateError:  # cancelled meanwhile
        return


def _closed() -> PolicyError:
    return PolicyError("Got a request for a model that is no longer run, expected none after the end: start again.")
