"""What Android prints, across releases, and what is read from it."""

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_runtime.devices import parsers
from agent_runtime.devices.numbers import whole_number
from agent_runtime.errors import BadFrameError

FIXTURES = Path(__file__).parents[4] / "shared" / "fixtures" / "adb_outputs"


def fixture(name: str) -> str:
    path = FIXTURES / name
    if not path.is_file():
        pytest.skip(f"{path} is not here")
    return path.read_text("utf-8", "replace")


def test_wm_size_override_wins() -> None:
    assert parsers.wm_size("Physical size: 1080x2400\nOverride size: 720x1600\n") == (720, 1600)


def test_wm_size_without_override_is_physical() -> None:
    assert parsers.wm_size("Physical size: 1080x2400\r\n") == (1080, 2400)


def test_wm_size_of_something_else_is_none() -> None:
    assert parsers.wm_size("error: no display") is None


def test_first_real_focus_line_of_two_displays_counts() -> None:
    output = "  mCurrentFocus=null\n  mCurrentFocus=Window{a1b2 u0 com.a.b/com.a.b.Main}\n"
    assert parsers.focused_component(output) == "com.a.b/com.a.b.Main"


def test_focus_without_an_activity_is_none() -> None:
    assert parsers.focused_component("  mCurrentFocus=Window{a1b2 u0 NotificationShade}\n") is None


@pytest.mark.parametrize("name", ["dumpsys_window_windows_A11.txt", "dumpsys_window_windows_A13.txt"])
def test_the_windows_section_of_android_11_and_later_names_no_focus(name: str) -> None:
    assert parsers.focused_component(fixture(name)) is None


@pytest.mark.parametrize(
    "line",
    [
        "    mResumedActivity: ActivityRecord{1f2 u0 com.a.b/.Main t12}",
        "  topResumedActivity=ActivityRecord{1f2 u0 com.a.b/.Main t12}",
        "  ResumedActivity: ActivityRecord{1f2 u0 com.a.b/.Main t12}",
    ],
)
def test_resumed_activity_of_every_release_is_read_in_full(line: str) -> None:
    assert parsers.resumed_component(f"Display #0\n{line}\n") == "com.a.b/com.a.b.Main"


def test_top_resumed_wins_over_resumed_of_a_task() -> None:
    output = "  ResumedActivity: ActivityRecord{1 u0 a.b/.C t1}\n  topResumedActivity=ActivityRecord{2 u0 d.e/.F t2}\n"
    assert parsers.resumed_component(output) == "d.e/d.e.F"


@pytest.mark.parametrize(("output", "value"), [("1\n", "1"), ("null\n", None), ("\n", None), ("a b\r\n", "a b")])
def test_settings_value(output: str, value: str | None) -> None:
    assert parsers.settings_value(output) == value


def test_content_rows_keep_commas_and_line_breaks_in_values() -> None:
    output = "Row: 0 _id=1, text=eggs, milk, = and\nbread\nRow: 1 _id=2, text=NULL\n"
    assert parsers.content_rows(output) == [
        {"_id": "1", "text": "eggs, milk, = and\nbread"},
        {"_id": "2", "text": "NULL"},
    ]


def test_no_result_is_no_rows() -> None:
    assert parsers.content_rows("No result found.\n") == []


@pytest.mark.parametrize("header", [struct.pack("<3I", 2, 3, 1), struct.pack("<4I", 2, 3, 1, 0)])
def test_screencap_with_and_without_colour_space(header: bytes) -> None:
    pixels = bytes(range(2 * 3 * 4))  # 24 bytes
    assert parsers.raw_screencap(memoryview(header + pixels)) == (memoryview(pixels), 2, 3)


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        b"short",
        struct.pack("<4I", 2, 3, 1, 0) + bytes(23),  # one byte is missing
        struct.pack("<4I", 2, 3, 1, 0) + bytes(25),
        struct.pack("<4I", 2, 3, 4, 0) + bytes(12),  # RGB_565
        struct.pack("<4I", 0, 0, 1, 0),
        b"/system/bin/sh: screencap: inaccessible or not found\n",
    ],
)
def test_a_frame_that_does_not_hold_its_pixels_is_refused(reply: bytes) -> None:
    with pytest.raises(BadFrameError):
        parsers.raw_screencap(memoryview(reply))


@given(st.binary(max_size=64))
def test_no_bytes_crash_the_frame_reader(reply: bytes) -> None:
    try:
        pixels, width_px, height_px = parsers.raw_screencap(memoryview(reply))
    except BadFrameError:
        return
    assert len(pixels) == width_px * height_px * 4


@given(st.text(max_size=80))
def test_no_text_crashes_a_parser(output: str) -> None:
    parsers.wm_size(output)
    parsers.focused_component(output)
    parsers.resumed_component(output)
    parsers.settings_value(output)
    parsers.content_rows(output)


@pytest.mark.parametrize("output", ["Row: 0 \n", "Row: 0 nothing that is a column\n"])
def test_a_row_without_a_column_is_empty(output: str) -> None:
    assert parsers.content_rows(output) == [{}]


@pytest.mark.parametrize(
    ("text", "expected"), [("0", 0), ("007", 7), ("9" * 18, 10**18 - 1), ("9" * 19, None), ("9" * 5000, None)]
)
def test_a_whole_number_has_eighteen_digits_at_the_most(text: str, expected: int | None) -> None:
    assert whole_number(text) == expected


@pytest.mark.parametrize("text", ["", "-1", "1.0", " 1", "1\n", "٣", "²", "0x10"])
def test_only_digits_are_a_whole_number(text: str) -> None:
    assert whole_number(text) is None


def test_numbers_that_python_would_not_read_are_none() -> None:
    endless = "9" * 5000
    assert parsers.boot_time_sec(f"btime {endless}\n") is None
    assert parsers.free_kib(f"/dev/x 10 1 {endless} 9% /data") is None
    assert parsers.node_bounds({"bounds": f"[0,0][{endless},9]"}) is None
    assert parsers.broadcast_result(f"Broadcast completed: result={endless}") is None
    assert parsers.wm_size(f"Physical size: {endless}x9\n") is None
