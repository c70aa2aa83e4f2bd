"""Every template of the general suite on a virtual phone with all apps, behind a real adb server."""

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
from tests.apps_oracle import AppsOracle
from tests.daily_oracle import DAILY_TEMPLATES

TEMPLATES = [template for template in suite_named("general") if template not in DAILY_TEMPLATES]
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


def test_there_are_at_least_twenty_templates_of_different_names() -> None:
    assert len({template.name for template in TEMPLATES}) == len(TEMPLATES) >= 20


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda template: template.name)
def test_template_is_solved_through_the_screen_and_starts_afresh(phone: Device, template: TaskTemplate) -> None:
    for task in some_tasks(template):
        done = run(phone, AppsOracle(phone, task), task)
        assert done.verdict is Verdict.SUCCESS, (task.goal, done.void_reason, [step.action for step in done.steps])
        assert len(done.steps) <= template.optimal_steps, (task.goal, [step.action for step in done.steps])
        task.initialize(phone)
        assert not task.is_successful(phone), task.goal
        task.tear_down(phone)


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda template: template.name)
def test_template_is_not_solved_by_announcing_success_or_doing_nothing(phone: Device, template: TaskTemplate) -> None:
    for task in some_tasks(template):
        assert run(phone, ScriptedPolicy([DONE]), task).verdict is Verdict.FAILURE, task.goal
    done = run(phone, ScriptedPolicy([HOME]), some_tasks(template)[0])
    assert (done.verdict, len(done.steps)) == (Verdict.FAILURE, template.step_limit)
