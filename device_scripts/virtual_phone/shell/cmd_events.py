"""`getevent` and `sendevent`: the kernel's input devices, read and written. Source of the forms: AOSP's toolbox.

Options of `getevent` that are known: -l (names), -t (times), -p (what the devices are), -q, and one device's path.
"""

from __future__ import annotations

from typing import Final

from device_scripts.virtual_phone.device import VirtualDevice
from device_scripts.virtual_phone.input_devices import (
    AXES,
    BTN_TOUCH,
    BUTTONS,
    EV_ABS,
    EV_KEY,
    NAMES,
    TOUCH,
    InputEvent,
)
from device_scripts.virtual_phone.shell.interpreter import CommandFunction, Context, encode

_TYPES: Final = {0: "EV_SYN", 1: "EV_KEY", 3: "EV_ABS"}
_SYNS: Final = {0: "SYN_REPORT", 1: "SYN_CONFIG", 2: "SYN_MT_REPORT", 3: "SYN_DROPPED"}
_ABS: Final = {
    0x2F: "ABS_MT_SLOT", 0x30: "ABS_MT_TOUCH_MAJOR", 0x35: "ABS_MT_POSITION_X", 0x36: "ABS_MT_POSITION_Y",
    0x39: "ABS_MT_TRACKING_ID", 0x3A: "ABS_MT_PRESSURE",
}  # fmt: skip
_KEY_ROWS: Final = {
    1: "ESC 1 2 3 4 5 6 7 8 9 0 MINUS EQUAL BACKSPACE TAB Q W E R T Y U I O P LEFTBRACE RIGHTBRACE ENTER LEFTCTRL A S "
    "D F G H J K L SEMICOLON APOSTROPHE GRAVE LEFTSHIFT BACKSLASH Z X C V B N M COMMA DOT SLASH RIGHTSHIFT",
    56: "LEFTALT SPACE CAPSLOCK",
    96: "KPENTER",
    114: "VOLUMEDOWN VOLUMEUP POWER",
    158: "BACK",
    172: "HOMEPAGE",
    580: "APPSELECT",
}
_KEYS: Final = {
    BTN_TOUCH: "BTN_TOUCH",
    **{first + at: f"KEY_{name}" for first, row in _KEY_ROWS.items() for at, name in enumerate(row.split())},
}
_KEY_VALUES: Final = {0: "UP", 1: "DOWN", 2: "REPEAT"}
_CODES: Final = {0: _SYNS, 1: _KEYS, 3: _ABS}
_BUTTON_CODES: Final = range(114, 117)


def getevent(ctx: Context) -> int:
    """Print the devices, and what they are (-p) or what comes from them."""
    flags = "".join(word[1:] for word in ctx.args if word.startswith("-"))
    chosen = [word for word in ctx.args if not word.startswith("-")]
    unknown = [path for path in chosen if path not in NAMES]
    if unknown:
        return ctx.fail(f"could not open {unknown[0]}, No such file or directory")
    paths = chosen or list(NAMES)
    if "p" in flags:
        for number, path in enumerate(paths, start=1):
            ctx.print(_possible(number, path, "l" in flags))
        return 0
    if not chosen and "q" not in flags:
        for number, path in enumerate(paths, start=1):
            ctx.print(f'add device {number}: {path}\n  name:     "{NAMES[path]}"')
    ctx.shell.follow = _Follower(ctx.device, set(paths), flags, names_paths=not chosen)
    return 0


def sendevent(ctx: Context) -> int:
    """`sendevent DEVICE TYPE CODE VALUE`, numbers in decimal."""
    numbers = [int(word) for word in ctx.args[1:] if word.removeprefix("-").isdecimal()]
    if len(ctx.args) != 4 or len(numbers) != 3:
        return ctx.fail("use: sendevent device type code value")
    if ctx.args[0] not in NAMES:
        return ctx.fail(f"could not open {ctx.args[0]}, No such file or directory")
    ctx.device.inputs.send(ctx.device.phone, ctx.args[0], *numbers)
    return 0


class _Follower:
    """Returns the events since the last call as lines."""

    def __init__(self, device: VirtualDevice, paths: set[str], flags: str, *, names_paths: bool) -> None:
        self._inputs = device.inputs
        self._seen = self._inputs.written
        self._paths = paths
        self._flags = flags
        self._names_paths = names_paths

    def __call__(self) -> bytes:
        new = [event for event in self._inputs.since(self._seen) if event.path in self._paths]
        self._seen = self._inputs.written
        return encode("".join(self._line(event) for event in new))

    def _line(self, event: InputEvent) -> str:
        time = f"[{event.at_ms // 1000:8d}.{event.at_ms % 1000:03d}000] " if "t" in self._flags else ""
        where = f"{event.path}: " if self._names_paths else ""
        value = f"{event.value & 0xFFFFFFFF:08x}"
        if "l" not in self._flags:
            return f"{time}{where}{event.kind:04x} {event.code:04x} {value}\n"
        kind = _TYPES.get(event.kind, f"{event.kind:04x}")
        code = _CODES.get(event.kind, {}).get(event.code, f"{event.code:04x}")
        if event.kind == EV_KEY:
            value = _KEY_VALUES.get(event.value, value)
        return f"{time}{where}{kind:<12} {code:<20} {value:<20}\n"


def _possible(number: int, path: str, labels: bool) -> str:
    keys = {TOUCH: [BTN_TOUCH], BUTTONS: list(_BUTTON_CODES)}.get(path) or [
        code for code in _KEYS if code != BTN_TOUCH and code not in _BUTTON_CODES
    ]
    lines = [f"add device {number}: {path}", f'  name:     "{NAMES[path]}"', "  events:"]
    names = [_KEYS[code] if labels else f"{code:04x}" for code in keys]
    per_line = 4 if labels else 8
    for at in range(0, len(names), per_line):
        head = "    KEY (0001): " if at == 0 else " " * 16
        lines.append(head + "".join(f"{name:<20}  " if labels else f"{name}  " for name in names[at : at + per_line]))
    if path == TOUCH:
        for at, (code, most) in enumerate(AXES.items()):
            head = f"    ABS ({EV_ABS:04x}): " if at == 0 else " " * 16
            name = f"{_ABS[code]:<20}" if labels else f"{code:04x}"
            lines.append(f"{head}{name}  : value 0, min 0, max {most}, fuzz 0, flat 0, resolution 0")
    return "\n".join([*lines, "  input props:", "    INPUT_PROP_DIRECT" if path == TOUCH else "    <none>"])


COMMANDS: Final[dict[str, CommandFunction]] = {"getevent": getevent, "sendevent": sendevent}
