"""Every grammar on a virtual phone: a place a model names is where the finger lands, and the end is understood."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from agent_runtime.actions import GRAMMAR_NAMES, PIXEL_GRAMMARS, Finish, grammar_named
from agent_runtime.devices import Device
from agent_runtime.devices.adb import open_device
from agent_runtime.episode import EpisodeConfig, run_episode
from agent_runtime.policy.scripted import ScriptedPolicy
from agent_runtime.tasks import suite_named
from agent_runtime.trajectory import Purpose, Verdict
from device_scripts.oracle.hands import Hands

SIZE_PX = (196, 364)  # another shape than the phone's 128x224, in multiples of 28
CONFIG = EpisodeConfig("test", Purpose.EXPLORE, seed=0, temperature=0.0)


@pytest.fixture
def phone(adb_server: Any, virtual_phone: Callable[..., Any]) -> Iterator[Device]:
    running = virtual_phone(seed=5)
    with open_device(running.serial, server_port=adb_server.port) as device:
        yield device


@pytest.mark.parametrize("name", GRAMMAR_NAMES)
def test_an_app_is_opened_by_its_icon(phone: Device, name: str) -> None:
    grammar = grammar_named(name, SIZE_PX)
    task = next(t for t in suite_named("basics") if t.name == "apps/open").task({"app": "Notes"})
    tap = Hands(phone).tap("Notes")
    policy = ScriptedPolicy([grammar.render(tap, "Notes"), grammar.render(Finish(True), "done")], name)
    policy.image_size_px = SIZE_PX if name in PIXEL_GRAMMARS else None
    done = run_episode(phone, policy, grammar, task, CONFIG)
    assert done.verdict is Verdict.SUCCESS, [step.action for step in done.steps]
    size_px = SIZE_PX if name in PIXEL_GRAMMARS else phone.screen_size_px()
    assert {(step.screenshot.width_px, step.screenshot.height_px) for step in done.steps} == {size_px}
