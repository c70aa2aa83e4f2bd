"""`agent-runtime doctor`: every check on a healthy phone and with a single thing wrong, and the command."""

from __future__ import annotations

import json
import struct
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from agent_runtime import cli
from agent_runtime.devices import Frame, ShellResult, checks, screen_checks
from agent_runtime.devices.outcomes import Level, outcome_of
from agent_runtime.errors import BadFrameError, DeviceError
from device_scripts.virtual_phone.phone import KEY_POWER, LATIN_IME, Phone
from tests.fakes import FakeDevice, frame
from tests.unit.agent_runtime.test_adb_states import adb_server_showing
from tests.unit.agent_runtime.test_parsers_releases import FOCUS_13, FORM, RESUMED_13, fixture

SIZE_PX = (90, 200)
ONE_DISPLAY = FOCUS_13[FOCUS_13.index("  Display: mDisplayId=0") :]
DF = "Filesystem 1K-blocks Used Available Use% Mounted on\n/dev/fuse 6082144 2381760 {free} 40% /storage/emulated\n"


class Clinic(FakeDevice):
    """A healthy phone: `answers` says what each command prints; a test makes one of them ill."""

    def __init__(self) -> None:
        super().__init__([frame(80, SIZE_PX)])
        self.answers: dict[str, str | ShellResult] = {
            "getprop ro.build.version.release": "13\n",
            "getprop ro.build.version.sdk": "33\n",
            "dumpsys power": "  mWakefulness=Awake\n",
            "wm size": "Physical size: 90x200\n",
            "dumpsys window windows": "",
            "settings get global window_animation_scale": "0\n",
            "settings get global transition_animation_scale": "0.0\n",
            "settings get global animator_duration_scale": "0\n",
            "settings get global stay_on_while_plugged_in": "7\n",
            "settings get system screen_off_timeout": "60000\n",
            "settings get system accelerometer_rotation": "0\n",
            "settings get secure default_input_method": "com.vendor/.Keys\n",
            "input keyevent 0": "",
            "ime list -a -s": "com.vendor/.Keys\ncom.android.adbkeyboard/.AdbIME\n",
            "dumpsys activity activities": RESUMED_13,
            "dumpsys window": ONE_DISPLAY,
            "uiautomator dump /data/local/tmp/agent_runtime_dump.xml": "UI hierchary dumped to: x\n",
            "cat /data/local/tmp/agent_runtime_dump.xml": FORM,
            "df -k /data": DF.format(free=5 << 20),
            "date +%s": f"{time.time():.0f}\n",
        }

    def shell(self, args: Sequence[str]) -> ShellResult:
        answer = self.answers.get(" ".join(args), "")
        return answer if isinstance(answer, ShellResult) else ShellResult(answer, 0)


def levels(device: FakeDevice) -> dict[str, Level]:
    return {finding.check: finding.outcome.level for finding in checks.run_checks(device)}


def test_a_healthy_phone_is_all_ok_with_nothing_to_do() -> None:
    findings = list(checks.run_checks(Clinic()))
    assert len(findings) == len(checks.CHECKS)
    assert {finding.outcome.level for finding in findings} == {Level.OK}
    assert {finding.outcome.todo for finding in findings} == {""}


ILL: list[tuple[str, str | ShellResult, str, Level, str]] = [
    ("getprop ro.build.version.sdk", "25\n", "Android version", Level.WARN, "Android 9 to 16"),
    ("getprop ro.build.version.sdk", "\n", "Android version", Level.WARN, "Android 9 to 16"),
    ("dumpsys power", "  mWakefulness=Dozing\n", "screen awake", Level.FAIL, "keyevent 224"),
    ("dumpsys power", "", "screen awake", Level.WARN, "look"),
    ("wm size", "error\n", "screen size", Level.FAIL, "restart"),
    ("wm size", "Physical size: 90x200\nOverride size: 45x100\n", "screen size", Level.WARN, "wm size reset"),
    ("wm size", "Physical size: 90x200\nOverride size: 90x160\n", "screen size", Level.FAIL, "wm size reset"),
    ("input keyevent 0", ShellResult("java.lang.SecurityException: INJECT_EVENTS", 255), "input", Level.FAIL, "USB"),
    ("input keyevent 0", "SecurityException: needs INJECT_EVENTS\n", "input", Level.FAIL, "USB debugging"),
    ("settings get global animator_duration_scale", "null\n", "animations", Level.WARN, "prepare_device.sh"),
    ("settings get global window_animation_scale", "0.5\n", "animations", Level.WARN, "prepare_device.sh"),
    ("settings get global stay_on_while_plugged_in", "0\n", "stay awake", Level.WARN, "prepare_device.sh"),
    (
        "ime list -a -s",
        "com.vendor/.Keys\n",
        "Unicode keyboard",
        Level.WARN,
        "--ime-apk",
    ),
    ("settings get system accelerometer_rotation", "1\n", "rotation", Level.WARN, "prepare_device.sh"),
    ("settings get system accelerometer_rotation", "null\n", "rotation", Level.WARN, "prepare_device.sh"),
    ("dumpsys window", FOCUS_13, "displays", Level.WARN, "take the others away"),
    ("dumpsys window", ONE_DISPLAY + "  mTopFocusedDisplayId=1\n", "displays", Level.FAIL, "take the others away"),
    ("settings get secure default_input_method", "null\n", "keyboard in use", Level.WARN, "ime reset"),
    ("settings get secure default_input_method", "a.b/.Gone\n", "keyboard in use", Level.WARN, "ime reset"),
    ("dumpsys window", "  mCurrentFocus=Window{1 u0 StatusBar}\n", "app on top", Level.WARN, "unlock it"),
    ("cat /data/local/tmp/agent_runtime_dump.xml", "", "uiautomator dump", Level.WARN, "stop what moves"),
    ("df -k /data", DF.format(free=1 << 19), "free space", Level.WARN, "remove apps"),
    ("df -k /data", DF.format(free=9000), "free space", Level.FAIL, "remove apps"),
    ("df -k /data", "df: /data: Permission denied\n", "free space", Level.WARN, "storage page"),
    ("date +%s", "1000000000\n", "clock", Level.WARN, "automatic time"),
    ("date +%s", "date: bad\n", "clock", Level.WARN, "settings"),
]


@pytest.mark.parametrize(("command", "answer", "check", "level", "todo"), ILL)
def test_one_thing_wrong_is_found_alone_and_says_what_to_do(
    command: str, answer: str | ShellResult, check: str, level: Level, todo: str
) -> None:
    device = Clinic()
    device.answers[command] = answer
    wrong = {f.check: f.outcome for f in checks.run_checks(device) if f.outcome.level is not Level.OK}
    assert list(wrong) == [check]
    assert wrong[check].level is level
    assert todo in wrong[check].todo
    assert wrong[check].found


def test_a_long_timeout_is_as_good_as_staying_awake() -> None:
    device = Clinic()
    device.answers["settings get global stay_on_while_plugged_in"] = "null\n"
    device.answers["settings get system screen_off_timeout"] = "1800000\n"
    assert levels(device)["stay awake"] is Level.OK


def test_no_app_on_top_at_all_is_a_failure() -> None:
    device = Clinic()
    device.answers["dumpsys window"] = device.answers["dumpsys activity activities"] = ""
    assert levels(device)["app on top"] is Level.FAIL


def test_a_device_that_fails_in_a_check_fails_that_check_only() -> None:
    device = Clinic()
    broken = BadFrameError("Got a screenshot of 0 bytes, expected a header and pixels: look again.")

    def observe() -> Frame:
        raise broken

    device.observe = observe  # type: ignore[method-assign]
    found = {f.check: f.outcome for f in checks.run_checks(device)}
    assert {name for name, outcome in found.items() if outcome.level is not Level.OK} == {
        "screen size",
        "screenshot",
        "screenshot time",
    }
    assert found["screenshot"].found == "Got a screenshot of 0 bytes, expected a header and pixels"
    assert found["screenshot"].todo == "look again."


def test_an_errors_sentence_is_cut_before_what_to_do() -> None:
    outcome = outcome_of(DeviceError("No reply."), Level.WARN)
    assert (outcome.level, outcome.found, outcome.todo) == (Level.WARN, "No reply.", "")


# --- black screens and windows that forbid screenshots

WINDOWS = """WINDOW MANAGER WINDOWS (dumpsys window windows)
  Window #0 Window{{1a u0 StatusBar}}:
    mAttrs={{(0,0)(fillx24) ty=STATUS_BAR
      fl=NOT_FOCUSABLE
      pfl=SECURE}}
    mHasSurface=true
  Window #1 Window{{2b u0 com.bank/com.bank.Login}}:
    mAttrs={{(0,0)(fillxfill) sim={{adjust=pan}} ty=BASE_APPLICATION
      fl={flags}
      pfl=NO_MOVE_ANIMATION}}
    mHasSurface={shown} isReadyForDisplay()={shown}
"""
BANK = "com.bank/com.bank.Login"


@pytest.mark.parametrize(
    "flags", ["LAYOUT_IN_SCREEN SECURE HARDWARE_ACCELERATED", "#81812100 wanim=x", "0x2000", "2000"]
)
def test_a_window_that_forbids_screenshots_is_named(flags: str) -> None:
    assert screen_checks.secure_windows(WINDOWS.format(flags=flags, shown="true")) == [BANK]


@pytest.mark.parametrize(("flags", "shown"), [("SECURE", "false"), ("LAYOUT_IN_SCREEN", "true"), ("#81810100", "true")])
def test_hidden_and_ordinary_windows_are_not_named(flags: str, shown: str) -> None:
    assert screen_checks.secure_windows(WINDOWS.format(flags=flags, shown=shown)) == []


@pytest.mark.parametrize("name", ["dumpsys_window_windows_A11.txt", "dumpsys_window_windows_A13.txt"])
def test_a_real_window_list_without_such_a_window_names_none(name: str) -> None:
    windows = fixture(name)
    assert screen_checks.secure_windows(windows) == []
    shown = windows.rindex("mHasSurface=true")
    flags = windows.rindex(" fl=", 0, shown) + len(" fl=")
    assert len(screen_checks.secure_windows(windows[:flags] + "SECURE " + windows[flags:])) == 1


def test_a_black_screen_is_a_failure_and_a_secure_window_is_named_as_its_reason() -> None:
    device = Clinic()
    device.frames = [Frame(struct.pack("<I", 0xFF000000) * (SIZE_PX[0] * SIZE_PX[1]), *SIZE_PX)]
    outcome = screen_checks.screenshot(device)
    assert (outcome.level, outcome.todo) == (Level.FAIL, "wake and unlock the device")
    device.answers["dumpsys window windows"] = WINDOWS.format(flags="SECURE", shown="true")
    assert BANK in screen_checks.screenshot(device).todo
    device.frames = [frame(3, SIZE_PX)]
    assert screen_checks.screenshot(device).level is Level.WARN


@pytest.mark.parametrize(("seconds", "level"), [(0.2, Level.OK), (1.5, Level.WARN), (6.0, Level.FAIL)])
def test_a_slow_screenshot_is_told(monkeypatch: pytest.MonkeyPatch, seconds: float, level: Level) -> None:
    ticks = iter(range(1000))
    monkeypatch.setattr(screen_checks.time, "perf_counter", lambda: next(ticks) * seconds)
    outcome = screen_checks.screenshot_time(Clinic())
    assert outcome.level is level
    assert f"{1000 * seconds:.3g} ms" in outcome.found


# --- the command

RunDoctor = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run_doctor(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, adb_server: Any
) -> RunDoctor:
    monkeypatch.chdir(tmp_path)

    def run(*args: str, port: int = adb_server.port) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["agent-runtime", "doctor", "--adb-server-port", str(port), *args])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        printed = capsys.readouterr()
        return int(ended.value.code or 0), printed.out, printed.err

    return run


def test_a_virtual_phone_is_ready_and_a_report_holds_the_raw_answers(
    run_doctor: RunDoctor, virtual_phone: Callable[..., Any], tmp_path: Path
) -> None:
    running = virtual_phone()
    before = running.phone.foreground()
    code, out, err = run_doctor("--device", running.serial, "--report", "report.json")
    assert (code, err) == (0, "")
    assert "Android 14 (SDK 34)" in out
    report = json.loads((tmp_path / "report.json").read_text())
    found = {row["check"]: row for row in report["findings"]}
    assert list(found) == ["adb server", "device", *(name for name, _ in checks.CHECKS)]
    warned = {name for name, row in found.items() if row["level"] != "ok"}
    assert warned == {"animations", "stay awake", "clock"}  # as any fresh phone; its clock is virtual
    assert any(answer["args"] == ["dumpsys", "window"] and answer["stdout"] for answer in report["answers"])
    assert running.phone.foreground() == before


def test_a_phone_whose_screen_is_off_is_not_ready(run_doctor: RunDoctor, virtual_phone: Callable[..., Any]) -> None:
    running = virtual_phone(phone=Phone(keyboards=(LATIN_IME,)))
    running.call(lambda: running.phone.key(KEY_POWER))
    code, out, _ = run_doctor("--device", running.serial)
    assert code == 1
    assert "all black" in out
    assert "asleep" in out
    assert "prepare_device.sh --ime-apk FILE" in out


def test_a_phone_that_does_not_take_the_key_yet_says_where_to_accept_it(run_doctor: RunDoctor) -> None:
    with adb_server_showing("R58\tunauthorized\n") as port:
        code, out, _ = run_doctor("--device", "R58", port=port)
    assert code == 1
    assert "unauthorized" in out
    assert "accept this computer's key on its screen" in out


def test_a_serial_that_is_not_there_fails_after_the_server(run_doctor: RunDoctor) -> None:
    code, out, err = run_doctor("--device", "nobody")
    assert (code, err) == (1, "")
    assert "'nobody'" in out
    assert "Android version" not in out


def test_without_a_server_nothing_else_is_looked_at(run_doctor: RunDoctor) -> None:
    code, out, _ = run_doctor("--device", "x", port=1)
    assert code == 1
    assert "adb start-server" in out


@pytest.mark.parametrize(
    ("args", "says"),
    [
        ((), "--device"),
        (("--device", ""), "expected one as `adb devices` shows it"),
        (("--device", "a b"), "expected one as `adb devices` shows it"),
        (("--device", "x", "--adb-server-port", "0"), "--adb-server-port"),
        (("--device", "nobody", "--report", "/proc/none/r.json"), "name another"),
        (("--device", "x", "--cure"), "No such option"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_2(run_doctor: RunDoctor, args: tuple[str, ...], says: str) -> None:
    code, _, err = run_doctor(*args)
    assert code == 2
    assert says in err
    assert len(err.strip().splitlines()) == 1
