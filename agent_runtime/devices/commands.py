"""Turns actions and arguments into shell command lines. Runs none; text of a model only ever becomes a quoted word."""

import re
import shlex
from collections.abc import Sequence

from agent_runtime.actions.vocabulary import Key
from agent_runtime.errors import DeviceError

SWIPE_MS = 300
LONG_PRESS_MS = 800
"""Longer than the 400 to 500 ms after which Android, unless set otherwise, takes a touch for a long one."""
KEYCODES = {Key.BACK: 4, Key.HOME: 3, Key.ENTER: 66, Key.RECENTS: 187}
MAIN = "android.intent.action.MAIN"
LAUNCHER = "android.intent.category.LAUNCHER"
HOME = "android.intent.category.HOME"
_NEW_TASK = "0x10000000"
_NEW_TASK_RESET_IF_NEEDED = "0x10200000"
_KEY_OF_CONTROL = {"\n": 66, "\t": 61}
_LONGEST_TEXT = 500
_NO_INPUT = " </dev/null 2>&1"


def command_line(args: Sequence[str]) -> str:
    """Return a line that runs exactly these arguments, with no input and both outputs merged.

    Raises:
        DeviceError: an argument holds a line break or a NUL, which a line of commands cannot carry.
    """
    for arg in args:
        if any(mark in arg for mark in "\n\r\0"):
            raise DeviceError(f"Got the argument {arg!r}, expected one line without NUL: leave that character out.")
    return shlex.join(args) + _NO_INPUT


def tap(x_px: int, y_px: int) -> list[str]:
    """Return the arguments of a tap, in pixels."""
    return ["input", "tap", str(x_px), str(y_px)]


def swipe(x0_px: int, y0_px: int, x1_px: int, y1_px: int) -> list[str]:
    """Return the arguments of a swipe that takes ``SWIPE_MS``, in pixels."""
    return ["input", "swipe", *map(str, (x0_px, y0_px, x1_px, y1_px, SWIPE_MS))]


def long_press(x_px: int, y_px: int) -> list[str]:
    """Return the arguments of a touch that stays for ``LONG_PRESS_MS``: a swipe to where it began."""
    return ["input", "swipe", *map(str, (x_px, y_px, x_px, y_px, LONG_PRESS_MS))]


def touch_taken_back(x_px: int, y_px: int) -> list[list[str]]:
    """Return the commands of a touch of display 0, in pixels, cancelled before it is lifted: no tap."""
    place = [str(x_px), str(y_px)]
    return [["input", "-d", "0", "motionevent", what, *place] for what in ("DOWN", "CANCEL")]


def key(pressed: Key) -> list[str]:
    """Return the arguments of a key press."""
    return ["input", "keyevent", str(KEYCODES[pressed])]


def ascii_text(text: str) -> list[list[str]]:
    """Return the commands that type ASCII text, one after another.

    `input text` reads ``%s`` as a space: a space is written so, and a ``%s`` of the text is typed in two parts.
    Line ends and tabs become key presses; other control characters have no key and are left out.
    """
    commands: list[list[str]] = []
    for part in re.findall(r"[\n\t]|[\x20-\x7e]+", text):
        if part in _KEY_OF_CONTROL:
            commands.append(["input", "keyevent", str(_KEY_OF_CONTROL[part])])
            continue
        for typed in re.split(r"(?<=%)(?=s)", part):
            pieces = (typed[at : at + _LONGEST_TEXT] for at in range(0, len(typed), _LONGEST_TEXT))
            commands.extend(["input", "text", piece.replace(" ", "%s")] for piece in pieces)
    return commands


def find_launcher(package: str) -> list[list[str]]:
    """Return the questions, the usual one first, which activity an app's icon starts (Android 7 and later)."""
    all_icons = ["cmd", "package", "query-activities", "--brief", "-a", MAIN, "-c", LAUNCHER, "-p", package]
    return [["cmd", "package", "resolve-activity", "--brief", package], all_icons]


def launch(component: str) -> list[str]:
    """Return the arguments that start an activity the way its icon does: a running task comes to the front.

    Not by `monkey`, which switches automatic rotation on.
    """
    return ["am", "start", "-a", MAIN, "-c", LAUNCHER, "-f", _NEW_TASK_RESET_IF_NEEDED, "-n", component]


def to_front(icon: str | None) -> list[str]:
    """Return the arguments that bring the running task of an icon to the front of display 0; None: the home screen."""
    what = ["-c", HOME] if icon is None else ["-c", LAUNCHER, "-n", icon]
    return ["am", "start", "--display", "0", "-a", MAIN, "-f", _NEW_TASK, *what]
