"""The templates of settings, calls, calendar, clock and finding on a phone with all apps, behind a real adb server."""

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
from agent_runtime.trajectory import Purpose, Trajectory, Verdict
from tests.daily_oracle import DAILY_TEMPLATES, DailyOracle
from tests.oracle import Oracle

TEMPLATES = [*suite_named("settings"), *DAILY_TEMPLATES]
DONE = '{"action":"finish","status":"success"}'
HOME = '{"action":"press","key":"home"}'
CONFIG = EpisodeConfig("test", Purpose.EXPLORE, seed=0, temperature=0.0)


@pytest.fixture
def phone(adb_server: Any, virtual_phone: Callable[..., Any]) -> Iterator[Device]:
    running = virtual_phone(seed=5, apps="full")
    with open_device(running.serial, server_port=adb_server.port) as device:
        yield device


def some_tasks(template: TaskTemplate) -> list[Task]:
    """Return a few tasks of a template, from both ends of both splits."""
    every = template.instances("train") + template.instances("held")
    return list({id(task): task for task in (every[0], every[len(every) // 2], every[-1])}.values())


def run(device: Device, policy: Policy, task: Task) -> Trajectory:
    return run_episode(device, policy, grammar_named("json"), task, CONFIG)


def test_there_are_as_many_templates_as_is_said_of_different_names() -> None:
    assert len({template.name for template in TEMPLATES}) == len(TEMPLATES)
    assert len(suite_named("settings")) >= 15


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda template: template.name)
def test_template_is_solved_through_the_screen_and_starts_afresh(phone: Device, template: TaskTemplate) -> None:
    longest = 0
    for task in some_tasks(template):
        done = run(phone, DailyOracle(phone, task), task)
        assert done.verdict is Verdict.SUCCESS, (task.goal, done.void_reason, [step.action for step in done.steps])
        longest = max(longest, len(done.steps))
        task.initialize(phone)
        assert not task.is_successful(phone), task.goal
        task.tear_down(phone)
    assert longest == template.optimal_steps, longest


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda template: template.name)
def test_template_is_not_solved_by_announcing_success_or_doing_nothing(phone: Device, template: TaskTemplate) -> None:
    for task in some_tasks(template):
        assert run(phone, ScriptedPolicy([DONE]), task).verdict is Verdict.FAILURE, task.goal
    done = run(phone, ScriptedPolicy([HOME]), some_tasks(template)[0])
    assert (done.verdict, len(done.steps)) == (Verdict.FAILURE, template.step_limit)


@pytest.mark.parametrize("template", suite_named("basics"), ids=lambda template: template.name)
def test_the_basic_tasks_are_as_short_on_a_phone_with_all_apps(phone: Device, template: TaskTemplate) -> None:
    for task in some_tasks(template):
        done = run(phone, Oracle(phone, task), task)
        assert done.verdict is Verdict.SUCCESS, (task.goal, done.void_reason, [step.action for step in done.steps])
        assert len(done.steps) <= template.optimal_steps, task.goal


def test_the_phone_is_left_as_it_was_found(phone: Device) -> None:
    def settings() -> list[str]:
        return [phone.shell(["settings", "list", name]).stdout for name in ("system", "secure", "global")]

    before = settings()
    for template in suite_named("settings"):
        task = template.instances("held" if template.split_param else "train")[0]
        assert run(phone, DailyOracle(phone, task), task).verdict is Verdict.SUCCESS
    assert settings() == before
