"""What a device with a shell keeps besides, on virtual phones: behind a real adb server, and in this process.

Tasks, probes and the gate need the shell. A recorded course has none; what every device keeps is in
`test_device_contract.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from agent_runtime.actions import Key, LongPress, OpenApp, PressKey, Swipe, Tap, TypeText
from agent_runtime.devices import Device
from agent_runtime.devices.adb import open_device
from agent_runtime.devices.keyboards import ADBKEYBOARD, UIAUTOMATOR
from agent_runtime.errors import DeviceError, DeviceNotFoundError
from device_scripts.in_process import in_process_device
from device_scripts.virtual_phone.phone import LATIN_IME, Phone

NASTY = "'; reboot; echo $(id) `id` && x | y > z \\ \" # ~ * ? %s [a] {b} !"


class InProcess:
    """What a test asks of a running phone, of one in this process."""

    def __init__(self, **options: Any) -> None:
        self.device = in_process_device(**options)
        self.phone = self.device.phone

    def call(self, function: Callable[[], Any]) -> Any:
        return function()


@pytest.fixture(params=["adb", "in-process"])
def start(request: pytest.FixtureRequest) -> Iterator[Callable[..., tuple[Device, Any]]]:
    """A factory of (device, running phone), reached in the one way or the other."""
    with ExitStack() as stack:

        def begin(**options: Any) -> tuple[Device, Any]:
            if request.param == "in-process":
                here = InProcess(**options)
                return here.device, here
            running = request.getfixturevalue("virtual_phone")(**options)
            port = request.getfixturevalue("adb_server").port
            return stack.enter_context(open_device(running.serial, server_port=port)), running

        yield begin


@pytest.fixture
def reached(start: Callable[..., tuple[Device, Any]]) -> tuple[Device, Any]:
    return start()


@pytest.fixture
def phone(reached: tuple[Device, Any]) -> Device:
    return reached[0]


@pytest.fixture
def running(reached: tuple[Device, Any]) -> Any:
    return reached[1]


@pytest.mark.parametrize("words", [["$(id)", "`id`"], ["a;b", "c|d", "e>f"], ["'", '"'], ["", " "], ["*", "~", "é ☃"]])
def test_shell_arguments_arrive_as_they_are(phone: Device, words: list[str]) -> None:
    result = phone.shell(["echo", *words])
    assert (result.stdout, result.exit_code) == (" ".join(words) + "\n", 0)


def test_a_failing_command_tells_its_status_and_its_words(phone: Device) -> None:
    result = phone.shell(["no-such-command"])
    assert result.exit_code == 127
    assert "not found" in result.stdout


def test_text_of_a_model_is_typed_and_not_run(phone: Device) -> None:
    phone.shell(["am", "start", "-n", "org.example.notes/.EditActivity"])
    phone.observe_settled(30)
    phone.perform(TypeText(NASTY))
    phone.shell(["rm", "-f", "/sdcard/d.xml"])
    phone.shell(["uiautomator", "dump", "/sdcard/d.xml"])
    typed = phone.shell(["cat", "/sdcard/d.xml"]).stdout
    assert "reboot; echo $(id) `id` &amp;&amp; x | y &gt; z" in typed


def test_tap_swipe_key_and_app_reach_the_phone(phone: Device, running: Any) -> None:
    phone.perform(OpenApp("Settings"))
    assert running.phone.foreground().startswith("com.android.settings/")
    phone.perform(Swipe(0.5, 0.8, 0.5, 0.3))
    phone.perform(PressKey(Key.HOME))
    assert running.phone.foreground().startswith("com.android.launcher3/")
    icon = next(node for node in running.call(running.phone.nodes) if node.label == "Clock")
    width_px, height_px = phone.screen_size_px()
    left, top, right, bottom = icon.bounds
    phone.perform(Tap((left + right) / 2 / width_px, (top + bottom) / 2 / height_px))
    assert running.phone.foreground().startswith("com.android.deskclock/")


def test_a_long_press_touches_without_scrolling(phone: Device, running: Any) -> None:
    phone.perform(OpenApp("Settings"))
    phone.observe_settled(30)
    before, at_ms = running.call(running.phone.nodes), running.phone.clock_ms
    phone.perform(LongPress(0.5, 0.02))  # nothing there to touch
    assert running.call(running.phone.nodes) == before
    assert running.phone.clock_ms >= at_ms + 800
    row = next(node for node in before if node.label == "Display")
    width_px, height_px = phone.screen_size_px()
    left, top, right, bottom = row.bounds
    phone.perform(LongPress((left + right) / 2 / width_px, (top + bottom) / 2 / height_px))
    assert running.call(running.phone.nodes) != before  # the virtual phone has no menus: it takes it for a tap


def test_the_key_of_running_apps_leads_back_to_the_app_before(phone: Device, running: Any) -> None:
    phone.perform(OpenApp("Clock"))
    phone.perform(OpenApp("Settings"))
    phone.perform(PressKey(Key.RECENTS))
    assert running.phone.foreground().startswith("com.android.deskclock/")


def test_an_app_that_is_not_there_opens_nothing(phone: Device, running: Any) -> None:
    before = running.phone.foreground()
    phone.perform(OpenApp("; am start -n com.android.settings/.Settings"))
    assert running.phone.foreground() == before


def test_opening_an_app_leaves_automatic_rotation_as_it_is(phone: Device) -> None:
    phone.shell(["settings", "put", "system", "accelerometer_rotation", "0"])
    phone.perform(OpenApp("Clock"))
    assert phone.shell(["settings", "get", "system", "accelerometer_rotation"]).stdout == "0\n"


def test_opening_an_app_that_is_on_top_is_no_error(phone: Device, running: Any) -> None:
    phone.perform(OpenApp("Clock"))
    phone.perform(OpenApp("Clock"))
    assert running.phone.foreground().startswith("com.android.deskclock/")


def test_a_package_without_an_icon_opens_nothing(phone: Device, running: Any) -> None:
    before = running.phone.foreground()
    phone.perform(OpenApp("com.android.systemui"))
    assert running.phone.foreground() == before


# --- text beyond ASCII


Keyboards = Callable[..., tuple[Device, Any]]


@pytest.fixture
def phone_with(start: Callable[..., tuple[Device, Any]]) -> Keyboards:
    """A factory of (device, running phone) whose Notes wait for text; `phone_with(*imes)` are its keyboards."""

    def with_notes(*imes: str) -> tuple[Device, Any]:
        device, running = start(phone=Phone(keyboards=(LATIN_IME, *imes)))
        device.shell(["am", "start", "-n", "org.example.notes/.EditActivity"])
        return device, running

    return with_notes


def field_text(running: Any) -> str:
    return next(node.text for node in running.call(running.phone.nodes) if node.role == "field")


def test_unicode_without_a_keyboard_for_it_says_what_to_install(phone_with: Keyboards) -> None:
    device, _ = phone_with()
    with pytest.raises(DeviceError, match=r"install it \(package com\.android\.adbkeyboard\)"):
        device.perform(TypeText("naïve"))


@pytest.mark.parametrize("imes", [(ADBKEYBOARD.ime,), (UIAUTOMATOR.ime,), (ADBKEYBOARD.ime, UIAUTOMATOR.ime)])
def test_unicode_is_typed_and_the_keyboard_of_before_is_back(phone_with: Keyboards, imes: tuple[str, ...]) -> None:
    device, running = phone_with(*imes)
    device.perform(TypeText("naïve ☃ $(reboot)"))
    assert field_text(running) == "naïve ☃ $(reboot)"
    assert running.call(running.phone.ime_current) == LATIN_IME


@pytest.mark.parametrize("ime", [ADBKEYBOARD.ime, UIAUTOMATOR.ime])
def test_a_keyboard_in_use_stays_in_use(phone_with: Keyboards, ime: str) -> None:
    device, running = phone_with(ADBKEYBOARD.ime, UIAUTOMATOR.ime)
    assert device.shell(["ime", "set", ime]).exit_code == 0
    device.perform(TypeText("é"))
    assert (field_text(running), running.call(running.phone.ime_current)) == ("é", ime)


@pytest.mark.parametrize("ime", [ADBKEYBOARD.ime, UIAUTOMATOR.ime])
def test_unicode_without_a_field_is_lost_as_ascii_is(phone_with: Keyboards, ime: str) -> None:
    device, running = phone_with(ime)
    device.perform(PressKey(Key.HOME))
    device.perform(TypeText("é"))
    assert running.call(running.phone.ime_current) == LATIN_IME


# --- what only an adb server can show


def test_after_a_pulled_cable_the_device_goes_on(adb_server: Any, virtual_phone: Callable[..., Any]) -> None:
    running = virtual_phone()
    with open_device(running.serial, server_port=adb_server.port) as phone:
        phone.observe()
        running.drop_connections()
        assert phone.shell(["echo", "back"]).stdout == "back\n"


def test_a_serial_that_is_not_there_is_named_with_those_that_are(
    adb_server: Any, virtual_phone: Callable[..., Any]
) -> None:
    running = virtual_phone()
    with pytest.raises(DeviceNotFoundError, match=rf"'nobody', but .* shows .*{running.serial}"):
        open_device("nobody", server_port=adb_server.port)


def test_no_adb_server_says_to_start_one() -> None:
    with pytest.raises(DeviceNotFoundError, match="run `adb start-server`"):
        open_device("emulator-5554", server_port=1)
