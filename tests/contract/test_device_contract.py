"""What every `Device` keeps: a phone behind a real adb server, one in this process, and the recording of a course.

Each test names the course it takes. A phone just takes it; for the recording a phone took it before, its steps were
written to a session, and the session was opened again. Who runs commands is in `test_shell_contract.py`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest

from agent_runtime.actions import (
    Action,
    Finish,
    Key,
    LongPress,
    Malformed,
    OpenApp,
    PressKey,
    Swipe,
    Tap,
    TypeText,
    Wait,
)
from agent_runtime.devices import Device, ShellResult
from agent_runtime.devices.adb import open_device
from agent_runtime.devices.shell_device import ShellDevice
from agent_runtime.errors import DeviceError
from agent_runtime.observe import screenshot_of
from agent_runtime.sessions.course import replay_device
from agent_runtime.sessions.reader import open_session
from device_scripts.in_process import InProcessDevice, in_process_device
from device_scripts.virtual_phone.phone import LATIN_IME, Phone
from tests import session_world as world

HOME = PressKey(Key.HOME)
DONE = Finish(True)
UNTYPEABLE = TypeText("naïve ☃")
"""The keyboard of these phones does not write it, and no course has it."""
NASTY = TypeText("'; reboot; echo $(id) `id` && x | y > z \\ \" # ~ * ? %s [a] {b} !")
COURSES: dict[str, tuple[Action, ...]] = {
    "apps": (OpenApp("Settings"), Swipe(0.5, 0.8, 0.5, 0.3), HOME, OpenApp("Clock"), PressKey(Key.RECENTS), DONE),
    "taps": (Tap(0.25, 0.312), PressKey(Key.BACK), LongPress(0.75, 0.312), HOME, DONE),
    "text": (OpenApp("Notes"), Tap(0.25, 0.21), NASTY, PressKey(Key.ENTER), TypeText("a  b"), HOME, DONE),
    "edges": (Tap(0.0, 0.0), Tap(0.999, 0.999), LongPress(0.0, 0.999), Swipe(0.0, 0.5, 0.999, 0.5), DONE),
    "nothing": (Wait(0.0), Malformed("no JSON"), Malformed("nor this"), OpenApp("no such app"), Wait(0.01), DONE),
    "after a mistake": (OpenApp("Settings"), Malformed("?"), Swipe(0.5, 0.8, 0.5, 0.2), Malformed("?"), HOME, DONE),
}
ShellDeviceT = TypeVar("ShellDeviceT", bound=ShellDevice)
Take = Callable[[Sequence[Action]], Device]


def latin_phone() -> Phone:
    """Return a phone that types ASCII only."""
    return Phone(keyboards=(LATIN_IME,))


def patient_no_longer(device: ShellDeviceT) -> ShellDeviceT:
    """Have it wait only a moment for a keyboard app that is not there."""
    device.typing_deadline_sec = 0.1
    return device


def phone_here() -> InProcessDevice:
    """Return such a phone as a device."""
    return patient_no_longer(in_process_device(phone=latin_phone()))


def recorded(course: Sequence[Action], folder: Path) -> Device:
    """Return the recording of a course that a phone took, written as a session and read again."""
    phone = phone_here()
    steps = []
    for index, action in enumerate(course):
        screen = screenshot_of(phone.observe_settled(30), None)
        steps.append(replace(world.step(index, action, utterance="it acts"), screenshot=screen))
        phone.perform(action)
    world.record(folder, [world.trajectory(steps)])
    session = open_session(folder)
    return replay_device(session, session.episodes[0])


@pytest.fixture(params=["adb", "in-process", "replay"])
def take(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Take]:
    """A factory: a device at the start of a course."""
    with ExitStack() as stack:

        def at_the_start(course: Sequence[Action]) -> Device:
            if request.param == "in-process":
                return stack.enter_context(phone_here())
            if request.param == "replay":
                return stack.enter_context(recorded(course, tmp_path / "session"))
            running = request.getfixturevalue("virtual_phone")(phone=latin_phone())
            port = request.getfixturevalue("adb_server").port
            return stack.enter_context(patient_no_longer(open_device(running.serial, server_port=port)))

        yield at_the_start


def look(device: Device) -> bytes:
    """Return the settled screen's colours; alpha means nothing."""
    return device.observe_settled(30).to_image().tobytes()


# --- acting


@pytest.mark.parametrize("name", COURSES)
def test_a_course_shows_the_same_screens_on_every_device(take: Take, name: str) -> None:
    device, other = take(COURSES[name]), phone_here()
    for place, action in enumerate(COURSES[name]):
        assert look(device) == look(other), f"before action {place} of {name}"
        assert device.perform(action) is None, "there is no gate before it"
        other.perform(action)
    assert look(device) == look(other), "announcing the end changes nothing"


def test_an_action_shows(take: Take) -> None:
    course = (OpenApp("Settings"), HOME, DONE)
    device = take(course)
    home = look(device)
    device.perform(course[0])
    assert look(device) != home
    device.perform(course[1])
    assert look(device) == home


@pytest.mark.parametrize("action", [DONE, Malformed("no JSON"), Wait(0.0), OpenApp("; reboot")])
def test_what_is_no_input_leaves_the_screen_as_it_is(take: Take, action: Action) -> None:
    device = take([action, DONE])
    before = look(device)
    device.perform(action)
    assert look(device) == before


def test_what_it_cannot_do_is_an_error_and_leaves_the_screen_as_it_is(take: Take) -> None:
    course = (OpenApp("Notes"), Tap(0.25, 0.21), HOME, DONE)
    device = take(course)
    for action in course[:2]:
        look(device)
        device.perform(action)
    before = look(device)
    with pytest.raises(DeviceError, match=r"expected|install"):
        device.perform(UNTYPEABLE)
    assert look(device) == before
    device.perform(course[2])
    assert look(device) != before


# --- looking


def test_a_frame_has_the_screens_size(take: Take) -> None:
    device = take([DONE])
    frame = device.observe()
    assert (frame.width_px, frame.height_px) == device.screen_size_px() == frame.to_image().size


def test_looking_leads_nowhere(take: Take) -> None:
    course = (OpenApp("Settings"), HOME, DONE)
    device = take(course)
    first = look(device)
    for _ in range(3):
        assert device.observe().to_image().tobytes() == first
        assert look(device) == first
    device.perform(course[0])
    assert look(device) != first


def test_a_screen_at_rest_settles_to_what_observe_shows(take: Take) -> None:
    device = take([DONE])
    device.observe_settled(30)
    assert device.observe_settled(30) == device.observe()


def test_a_look_ends_at_its_deadline(take: Take) -> None:
    device = take([DONE])
    began = time.monotonic()
    frame = device.observe_settled(0.0)
    assert frame.width_px
    device.observe_settled(0.2)
    assert time.monotonic() - began < 20, "two looks, and no wait beyond what was asked for"


# --- its life


def test_it_has_a_name_a_clock_and_no_fault_at_the_start(take: Take) -> None:
    device = take([DONE])
    assert device.serial
    assert device.clock.monotonic() <= device.clock.monotonic()
    device.begin_episode()
    device.observe()
    assert (device.faults_so_far(), device.excuses(), sum(device.mended.values())) == ((), (), 0)


def said_to(device: Device, args: Sequence[str]) -> ShellResult | str:
    """Return a command's result, or why there is none."""
    try:
        return device.shell(args)
    except DeviceError as error:
        return str(error)


def test_a_command_is_answered_or_refused_in_a_sentence(take: Take) -> None:
    device = take([DONE])
    before = look(device)
    refused = "Got the command 'echo here' for a recording, expected none: run tasks on a phone."
    assert said_to(device, ["echo", "here"]) in (ShellResult("here\n", 0), refused)
    assert look(device) == before


def test_closing_twice_is_fine(take: Take) -> None:
    device = take([DONE])
    device.observe()
    device.close()
    device.close()
