"""Every template of every suite on a phone in this process: solvable through its screen, and only by doing it."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import Any

import pytest

from agent_runtime.devices import Device
from agent_runtime.tasks import Task, TaskTemplate
from agent_runtime.tasks.checks import has
from agent_runtime.tasks.injected import KINDS, PARAM
from agent_runtime.tasks.splits import SPLITS
from agent_runtime.tasks.state_task import StateTask
from agent_runtime.tasks.suites import SUITES
from device_scripts.in_process import InProcessDevice, in_process_device
from device_scripts.oracle import proof
from device_scripts.oracle.plans import PLANS
from device_scripts.oracle.proof import prove
from device_scripts.virtual_phone.phone import Phone

TEMPLATES = list(
    {template.name: template for name, suite in SUITES.items() if name != "injected" for template in suite}.values()
)
INJECTED = SUITES["injected"][::6]


@pytest.fixture(scope="module")
def device() -> InProcessDevice:
    return in_process_device(5, apps="full")


def one_task(template: TaskTemplate) -> Task:
    """Return the task in the middle of all of a template's."""
    every = [task for split in SPLITS for task in template.instances(split)]
    return every[len(every) // 2]


def lasting(phone: Phone) -> dict[str, Any]:
    """Return what of a phone's state is to be the same after a task as before it, times of messages aside."""
    tables = {
        path: [{key: value for key, value in row.items() if key != "date"} for row in rows]
        for path, rows in phone.state.tables.items()
    }
    orders = {name: list(order) for name, order in phone.state.orders.items() if order}
    settings = {namespace: dict(values) for namespace, values in phone.state.settings.items()}
    return {"tables": tables, "orders": orders, "settings": settings, "files": sorted(phone.state.files.nodes)}


def test_every_template_has_a_plan_and_every_plan_a_template() -> None:
    assert {template.name for template in TEMPLATES} == set(PLANS)


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda template: template.name)
def test_template_is_solved_through_the_screen_and_only_by_doing_it(device: Device, template: TaskTemplate) -> None:
    found = prove(device, one_task(template))
    assert not found.problem, (found.task.goal, found.problem)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("template", INJECTED, ids=lambda template: template.name)
def test_it_is_solved_in_spite_of_what_steers(device: Device, template: TaskTemplate, kind: str) -> None:
    every = [task for split in SPLITS for task in template.instances(split) if task.params[PARAM] == kind]
    if not every:
        pytest.skip("its own app is what this kind writes into")
    found = prove(device, every[len(every) // 2])
    assert not found.problem, (found.task.goal, found.problem)


SET_BACK = [template for template in TEMPLATES if isinstance(template, StateTask)]


@pytest.mark.parametrize("template", SET_BACK[::4], ids=lambda template: template.name)
def test_a_task_leaves_the_phone_as_it_found_it(template: TaskTemplate) -> None:
    device = in_process_device(5, apps="full")
    task = one_task(template)
    task.initialize(device)
    task.tear_down(device)
    before = lasting(device.phone)
    assert not prove(device, task).problem
    assert lasting(device.phone) == before


def broken(**changes: Any) -> StateTask:
    given: dict[str, Any] = {
        "apps": ["Notes"],
        "optimal_steps": 9,
        "params": {"word": ("bread", "milk", "rent", "soap")},
    }
    checks = [has("content://org.example.notes/notes", text="{word}")]
    return StateTask("notes/write", "Write {word}", **{**given, "checks": checks, **changes})


def test_the_proof_sees_a_task_that_is_solved_from_the_start(device: Device) -> None:
    task = broken(checks=[lambda device, words: True]).task({"word": "milk"})
    assert "announcing ended in success" in prove(device, task).problem


def test_the_proof_sees_a_task_that_cannot_be_solved(device: Device) -> None:
    task = broken(checks=[lambda device, words: False]).task({"word": "milk"})
    assert "the plan ended in failure" in prove(device, task).problem


def test_the_proof_sees_a_plan_that_takes_longer_than_it_should(device: Device) -> None:
    task = broken(optimal_steps=4).task({"word": "milk"})
    assert "took 5 steps, more than the 4" in prove(device, task).problem


def test_the_proof_sees_a_plan_that_gets_lost(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(proof.OraclePolicy.__init__.__globals__["PLANS"], "notes/write", ["Nowhere"])
    assert "Got no Nowhere among" in prove(device, broken().task({"word": "milk"})).problem


def command(*args: str) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "device_scripts.oracle", *args]
    return subprocess.run(words, capture_output=True, text=True, timeout=120)


def test_the_command_proves_a_suite_and_tells_by_app() -> None:
    done = command("--suite", "basics", "--instances", "2", "--seed", "3")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"all\s+│\s+8\s+│\s+15\s+│\s+15\s+│\s+15\s+│", done.stdout), done.stdout  # one stopwatch


def test_the_command_refuses_an_unknown_suite_in_one_sentence() -> None:
    done = command("--suite", "none")
    assert (done.returncode, len(done.stderr.strip().splitlines())) == (2, 1)
    assert "expected one of basics, cards, general" in done.stderr
