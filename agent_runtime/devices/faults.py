"""Names what is wrong with a device from a frame, a dump or an error. Asks the device nothing and mends nothing."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from agent_runtime.actions.vocabulary import Action, LongPress, Tap, TypeText
from agent_runtime.devices import parsers
from agent_runtime.devices.base import Frame
from agent_runtime.devices.stream import StreamBrokenError, StreamSilentError
from agent_runtime.errors import BadFrameError, DeviceError, DeviceNotFoundError, EmptyFrameError

Nodes = Sequence[Mapping[str, str]]
_SAMPLE_STRIDE = 97
_FEW_PIXELS = 64
_DIMMED = 0.75
"""A dialog's scrim leaves two thirds of the brightness at most; a screen that lost less is not covered."""
_ASPECT_TOLERANCE = 0.01
_FOCUS = re.compile(r"mCurrentFocus=Window\{\S+ u\d+ ([^}\n]*)\}")
_STARTING_WINDOW = re.compile(r"Window #\d+ Window\{\S+ u\d+ (?:Splash Screen|Starting|SnapshotStartingWindow)\b")
_DEATH = re.compile(r"^.*ActivityManager: Process \S+ \(pid \d+\) has died: fg .*$", re.MULTILINE)
_BOUNDS = re.compile(r"\[(\d+),(\d+)\]\[(\d+),(\d+)\]")


@dataclass(frozen=True, slots=True)
class DeviceFault:
    """A fault by name: whether anything can be done about it, and whether an agent that failed is excused by it."""

    name: str
    recoverable: bool = True
    excuses: bool = False
    about: str = ""


@dataclass(frozen=True, slots=True)
class _Dialog:
    """How a dialog of the system is told by its window's title, whose it is, and which buttons close it mildest."""

    name: str
    title: re.Pattern[str]
    package: re.Pattern[str]
    buttons: tuple[str, ...]
    """Ends of resource ids and whole labels, the best first."""
    excuses: bool = False


_MILD = ("Later", "Not now", "Cancel", "No thanks", "Close", "OK", "button2", "button1")
_DIALOGS = (
    _Dialog("anr_dialog", re.compile("Application Not Responding"), re.compile("android"), ("aerr_wait", "Wait")),
    _Dialog(
        "crash_dialog",
        re.compile("Application Error"),
        re.compile("android"),
        ("aerr_close", "Close app", "OK"),
        excuses=True,
    ),
    _Dialog(
        "permission_dialog",
        re.compile(r"\S*permissioncontroller/\S*GrantPermissionsActivity"),
        re.compile(r"com\.(?:google\.)?android\.permissioncontroller"),
        ("permission_deny_button", "permission_deny_and_dont_ask_again_button"),
    ),
    _Dialog(
        "incoming_call",
        re.compile(r"\S*dialer/\S*InCallActivity"),
        re.compile(r"com\.(?:google\.)?android\.dialer"),
        ("decline", "Decline", "Dismiss"),
    ),
    _Dialog("low_battery", re.compile(r"com\.android\.systemui$"), re.compile(r"com\.android\.systemui"), _MILD),
    _Dialog(
        "system_popup",
        re.compile(r"(?:android|com\.android\.updater|com\.google\.android\.gms)(?:/|$)"),
        re.compile(r"android|com\.android\.updater|com\.google\.android\.gms"),
        _MILD,
    ),
)


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
        case DeviceNotFoundError():
            return DeviceFault("offline", about=about)
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


def dialog_of(window_dump: str) -> DeviceFault | None:
    """Return the system's dialog that has the focus in `dumpsys window`, None where an app has it."""
    found = _FOCUS.search(window_dump)
    dialog = _dialog_titled(found[1]) if found else None
    if dialog is None or found is None:
        return None
    return DeviceFault(dialog.name, excuses=dialog.excuses, about=found[1])


def _dialog_titled(title: str) -> _Dialog | None:
    return next((dialog for dialog in _DIALOGS if dialog.title.match(title)), None)


def way_out(fault: DeviceFault, nodes: Nodes) -> tuple[float, float] | None:
    """Return the middle, in pixels, of the button that closes that dialog mildest.

    Only a button of the system's own package counts: any app may give its window the title of a system dialog.
    """
    dialog = next(known for known in _DIALOGS if known.name == fault.name)
    own = [node for node in nodes if dialog.package.fullmatch(node.get("package", ""))]
    for wanted in dialog.buttons:
        for node in own:
            says = (node.get("resource-id", "").rpartition("/")[2], node.get("text", ""))
            if wanted in says and node.get("clickable") == "true":
                return _middle(node)
    return None


def _bounds(node: Mapping[str, str]) -> tuple[int, int, int, int] | None:
    found = _BOUNDS.fullmatch(node.get("bounds", ""))
    return None if found is None else (int(found[1]), int(found[2]), int(found[3]), int(found[4]))


def _middle(node: Mapping[str, str]) -> tuple[float, float] | None:
    bounds = _bounds(node)
    return None if bounds is None else ((bounds[0] + bounds[2]) / 2, (bounds[1] + bounds[3]) / 2)


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
        bounds = _bounds(node)
        if bounds is None or node.get("clickable") != "true" or node.get("enabled") == "false":
            continue
        if bounds[0] <= x_px < bounds[2] and bounds[1] <= y_px < bounds[3]:
            return node
    return None


def deaths(log: str) -> list[str]:
    """Return the log lines that say an app died while it was on top."""
    return _DEATH.findall(log)
