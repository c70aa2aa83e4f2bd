"""Many askers, one model: who joins when, who gets which answer or error, and when an adapter changes."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from agent_runtime.actions import Action
from agent_runtime.errors import PolicyError
from agent_runtime.policy.server import DecisionServer
from agent_runtime.policy.turn_lock import TurnLock
from agent_runtime.trajectory import Decision, PolicyIdentity

DEADLINE_SEC = 30.0


@dataclass(eq=False)
class FakeRow:
    """Over after so many tokens."""

    prompt: str
    tokens_left: int

    @property
    def is_over(self) -> bool:
        return self.tokens_left == 0


class FakeModel:
    """Needs ``seed`` tokens for an answer; takes a step only when the test gives a tick. Prompts may name an error."""

    identity = PolicyIdentity("b", "t", "none", "json")
    image_size_px = None

    def __init__(self, room: int = 8) -> None:
        self.lock = TurnLock()
        self.version = 0
        self.has_explorer = False
        self.batches: list[bool] = []
        """Whether each explored."""
        self.room = room
        self.ticks = threading.Semaphore(0)
        self.joined: queue.Queue[str] = queue.Queue()
        self.dropped: list[str] = []
        self.step_fails: Exception | None = None

    def prompt_text(self, goal: str, history: Sequence[Action]) -> str:
        return goal

    def request(self, image_png: bytes, prompt: str, *, temperature: float, seed: int) -> tuple[str, int]:
        if prompt == "no picture":
            raise PolicyError("Got no picture.")
        return prompt, seed

    def new_batch(self, explores: bool) -> FakeBatch:
        self.batches.append(explores)
        return FakeBatch(self)

    def decision(self, row: FakeRow) -> Decision:
        if row.prompt == "no answer":
            raise PolicyError("Got no numbers.")
        return Decision(row.prompt, (), (), self.version, str(self.version))

    def next_joined(self) -> str:
        return self.joined.get(timeout=DEADLINE_SEC)


class FakeBatch:
    def __init__(self, model: FakeModel) -> None:
        self.model = model
        self.rows: list[FakeRow] = []

    @property
    def has_room(self) -> bool:
        return len(self.rows) < self.model.room

    def join(self, request: tuple[str, int]) -> FakeRow:
        if request[0] == "no prefill":
            raise RuntimeError("out of memory")
        row = FakeRow(*request)
        if not row.is_over:
            self.rows.append(row)
        self.model.joined.put(row.prompt)
        return row

    def step(self) -> list[FakeRow]:
        assert self.model.ticks.acquire(timeout=DEADLINE_SEC)
        if self.model.step_fails is not None:
            raise self.model.step_fails
        for row in self.rows:
            row.tokens_left -= 1
        over = [row for row in self.rows if row.is_over]
        self.rows = [row for row in self.rows if not row.is_over]
        return over

    def drop(self, row: FakeRow) -> None:
        self.rows.remove(row)
        self.model.dropped.append(row.prompt)


Ask = Callable[..., Any]


@pytest.fixture
def model() -> FakeModel:
    return FakeModel()


@pytest.fixture
def server(model: FakeModel) -> Iterator[DecisionServer[Any, Any]]:
    server: DecisionServer[Any, Any] = DecisionServer(model)
    with server:
        yield server
        model.ticks.release(10_000)  # whatever still flies lands


@pytest.fixture
def ask(server: DecisionServer[Any, Any]) -> Ask:
    return lambda prompt, tokens, explores=False: server.submit(
        b"", prompt, temperature=1.0, seed=tokens, explores=explores
    )


def test_a_newcomer_joins_between_two_tokens_and_leaves_before_a_longer_one(model: FakeModel, ask: Ask) -> None:
    long = ask("long", 5)
    assert model.next_joined() == "long"
    short = ask("short", 1)
    model.ticks.release(1)  # the step that was under way when it came
    assert model.next_joined() == "short"
    model.ticks.release(1)
    assert short.result(DEADLINE_SEC).utterance == "short"
    assert not long.done()
    model.ticks.release(3)
    assert long.result(DEADLINE_SEC).utterance == "long"


def test_an_answer_of_one_token_needs_no_step(model: FakeModel, ask: Ask) -> None:
    assert ask("at once", 0).result(DEADLINE_SEC).utterance == "at once"


def test_where_there_is_no_room_the_oldest_comes_next(model: FakeModel, ask: Ask) -> None:
    model.room = 2
    answers = [ask(str(number), 1) for number in range(6)]
    model.ticks.release(20)
    assert [answer.result(DEADLINE_SEC).utterance for answer in answers] == [str(number) for number in range(6)]
    assert [model.next_joined() for _ in range(6)] == [str(number) for number in range(6)]


def test_those_that_explore_fly_apart_from_the_others_while_there_is_an_explorer(model: FakeModel, ask: Ask) -> None:
    model.has_explorer = True
    order = (False, False, True, False, True, True)
    with model.lock:  # all wait before the first joins
        answers = [ask(str(number), 2, explores) for number, explores in enumerate(order)]
    model.ticks.release(20)
    assert [answer.result(DEADLINE_SEC).utterance for answer in answers] == [str(number) for number in range(6)]
    assert [model.next_joined() for _ in range(6)] == [str(number) for number in range(6)]
    assert model.batches == [False, True, False, True]


def test_without_an_explorer_all_fly_together(model: FakeModel, ask: Ask) -> None:
    with model.lock:
        answers = [ask(str(number), 2, bool(number % 2)) for number in range(4)]
    model.ticks.release(20)
    assert [answer.result(DEADLINE_SEC).utterance for answer in answers] == [str(number) for number in range(4)]
    assert model.batches == [False]


def test_one_who_gave_up_keeps_no_other_from_being_answered(model: FakeModel, ask: Ask) -> None:
    model.has_explorer = True
    with model.lock:
        gone, stays = ask("gone", 2, True), ask("stays", 2)
        gone.cancel()
    model.ticks.release(5)
    assert stays.result(DEADLINE_SEC).utterance == "stays"
    assert model.next_joined() == "stays"


def test_what_fails_for_one_reaches_that_one_only(model: FakeModel, ask: Ask) -> None:
    sound, unread, unsaid = ask("sound", 2), ask("no prefill", 2), ask("no answer", 2)
    model.ticks.release(5)
    with pytest.raises(RuntimeError, match="out of memory"):
        unread.result(DEADLINE_SEC)
    with pytest.raises(PolicyError, match="no numbers"):
        unsaid.result(DEADLINE_SEC)
    assert sound.result(DEADLINE_SEC).utterance == "sound"
    with pytest.raises(PolicyError, match="no picture"):
        ask("no picture", 1)


def test_a_step_that_fails_reaches_all_in_flight_and_the_next_request_is_served(model: FakeModel, ask: Ask) -> None:
    answers = [ask("a", 3), ask("b", 3)]
    assert {model.next_joined(), model.next_joined()} == {"a", "b"}
    model.step_fails = RuntimeError("out of memory")
    model.ticks.release(1)
    for answer in answers:
        with pytest.raises(RuntimeError, match="out of memory"):
            answer.result(DEADLINE_SEC)
    model.step_fails = None
    model.ticks.release(5)
    assert ask("c", 2).result(DEADLINE_SEC).utterance == "c"


def test_who_gives_up_leaves_the_rest_alone(model: FakeModel, ask: Ask) -> None:
    model.room = 2
    flying, other = ask("flying", 50), ask("other", 3)
    assert (model.next_joined(), model.next_joined()) == ("flying", "other")
    queued = ask("queued", 1)
    assert flying.cancel()
    assert queued.cancel()
    model.ticks.release(20)
    assert other.result(DEADLINE_SEC).utterance == "other"
    assert ask("last", 1).result(DEADLINE_SEC).utterance == "last"
    assert model.dropped == ["flying"]
    assert model.next_joined() == "last"  # the queued one never joined


def test_a_change_comes_before_newcomers_and_after_all_in_flight(model: FakeModel, ask: Ask) -> None:
    first = ask("first", 3)
    model.next_joined()

    def change() -> None:
        with model.lock:
            model.version += 1

    changer = threading.Thread(target=change)
    changer.start()
    ends_at = time.monotonic() + DEADLINE_SEC
    while not model.lock.is_wanted:
        assert time.monotonic() < ends_at
    second = ask("second", 1)
    model.ticks.release(2)
    assert not second.done()
    model.ticks.release(2)
    assert first.result(DEADLINE_SEC).adapter_version == 0
    assert second.result(DEADLINE_SEC).adapter_version == 1
    changer.join(DEADLINE_SEC)


def test_each_of_many_askers_gets_its_own_answer_under_one_version(
    model: FakeModel, server: DecisionServer[Any, Any]
) -> None:
    model.ticks.release(100_000)
    told: dict[str, set[str]] = {}

    def device(name: str) -> None:
        for number in range(30):
            decision = server.decide(b"", f"{name}/{number}", temperature=1.0, seed=1 + number % 4)
            told.setdefault(decision.utterance, set()).add(decision.adapter_digest)

    threads = [threading.Thread(target=device, args=(str(name),)) for name in range(8)]
    for thread in threads:
        thread.start()
    for _ in range(10):
        with model.lock:
            model.version += 1
    for thread in threads:
        thread.join(DEADLINE_SEC)
    assert set(told) == {f"{name}/{number}" for name in range(8) for number in range(30)}
    assert all(len(digests) == 1 for digests in told.values())


def test_at_the_end_nobody_waits_for_ever(model: FakeModel) -> None:
    model.room = 1
    server: DecisionServer[Any, Any] = DecisionServer(model)
    server.open()
    flying = server.submit(b"", "flying", temperature=1.0, seed=1000)
    model.next_joined()
    queued = server.submit(b"", "queued", temperature=1.0, seed=1)
    closer = threading.Thread(target=server.close)
    closer.start()
    ends_at = time.monotonic() + DEADLINE_SEC
    while not server._closed:
        assert time.monotonic() < ends_at
    model.ticks.release(1)  # the token it is at
    closer.join(DEADLINE_SEC)
    for answer in (flying, queued):
        with pytest.raises(PolicyError, match="no longer run"):
            answer.result(DEADLINE_SEC)
    with pytest.raises(PolicyError, match="no longer run"):
        server.decide(b"", "late", temperature=1.0, seed=1)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_error_nobody_foresaw_leaves_nobody_waiting(model: FakeModel, ask: Ask) -> None:
    class UnforeseenError(Exception):
        pass

    answer = ask("a", 3)
    model.next_joined()
    queued = ask("b", 3)
    model.step_fails = UnforeseenError()
    model.ticks.release(1)
    for waiting in (answer, queued):
        with pytest.raises(PolicyError, match="no longer run"):
            waiting.result(DEADLINE_SEC)
    with pytest.raises(PolicyError, match="no longer run"):
        ask("c", 1)
