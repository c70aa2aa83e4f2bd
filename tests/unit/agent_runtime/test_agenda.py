"""What a run's devices share: goals, episodes, time, and the moment before the last evaluation."""

from __future__ import annotations

import threading
from collections import Counter

from agent_runtime.agenda import Agenda
from tests.fakes import FakeTemplate

HELD = FakeTemplate().instances("held") + FakeTemplate().instances("train")


def test_each_goal_is_taken_once_in_order_and_with_its_number() -> None:
    agenda = Agenda(HELD[:3], 0, None)
    one, other = agenda.first_evaluation(), agenda.first_evaluation()
    assert [next(one), next(other), next(one)] == list(enumerate(HELD[:3]))
    assert next(other, None) is None


def test_the_first_evaluation_is_over_when_its_last_goal_was_evaluated() -> None:
    agenda = Agenda(HELD[:2], 0, None)
    one, other = agenda.first_evaluation(), agenda.first_evaluation()
    next(one), next(other)
    assert next(other, None) is None
    assert not agenda.is_first_evaluation_over  # the other device still has a goal
    one.close()  # that device leaves: its goal is not waited for
    assert agenda.is_first_evaluation_over
    assert Agenda([], 0, None).is_first_evaluation_over


def test_episodes_are_those_of_all_devices_together() -> None:
    agenda = Agenda([], 100, None)
    taken: Counter[int] = Counter()

    def device(name: int) -> None:
        while agenda.may_explore():
            taken[name] += 1

    threads = [threading.Thread(target=device, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert taken.total() == 100
    assert not agenda.may_explore()


def test_no_minutes_are_over_at_once_and_without_bounds_there_is_always_one_more() -> None:
    assert not Agenda([], 5, 0.0).may_explore()
    assert Agenda([], None, 5.0).may_explore()


def test_what_comes_before_the_last_evaluation_comes_once_and_only_where_there_is_one() -> None:
    called: list[str] = []
    agenda = Agenda(HELD[:2], 0, None, lambda: called.append("before"))
    assert called == []
    assert [goal for _, goal in agenda.last_evaluation()] == HELD[:2]
    assert list(agenda.last_evaluation()) == []
    assert called == ["before"]
    assert list(Agenda([], 0, None, lambda: called.append("none")).last_evaluation()) == []
    assert called == ["before"]
