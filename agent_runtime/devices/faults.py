"""Names what is wrong with a device from a frame, a dump or an error. Asks the device nothing and mends nothing."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from agent_runtime.actions.vocabulary import Action, LongPress, Tap, TypeText
from agent_runtime.devices import parsers
from agent_runtime.devices.base import Frame
from agent_runtime.devices.stream import StreamBrokenError, StreamSilentError
from agent_runtime.errors import (
    BadFrameError,
    DeviceError,
    DeviceNotFoundError,
    DiskFullError,
    EmptyFrameError,
    KeyboardLostError,
    UnauthorizedError,
)

Nodes = Sequence[Mapping[str, str]]
ABSENCES = frozenset(("offline", "unauthorized"))
"""Names for a device that is away, as the adb server says it."""
MAX_CLOCK_JUMP_SEC = 300
"""A device corrects its date by seconds all the time; by more only when somebody sets it."""
FULL_KIB = 1 << 10
"""Android calls its storage full below 1 MiB."""
_WRITERS = ("uiautomator", "screencap")
_SAMPLE_STRIDE = 97
_BAR_SHARE = 16
_FEW_PIXELS = 64
_DIMMED = 0.75
"""A dialog's scrim leaves two thirds of the brightness at most; a screen that lost less is not covered."""
_ASPECT_TOLERANCE = 0.01
_STARTING_WINDOW = re.compile(r"Window #\d+ Window\{\S+ u\d+ (?:Splash Screen|Starting|SnapshotStartingWindow)\b")
_DEATH = re.compile(r"^.*ActivityManager: Process \S+ \(pid \d+\) has died: fg .*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class DeviceFault:
    """A fault by name: whether anything can be done about it, and whether an agent that failed is excused by it."""

    name: str
    recoverable: bool = True
    excuses: bool = False
    about: str = ""


def fault_of_error(error: DeviceError) -> DeviceFault | None:
    """Return the fault behind an error of the way to the device or of a frame, None for any other error."""
    about = str(error)
    match error:
        case EmptyFrameError():
            return DeviceFault("empty_frame", about=about)
        case BadFrameError():
            return DeviceFault("truncated_frame", about=about)
        case StreamSilentError():
            return DeviceFault("hung_shell", about=about)
        case StreamBrokenError():
            return DeviceFault("closed_stream", about=about)
        case UnauthorizedError():
            return DeviceFault("unauthorized", about=about)
        case DeviceNotFoundError():
            return DeviceFault("offline", about=about)
        case DiskFullError():
            return DeviceFault("disk_full", excuses=True, about=about)
        case KeyboardLostError():
            return DeviceFault("ime_lost", recoverable=False, excuses=True, about=about)
    return None


def fault_of_shape(frame: Frame, size_px: tuple[int, int]) -> DeviceFault | None:
    """Return what is wrong with a frame on a screen of that size, however it is turned.

    Another size of the same shape is sound (an override of `wm size`). The cost is a sample of the pixels.
    """
    shown, expected = sorted((frame.width_px, frame.height_px)), sorted(size_px)
    if shown != expected and abs(shown[0] / shown[1] * expected[1] / expected[0] - 1) > _ASPECT_TOLERANCE:
        about = f"{frame.width_px}x{frame.height_px} instead of {size_px[0]}x{size_px[1]}"
        return DeviceFault("wrong_size_frame", about=about)
    colours = np.frombuffer(frame.pixels, "<u4")
    colour = colours[0]
    few = colours[:: max(1, len(colours) // _FEW_PIXELS)]
    if (few != colour).any() or (colours != colour).any():
        return None
    if int(colour) & 0x00FFFFFF == 0:
        return DeviceFault("black_frame", recoverable=False, about="every pixel is black")
    return DeviceFault("white_frame", about="every pixel is of one colour")


def has_changed(frame: Frame, before: Frame) -> bool:
    """Tell whether the screen changed below its uppermost sixteenth, where a clock may tick meanwhile."""
    if (frame.width_px, frame.height_px) != (before.width_px, before.height_px):
        return True
    first = frame.height_px // _BAR_SHARE * frame.width_px
    now, then = np.frombuffer(frame.pixels, "<u4")[first:], np.frombuffer(before.pixels, "<u4")[first:]
    return not (np.array_equal(now[::_SAMPLE_STRIDE], then[::_SAMPLE_STRIDE]) and np.array_equal(now, then))


def is_equal(frame: Frame, other: Frame) -> bool:
    """Tell whether two frames are equal; where they are not, a sample mostly shows it."""
    if len(frame.pixels) != len(other.pixels):
        return False
    mine, others = np.frombuffer(frame.pixels, "<u4"), np.frombuffer(other.pixels, "<u4")
    return np.array_equal(mine[::_SAMPLE_STRIDE], others[::_SAMPLE_STRIDE]) and frame == other


def looks_covered(frame: Frame, before: Frame) -> bool:
    """Say whether the edges got darker all over, as under a dialog: a hint that is worth one dump, no proof."""
    if (frame.width_px, frame.height_px) != (before.width_px, before.height_px):
        return False
    return _edge_brightness(frame) < _DIMMED * _edge_brightness(before)


def _edge_brightness(frame: Frame) -> float:
    rows = np.frombuffer(frame.pixels, np.uint8).reshape(frame.height_px, frame.width_px, 4)
    edges = rows[:: max(1, frame.height_px // 256), [0, 1, -2, -1], :3]
    return float(edges.mean())


def is_starting(window_dump: str) -> bool:
    """Tell whether `dumpsys window` shows the blank window of an app that starts."""
    return _STARTING_WINDOW.search(window_dump) is not None


def fault_of_no_effect(action: Action, nodes: Nodes, size_px: tuple[int, int]) -> DeviceFault | None:
    """Return why an action left the screen as it was, None where that may well be right.

    Text that a focused field does not show was dropped. A field that was touched and has no focus got no keyboard.
    A touch on something clickable may have been swallowed; that is a guess, and excuses nobody.
    """
    if isinstance(action, TypeText):
        field = parsers.focused_field(list(nodes))
        is_lost = field is not None and bool(action.text.strip()) and action.text.strip() not in field
        return DeviceFault("text_dropped", excuses=True) if is_lost else None
    if not isinstance(action, Tap | LongPress):
        return None
    node = _clickable_at(action.x_norm * size_px[0], action.y_norm * size_px[1], nodes)
    if node is None:
        return None
    if node.get("class", "").endswith("EditText") and node.get("focused") != "true":
        return DeviceFault("keyboard_absent", excuses=True, about="a field was touched and did not get the focus")
    return DeviceFault("tap_without_effect", about=node.get("text", ""))


def _clickable_at(x_px: float, y_px: float, nodes: Nodes) -> Mapping[str, str] | None:
    for node in reversed(nodes):
        bounds = parsers.node_bounds(node)
        if bounds is None or node.get("clickable") != "true" or node.get("enabled") == "false":
            continue
        if bounds[0] <= x_px < bounds[2] and bounds[1] <= y_px < bounds[3]:
            return node
    return None


def is_disk_full(args: Sequence[str], output: str) -> bool:
    """Tell whether that command says that it wrote nothing for want of room; others may well print such words."""
    return parsers.says_no_space(output) if args[0] in _WRITERS or tuple(args[:2]) == ("content", "insert") else False


def deaths(log: str) -> list[str]:
    """Return the log lines that say an app died while it was on top."""
    return _DEATH.findall(log)
