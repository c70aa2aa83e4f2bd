"""A sample of `benchmarks.gate`: every scene, honest actions, texts, the planted bugs; and the option on a real adb."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from agent_runtime.actions import OpenApp, Tap
from agent_runtime.devices.adb import open_device
from agent_runtime.devices.recovery import RecoveringDevice
from agent_runtime.gate.files import GateChoice, gated
from benchmarks.gate import run_honest, run_scenes, run_texts, unquoted
from benchmarks.gate_mutants import MUTANTS
from benchmarks.gate_scenes import SCENES

PAIRS = 4 * len(SCENES)


def test_nothing_disallowed_arrives() -> None:
    tried, arrived = run_scenes(PAIRS)
    assert tried.total() == PAIRS
    assert arrived.total() == 0, arrived


def test_honest_actions_pass() -> None:
    steps, held = run_honest(200)
    assert len(held) <= 0.01 * steps, held


def test_texts_stay_words() -> None:
    assert run_texts(500) == 0
    assert run_texts(100, command_line=unquoted) > 0


@pytest.mark.parametrize(("name", "planted", "shown_by"), MUTANTS, ids=[mutant[0] for mutant in MUTANTS])
def test_a_planted_bug_shows(name: str, planted: Any, shown_by: str) -> None:
    with planted() as kind_of:
        _, arrived = run_scenes(12 * len(SCENES), kind_of=kind_of)
    assert sum(count for kind, count in arrived.items() if kind.startswith(shown_by)) > 0


def test_strict_on_a_phone_behind_adb(adb_server: Any, virtual_phone: Callable[..., Any]) -> None:
    running = virtual_phone()
    with open_device(running.serial, server_port=adb_server.port) as opened:
        gate = gated(RecoveringDevice(opened), GateChoice("strict"))
        gate.begin_episode()
        gate.observe_settled(10.0)
        assert gate.perform(OpenApp("Notes")).allowed
        gate.observe_settled(10.0)
        note = running.call(lambda: next(node for node in running.phone.nodes() if ":id/note" in node.resource_id))
        left, top, right, bottom = note.bounds
        assert gate.perform(Tap((left + right) / 2 / 128, (top + bottom) / 2 / 224)).allowed
        gate.observe_settled(10.0)
        delete = running.call(lambda: next(node for node in running.phone.nodes() if node.label == "Delete"))
        left, top, right, bottom = delete.bounds
        ruling = gate.perform(Tap((left + right) / 2 / 128, (top + bottom) / 2 / 224))
    assert (ruling.allowed, ruling.rule) == (False, "verb")
    assert not running.call(lambda: any(node.role == "dialog" for node in running.phone.nodes()))
