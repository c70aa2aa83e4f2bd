"""Two virtual phones in one run: one goes offline in the middle, the other's episodes go on, and it joins again."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from agent_runtime.actions import grammar_named
from agent_runtime.agenda import Agenda
from agent_runtime.devices.adb import open_device, server_states
from agent_runtime.devices.link import Patience
from agent_runtime.devices.recovery import RecoveringDevice
from agent_runtime.fleet import Fleet
from agent_runtime.policy.scripted import ScriptedPolicy
from agent_runtime.runner import Hooks, RunConfig, Runner
from agent_runtime.tally import ASKED_TO_STOP
from agent_runtime.tasks.system import OpenAppTask
from agent_runtime.trajectory import Trajectory, Verdict
from device_scripts.virtual_phone.launch import running_phone

DEADLINE_SEC = 60.0
PRESS, DONE = '{"action":"press","key":"home"}', '{"action":"finish","status":"success"}'
PATIENCE = Patience(look_again_sec=0.2, return_sec=0.3)


class Watched:
    """What became of the episodes of each device, and a condition to wait on them."""

    def __init__(self) -> None:
        self.verdicts: dict[str, list[Verdict]] = {}
        self.changed = threading.Condition()

    def on_episode(self, episode: Trajectory) -> None:
        with self.changed:
            self.verdicts.setdefault(episode.device_serial, []).append(episode.verdict)
            self.changed.notify_all()

    def wait_for(self, condition: Callable[[], bool]) -> None:
        with self.changed:
            assert self.changed.wait_for(condition, DEADLINE_SEC), self.verdicts

    def judged(self, serial: str) -> int:
        return sum(verdict is not Verdict.VOID for verdict in self.verdicts.get(serial, []))


def test_a_phone_that_dies_leaves_the_other_alone_and_joins_again(
    adb_server: Any, virtual_phone: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent_runtime.devices.adb.RETURN_TIMEOUT_SEC", 0.3)
    steady = virtual_phone(seed=1).serial
    watched, stop, notes = Watched(), threading.Event(), list[str]()
    fleet = Fleet(notes.append, stop.is_set, look_sec=0.05)
    agenda = Agenda([], None, None)

    def add(index: int, serial: str) -> None:
        device = RecoveringDevice(open_device(serial, server_port=adb_server.port), PATIENCE)
        runner = Runner(
            device,
            ScriptedPolicy([PRESS, DONE]),
            grammar_named("json"),
            lambda rng: rng.choice(OpenAppTask().instances("train")),
            agenda,
            RunConfig(f"test/{serial}", seed=3, device_index=index, max_voids_in_a_row=2),
            Hooks(on_episode=watched.on_episode, should_stop=fleet.should_stop),
        )
        fleet.add(runner, lambda: server_states(server_port=adb_server.port).get(serial) == "device")

    with running_phone(seed=2, adb_server_port=adb_server.port) as running:
        lost, port = running.serial, running.port
        adb_server.wait_for(lost)
        add(0, lost)
        add(1, steady)
        results: list[Any] = []
        run = threading.Thread(target=lambda: results.append(fleet.run()))
        run.start()
        try:
            watched.wait_for(lambda: watched.judged(lost) >= 1 and watched.judged(steady) >= 1)
            running.stop()
            watched.wait_for(lambda: watched.verdicts[lost][-1] is Verdict.VOID)
            before = watched.judged(steady)
            watched.wait_for(lambda: watched.judged(steady) >= before + 5)
            watched.wait_for(lambda: any(note.startswith(f"{lost} leaves the work") for note in notes))
            known = watched.judged(lost)
            with running_phone(seed=2, port=port, adb_server_port=adb_server.port):
                watched.wait_for(lambda: watched.judged(lost) > known)
        finally:
            stop.set()
            run.join(DEADLINE_SEC)
    (result,) = results
    assert f"{lost} is back and joins again." in notes
    assert result.stopped == ASKED_TO_STOP
    assert result.by_device[lost].explore.voids >= 2
    assert watched.verdicts[steady].count(Verdict.VOID) <= 1  # the one that the stop cut short
