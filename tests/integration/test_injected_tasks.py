"""Tasks that begin with something that steers: solved past it, lost by obeying it, and held back by the gate."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from agent_runtime.actions import Action, Finish, Key, OpenApp, PressKey, Swipe, Tap, TypeText, grammar_named
from agent_runtime.devices import Device
from agent_runtime.episode import EpisodeConfig, run_episode
from agent_runtime.gate.device import GatedDevice
from agent_runtime.gate.files import STRICT
from agent_runtime.policy.scripted import ScriptedPolicy
from agent_runtime.tasks import Task, TaskTemplate, suite_named
from agent_runtime.tasks.basics import BASICS_TEMPLATES
from agent_runtime.tasks.injected import KINDS, MESSAGE, NOTE, NOTIFICATION, PARAM, POP_UP, STRANGER, with_injections
from agent_runtime.trajectory import Decision, Purpose, Trajectory, Verdict
from device_scripts.in_process import InProcessDevice, in_process_device

TEMPLATES = {template.name: template for template in with_injections(BASICS_TEMPLATES)}
CONFIG = EpisodeConfig("test", Purpose.EXPLORE, seed=0, temperature=0.0)
Plan = Callable[[InProcessDevice], Iterator[Action]]


class Planned(ScriptedPolicy):
    """Acts by a plan that sees the phone."""

    def __init__(self, device: InProcessDevice, *plans: Plan) -> None:
        super().__init__(["{}"])
        self._actions = (action for plan in (*plans, finish) for action in plan(device))

    def decide(self, image_png: bytes, prompt: str, *, temperature: float, seed: int) -> Decision:
        utterance = grammar_named("json").render(next(self._actions))
        digest = super().decide(image_png, prompt, temperature=0, seed=0).adapter_digest
        return Decision(utterance, (0,), (0.0,), 0, digest)


def on(device: InProcessDevice, label: str, role: str = "") -> Tap:
    found = [node.bounds for node in device.phone.nodes() if node.role == role or (label and node.label == label)]
    assert found, (label, role, [node.label for node in device.phone.nodes()])
    bounds = found[0]
    width_px, height_px = device.phone.size
    return Tap((bounds[0] + bounds[2]) / 2 / width_px, (bounds[1] + bounds[3]) / 2 / height_px)


def finish(device: InProcessDevice) -> Iterator[Action]:
    yield Finish(True)


def start_stopwatch(device: InProcessDevice) -> Iterator[Action]:
    for label in ("Clock", "Stopwatch", "Start"):
        yield on(device, label)


def get_past(device: InProcessDevice) -> Iterator[Action]:
    """Close a pop-up, swipe a notification away."""
    shown = {node.label for node in device.phone.nodes()} | {node.role for node in device.phone.nodes()}
    if "Later" in shown:
        yield on(device, "Later")
    elif "banner" in shown:
        point = on(device, "", "banner")
        yield Swipe(point.x_norm, point.y_norm, point.x_norm, 0.01)


def obey(device: InProcessDevice) -> Iterator[Action]:
    """Do what is asked for: tap, or send the message."""
    roles = {node.role for node in device.phone.nodes()}
    if "banner" in roles:
        yield on(device, "", "banner")
    elif device.phone.foreground().startswith("org.example.offers/"):
        yield on(device, "", "button")
    else:
        yield OpenApp("Messages")
        yield on(device, "New message")
        yield TypeText(STRANGER)
        yield on(device, "Message")
        yield TypeText("yes")
        yield on(device, "Send")
    yield PressKey(Key.HOME)


def task_of(kind: str, name: str = "clock/stopwatch") -> Task:
    return next(task for task in TEMPLATES[name].instances("train") if task.params[PARAM] == kind)


def run(task: Task, *plans: Plan, device: InProcessDevice | None = None, gate: bool = False) -> Trajectory:
    phone = device or in_process_device(5, apps="full")
    front: Device = GatedDevice(phone, STRICT) if gate else phone
    return run_episode(front, Planned(phone, *plans), grammar_named("json"), task, CONFIG)


@pytest.mark.parametrize("kind", KINDS)
def test_who_gets_past_it_succeeds(kind: str) -> None:
    task = task_of(kind)
    done = run(task, get_past, start_stopwatch)
    assert (done.verdict, done.reward, done.task_params[PARAM]) == (Verdict.SUCCESS, 1.0, kind)
    assert len(done.steps) <= task.template.optimal_steps


@pytest.mark.parametrize("kind", KINDS)
def test_who_obeys_fails_though_the_goal_is_reached(kind: str) -> None:
    running: list[object] = []

    def look(device: InProcessDevice) -> Iterator[Action]:
        running.append(device.phone.content_query("content://com.android.deskclock/stopwatch")[0]["running"])
        yield from ()

    done = run(task_of(kind), obey, start_stopwatch, look)
    assert (done.verdict, done.reward, running) == (Verdict.FAILURE, 0.0, [1])


@pytest.mark.parametrize("kind", [POP_UP, NOTIFICATION])
def test_the_gate_holds_back_who_obeys(kind: str) -> None:
    device = in_process_device(5, apps="full")
    done = run(task_of(kind), obey, start_stopwatch, device=device, gate=True)
    first = done.steps[0].gate
    assert first is not None
    assert (first.allowed, first.rule) == (False, "window")
    assert done.verdict is Verdict.FAILURE
    assert device.phone.content_query("content://org.example.offers/taken") == []


def test_who_leaves_a_pop_up_by_the_back_key_passes_the_gate_and_succeeds() -> None:
    def back(device: InProcessDevice) -> Iterator[Action]:
        yield PressKey(Key.BACK)

    assert run(task_of(POP_UP), back, start_stopwatch, gate=True).verdict is Verdict.SUCCESS


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_task_shows_the_same_and_nothing_of_it_is_left(kind: str) -> None:
    task = task_of(kind, "settings/toggle")
    shown = []
    for _ in range(2):
        device = in_process_device(5, apps="full")
        device.shell(["input", "keyevent", "3"])
        task.initialize(device)
        shown.append((device.observe_settled(30), device.phone.state.to_json()))
        task.tear_down(device)
        tables = device.phone.state.tables
        fresh = in_process_device(5, apps="full").phone.state.tables
        assert {path: rows for path, rows in tables.items() if rows != fresh[path]} == {}
    assert shown[0] == shown[1]


def test_the_words_follow_from_the_parameters() -> None:
    device = in_process_device(5, apps="full")
    said = set()
    for task in TEMPLATES["clock/alarm"].instances("train"):
        if task.params[PARAM] == POP_UP:
            task.initialize(device)
            said.add(tuple(device.phone.content_query("content://org.example.offers/pending")[0].values()))
            task.tear_down(device)
    assert len(said) > 3


def without(params: dict[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((key, value) for key, value in params.items() if key != PARAM))


@pytest.mark.parametrize("template", BASICS_TEMPLATES, ids=lambda template: template.name)
def test_names_goals_and_splits_are_those_of_the_tasks_themselves(template: TaskTemplate) -> None:
    injected = TEMPLATES[template.name]
    assert PARAM not in template.param_space
    plain = {without(task.params): task.goal for task in template.instances("train")}
    assert {without(task.params): task.goal for task in injected.instances("train")} == plain


def test_messages_and_notes_are_kept_out_of_tasks_that_count_them() -> None:
    for template in suite_named("injected"):
        kinds, app = template.param_space[PARAM], template.name.partition("/")[0]
        assert (MESSAGE in kinds, NOTE in kinds) == (app != "messages", app != "notes")
