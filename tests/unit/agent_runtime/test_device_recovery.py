"""Naming faults from frames and dumps, and what recovery sends and does not send, on devices that fail to order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest

from agent_runtime.actions import Action, Key, PressKey, Tap, TypeText
from agent_runtime.devices import Frame, ShellResult, dialogs, faults
from agent_runtime.devices.link import Patience
from agent_runtime.devices.recovery import RecoveringDevice
from agent_runtime.devices.stream import StreamBrokenError, StreamSilentError
from agent_runtime.errors import (
    BadFrameError,
    DeviceError,
    DeviceFaultError,
    DeviceNotFoundError,
    DiskFullError,
    EmptyFrameError,
    KeyboardLostError,
    UnauthorizedError,
)
from benchmarks.simulated_adb import SimulatedClock
from tests.fakes import SIZE_PX, FakeDevice, frame

QUICK = Patience(look_again_sec=0.05, effect_looks=2, return_sec=0.05, slow_sec=60)
PATIENT = replace(QUICK, look_again_sec=20, return_sec=20)
"""For what ends by itself: a machine under load must not run out of it."""
TAP = Tap(0.5, 0.5)


def picture(seed: int, size_px: tuple[int, int] = SIZE_PX) -> Frame:
    """Return a frame of many colours."""
    pixels = np.random.default_rng(seed).integers(0, 256, size_px[0] * size_px[1] * 4, np.uint8)
    return Frame(pixels.tobytes(), *size_px)


class FailingDevice(FakeDevice):
    """Raises what is listed, one for each call, before it does what it is asked; `None` lets a call pass."""

    def __init__(self, frames: Sequence[Frame], looks: Sequence[Exception | None] = (), does: Exception | None = None):
        super().__init__(frames)
        self.failing_looks = list(looks)
        self.does = does
        self.answers: Callable[[list[str]], str] = lambda args: ""

    def observe(self) -> Frame:
        error = self.failing_looks.pop(0) if self.failing_looks else None
        if error is not None:
            raise error
        return super().observe()

    def perform(self, action: Action) -> None:
        super().perform(action)
        if self.does is not None:
            raise self.does

    def shell(self, args: Sequence[str]) -> ShellResult:
        super().shell(args)
        return ShellResult(self.answers(list(args)), 0)


def test_a_healthy_step_sends_no_command() -> None:
    inner = FailingDevice([picture(0), picture(0), picture(1), picture(1)])
    device = RecoveringDevice(inner, QUICK)
    device.observe_settled(1)
    device.perform(TAP)
    device.observe_settled(1)
    assert (inner.commands, device.noted, inner.actions) == ([], [], [TAP])


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (EmptyFrameError("x"), "empty_frame"),
        (BadFrameError("x"), "truncated_frame"),
        (StreamSilentError("x"), "hung_shell"),
        (StreamBrokenError("x"), "closed_stream"),
        (DeviceNotFoundError("x"), "offline"),
        (UnauthorizedError("x"), "unauthorized"),
        (DiskFullError("x"), "disk_full"),
    ],
)
def test_a_look_that_fails_is_named_and_taken_again(error: DeviceError, name: str) -> None:
    device = RecoveringDevice(FailingDevice([picture(0)], [error, error]), PATIENT)
    assert device.observe() == picture(0)
    assert [fault.name for fault in device.noted] == [name]


def test_an_error_without_a_name_is_raised_as_it_is() -> None:
    device = RecoveringDevice(FailingDevice([picture(0)], [DeviceError("it refuses")]), QUICK)
    with pytest.raises(DeviceError, match="it refuses"):
        device.observe()


def test_a_fault_that_stays_is_raised_with_its_name() -> None:
    device = RecoveringDevice(FailingDevice([picture(0)], [EmptyFrameError("nothing")] * 10_000), QUICK)
    with pytest.raises(DeviceFaultError, match=r"^empty_frame"):
        device.observe()


@pytest.mark.parametrize("error", [StreamBrokenError("x"), StreamSilentError("x")])
def test_an_input_of_unknown_outcome_is_sent_once_and_excuses(error: DeviceError) -> None:
    inner = FailingDevice([picture(0)], does=error)
    device = RecoveringDevice(inner, QUICK)
    device.observe_settled(1)
    device.perform(TAP)
    device.observe_settled(1)
    assert inner.actions == [TAP]
    assert device.excuses()


@pytest.mark.parametrize("args", [["input", "tap", "1", "1"], ["content", "insert", "--uri", "x"], ["am", "start"]])
def test_a_command_that_does_something_twice_is_sent_once(args: list[str]) -> None:
    inner = FailingDevice([picture(0)])

    def silent(args: list[str]) -> str:
        raise StreamSilentError("no answer")

    inner.answers = silent
    with pytest.raises(DeviceFaultError, match=r"^hung_shell"):
        RecoveringDevice(inner, QUICK).shell(args)
    assert inner.commands == [args]


def test_a_black_screen_that_stays_is_void_and_names_who_forbids() -> None:
    inner = FailingDevice([frame(0)])
    inner.answers = lambda args: (
        "  Window #0 Window{1 u0 a.bank/.Main}:\n    mAttrs={(0,0)\n      fl=SECURE X\n      pfl=Y}\n"
        "    mHasSurface=true\n"
    )
    with pytest.raises(DeviceFaultError, match=r"^black_frame.*a\.bank/\.Main forbids screenshots"):
        RecoveringDevice(inner, QUICK).observe()


def test_a_white_screen_that_no_window_explains_is_the_apps_own() -> None:
    assert RecoveringDevice(FailingDevice([frame(255)]), QUICK).observe() == frame(255)


def test_a_frame_of_another_shape_is_not_returned() -> None:
    device = RecoveringDevice(FailingDevice([picture(0), picture(1, (8, 8)), picture(2)]), PATIENT)
    assert [device.observe(), device.observe()] == [picture(0), picture(2)]
    assert [fault.name for fault in device.noted] == ["wrong_size_frame"]


@pytest.mark.parametrize("size_px", [(16, 8), (16, 32)])
def test_a_turned_or_scaled_screen_is_sound(size_px: tuple[int, int]) -> None:
    assert faults.fault_of_shape(picture(0, size_px), SIZE_PX) is None


ANR = "  mCurrentFocus=Window{1f2 u0 Application Not Responding: a.b}"
WAIT = {"package": "android", "resource-id": "android:id/aerr_wait", "clickable": "true", "bounds": "[2,4][6,8]"}


def test_a_dialog_is_closed_by_its_own_button() -> None:
    fault = dialogs.dialog_of(ANR)
    assert fault is not None
    assert fault.name == "anr_dialog"
    assert dialogs.way_out(fault, [WAIT]) == (4.0, 6.0)


def test_an_app_that_titles_its_window_as_the_system_does_gets_no_tap() -> None:
    fault = dialogs.dialog_of(ANR)
    assert fault is not None
    assert dialogs.way_out(fault, [WAIT | {"package": "evil.app"}]) is None


@pytest.mark.parametrize("title", ["a.b/a.b.Main", "NotificationShade", "com.android.settings/com.android.settings.X"])
def test_other_windows_are_no_dialogs(title: str) -> None:
    assert dialogs.dialog_of(f"mCurrentFocus=Window{{1f2 u0 {title}}}") is None


FIELD = {
    "class": "android.widget.EditText",
    "clickable": "true",
    "bounds": "[0,0][8,16]",
    "text": "",
    "focused": "true",
}


@pytest.mark.parametrize(
    ("action", "node", "name"),
    [
        (TypeText("milk"), FIELD, "text_dropped"),
        (TypeText("milk"), FIELD | {"text": "milk"}, None),
        (TypeText("milk"), FIELD | {"focused": "false"}, None),
        (TAP, FIELD, "tap_without_effect"),
        (TAP, FIELD | {"focused": "false"}, "keyboard_absent"),
        (TAP, FIELD | {"clickable": "false"}, None),
        (PressKey(Key.BACK), FIELD, None),
    ],
)
def test_an_action_without_effect_is_explained(action: Action, node: dict[str, str], name: str | None) -> None:
    found = faults.fault_of_no_effect(action, [node], SIZE_PX)
    assert (found.name if found else None) == name


def test_a_death_excuses_only_the_episode_it_happened_in() -> None:
    inner = FailingDevice([picture(0)])
    line = "01-01 09:00:01.000  1000  1000 I ActivityManager: Process a.b (pid 1) has died: fg  TOP\n"
    device = RecoveringDevice(inner, QUICK)
    device.begin_episode()
    inner.answers = lambda args: line if args[0] == "logcat" else ""
    assert device.excuses() == ("app_killed",)
    device.begin_episode()
    assert device.excuses() == ()


def test_a_text_whose_keyboard_app_is_gone_is_void() -> None:
    device = RecoveringDevice(FailingDevice([picture(0)], does=KeyboardLostError("none is installed")), QUICK)
    with pytest.raises(DeviceFaultError, match=r"^ime_lost: none is installed"):
        device.perform(TypeText("é"))
    assert device.excuses() == ("ime_lost",)


# --- a screen that turns

TURNED = (SIZE_PX[1], SIZE_PX[0])


def turning(frames: list[Frame], auto: str) -> tuple[RecoveringDevice, FailingDevice]:
    inner = FailingDevice(frames)
    inner.clock = SimulatedClock()
    answers = {"wm size": f"Physical size: {SIZE_PX[0]}x{SIZE_PX[1]}\n"}
    answers["settings get system accelerometer_rotation"] = auto
    inner.answers = lambda args: answers.get(" ".join(args), "")
    return RecoveringDevice(inner), inner


def puts(device: FailingDevice) -> int:
    return sum(command[:2] == ["settings", "put"] for command in device.commands)


def test_a_screen_that_was_turned_is_upright_before_anybody_sees_it() -> None:
    device, inner = turning([picture(0), picture(1, TURNED), picture(2, TURNED), picture(3)], "1")
    assert [device.observe(), device.observe()] == [picture(0), picture(3)]
    assert ([fault.name for fault in device.noted], puts(inner)) == (["rotation"], 2)


def test_a_screen_that_stays_turned_is_taken_as_it_is_after_a_while() -> None:
    device, inner = turning([picture(0), picture(1, TURNED)], "1")
    device.observe()
    assert device.observe() == picture(1, TURNED)
    assert 5 <= inner.clock.monotonic() < 7
    asked = len(inner.commands)
    assert device.observe() == picture(1, TURNED)
    assert len(inner.commands) == asked


def test_a_screen_that_an_app_turned_is_taken_as_it_is_at_once() -> None:
    device, inner = turning([picture(0), picture(1, TURNED)], "0")
    device.observe()
    assert device.observe() == picture(1, TURNED)
    assert (device.noted, puts(inner), inner.clock.monotonic()) == ([], 0, 0.0)


def test_an_episode_that_begins_on_an_old_picture_gets_the_new_one() -> None:
    inner = FailingDevice([picture(0), picture(0), picture(0), picture(1), picture(1)])
    device = RecoveringDevice(inner, QUICK)
    device.begin_episode()
    assert device.observe_settled(1) == picture(1)
    assert [fault.name for fault in device.noted] == ["stale_frame"]


def test_a_picture_that_stays_old_under_an_input_of_unknown_outcome_is_noticed() -> None:
    old, new = picture(0), picture(1)
    inner = FailingDevice([old, old, old, old, new, new], does=StreamSilentError("x"))
    device = RecoveringDevice(inner, QUICK)
    device.observe_settled(1)
    device.perform(TAP)
    assert device.observe_settled(1) == new
    assert [fault.name for fault in device.noted] == ["hung_shell", "stale_frame"]


def test_another_fault_on_the_way_has_its_own_time() -> None:
    clock = SimulatedClock()

    class Slow(FailingDevice):
        def observe(self) -> Frame:
            clock.wait(30.0 if self.failing_looks else 0.0)
            return super().observe()

    looks = [BadFrameError("half"), StreamSilentError("30 s"), BadFrameError("half"), None]
    inner = Slow([picture(0)], looks)
    inner.clock = clock
    device = RecoveringDevice(inner)
    assert device.observe() == picture(0)
    assert [fault.name for fault in device.noted][:2] == ["truncated_frame", "hung_shell"]


def test_faults_that_take_turns_end_all_the_same() -> None:
    inner = FailingDevice([picture(0)], [BadFrameError("half"), StreamSilentError("30 s")] * 5000)
    inner.clock = SimulatedClock()
    with pytest.raises(DeviceFaultError):
        RecoveringDevice(inner).observe()
    assert inner.clock.monotonic() < 400


def test_a_clock_that_ticks_in_the_status_bar_is_no_old_picture_and_hides_no_lost_text() -> None:
    before = picture(0)
    ticked = bytearray(before.pixels)
    ticked[:4] = bytes(4)  # the first row is the uppermost sixteenth
    inner = FailingDevice([before, before, before, before, Frame(bytes(ticked), *SIZE_PX)])
    xml = '<hierarchy><node class="android.widget.EditText" focused="true" text="" bounds="[0,0][8,16]"/></hierarchy>'
    inner.answers = lambda args: xml if args[0] == "cat" else ""
    device = RecoveringDevice(inner, QUICK)
    device.observe_settled(1)
    device.perform(TypeText("milk"))
    assert bytes(device.observe_settled(1).pixels) == bytes(ticked)
    assert [fault.name for fault in device.noted] == ["text_dropped"]
