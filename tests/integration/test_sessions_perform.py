"""A recorded session's actions performed again on phones: equal on the same phone, found out on another."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent_runtime.devices import Device
from agent_runtime.errors import DeviceError, SessionError, UsageError
from agent_runtime.sessions.on_device import differing_share, known_task, perform_again
from agent_runtime.sessions.reader import open_session
from agent_runtime.sessions.recording import Redaction, Region, Session
from agent_runtime.tasks.splits import SPLITS
from benchmarks.sessions import HashedPolicy, record
from device_scripts.in_process import InProcessDevice, in_process_device
from tests import session_world as world

SEED = 3
DARK = ("secure", "ui_night_mode", "2")
TASKS = [{"name": "settings/toggle", "params": {"switch": "Wi-Fi", "state": "off"}}]
SCRIPT = [
    '{"action":"open_app","app":"Notes"}',
    '{"action":"press","key":"home"}',
    '{"action":"tap","x":250,"y":312}',
    '{"action":"finish","status":"success"}',
]


@pytest.fixture
def session(tmp_path: Path) -> Session:
    record(tmp_path / "s", SEED, HashedPolicy())
    return open_session(tmp_path / "s")


def test_all_screens_are_equal_on_the_same_phone(session: Session) -> None:
    report = perform_again(session, in_process_device(SEED))
    assert report.compared == report.equal == sum(1 for _ in session.steps()) > 5
    assert all(done.is_whole and done.was_set_up and not done.fault for done in report.episodes)


def test_an_episode_ends_at_its_first_screen_that_differs(session: Session) -> None:
    device = in_process_device(SEED)
    device.shell(["settings", "put", *DARK])
    report = perform_again(session, device)
    assert report.equal == len(session.episodes), "the home screen is no darker"
    assert [found.step.index for found in report.differences] == [1] * len(session.episodes)
    assert all(0.5 < found.share <= 1.0 for found in report.differences)
    assert all(differing_share(found.recorded_png, found.now_png) == found.share for found in report.differences)


def test_a_region_is_left_out_only_where_it_is_named(session: Session) -> None:
    device = in_process_device(SEED)
    device.shell(["settings", "put", "system", "time_12_24", "12"])
    seen = perform_again(session, device)
    assert seen.differences
    assert all(found.share < 0.05 for found in seen.differences)
    device = in_process_device(SEED)
    device.shell(["settings", "put", "system", "time_12_24", "12"])
    bar = Region(0.0, 0.0, 1.0, 0.08)
    blind = perform_again(session, device, [bar])
    assert blind.equal > seen.equal


def test_a_fault_ends_an_episode_and_is_told(session: Session) -> None:
    class Gone(InProcessDevice):
        def perform(self, action: object) -> None:
            raise DeviceError("The cable is out: plug it in.")

    device = in_process_device(SEED)
    report = perform_again(session, Gone(device.virtual))
    assert [done.fault for done in report.episodes] == ["DeviceError: The cable is out: plug it in."] * len(
        session.episodes
    )


def test_a_set_up_that_deletes_is_refused_on_a_phone_of_somebody(session: Session) -> None:
    class Real(InProcessDevice):
        def shell(self, args: Any) -> Any:
            told = super().shell(args)
            return replace(told, stdout="oriole\n") if list(args) == ["getprop", "ro.product.name"] else told

    start = session.episodes[0].start
    wiping = replace(start, task_name="gallery/delete", task_params={}, goal="")
    suite_task = next(task for split in SPLITS for task in _general("gallery/delete").instances(split))
    wiping = replace(wiping, task_params=dict(suite_task.params), goal=suite_task.goal)
    other = replace(session, episodes=(replace(session.episodes[0], start=wiping),))
    assert known_task(other.episodes[0]) is not None
    device: Device = Real(in_process_device(SEED).virtual)
    with pytest.raises(UsageError, match="expected a virtual phone"):
        perform_again(other, device)


def _general(name: str) -> Any:
    from agent_runtime.tasks import suite_named

    return next(template for template in suite_named("general") if template.name == name)


def test_a_redacted_session_is_refused(tmp_path: Path) -> None:
    world.record(tmp_path / "r", world.some_trajectories(), Redaction(text=True))
    with pytest.raises(SessionError, match="redacted"):
        perform_again(open_session(tmp_path / "r"), in_process_device(0))


def test_the_command_over_adb(
    adb_server: Any,
    virtual_phone: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def run(*args: object) -> tuple[int, str, str]:
        return world.run_program(monkeypatch, capsys, *args)

    (tmp_path / "script.txt").write_text("\n".join(SCRIPT))
    (tmp_path / "tasks.json").write_text(json.dumps(TASKS))
    first = virtual_phone(seed=1)
    on_first = ["--device", first.serial, "--adb-server-port", adb_server.port]
    arguments = ["--policy", f"scripted:{tmp_path / 'script.txt'}", "--tasks", tmp_path / "tasks.json"]
    code, _, err = run(
        "run", *on_first, *arguments, "--episodes", 2, "--spool", tmp_path / "spool", "--record", tmp_path / "s"
    )
    assert (code, err) == (0, "")
    again = virtual_phone(seed=1)
    code, out, err = run("perform", tmp_path / "s", "--device", again.serial, "--adb-server-port", adb_server.port)
    assert (code, err) == (0, "")
    assert "8 of 8 screens are equal." in out
    again.call(lambda: again.phone.settings_put(*DARK))
    code, out, err = run("perform", tmp_path / "s", "--device", again.serial, "--adb-server-port", adb_server.port)
    assert (code, err) == (1, "")
    assert "step 1 differs in" in out
    page = (tmp_path / "s" / "performed.html").read_text()
    assert page.count("<img") == 6
    assert run("perform", tmp_path / "s", *on_first, "--ignore-region", "1,2")[0] == 2
