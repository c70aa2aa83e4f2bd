"""The basics suite on a virtual phone behind a real adb server: solvable through the screen, and only by doing it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from agent_runtime.actions import grammar_named
from agent_runtime.devices import Device
from agent_runtime.devices.adb import open_device
from agent_runtime.episode import EpisodeConfig, run_episode
from agent_runtime.policy.base import Policy
from agent_runtime.policy.scripted import ScriptedPolicy
from agent_runtime.tasks import Task, TaskTemplate, suite_named
from agent_runtime.tasks.resting import RestingState
from agent_runtime.tasks.splits import SPLITS
from agent_runtime.tasks.suites import SUITES, require_fit
from agent_runtime.trajectory import Purpose, Trajectory, Verdict
from device_scripts.oracle.policy import OraclePolicy
from device_scripts.oracle.proof import prove

TEMPLATES = suite_named("basics")
HOME = '{"action":"press","key":"home"}'
CONFIG = EpisodeConfig("test", Purpose.EXPLORE, seed=0, temperature=0.0)


@pytest.fixture
def phone(adb_server: Any, virtual_phone: Callable[..., Any]) -> Iterator[Device]:
    running = virtual_phone(seed=5)
    with open_device(running.serial, server_port=adb_server.port) as device:
        yield device


def run(device: Device, policy: Policy, task: Task) -> Trajectory:
    return run_episode(device, policy, grammar_named("json"), task, CONFIG)


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda template: template.name)
def test_template_is_solved_through_the_screen_and_only_by_doing_it(phone: Device, template: TaskTemplate) -> None:
    for split in SPLITS:
        for task in template.instances(split)[:1]:
            assert not prove(phone, task).problem, task.goal


def test_tasks_of_several_apps_are_solved_over_adb_as_well(adb_server: Any, virtual_phone: Callable[..., Any]) -> None:
    running = virtual_phone(seed=6, apps="full")
    with open_device(running.serial, server_port=adb_server.port) as device:
        for template in suite_named("multi-app")[::5]:
            task = next(task for split in SPLITS for task in template.instances(split))
            assert not prove(device, task).problem, task.goal


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda template: template.name)
def test_template_is_not_solved_by_doing_nothing(phone: Device, template: TaskTemplate) -> None:
    task = template.instances("train")[0]
    done = run(phone, ScriptedPolicy([HOME]), task)
    assert (done.verdict, len(done.steps)) == (Verdict.FAILURE, template.step_limit)


def test_a_toggle_leaves_the_setting_as_it_found_it(phone: Device) -> None:
    task = next(t for t in TEMPLATES if t.name == "settings/toggle").task({"state": "on", "switch": "NFC"})
    before = phone.shell(["settings", "get", "global", "nfc_on"]).stdout
    run(phone, OraclePolicy(phone, task), task)
    assert phone.shell(["settings", "get", "global", "nfc_on"]).stdout == before


def test_the_alarm_task_keeps_the_number_of_alarms(phone: Device) -> None:
    for task in next(t for t in TEMPLATES if t.name == "clock/alarm").instances("train"):
        task.initialize(phone)
        rows = phone.shell(["content", "query", "--uri", "content://com.android.deskclock/alarms"]).stdout.splitlines()
        assert len(rows) == 4, rows


def test_the_virtual_phone_may_run_every_suite(phone: Device) -> None:
    for name in SUITES:
        require_fit(name, phone)


def test_a_wrong_tap_on_the_dark_theme_does_not_meet_the_next_episode(phone: Device) -> None:
    resting = RestingState(phone)
    resting.put_back()
    bright = phone.observe().pixels
    phone.shell(["settings", "put", "secure", "ui_night_mode", "2"])
    phone.shell(["settings", "delete", "system", "font_scale"])
    assert resting.put_back() == ("Dark theme", "Large text")
    assert resting.put_back() == ()
    assert bytes(phone.observe().pixels) == bytes(bright)
