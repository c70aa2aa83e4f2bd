"""Devices side by side: none waits for another, one that dies leaves the work to the rest and may come back."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from agent_runtime.actions import grammar_named
from agent_runtime.agenda import Agenda
from agent_runtime.errors import DeviceError, SessionError
from agent_runtime.fleet import Fleet
from agent_runtime.policy.scripted import ScriptedPolicy
from agent_runtime.runner import Hooks, RunConfig, Runner
from agent_runtime.tally import ASKED_TO_STOP
from agent_runtime.trajectory import Trajectory
from tests.fakes import FakeDevice, FakeTemplate

DEADLINE_SEC = 30.0
PRESS, DONE = '{"action":"press","key":"home"}', '{"action":"finish","status":"success"}'
LOOK_SEC = 0.005


class Phone(FakeDevice):
    """A fake that can be unplugged, and that does ``first`` in every episode."""

    def __init__(self, serial: str, first: Callable[[], object] = lambda: None) -> None:
        super().__init__()
        self.serial = serial
        self.is_there = True
        self.first = first

    def begin_episode(self) -> None:
        self.first()
        if not self.is_there:
            raise DeviceError("The cable is out: plug it in.")


class World:
    """A fleet over an agenda of so many episodes, and what it told."""

    def __init__(self, episodes: int, held: int = 0) -> None:
        self.seen: list[Trajectory] = []
        self.notes: list[str] = []
        self.stop = threading.Event()
        self.on_episode: Callable[[Trajectory], None] = lambda episode: None
        self.agenda = Agenda(FakeTemplate().instances("held")[:held], episodes, None)
        self.fleet = Fleet(self.notes.append, self.stop.is_set, LOOK_SEC)
        self.phones: list[Phone] = []

    def add(self, phone: Phone) -> None:
        def on_episode(episode: Trajectory) -> None:
            self.seen.append(episode)
            self.on_episode(episode)

        runner = Runner(
            phone,
            ScriptedPolicy([PRESS, DONE]),
            grammar_named("json"),
            lambda rng: rng.choice(FakeTemplate().instances("train")),
            self.agenda,
            RunConfig("r", 7, len(self.phones), max_voids_in_a_row=3),
            Hooks(on_episode=on_episode, should_stop=self.fleet.should_stop),
        )
        self.phones.append(phone)
        self.fleet.add(runner, lambda: phone.is_there)

    def goals_of(self, serial: str) -> list[tuple[str, int]]:
        return [(one.goal, one.seed) for one in self.seen if one.device_serial == serial]


def test_a_slow_device_keeps_nobody_waiting() -> None:
    world = World(10)
    others_are_done = threading.Event()
    world.on_episode = lambda episode: others_are_done.set() if len(world.seen) == 9 else None
    world.add(Phone("slow", lambda: others_are_done.wait(DEADLINE_SEC)))
    world.add(Phone("fast"))
    result = world.fleet.run()
    assert others_are_done.is_set()  # nine episodes were over before the slow one began
    assert len(world.goals_of("fast")) == 9
    assert result.explore.successes == 10
    assert (result.by_device["slow"].explore.successes, result.by_device["fast"].explore.successes) == (1, 9)


def test_a_dead_device_leaves_the_work_to_the_others_and_does_not_end_the_run() -> None:
    world = World(30)
    world.add(Phone("dead"))
    world.add(Phone("alive"))
    world.phones[0].is_there = False
    result = world.fleet.run()
    assert result.by_device["dead"].explore.voids == 3
    assert result.by_device["alive"].explore.successes == 27
    assert (result.stopped, result.has_left) == ("", False)
    assert "3 episodes in a row were void" in result.by_device["dead"].stopped
    assert any(note.startswith("dead leaves the work to the others") for note in world.notes)


def test_a_device_that_comes_back_joins_again() -> None:
    world = World(1_000_000)
    world.add(Phone("lost"))
    world.add(Phone("steady"))
    lost = world.phones[0]
    lost.is_there = False

    def on_episode(episode: Trajectory) -> None:
        if any("leaves the work" in note for note in world.notes) and len(world.goals_of("steady")) > 3:
            lost.is_there = True
        if world.fleet._members[0].runner.result.explore.successes >= 2:
            world.stop.set()

    # Once the lost one has left, the steady one works on slowly enough for it to be looked for.
    world.phones[1].first = lambda: world.stop.wait(2 * LOOK_SEC)
    world.on_episode = on_episode
    watchdog = threading.Timer(DEADLINE_SEC, world.stop.set)
    watchdog.start()
    result = world.fleet.run()
    watchdog.cancel()
    assert "lost is back and joins again." in world.notes
    assert result.by_device["lost"].explore.successes >= 2
    assert result.stopped == ASKED_TO_STOP


def test_a_device_that_was_never_away_and_gives_only_voids_does_not_come_back() -> None:
    world = World(60)

    def broken() -> None:
        raise DeviceError("It shows nothing but black.")

    world.add(Phone("broken", broken))
    world.add(Phone("steady", lambda: world.stop.wait(LOOK_SEC)))
    result = world.fleet.run()
    assert result.by_device["broken"].explore.voids == 3
    assert result.by_device["steady"].explore.successes == 57


def test_the_run_ends_when_no_device_is_left() -> None:
    world = World(1000)
    for serial in ("a", "b"):
        world.add(Phone(serial))
        world.phones[-1].is_there = False
    result = world.fleet.run()
    assert result.has_left
    assert "a: 3 episodes in a row were void" in result.stopped
    assert "b: 3 episodes in a row were void" in result.stopped
    assert result.explore.voids == 6


def test_an_error_of_ours_stops_all_devices_and_is_raised() -> None:
    world = World(1_000_000)

    def on_episode(episode: Trajectory) -> None:
        if episode.device_serial == "b":
            raise SessionError("The disk is full.")

    world.on_episode = on_episode
    world.add(Phone("a"))
    world.add(Phone("b"))
    with pytest.raises(SessionError, match="disk is full"):
        world.fleet.run()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_dies_of_a_bug_ends_the_run() -> None:
    world = World(1_000_000)

    def on_episode(episode: Trajectory) -> None:
        raise ZeroDivisionError

    world.on_episode = on_episode
    world.add(Phone("a"))
    with pytest.raises(RuntimeError, match="ended by an error of ours"):
        world.fleet.run()


def test_held_goals_are_shared_and_a_devices_own_tasks_follow_from_seed_and_index() -> None:
    def run() -> World:
        world = World(40, held=2)
        world.add(Phone("a"))
        world.add(Phone("b"))
        result = world.fleet.run()
        assert result.before.successes == result.after.successes == min(2, len(FakeTemplate().instances("held")))
        return world

    def explored(world: World, serial: str) -> list[tuple[str, int]]:
        return [one for one in world.goals_of(serial) if one[1] > 100]  # seeds of held goals are 7 and 8

    one, other = run(), run()
    for serial in ("a", "b"):
        pairs = zip(explored(one, serial), explored(other, serial), strict=False)
        assert all(mine == theirs for mine, theirs in pairs)
    a, b = explored(one, "a"), explored(one, "b")
    assert not set(a) & set(b)
