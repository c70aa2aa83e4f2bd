"""The emulator console, line by line."""

from __future__ import annotations

import pytest

from device_scripts.virtual_phone.console import ConsoleSession
from device_scripts.virtual_phone.device import VirtualDevice


@pytest.fixture
def console(device: VirtualDevice) -> ConsoleSession:
    return ConsoleSession(device)


def ask(console: ConsoleSession, line: str) -> str:
    return console.receive(line.encode() + b"\n").decode()


def test_greeting_asks_for_the_token_and_names_its_file(device: VirtualDevice) -> None:
    text = ConsoleSession(device, "secret", "/home/x/.token").greeting().decode()
    assert text.startswith("Android Console: Authentication required\r\n")
    assert "'/home/x/.token'" in text
    assert text.endswith("OK\r\n")


def test_adbs_whole_conversation_shows_the_answer_after_the_second_ok(device: VirtualDevice) -> None:
    console = ConsoleSession(device, "secret")
    text = console.greeting().decode() + console.receive(b"auth secret\navd name\nquit\n").decode()
    assert text.split("OK\r\n", 2)[2] == "virtual_phone\r\nOK\r\n"
    assert console.ended


def test_console_without_a_token_still_gives_adb_its_two_oks(console: ConsoleSession) -> None:
    text = console.greeting().decode() + ask(console, "avd name")
    assert text.split("OK\r\n", 2)[2] == "virtual_phone\r\nOK\r\n"


def test_wrong_token_ends_the_conversation(device: VirtualDevice) -> None:
    console = ConsoleSession(device, "secret")
    assert console.receive(b"auth wrong\nkill\n").decode().startswith("KO: authentication token")
    assert (console.ended, console.killed) == (True, False)


def test_nothing_runs_before_the_token(device: VirtualDevice) -> None:
    console = ConsoleSession(device, "secret")
    assert ask(console, "kill").startswith("KO")
    assert not console.killed


def test_snapshot_brings_phone_and_files_back(console: ConsoleSession, device: VirtualDevice) -> None:
    assert ask(console, "avd snapshot list").startswith("There is no snapshot")
    assert ask(console, "avd snapshot save one") == "OK\r\n"
    before = device.phone.frame_bytes()
    device.phone.start_activity("com.android.settings/.Settings")
    device.files.write("/sdcard/x", b"", now_sec=0)
    assert "one" in ask(console, "avd snapshot list")
    assert ask(console, "avd snapshot load one") == "OK\r\n"
    assert device.phone.frame_bytes() == before
    assert device.files.find("/sdcard/x") is None
    assert ask(console, "avd snapshot delete one") == "OK\r\n"
    assert ask(console, "avd snapshot load one") == "KO: there is no snapshot named 'one'\r\n"


def test_power_geo_sms_and_rotation_reach_the_device(console: ConsoleSession, device: VirtualDevice) -> None:
    for line in ("power capacity 33", "power ac off", "power status discharging", "geo fix 18.07 59.33 12", "rotate"):
        assert ask(console, line) == "OK\r\n", line
    assert ask(console, "sms send 555 hello there") == "OK\r\n"
    battery = device.phone.state.battery
    assert (battery.level, battery.ac_powered, battery.status) == (33, False, 3)
    assert device.location == (18.07, 59.33, 12.0)
    assert device.messages == [("555", "hello there")]
    assert device.phone.size == (224, 128)
    assert "capacity: 33" in ask(console, "power display")


@pytest.mark.parametrize(
    "line",
    ["nonsense", "geo fix a b", "geo fix 999 0", "geo fix nan 1", "power capacity 101", "sms send 5", "avd snapshot x"],
)
def test_wrong_command_is_ko(console: ConsoleSession, line: str) -> None:
    assert ask(console, line).startswith("KO")


def test_kill_ends_the_phone(console: ConsoleSession) -> None:
    assert ask(console, "kill") == "OK: killing emulator, bye bye\r\n"
    assert console.killed


def test_help_names_every_command(console: ConsoleSession) -> None:
    text = ask(console, "help")
    assert all(name in text for name in ("avd", "geo", "kill", "power", "sms", "rotate"))


def test_endless_line_ends_the_conversation(console: ConsoleSession) -> None:
    assert console.receive(b"x" * 5000).startswith(b"KO")
    assert console.ended
