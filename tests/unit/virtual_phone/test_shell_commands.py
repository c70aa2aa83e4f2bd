"""Shell commands one by one: what they print, what they return, what they do to the phone."""

from __future__ import annotations

import base64
import io
import struct
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from device_scripts.virtual_phone.device import VirtualDevice
from device_scripts.virtual_phone.shell.commands import COMMANDS
from device_scripts.virtual_phone.shell.keycodes import parse_keycode

if TYPE_CHECKING:
    from tests.unit.virtual_phone.conftest import Ran

    Sh = Callable[..., Ran]


def center_of(device: VirtualDevice, label: str) -> tuple[int, int]:
    left, top, right, bottom = next(node.bounds for node in device.phone.nodes() if node.label == label)
    return (left + right) // 2, (top + bottom) // 2


# --- input


def test_tap_opens_the_app_under_it(sh: Sh, device: VirtualDevice) -> None:
    x_px, y_px = center_of(device, "Settings")
    assert sh(f"input tap {x_px}.5 {y_px}").status == 0
    assert device.phone.foreground() == "com.android.settings/.Settings"
    sh("input keyevent KEYCODE_HOME")
    assert device.phone.foreground() == "com.android.launcher3/.Launcher"


def test_text_types_ascii_with_percent_s_as_space(sh: Sh, device: VirtualDevice) -> None:
    sh("am start -n org.example.notes/.EditActivity")
    assert sh("input text 'two%swords'").status == 0
    sh("input keyevent 29 SPACE KEYCODE_3 DEL")
    assert [node.text for node in device.phone.nodes() if node.role == "field"] == ["two wordsa "]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("input", "Usage: input"),
        ("input fly 1 2", "Unknown command: fly"),
        ("input tap 5", 'Argument expected after "5"'),
        ("input tap a b", "NumberFormatException"),
        ("input tap 1e999 2", "NumberFormatException"),
        ("input text 'å'", "Attempt to get length of null array"),
        ("input keyevent NOKEY", "Unknown keycode: NOKEY"),
        ("input keyevent", "Argument expected"),
        ("input swipe 1 2 3 4 -5", "Bad duration"),
        ("input motionevent SPIN 1 2", "Unknown motionevent"),
    ],
)
def test_wrong_input_says_what_android_says_with_255(sh: Sh, line: str, reason: str) -> None:
    ran = sh(line)
    assert ran.status == 255
    assert reason in ran.err.decode()


def test_motion_events_make_one_tap(sh: Sh, device: VirtualDevice) -> None:
    x_px, y_px = center_of(device, "Clock")
    sh(f"input touchscreen motionevent DOWN {x_px} {y_px}; input motionevent UP {x_px} {y_px}")
    assert device.phone.foreground() == "com.android.deskclock/.DeskClock"


@pytest.mark.parametrize(
    ("name", "code"),
    [("66", 66), ("ENTER", 66), ("KEYCODE_ENTER", 66), ("0x42", 66), ("3", 3), ("KEYCODE_3", 10), ("A", 29)],
)
def test_keycodes_by_number_and_name(name: str, code: int) -> None:
    assert parse_keycode(name) == code


@pytest.mark.parametrize("name", ["", "-1", "99999", "KEYCODE_", "enter"])
def test_no_such_key(name: str) -> None:
    assert parse_keycode(name) is None


def test_unicode_comes_through_the_keyboard_broadcast(sh: Sh, device: VirtualDevice) -> None:
    sh("am start -n org.example.notes/.EditActivity")
    message = base64.b64encode("smörgås ✓".encode()).decode()
    assert sh(f"am broadcast -a ADB_INPUT_B64 --es msg {message}").text.endswith("Broadcast completed: result=0\n")
    assert [node.text for node in device.phone.nodes() if node.role == "field"] != ["smörgås ✓"]
    assert sh("ime set com.android.adbkeyboard/.AdbIME").status == 0
    sh(f"am broadcast -a ADB_INPUT_B64 --es msg {message}")
    assert [node.text for node in device.phone.nodes() if node.role == "field"] == ["smörgås ✓"]


# --- screen


def test_raw_screencap_is_a_header_and_rgba_rows(sh: Sh, device: VirtualDevice) -> None:
    out = sh("screencap").out
    assert struct.unpack("<4I", out[:16]) == (128, 224, 1, 0)
    assert out[16:] == device.phone.frame_bytes()


def test_png_screencap_shows_the_same_pixels(sh: Sh) -> None:
    raw, png = sh("screencap").out, sh("screencap -p").out
    assert Image.open(io.BytesIO(png)).convert("RGBA").tobytes() == raw[16:]


def test_screencap_to_a_file(sh: Sh) -> None:
    assert sh("screencap /sdcard/s.png").out == b""
    assert sh("cat /sdcard/s.png").out.startswith(b"\x89PNG")
    assert sh("screencap -p /system/s.png").status == 1


def test_wm_keeps_the_natural_size_when_turned(sh: Sh, device: VirtualDevice) -> None:
    assert sh("wm size; wm density").text == "Physical size: 128x224\nPhysical density: 160\n"
    sh("settings put system accelerometer_rotation 0; settings put system user_rotation 1")
    assert sh("wm size").text == "Physical size: 128x224\n"
    assert struct.unpack("<2I", sh("screencap").out[:8]) == (224, 128)
    assert sh("wm size 10x10").status == 255


def test_hierarchy_is_xml_of_the_visible_elements(sh: Sh) -> None:
    assert sh("uiautomator dump").text == "UI hierchary dumped to: /sdcard/window_dump.xml\n"
    root = ElementTree.fromstring(sh("cat /sdcard/window_dump.xml").text)
    assert root.attrib == {"rotation": "0"}
    nodes = {node.attrib["text"]: node.attrib for node in root.iter("node")}
    assert {"Settings", "Clock", "Notes", "Browser"} <= set(nodes)
    assert nodes["Clock"]["clickable"] == "true"
    assert nodes["Clock"]["package"] == "com.android.launcher3"


def test_hierarchy_goes_to_the_terminal_when_asked(sh: Sh) -> None:
    text = sh("uiautomator dump /dev/tty").text
    assert text.startswith("<?xml")
    assert text.endswith("</hierarchy>UI hierchary dumped to: /dev/tty\n")


def test_hierarchy_escapes_what_was_typed(sh: Sh) -> None:
    sh("am start -n org.example.notes/.EditActivity; input text '<&\">'")
    root = ElementTree.fromstring(sh("uiautomator dump >/dev/null; cat /sdcard/window_dump.xml").text)
    assert '<&">' in [node.attrib["text"] for node in root.iter("node")]


# --- activities and packages


def test_am_start_by_component_and_again(sh: Sh) -> None:
    first = sh("am start -n com.android.settings/.Settings")
    assert first.text == "Starting: Intent { cmp=com.android.settings/.Settings }\n"
    assert (first.err, first.status) == (b"", 0)
    again = sh("am start -n com.android.settings/com.android.settings.Settings")
    assert b"delivered to currently running top-most instance" in again.err
    assert again.status == 0


def test_am_start_waits(sh: Sh) -> None:
    lines = sh("am start -W -n com.android.settings/.Settings").text.splitlines()
    assert lines[1:4] == ["Status: ok", "LaunchState: COLD", "Activity: com.android.settings/.Settings"]
    assert lines[-1] == "Complete"


def test_am_start_of_a_missing_activity(sh: Sh) -> None:
    ran = sh("am start -n com.nope/.Main")
    assert ran.status == 1
    assert ran.err == b"Error type 3\nError: Activity class {com.nope/com.nope.Main} does not exist.\n"


def test_am_start_opens_links(sh: Sh, device: VirtualDevice) -> None:
    ran = sh("am start -a android.intent.action.VIEW -d https://shop.example/cart")
    assert ran.text == "Starting: Intent { act=android.intent.action.VIEW dat=https://shop.example/... }\n"
    assert device.phone.foreground() == "com.android.browser/.BrowserActivity"
    assert sh("am start -a android.intent.action.VIEW -d tel:5").status == 1
    assert sh("am start -a android.intent.action.VIEW -d 'https://[::1'").status == 1


@pytest.mark.parametrize("line", ["am", "am fly", "am start -n nonsense", "am start -n", "am force-stop", "am start"])
def test_wrong_am_is_refused(sh: Sh, line: str) -> None:
    assert sh(line).status != 0


def test_am_force_stop_leaves_the_app(sh: Sh, device: VirtualDevice) -> None:
    sh("am start -n com.android.settings/.Settings; am force-stop com.android.settings; am force-stop com.nope")
    assert device.phone.foreground() == "com.android.launcher3/.Launcher"


def test_monkey_launches(sh: Sh, device: VirtualDevice) -> None:
    ran = sh("monkey -p com.android.deskclock -c android.intent.category.LAUNCHER 1")
    assert "Events injected: 1" in ran.text
    assert device.phone.foreground() == "com.android.deskclock/.DeskClock"
    assert sh("monkey -p com.nope -c android.intent.category.LAUNCHER 1").status == 252


def test_packages_are_listed_and_filtered(sh: Sh) -> None:
    assert "package:org.example.notes" in sh("pm list packages").text.splitlines()
    assert sh("pm list packages -3").text == "package:org.example.notes\n"
    assert sh("cmd package list packages deskclock").text == "package:com.android.deskclock\n"
    assert sh("pm path org.example.notes").text.startswith("package:/data/app/")
    assert sh("pm path nope").status == 1
    assert sh("cmd package resolve-activity --brief com.android.settings").text.splitlines()[-1].endswith("/.Settings")


@pytest.mark.parametrize("line", ["pm install -r /data/local/tmp/x.apk", "cmd package install -S 10", "pm uninstall x"])
def test_packages_do_not_change(sh: Sh, line: str) -> None:
    ran = sh(line)
    assert ran.status == 1
    assert ran.text.startswith("Failure [")


def test_pm_clear_puts_data_back(sh: Sh) -> None:
    uri = "content://org.example.notes/notes"
    before = sh(f"content query --uri {uri}").text
    sh(f"content insert --uri {uri} --bind text:s:a:b")
    assert "text=a:b" in sh(f"content query --uri {uri}").text
    assert sh("pm clear org.example.notes").text == "Success\n"
    assert sh(f"content query --uri {uri}").text == before


# --- settings, properties, content


def test_settings_round_trip(sh: Sh) -> None:
    assert sh("settings get global nothing").text == "null\n"
    sh("settings put --user 0 Global thing 'a b'")
    assert sh("settings get global thing").text == "a b\n"
    assert "thing=a b" in sh("settings list global").text.splitlines()
    assert sh("settings delete global thing; settings delete global thing").text == "Deleted 1 rows\nDeleted 0 rows\n"


@pytest.mark.parametrize(
    "line", ["settings", "settings get planet x", "settings get global", "settings put system font_scale 9"]
)
def test_wrong_settings_are_refused_with_255(sh: Sh, line: str) -> None:
    assert sh(line).status == 255


def test_properties(sh: Sh) -> None:
    assert sh("getprop ro.build.version.release; getprop ro.build.version.sdk; getprop sys.boot_completed").text == (
        "14\n34\n1\n"
    )
    assert sh("getprop none fallback; getprop none").text == "fallback\n\n"
    assert "[ro.product.model]: [Virtual_Phone]" in sh("getprop").text.splitlines()
    assert sh("setprop debug.x 1; getprop debug.x").text == "1\n"
    assert sh("setprop ro.x 1").status == 1


def test_content_rows(sh: Sh) -> None:
    uri = "content://com.android.deskclock/alarms"
    rows = sh(f"content query --uri {uri}").text.splitlines()
    assert len(rows) == 4
    assert rows[0].startswith("Row: 0 _id=")
    assert sh(f"content query --uri {uri} --projection _id --where '_id=2'").text == "Row: 0 _id=2\n"
    assert sh(f"content query --uri {uri} --where \"_id='99'\"").text == "No result found.\n"
    sh(f"content delete --uri {uri} --where '_id=2'")
    assert len(sh(f"content query --uri {uri} --sort '_id DESC'").text.splitlines()) == 3


@pytest.mark.parametrize(
    "line",
    [
        "content",
        "content fly",
        "content query",
        "content query --uri",
        "content query --uri content://nope/x",
        "content query --uri content://org.example.notes/notes --where 'a>1'",
        "content insert --uri content://org.example.notes/notes --bind text",
        "content insert --uri content://org.example.notes/notes --bind title:s:x",
        "content insert --uri content://com.android.deskclock/alarms --bind hour:i:7",
        "content insert --uri content://com.android.deskclock/alarms --bind hour:i:x",
        "content insert --uri content://com.android.browser/tabs --bind url:s:x",
        "content delete --uri content://com.android.deskclock/stopwatch",
        "content query --frob 1",
    ],
)
def test_wrong_content_is_refused(sh: Sh, line: str) -> None:
    ran = sh(line)
    assert ran.status == 1
    assert ran.err


def test_keyboards(sh: Sh) -> None:
    assert "com.android.adbkeyboard/.AdbIME" in sh("ime list -s").text.splitlines()
    assert sh("ime set com.android.adbkeyboard/.AdbIME").text.endswith("selected for user #0\n")
    assert "mCurMethodId=com.android.adbkeyboard/.AdbIME" in sh("dumpsys input_method").text
    assert sh("ime reset").status == 0
    assert sh("ime set com.nope/.Ime").status == 255


def test_radios(sh: Sh) -> None:
    assert sh("svc wifi disable; settings get global wifi_on").text == "0\n"
    assert sh("svc wifi enable; settings get global wifi_on").text == "1\n"
    assert sh("svc teleport enable").status == 1


# --- dumps


def test_window_dump_names_the_focus_where_android_14_does(sh: Sh) -> None:
    sh("am start -n com.android.settings/.Settings")
    assert "mCurrentFocus" not in sh("dumpsys window windows").text
    for line in ("dumpsys window", "dumpsys window displays"):
        assert "u0 com.android.settings/com.android.settings.Settings}" in sh(f"{line} | grep mCurrentFocus").text


def test_activity_dump_names_the_resumed_activity(sh: Sh) -> None:
    sh("am start -n com.android.settings/.Settings")
    assert "u0 com.android.settings/.Settings t2}" in sh("dumpsys activity activities | grep topResumedActivity=").text
    assert sh("dumpsys activity top | grep ACTIVITY | tail -1").text.split()[1] == "com.android.settings/.Settings"
    assert sh("dumpsys activity recents").text.count("Recent #") == 2


def test_battery_dump_follows_the_battery(sh: Sh, device: VirtualDevice) -> None:
    device.phone.state.battery.level = 42
    assert "  level: 42" in sh("dumpsys battery").text.splitlines()
    sh("dumpsys battery set level 7")
    assert device.phone.state.battery.level == 7


def test_power_dump_follows_the_screen(sh: Sh) -> None:
    assert "mHoldingDisplaySuspendBlocker=true" in sh("dumpsys power").text
    assert "mHoldingDisplaySuspendBlocker=false" in sh("input keyevent 26; dumpsys power").text


@pytest.mark.parametrize("line", ["dumpsys", "dumpsys -l", "dumpsys package org.example.notes", "dumpsys display"])
def test_other_dumps_succeed(sh: Sh, line: str) -> None:
    assert sh(line).status == 0


def test_unknown_service(sh: Sh) -> None:
    assert sh("dumpsys nope").err == b"Can't find service: nope\n"
    assert sh("cmd nope").status == 20


# --- files and the rest


def test_files_by_command(sh: Sh) -> None:
    sh("cd /sdcard; mkdir -p a/b; echo hi > a/f; cp a/f a/g; mv a/g a/b; touch a/e")
    assert sh("ls a; ls a/b").text == "b\ne\nf\ng\n"
    assert sh("ls -l a/f").text.startswith("-rw-r--r-- 1 shell shell        3 2026-01-01 09:00 a/f")
    assert sh("rm a").status == 1
    assert sh("rm -r a; ls a").status == 1
    assert sh("rm -f none; rm none").err == b"rm: none: No such file or directory\n"


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("[ -d /sdcard ]", 0),
        ("[ -f /sdcard ]", 1),
        ("test -e /nope", 1),
        ("[ ! -e /nope ]", 0),
        ("[ a = a ]", 0),
        ("[ 2 -lt 10 ]", 0),
        ("[ a -lt 10 ]", 2),
        ("[ a", 2),
        ("[ -n '' ]", 1),
        ("[ ]", 1),
    ],
)
def test_conditions(sh: Sh, line: str, status: int) -> None:
    assert sh(line).status == status


def test_time_is_virtual(sh: Sh, device: VirtualDevice) -> None:
    assert sh("date").text == "Thu Jan  1 09:00:00 UTC 2026\n"
    assert sh("sleep 2.5; sleep 1m; date +%s.%3N").text == f"{device.phone.clock_ms // 1000}.500\n"
    assert sh("date '+%Y-%m-%d %H:%M:%S'").text == "2026-01-01 09:01:02\n"
    assert sh("sleep soon").status == 1
    assert sh("sleep 99999999999999999999d").status == 1


def test_text_filters(sh: Sh) -> None:
    sh("cd /sdcard; printf 'b 1\\na 2\\nb 3\\n' > f")
    assert sh("grep -c b f; grep -v b f; grep -o '[0-9]' f | head -n 1; tail -1 f; sort f | head -1; wc -l f").text == (
        "2\na 2\n1\nb 3\na 2\n3 f\n"
    )
    assert sh("grep nope f").status == 1
    assert sh("grep '[' f").status == 2


def test_log_is_dumped_and_cleared(sh: Sh) -> None:
    sh("am start -n com.android.settings/.Settings")
    assert "START u0" in sh("logcat -d").text
    assert "START u0" not in sh("logcat -c; logcat -d -v brief").text


def test_every_command_survives_no_arguments_and_odd_ones(sh: Sh) -> None:
    odd = ["", "-", "--", "-x", "''", "a b c d e f", "-n", "-d -s -p", "99999999999", "/", "/sdcard", "é", "%s %d", "*"]
    for name in sorted(COMMANDS):
        for arguments in odd:
            assert 0 <= sh(f"{name} {arguments}").status <= 255, (name, arguments)
            sh("cd /")


def test_wm_forces_another_density_within_what_the_display_has_room_for(sh: Sh) -> None:
    assert sh("wm density 200").status == 0
    assert sh("wm density").text == "Physical density: 160\nOverride density: 200\n"
    assert sh("settings get secure display_density_forced").text == "200\n"
    for senseless in ("79", "241", "x", "1 2"):
        assert sh(f"wm density {senseless}").status == 255
    assert sh("wm density reset; wm density").text == "Physical density: 160\n"
    assert sh("wm size 100x100").status == 255
