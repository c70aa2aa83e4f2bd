"""A lock that is first come, first served, and says when somebody waits."""

from __future__ import annotations

import threading
import time

import pytest

from agent_runtime.policy.turn_lock import TurnLock

DEADLINE_SEC = 30.0


def wait_until(condition: object) -> None:
    ends_at = time.monotonic() + DEADLINE_SEC
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < ends_at
        time.sleep(0.001)


def test_it_goes_to_whoever_waited_longest_even_if_its_holder_asks_again_at_once() -> None:
    lock = TurnLock()
    order: list[int] = []

    def take(name: int) -> None:
        with lock:
            order.append(name)

    threads = [threading.Thread(target=take, args=(name,)) for name in range(3)]
    with lock:
        for number, thread in enumerate(threads):
            thread.start()
            wait_until(lambda number=number: len(lock._line) == number + 2)
        assert lock.is_wanted
    with lock:
        order.append(9)
    for thread in threads:
        thread.join(DEADLINE_SEC)
    assert order == [0, 1, 2, 9]
    assert not lock.is_wanted


def test_who_holds_it_may_take_it_again() -> None:
    lock = TurnLock()
    taken: list[bool] = []

    def try_it() -> None:
        taken.append(lock.acquire(blocking=False))

    with lock:
        with lock:
            assert not lock.is_wanted
        other = threading.Thread(target=try_it)
        other.start()
        other.join(DEADLINE_SEC)
    assert taken == [False]
    assert lock.acquire(blocking=False)


def test_only_its_holder_lets_go() -> None:
    lock = TurnLock()
    with pytest.raises(RuntimeError):
        lock.release()
    refused: list[bool] = []

    def let_go() -> None:
        with pytest.raises(RuntimeError):
            lock.release()
        refused.append(True)

    with lock:
        other = threading.Thread(target=let_go)
        other.start()
        other.join(DEADLINE_SEC)
    assert refused == [True]
