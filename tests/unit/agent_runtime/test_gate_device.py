"""The gate in front of a phone: nothing denied arrives, what cannot be read is denied, and the episode tells."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from agent_runtime.actions import Action, Key, PressKey, Ruling, Tap, TypeText, grammar_named
from agent_runtime.devices import Device, ShellResult
from agent_runtime.devices.recovery import RecoveringDevice
from agent_runtime.episode import EpisodeConfig, run_episode
from agent_runtime.errors import DeviceError, UsageError
from agent_runtime.gate.device import Confirm, GatedDevice
from agent_runtime.gate.files import EMULATOR, STRICT, GateChoice, gated, rules_named
from agent_runtime.gate.rules import GateRules
from agent_runtime.policy.scripted import ScriptedPolicy
from agent_runtime.sessions.fields import Fields
from agent_runtime.sessions.recording import recorded_step
from agent_runtime.sessions.schema import step_from_record, step_record
from agent_runtime.trajectory import Purpose, Trajectory, Verdict
from agent_runtime.uplink.codec import trajectory_from_message, trajectory_to_message
from benchmarks.gate_scenes import IN_APP, SETTINGS
from benchmarks.gate_world import HostilePhone, LoopbackDevice
from device_scripts.virtual_phone.faulty_phone import SystemDialog
from tests.fakes import FakeDevice, FakeTemplate

PRESS = '{"action":"press","key":"home"}'
TYPE_CODE = '{"action":"type","text":"493021"}'
DONE = '{"action":"finish","status":"success"}'
SEND = SystemDialog("Go on", (("Send", ""),), SETTINGS, IN_APP)


class FakePhone(FakeDevice):
    """A fake whose properties are given."""

    def __init__(self, **properties: str) -> None:
        super().__init__()
        self.properties = {name.replace("_", "."): value for name, value in properties.items()}

    def shell(self, args: Sequence[str]) -> ShellResult:
        super().shell(args)
        return ShellResult(self.properties.get(args[-1], "") + "\n", 0)


class BreakingPhone(FakePhone):
    """A fake whose connection breaks when told to."""

    broke = 0

    @property
    def mended(self) -> Counter[str]:
        return Counter(closed_stream=self.broke)


class AlwaysReached(FakeTemplate):
    """Its state is always the one asked for."""

    def reached(self, device: Device, params: dict[str, str]) -> bool:
        return True


def at_dialog(rules: GateRules = STRICT, confirm: Confirm | None = None) -> tuple[GatedDevice, LoopbackDevice, Action]:
    device = LoopbackDevice(HostilePhone(0))
    device.phone.start_activity(SETTINGS)
    device.phone.pop_up(SEND)
    gate = GatedDevice(device, rules, confirm=confirm)
    gate.begin_episode()
    gate.observe_settled(1.0)
    device.phone.inputs.clear()
    return gate, device, Tap(*device.centre_norm("Send"))


def run(device: GatedDevice, *script: str) -> Trajectory:
    config = EpisodeConfig("r", Purpose.EXPLORE, seed=0, temperature=0.0)
    return run_episode(
        device, ScriptedPolicy(script), grammar_named("json"), AlwaysReached().task({"thing": "a"}), config
    )


def test_a_denied_action_does_not_arrive_and_says_why() -> None:
    gate, device, tap = at_dialog()
    assert gate.perform(tap) == Ruling(False, "verb", "'Send' says send")
    assert device.phone.inputs == []
    assert gate.perform(PressKey(Key.HOME)).allowed
    assert device.phone.inputs == ["key 3"]


def test_a_person_may_let_it_through_where_the_rules_say_so() -> None:
    asked: list[Ruling] = []

    def says_yes(action: Action, ruling: Ruling) -> bool:
        asked.append(ruling)
        return True

    gate, device, tap = at_dialog(replace(STRICT, confirm=frozenset(("verb",))), says_yes)
    ruling = gate.perform(tap)
    assert (ruling.allowed, ruling.rule, len(asked), len(device.phone.inputs)) == (True, "verb", 1, 1)
    assert not gate.perform(TypeText("493021")).allowed
    assert len(asked) == 1  # that rule is not one to ask about


def test_an_absent_person_is_a_no() -> None:
    gate, device, tap = at_dialog(replace(STRICT, confirm=frozenset(("verb",))))
    assert not gate.perform(tap).allowed
    assert device.phone.inputs == []


def test_a_yes_holds_only_for_the_screen_it_was_given_for() -> None:
    def says_yes_as_it_changes(action: Action, ruling: Ruling) -> bool:
        device.phone.pop_up(replace(SEND, buttons=(("Pay", ""),)))
        return True

    gate, device, tap = at_dialog(replace(STRICT, confirm=frozenset(("verb",))), says_yes_as_it_changes)
    assert not gate.perform(tap).allowed
    assert device.phone.inputs == []


@pytest.mark.parametrize("program", ["uiautomator", "dumpsys"])
def test_what_cannot_be_read_is_denied_as_a_fault_of_the_device(program: str) -> None:
    gate, device, tap = at_dialog()
    device.loopback.spoilt = {program}
    with pytest.raises(DeviceError):
        gate.perform(tap)
    assert device.phone.inputs == []


def test_a_gate_that_cannot_tell_makes_the_episode_void() -> None:
    done = run(GatedDevice(FakePhone(ro_kernel_qemu="1"), STRICT), PRESS, DONE)
    assert (done.verdict, done.void_reason[:12]) == (Verdict.VOID, "DeviceError:")


def test_the_default_rules_read_nothing_but_whether_it_is_an_emulator() -> None:
    device = FakePhone(ro_kernel_qemu="1")
    gate = GatedDevice(device, EMULATOR)
    gate.begin_episode()
    for action in (Tap(0.5, 0.5), TypeText("493021"), PressKey(Key.ENTER)):
        gate.observe_settled(1.0)
        assert gate.perform(action) == Ruling(True)
    assert device.commands == [["getprop", "ro.kernel.qemu"]]


def test_a_denied_step_is_recorded_and_the_episode_is_no_success() -> None:
    rules = GateRules(secrets=frozenset())
    assert run(GatedDevice(FakePhone(ro_kernel_qemu="1"), rules), PRESS, DONE).verdict is Verdict.SUCCESS
    device = FakePhone(ro_kernel_qemu="1")
    done = run(GatedDevice(device, GateRules(steps=1)), PRESS, PRESS, DONE)
    assert [step.gate and step.gate.rule for step in done.steps] == ["", "budget", None]
    assert (done.verdict, done.reward, len(device.actions)) == (Verdict.FAILURE, 0.0, 1)


def test_the_ruling_survives_the_wire_and_the_session_file() -> None:
    done = run(GatedDevice(FakePhone(ro_kernel_qemu="1"), GateRules(steps=1)), PRESS, PRESS, DONE)
    rulings = [step.gate for step in done.steps]
    assert [step.gate for step in trajectory_from_message(trajectory_to_message(done)).steps] == rulings
    lines = [json.dumps(step_record(recorded_step(1, step, 0, "a" * 64))) for step in done.steps]
    assert [step_from_record(Fields(json.loads(line)), 1).gate for line in lines] == rulings
    assert ["gate" in line for line in lines] == [True, True, False]


def test_each_episode_has_its_own_budget() -> None:
    gate = GatedDevice(FakePhone(ro_kernel_qemu="1"), GateRules(steps=1))
    for _ in range(2):
        gate.begin_episode()
        assert [gate.perform(PressKey(Key.HOME)).allowed for _ in range(2)] == [True, False]


def test_a_phone_that_took_the_emulators_place_gets_nothing() -> None:
    device = FakePhone(ro_kernel_qemu="1")
    gate = GatedDevice(device, EMULATOR)
    gate.begin_episode()
    device.properties.clear()
    with pytest.raises(DeviceError, match="--allow-physical"):
        gate.begin_episode()


def test_after_a_broken_connection_the_device_is_asked_again_through_its_recovery_as_well() -> None:
    device = BreakingPhone(ro_kernel_qemu="1")
    gate = GatedDevice(RecoveringDevice(device), EMULATOR)
    gate.begin_episode()
    assert gate.perform(PressKey(Key.HOME)).allowed
    device.properties.clear()  # whatever answers now is no emulator
    device.broke += 1
    with pytest.raises(DeviceError, match="--allow-physical"):
        gate.perform(PressKey(Key.HOME))
    assert len(device.actions) == 1


# --- the choice of rules


def test_a_real_phone_needs_to_be_asked_for_and_is_strict() -> None:
    phone = FakePhone(persist_sys_locale="de-DE")
    with pytest.raises(UsageError, match="--allow-physical"):
        gated(phone, GateChoice())
    assert gated(phone, GateChoice(allow_physical=True))._rules == STRICT
    assert gated(FakePhone(ro_boot_qemu="1"), GateChoice())._rules == EMULATOR


def test_a_language_nobody_shipped_is_refused_unless_words_are_given(tmp_path: Path) -> None:
    phone = FakePhone(ro_kernel_qemu="1", persist_sys_locale="ja-JP")
    with pytest.raises(UsageError, match="ja-JP"):
        gated(phone, GateChoice("strict"))
    path = tmp_path / "gate.json"
    path.write_text(json.dumps({"words": ["購入"]}))
    assert gated(phone, GateChoice(str(path)))._rules.words == {"購入"}


def test_a_file_extends_a_preset(tmp_path: Path) -> None:
    path = tmp_path / "gate.json"
    path.write_text('{"extends": "emulator", "taps": 9, "packages": ["a.b"], "confirm": ["verb"], "verbs": ["pay"]}')
    wanted = GateRules(frozenset(("a.b",)), frozenset(("pay",)), taps=9, confirm=frozenset(("verb",)))
    assert rules_named(str(path)) == wanted


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[]", "other fields"),
        ('{"package": []}', "other fields"),
        ('{"taps": -1}', "whole number"),
        ('{"taps": true}', "whole number"),
        ('{"verbs": ["fly"]}', "fly"),
        ('{"packages": "a.b"}', "list"),
        ('{"extends": "lax"}', "lax"),
        ('{"extends": []}', "extending"),
        ('{"extends": {}}', "extending"),
        ('{"words": ["!?"]}', "letter"),
        ('{"words": ["buy", "\\u200b"]}', "letter"),
        ("{", "JSON"),
    ],
)
def test_a_bad_file_is_one_sentence(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "gate.json"
    path.write_text(text)
    with pytest.raises(UsageError, match=says):
        rules_named(str(path))
