"""What a person did, from `getevent`: both multi-touch protocols, single touch, keys, rotation, what no action is."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_runtime.actions import LongPress, Swipe, Tap
from agent_runtime.devices.getevent import Axis, InputEvent, TouchPanel, input_event, touch_panels
from agent_runtime.devices.touches import Happening, InputTracker, KeyChange, Lost, Touch, TouchBegan
from agent_runtime.sessions.demonstrating.gestures import NoActionError, Screen, action_of, slop_px, turned
from agent_runtime.sessions.demonstrating.looking import quarter_turns
from agent_runtime.sessions.demonstrating.typed_text import character, gained

PATH = "/dev/input/event2"
DEVICES = f"""add device 1: /dev/input/event4
  name:     "sensor with axes"
  events:
    ABS (0003): ABS_X                 : value 0, min -32768, max 32767, fuzz 0, flat 0, resolution 0
                ABS_Y                 : value 0, min -32768, max 32767, fuzz 0, flat 0, resolution 0
  input props:
    <none>
could not get driver version for /dev/input/mouse0, Not a typewriter
add device 2: /dev/input/event3
  name:     "a pad of a keyboard"
  events:
    KEY (0001): BTN_TOUCH             BTN_TOOL_DOUBLETAP
    ABS (0003): ABS_MT_SLOT           : value 0, min 0, max 4, fuzz 0, flat 0, resolution 0
                ABS_MT_POSITION_X     : value 0, min 0, max 1000, fuzz 0, flat 0, resolution 0
                ABS_MT_POSITION_Y     : value 0, min 0, max 600, fuzz 0, flat 0, resolution 0
  input props:
    INPUT_PROP_POINTER
add device 3: {PATH}
  name:     "the glass: \\"5 points\\""
  events:
    KEY (0001): 014a
    ABS (0003): 002f  : value 9, min 0, max 9, fuzz 0, flat 0, resolution 0
                0035  : value 0, min 0, max 1439, fuzz 0, flat 0, resolution 0
                0036  : value 0, min 100, max 3219, fuzz 0, flat 0, resolution 0
                0039  : value 0, min 0, max 65535, fuzz 0, flat 0, resolution 0
  input props:
    0001 INPUT_PROP_DIRECT
"""
PANEL = TouchPanel(PATH, Axis(0, 999), Axis(0, 1999), True, True)
UPRIGHT = Screen(0, (1000, 2000), 24.0, 0.5)


def panel(**changes: object) -> TouchPanel:
    fields = {name: getattr(PANEL, name) for name in PANEL.__slots__}
    return TouchPanel(**{**fields, **changes})  # type: ignore[arg-type]


def happened(text: str, glass: TouchPanel = PANEL) -> list[Happening]:
    """Feed lines of `CODE VALUE`, each report after a time, through the real form of a line."""
    tracker, found, at_sec = InputTracker({PATH: glass}), [], 100.0
    for line in filter(None, text.splitlines()):
        words = line.split()
        if words[0] == "after":
            at_sec += float(words[1])
            continue
        kind = "EV_SYN" if words[0].startswith("SYN") else "EV_KEY" if words[0][:3] in ("BTN", "KEY") else "EV_ABS"
        value = words[1] if len(words) > 1 else "00000000"
        event = input_event(f"[{at_sec:15.6f}] {PATH}: {kind:<12} {words[0]:<20} {value:<20}")
        assert event is not None, line
        found += tracker.take(event)
    return found


def touch_of(text: str, glass: TouchPanel = PANEL) -> Touch:
    (touch,) = [one for one in happened(text, glass) if isinstance(one, Touch)]
    return touch


def test_the_screen_is_found_among_devices_with_axes() -> None:
    (found,) = touch_panels(DEVICES)
    assert (found.path, found.x, found.y, found.is_direct) == (PATH, Axis(0, 1439), Axis(100, 3219), True)
    assert found.y.norm(100) == 0.0
    assert found.y.norm(3220) == 1.0
    without_screen = DEVICES.replace("INPUT_PROP_DIRECT", "")
    assert [one.path for one in touch_panels(without_screen)] == ["/dev/input/event3", PATH]
    assert touch_panels("getevent: not found") == []


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "[    4230.817329] /dev/input/event1: EV_ABS       ABS_MT_TRACKING_ID   ffffffff            ",
            InputEvent(4230.817329, "/dev/input/event1", "EV_ABS", "ABS_MT_TRACKING_ID", -1),
        ),
        (
            "[    4230.817329] EV_KEY       BTN_TOUCH            DOWN                ",
            InputEvent(4230.817329, "", "EV_KEY", "BTN_TOUCH", 1),
        ),
        (
            "[  615041.934326] /dev/input/event7: EV_SYN       SYN_REPORT           00000000             rate 40",
            InputEvent(615041.934326, "/dev/input/event7", "EV_SYN", "SYN_REPORT", 0),
        ),
        (
            "[ 7.000001] /dev/input/event1: 0003 0036 000006a9",
            InputEvent(7.000001, "/dev/input/event1", "EV_ABS", "ABS_MT_POSITION_Y", 0x6A9),
        ),
        (
            "[ 7.000001] /dev/input/event1: EV_KEY       0244                 DOWN",
            InputEvent(7.000001, "/dev/input/event1", "EV_KEY", "KEY_APPSELECT", 1),
        ),
        ("add device 1: /dev/input/event0", None),
        ('  name:     "gpio-keys"', None),
        ("[ 7.000001] /dev/input/event1: EV_ABS ABS_MT_POSITION_X ", None),
        ("", None),
    ],
)
def test_lines_in_every_form_of_the_tool(line: str, expected: InputEvent | None) -> None:
    assert input_event(line) == expected


@given(st.text(max_size=120))
def test_no_line_is_too_odd(line: str) -> None:
    input_event(line)
    touch_panels(line)


B_TAP = """
ABS_MT_TRACKING_ID 00000039
ABS_MT_POSITION_X 000001f4
ABS_MT_POSITION_Y 000003e8
BTN_TOUCH DOWN
SYN_REPORT
after 0.08
ABS_MT_POSITION_X 000001f9
SYN_REPORT
after 0.02
ABS_MT_TRACKING_ID ffffffff
BTN_TOUCH UP
SYN_REPORT
"""


def test_protocol_b_a_tap_that_wanders_and_one_more_at_the_same_place() -> None:
    first, second = [one for one in happened(B_TAP + re.sub("ABS_MT_POSITION.*", "", B_TAP)) if isinstance(one, Touch)]
    assert (first.points, first.up_sec, first.fingers) == (((100.0, 500, 1000), (100.08, 505, 1000)), 100.1, 1)
    assert action_of(first, UPRIGHT) == Tap(0.5, 0.5)
    assert action_of(second, UPRIGHT) == Tap(0.505, 0.5), "the kernel tells a place only when it changes"
    assert isinstance(happened(B_TAP)[0], TouchBegan)


def test_a_place_from_before_anybody_listened_is_not_guessed() -> None:
    found = happened(B_TAP.replace("ABS_MT_POSITION_Y 000003e8", ""))
    assert [type(one) for one in found] == [Lost]


def test_protocol_a_names_every_finger_anew() -> None:
    def report(*fingers: tuple[int, int]) -> str:
        return "".join(f"ABS_MT_POSITION_X {x:08x}\nABS_MT_POSITION_Y {y:08x}\nSYN_MT_REPORT\n" for x, y in fingers)

    up = "after 0.1\nSYN_MT_REPORT\nSYN_REPORT\n"
    drag = report((100, 1500)) + "SYN_REPORT\nafter 0.05\n" + report((100, 1000)) + "SYN_REPORT\n"
    assert action_of(touch_of(drag + up), UPRIGHT) == Swipe(0.1, 0.75, 0.1, 0.5)
    by_button = touch_of("BTN_TOUCH DOWN\n" + drag + "after 0.1\nBTN_TOUCH UP\nSYN_REPORT\n")
    assert action_of(by_button, UPRIGHT) == Swipe(0.1, 0.75, 0.1, 0.5)
    pinch = report((100, 100), (900, 900)) + "SYN_REPORT\n" + up
    with pytest.raises(NoActionError, match="2 fingers"):
        action_of(touch_of(pinch), UPRIGHT)


def test_single_touch_and_a_long_press() -> None:
    held = "ABS_X 000000fa\nABS_Y 000001f4\nBTN_TOUCH DOWN\nSYN_REPORT\nafter 0.6\nBTN_TOUCH UP\nSYN_REPORT\n"
    assert action_of(touch_of(held, panel(is_multi_touch=False)), UPRIGHT) == LongPress(0.25, 0.25)


def test_fingers_one_after_another_in_other_slots_are_one_gesture_of_two() -> None:
    second = (
        "ABS_MT_SLOT 00000001\nABS_MT_TRACKING_ID 00000040\nABS_MT_POSITION_X 00000001\nABS_MT_POSITION_Y 00000001\n"
    )
    text = B_TAP.replace(
        "after 0.08", f"{second}SYN_REPORT\nABS_MT_TRACKING_ID ffffffff\nABS_MT_SLOT 00000000\nSYN_REPORT"
    )
    assert touch_of(text).fingers == 2


def test_dropped_events_are_told_and_the_next_touch_is_whole() -> None:
    found = happened(B_TAP.replace("after 0.08", "SYN_DROPPED") + B_TAP)
    assert [type(one) for one in found] == [TouchBegan, Lost, TouchBegan, Touch]


def test_keys_are_told_down_and_up_and_not_as_they_repeat() -> None:
    found = happened("KEY_BACK DOWN\nSYN_REPORT\nKEY_BACK REPEAT\nSYN_REPORT\nKEY_BACK UP\nSYN_REPORT\n")
    assert [(one.code, one.is_down) for one in found if isinstance(one, KeyChange)] == [
        ("KEY_BACK", True),
        ("KEY_BACK", False),
    ]


def touched(*points: tuple[float, int, int], up_sec: float = 0.3) -> Touch:
    return Touch(PANEL, points, up_sec, 1)


@pytest.mark.parametrize(
    ("touch", "why"),
    [
        (touched((0.0, 100, 100), (0.2, 600, 100), (0.3, 101, 101)), "came back"),
        (touched((0.0, 100, 100), (0.7, 600, 100), up_sec=0.8), "went on as a drag"),
    ],
)
def test_what_no_action_stands_for_is_said(touch: Touch, why: str) -> None:
    with pytest.raises(NoActionError, match=why):
        action_of(touch, UPRIGHT)


@pytest.mark.parametrize(("turns", "expected"), [(0, (0.1, 0.2)), (1, (0.2, 0.9)), (2, (0.9, 0.8)), (3, (0.8, 0.1))])
def test_the_panel_stays_when_the_content_turns(turns: int, expected: tuple[float, float]) -> None:
    assert turned(0.1, 0.2, turns) == pytest.approx(expected)


def test_slop_and_rotation_are_read_from_the_device() -> None:
    assert slop_px("Physical density: 420\nOverride density: 320\n") == 16.0
    assert slop_px("") == 8.0
    dump = (
        "mViewports=[DisplayViewport{type=VIRTUAL, valid=true, displayId=7, orientation=2, deviceWidth=9}, "
        "DisplayViewport{type=INTERNAL, valid=true, isActive=true, displayId=0, uniqueId='local:1', orientation=3}]"
    )
    assert quarter_turns(dump) == 3
    assert quarter_turns("mDefaultViewport=DisplayViewport{valid=true, displayId=0, orientation=1, x}") == 1
    assert quarter_turns("DisplayViewport{valid=false, displayId=0, orientation=1}") == 0


@given(st.text(max_size=8), st.text(min_size=1, max_size=8), st.text(max_size=8))
def test_what_was_typed_into_a_text_makes_the_one_the_other(head: str, typed: str, tail: str) -> None:
    found = gained(head + tail, head + typed + tail)
    assert found is not None
    assert any(
        (head + tail)[:at] + found + (head + tail)[at:] == head + typed + tail for at in range(len(head + tail) + 1)
    )


def test_text_that_typing_does_not_explain_is_not_known() -> None:
    assert gained("Search here", "tea") == "tea"
    assert gained("tea", "te") is None
    assert gained("tea", "tee") is None
    assert gained("tea", "tea") is None
    assert gained("tea", "") is None


def test_keys_of_a_us_keyboard() -> None:
    assert character("KEY_A", shift=False, caps_lock=True) == "A"
    assert character("KEY_A", shift=True, caps_lock=True) == "a"
    assert character("KEY_2", shift=True, caps_lock=True) == "@"
    assert character("KEY_F1", shift=False, caps_lock=False) is None
