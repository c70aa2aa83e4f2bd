"""What a phone with a fault says and does at its shell: one fault each, and the same phone without it."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from device_scripts.virtual_phone.adb_wire import auth, messages
from device_scripts.virtual_phone.device import VirtualDevice, build_device
from device_scripts.virtual_phone.faults import Fault, FaultSchedule
from device_scripts.virtual_phone.faulty_phone import FaultyPhone
from device_scripts.virtual_phone.phone import LATIN_IME, UNICODE_IME
from device_scripts.virtual_phone.services import open_service
from device_scripts.virtual_phone.session import DeviceSession
from tests.unit.virtual_phone.conftest import Host
from tests.unit.virtual_phone.test_wire_connection import make_key

NOTE = "content insert --uri content://org.example.notes/notes --bind text:s:milk"
NOTES = "content query --uri content://org.example.notes/notes"
Run = Callable[[str], str]


@pytest.fixture
def device() -> VirtualDevice:
    device = build_device(FaultyPhone(), "emulator-5554")
    device.faults = FaultSchedule()
    return device


@pytest.fixture
def run(device: VirtualDevice) -> Run:
    def run_line(line: str) -> str:
        service = open_service(f"exec:{line}", device)
        assert service is not None
        pieces = []
        while (piece := service.pull()) is not None:
            pieces.append(piece)
        return b"".join(pieces).decode("utf-8", "replace")

    return run_line


def arm(device: VirtualDevice, kind: str, lasts: int = 1) -> None:
    assert device.faults is not None
    device.faults.add(Fault(kind, lasts=lasts))


def phone_of(device: VirtualDevice) -> FaultyPhone:
    assert isinstance(device.phone, FaultyPhone)
    return device.phone


@pytest.mark.parametrize("line", [NOTE, "uiautomator dump", "screencap /sdcard/a.png"])
def test_a_full_disk_takes_nothing_until_there_is_room_again(device: VirtualDevice, run: Run, line: str) -> None:
    arm(device, "disk_full")
    before = dict(device.files.nodes)
    said = run(line)
    assert "No space left on device" in said or "database or disk is full" in said
    assert device.files.nodes == before
    assert run("df -k /data").split()[-3] == "0"
    assert "No space" not in run(line)
    assert run(NOTES).count("text=milk") == (line == NOTE)
    assert run("df -k /data").split()[-3] != "0"


def test_a_clock_that_jumps_takes_the_date_along_and_not_the_time_since_the_start(
    device: VirtualDevice, run: Run
) -> None:
    def said() -> tuple[int, int]:
        return int(run("date +%s")), int(run("grep btime /proc/stat").split()[1])

    date, booted = said()
    arm(device, "clock_jump")
    run("input keyevent 3")
    later, booted_later = said()
    assert abs(later - date) >= 3 * 3600
    assert later - booted_later == date - booted


def test_a_turned_phone_swaps_its_sides_and_turns_back_by_its_settings(device: VirtualDevice, run: Run) -> None:
    arm(device, "rotation")
    run("input keyevent 3")
    assert device.phone.size == (224, 128)
    assert run("settings get system accelerometer_rotation") == "1\n"
    run("settings put system accelerometer_rotation 0")
    assert device.phone.size == (128, 224)


def test_keys_and_texts_go_to_the_display_in_focus_and_touches_to_the_first(device: VirtualDevice, run: Run) -> None:
    run("am start -n org.example.notes/.EditActivity")
    phone = phone_of(device)
    phone.focused_display = 1
    assert "mTopFocusedDisplayId=1" in run("dumpsys window")
    assert run("dumpsys window").count("mCurrentFocus=null") == 1
    before = phone.foreground()
    run("input keyevent 3")
    assert phone.foreground() == before
    run("input -d 0 keyevent 3")
    assert phone.foreground() != before
    run("input -d 0 motionevent DOWN 60 100")
    run("input -d 0 motionevent CANCEL 60 100")
    assert (phone.focused_display, phone.taps) == (0, [])
    assert "mTopFocusedDisplayId=0" in run("dumpsys window")


def test_a_text_meets_a_second_display_in_focus(device: VirtualDevice, run: Run) -> None:
    arm(device, "wrong_display_focus")
    run("input keyevent 0")
    assert phone_of(device).focused_display == 1
    run("am start --display 0 -n com.android.settings/.Settings")
    assert phone_of(device).focused_display == 0


def test_a_keyboard_app_that_is_replaced_is_gone_for_a_while(device: VirtualDevice, run: Run) -> None:
    run(f"ime set {UNICODE_IME}")
    arm(device, "ime_lost", lasts=2)
    assert UNICODE_IME not in run("ime list -a -s")
    assert run("settings get secure default_input_method") == f"{LATIN_IME}\n"
    assert "cannot be selected" in run(f"ime set {UNICODE_IME}")
    assert "selected" in run(f"ime set {UNICODE_IME}")
    assert run("settings get secure default_input_method") == f"{UNICODE_IME}\n"


def test_what_is_sent_to_a_keyboard_app_that_is_gone_is_lost(device: VirtualDevice, run: Run) -> None:
    run(f"ime set {UNICODE_IME}")
    run("am start -n org.example.notes/.EditActivity")
    arm(device, "ime_lost")
    run("am broadcast -a ADB_INPUT_B64 -p com.android.adbkeyboard --es msg w6k=")
    assert "é" not in " ".join(node.text for node in device.phone.nodes())
    assert device.phone.ime_current() == LATIN_IME


def test_a_phone_that_takes_no_key_lets_the_peer_in_later(device: VirtualDevice) -> None:
    assert device.faults is not None
    device.faults.now = lambda: 100.0
    device.faults.shut_out(5)
    session = DeviceSession(device)
    assert session.shut_out_sec == pytest.approx(2.0)
    host = Host(session)
    assert [answer.command for answer in host.connect()] == [messages.AUTH]
    assert host.send(messages.AUTH, auth.RSA_PUBLIC_KEY, 0, make_key()[2]) == []
    host.take(session.let_in())
    assert host.received[-1].command == messages.CNXN
    device.faults.now = time.monotonic
    assert device.faults.shut_out_sec() == 0.0
