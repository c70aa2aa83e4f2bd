"""Reads what Android's shell commands print, across releases. Pure functions; runs no command.

Each returns None (or nothing) for output it finds no answer in: the caller says what that means.
"""

import re
import struct
from collections.abc import Mapping
from xml.etree import ElementTree

from agent_runtime.devices.numbers import whole_number
from agent_runtime.errors import BadFrameError, EmptyFrameError

_SIZE = re.compile(r"^(Physical|Override) size:\s*(\d{1,18})x(\d{1,18})\s*$", re.MULTILINE)
_RECORD = r"(?:Window|ActivityRecord)\{\S+ u\d+ ([\w.]+)/([\w.$]+)"
_FOCUS_LINE = re.compile(r"^\s*mCurrentFocus=.*$", re.MULTILINE)
_FOCUS = re.compile(rf"mCurrentFocus={_RECORD}")
_WINDOW_DISPLAY = re.compile(r"^\s*Display: mDisplayId=(\d+)", re.MULTILINE)
_ACTIVITY_DISPLAY = re.compile(r"^Display #(\d+)", re.MULTILINE)
_TASK_OR_RESUMED = re.compile(
    rf"^\s*\* Task\{{.*\bvisible=(?P<visible>true|false)\b.*$|\b(?:topR|mR)esumedActivity[=:] ?{_RECORD}", re.MULTILINE
)
_RESUMED = (
    re.compile(rf"topResumedActivity[=:] ?{_RECORD}"),
    re.compile(rf"mResumedActivity[=:] ?{_RECORD}"),
    re.compile(rf"^\s*ResumedActivity: ?{_RECORD}", re.MULTILINE),
)
_ROW = re.compile(r"^Row: \d+ (.*?)(?=^Row: \d+ |\Z)", re.MULTILINE | re.DOTALL)
_COLUMN = re.compile(r"(?:^|, )([A-Za-z_]\w*)=")
_COMPONENT_LINE = re.compile(r"^\s*([\w.]+)/([\w.$]+)\s*$", re.MULTILINE)
_START_PROBLEM = re.compile(r"^\s*(?:Error: .*|\S*Exception: .*)$|^\s*Error type \d+", re.MULTILINE)
_BROADCAST_RESULT = re.compile(r"Broadcast completed: result=(-?\d{1,18})\b")
_FIELD_CLASSES = ("EditText", "AutoCompleteTextView")
_BOUNDS = re.compile(r"\[(\d{1,18}),(\d{1,18})\]\[(\d{1,18}),(\d{1,18})\]")
_NO_SPACE = re.compile(r"\bENOSPC\b|No space left on device|SQLiteFullException|database or disk is full")
_BOOT_TIME = re.compile(r"^btime (\d{1,18})$", re.MULTILINE)
_TOP_DISPLAY = re.compile(r"^\s*mTopFocusedDisplayId=(\d{1,18})\s*$", re.MULTILINE)
_RGBA_FORMATS = (1, 2)  # RGBA_8888, RGBX_8888
_MAX_SIDE_PX = 1 << 14
_HEADER = struct.Struct("<3I")
HEADER_BYTES = (12, 16)


def wm_size(output: str) -> tuple[int, int] | None:
    """Return (width, height) in pixels from `wm size`; an override wins, because input uses it."""
    sizes = {kind: (int(width), int(height)) for kind, width, height in _SIZE.findall(output)}
    return sizes.get("Override", sizes.get("Physical"))


def focused_component(output: str) -> str | None:
    """Return ``package/activity`` of the focused window from `dumpsys window [windows|displays]`.

    Several displays give several focus lines, of which some are null: that of display 0 counts, and the first
    real one where the output does not say whose it is (Android 9 and older).
    """
    first_display = _display_0(output, _WINDOW_DISPLAY)
    if _FOCUS_LINE.search(first_display):
        output = first_display
    return _component(_FOCUS.search(output), package_at=1)


def resumed_component(output: str) -> str | None:
    """Return ``package/activity`` on top from `dumpsys activity activities`, old and new spellings.

    Since Android 12 every task names one: the first visible task of display 0 counts, and displays are printed
    from the last to the first.
    """
    first_display = _display_0(output, _ACTIVITY_DISPLAY)
    is_visible = True
    for found in _TASK_OR_RESUMED.finditer(first_display):
        if found["visible"]:
            is_visible = found["visible"] == "true"
        elif is_visible:
            return _component(found, package_at=2)
    spelt = (spelling.search(part) for part in (first_display, output) for spelling in _RESUMED)
    return next((_component(found, package_at=1) for found in spelt if found), None)


def launcher_component(output: str, package: str) -> str | None:
    """Return the first ``package/activity`` of that package in what `cmd package resolve-activity` found.

    An app with several icons resolves to the system's chooser, which is none of its own.
    """
    own = (found for found in _COMPONENT_LINE.finditer(output) if found[1] == package)
    return _component(next(own, None), package_at=1)


def start_problem(output: str) -> str | None:
    """Return why `am start` started nothing, None where it did: older releases exit with 0 either way.

    `Warning: Activity not started, intent has been delivered …` is success: the activity was on top already.
    """
    found = [line.group().strip() for line in _START_PROBLEM.finditer(output)]
    return found[-1] if found else None


def _display_0(output: str, head: re.Pattern[str]) -> str:
    """Return the part of the output about display 0; all of it where it does not tell displays apart."""
    heads = list(head.finditer(output))
    for at, found in enumerate(heads):
        if found[1] == "0":
            return output[found.end() : heads[at + 1].start() if at + 1 < len(heads) else len(output)]
    return output


def _component(found: re.Match[str] | None, package_at: int) -> str | None:
    """Write the activity in full: ``a.b/.C`` and ``a.b/a.b.C`` are the same."""
    if found is None:
        return None
    package, activity = found[package_at], found[package_at + 1]
    return f"{package}/{package}{activity}" if activity.startswith(".") else f"{package}/{activity}"


def broadcast_result(output: str) -> int | None:
    """Return what the receivers of an `am broadcast` answered: -1 from one that says it took it, 0 by default."""
    found = _BROADCAST_RESULT.search(output)
    return int(found[1]) if found else None


def hierarchy_nodes(xml: str) -> list[Mapping[str, str]] | None:
    """Return the attributes of every element in a `uiautomator dump`, None for what is not one.

    A document type is refused unread: a dump has none, and one could make a small file a huge tree.
    """
    if "<!DOCTYPE" in xml or "<!ENTITY" in xml:
        return None
    try:
        root = ElementTree.fromstring(xml)
    except (ElementTree.ParseError, ValueError):
        return None
    return [node.attrib for node in root.iter("node")] if root.tag == "hierarchy" else None


def focused_field(nodes: list[Mapping[str, str]]) -> str | None:
    """Return the text of the text field that has the focus, None where none has."""
    for node in nodes:
        if node.get("focused") == "true" and node.get("class", "").endswith(_FIELD_CLASSES):
            return node.get("text", "")
    return None


def node_bounds(node: Mapping[str, str]) -> tuple[int, int, int, int] | None:
    """Return (left, top, right, bottom) in pixels of an element of a dump, None where it has none."""
    found = _BOUNDS.fullmatch(node.get("bounds", ""))
    return None if found is None else (int(found[1]), int(found[2]), int(found[3]), int(found[4]))


def says_no_space(output: str) -> bool:
    """Tell whether a command that writes says that the disk is full."""
    return _NO_SPACE.search(output) is not None


def free_kib(output: str) -> int | None:
    """Return the KiB left on the one file system that `df -k PATH` printed."""
    words = output.split()
    return whole_number(words[-3]) if len(words) >= 3 else None


def boot_time_sec(output: str) -> int | None:
    """Return when the device booted, by its own clock, from `/proc/stat`: setting the clock moves it (proc(5))."""
    found = _BOOT_TIME.search(output)
    return int(found[1]) if found else None


def display_count(output: str) -> int:
    """Return how many displays `dumpsys window` tells of."""
    return len({found[1] for found in _WINDOW_DISPLAY.finditer(output)})


def focused_display(output: str) -> int | None:
    """Return the display that has the focus, from `dumpsys window` (Android 10 and later).

    The line stands behind the windows, whose titles may hold anything: the last one counts.
    """
    found = _TOP_DISPLAY.findall(output)
    return int(found[-1]) if found else None


def settings_value(output: str) -> str | None:
    """Return the value `settings get` printed, None where the setting is not set."""
    value = output.removesuffix("\n").removesuffix("\r")
    return None if value in ("null", "") else value


def settings_list(output: str) -> dict[str, str]:
    """Return what `settings list` printed, by key; of a value over several lines the first line."""
    pairs = (line.removesuffix("\r").partition("=") for line in output.split("\n"))
    return {key: value for key, separator, value in pairs if separator}


def content_rows(output: str) -> list[dict[str, str]]:
    """Return the rows `content query` printed, every value as text.

    The format does not quote: a value that itself holds ``, name=`` cannot be told from a further column.
    """
    return [_columns(row.removesuffix("\n")) for row in _ROW.findall(output)]


def _columns(row: str) -> dict[str, str]:
    names = list(_COLUMN.finditer(row))
    ends = [*(name.start() for name in names[1:]), len(row)][: len(names)]  # a row may have no column
    return {name[1]: row[name.end() : end] for name, end in zip(names, ends, strict=True)}


def raw_screencap(reply: memoryview) -> tuple[memoryview, int, int]:
    """Return (pixels, width, height) of what `screencap` wrote: [height, width, 4] bytes, RGBA.

    The pixels are a view of the reply behind its header; nothing is copied.

    The header is u32 width, height, format and, since Android 9, a colour space.

    Raises:
        BadFrameError: empty, truncated, of an absurd size, or not 32 bits a pixel.
    """
    if not len(reply):
        raise EmptyFrameError("Got a screenshot of 0 bytes, expected a header and pixels: look again.")
    if len(reply) < HEADER_BYTES[0]:
        raise BadFrameError(f"Got a screenshot of {len(reply)} bytes, expected a header and pixels: look again.")
    width_px, height_px, pixel_format = _HEADER.unpack_from(reply)
    if not (0 < width_px <= _MAX_SIDE_PX and 0 < height_px <= _MAX_SIDE_PX) or pixel_format not in _RGBA_FORMATS:
        raise BadFrameError(
            f"Got a screenshot of {width_px}x{height_px} pixels in format {pixel_format}, expected RGBA_8888 (1): "
            "see what `adb shell screencap` prints on this device."
        )
    header = len(reply) - width_px * height_px * 4
    if header not in HEADER_BYTES:
        raise BadFrameError(
            f"Got {len(reply)} bytes for a screenshot of {width_px}x{height_px} pixels, expected "
            f"{width_px * height_px * 4 + HEADER_BYTES[-1]}: look again, or reconnect the device."
        )
    return reply[header:], width_px, height_px
