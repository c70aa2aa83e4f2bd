"""A fork of a phone: equal at birth, independent ever after, and the same input gives the same frames."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device_scripts.in_process import InProcessDevice, in_process_device
from device_scripts.virtual_phone.apps import APP_SETS
from device_scripts.virtual_phone.faulty_phone import DIALOGS, FaultyPhone
from device_scripts.virtual_phone.phone import KEY_BACK, KEY_DELETE, KEY_ENTER, KEY_HOME, KEY_POWER, Phone

Move = tuple[str, int]

COMMANDS = (
    ["settings", "put", "system", "screen_brightness", "7"],
    ["content", "insert", "--uri", "content://org.example.notes/notes", "--bind", "text:s:milk"],
    ["content", "delete", "--uri", "content://org.example.notes/notes"],
    ["pm", "clear", "com.android.deskclock"],
    ["am", "start", "-n", "org.example.notes/.EditActivity"],
    ["dd", "if=/dev/zero", "of=/sdcard/Download/x"],
    ["cp", "/sdcard/Download/x", "/sdcard/Download/y"],
    ["rm", "-rf", "/sdcard/Pictures"],
    ["touch", "/sdcard/Download/x"],
    ["mkdir", "/sdcard/Download/folder"],
    ["setprop", "debug.fork", "1"],
    ["uiautomator", "dump", "/sdcard/d.xml"],
    ["dumpsys", "battery", "set", "level", "9"],
    ["ime", "set", "com.android.adbkeyboard/.AdbIME"],
    ["wm", "size"],
)
KEYS = (KEY_HOME, KEY_BACK, KEY_ENTER, KEY_DELETE, KEY_POWER, 187, 224)
KINDS = ("tap", "tap", "tap", "key", "text", "swipe", "open", "run", "install", "wait")
MOVES = st.lists(st.tuples(st.sampled_from(KINDS), st.integers(0, 99)), max_size=12)


def play(device: InProcessDevice, moves: list[Move]) -> list[bytes]:
    """Carry out moves and return two frames after each."""
    phone, frames = device.phone, []
    for kind, number in moves:
        match kind:
            case "tap":
                shown = [node.bounds for node in phone.nodes() if node.clickable]
                left, top, right, bottom = shown[number % len(shown)]
                phone.tap((left + right) // 2, (top + bottom) // 2)
            case "key":
                phone.key(KEYS[number % len(KEYS)])
            case "text":
                phone.text(f"word{number}")
            case "swipe":
                phone.swipe(60, 150, 60, 150 - number)
            case "open":
                packages = sorted(phone.launcher_activities())
                phone.start_activity(packages[number % len(packages)])
            case "run":
                device.shell(COMMANDS[number % len(COMMANDS)])
            case "install" if offered := [app.package for one in phone.app_set.apps for app in one.offers]:
                phone.install(offered[number % len(offered)])
            case "wait":
                phone.advance(number * 1000)
        frames += [phone.frame_bytes(), phone.frame_bytes()]
    return frames


def everything(device: InProcessDevice) -> tuple[object, ...]:
    """Return all there is to know of a phone, without letting its time pass."""
    phone, virtual = device.phone, device.virtual
    private = (virtual.properties, virtual.messages, virtual.reverse, virtual.snapshots.keys(), virtual.location)
    return phone.state.to_json(), dict(phone.files.nodes), repr(private), phone.nodes()


@given(st.integers(0, 3), st.sampled_from(sorted(APP_SETS)), MOVES, MOVES, MOVES)
@settings(max_examples=60, deadline=None)
def test_a_fork_and_its_parent_never_see_each_others_changes(
    seed: int, apps: str, before: list[Move], mine: list[Move], theirs: list[Move]
) -> None:
    parent = in_process_device(seed, apps=apps)
    play(parent, before)
    fork, reference = parent.fork(), parent.fork()
    at_fork = everything(parent)
    assert everything(fork) == at_fork
    frames = play(fork, theirs)
    assert everything(parent) == at_fork
    after = everything(fork)
    play(parent, mine)
    assert everything(fork) == after
    assert everything(reference) == at_fork
    assert play(reference, theirs) == frames
    assert everything(reference) == after


def test_a_fork_in_mid_transition_shows_the_same_frames() -> None:
    parent = in_process_device()
    parent.phone.start_activity("com.android.settings")
    parent.phone.frame_bytes()
    fork = parent.fork()
    assert not fork.phone.settled()
    assert [parent.phone.frame_bytes() for _ in range(4)] == [fork.phone.frame_bytes() for _ in range(4)]


def test_a_fork_of_a_fork_goes_its_own_way() -> None:
    parent = in_process_device()
    child = parent.fork()
    grandchild = child.fork()
    child.shell(["settings", "put", "system", "k", "child"])
    said = [device.shell(["settings", "get", "system", "k"]).stdout for device in (parent, child, grandchild)]
    assert said == ["null\n", "child\n", "null\n"]


def test_a_restored_fork_leaves_the_parents_files_alone() -> None:
    parent = in_process_device()
    clean = parent.phone.snapshot()
    parent.shell(["touch", "/sdcard/Download/kept"])
    fork = parent.fork()
    fork.phone.restore(clean)
    assert fork.shell(["ls", "/sdcard/Download"]).stdout == ""
    assert parent.shell(["ls", "/sdcard/Download"]).stdout == "kept\n"


def test_a_fork_keeps_the_systems_dialog_and_only_its_own_taps() -> None:
    phone = FaultyPhone()
    phone.show("system_popup")
    fork = phone.fork()
    assert fork.dialog is DIALOGS["system_popup"]
    left, top, right, bottom = next(node.bounds for node in fork.nodes() if node.label == "Later")
    fork.tap((left + right) // 2, (top + bottom) // 2)
    assert (fork.taken, phone.taken, phone.taps) == (["Later"], [], [])
    assert (fork.dialog, phone.dialog) == (None, DIALOGS["system_popup"])


@pytest.mark.parametrize("apps", sorted(APP_SETS))
def test_a_row_holds_plain_values_only_so_that_a_copied_row_shares_nothing(apps: str) -> None:
    state = Phone(apps=apps).state
    values = [value for rows in state.tables.values() for row in rows for value in row.values()]
    assert values
    assert {type(value) for value in values} <= {int, float, str, type(None)}
    assert json.loads(state.to_json())["tables"] == state.tables
