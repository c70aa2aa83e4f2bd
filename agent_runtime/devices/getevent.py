"""Reads what Android's `getevent -lp` and `getevent -lt` print. Pure functions; runs no command.

The forms are those of AOSP's toolbox, with or without the names of -l; values are hexadecimal and signed, 32 bits wide.
"""

import re
from dataclasses import dataclass

EVENTS_COMMAND = "getevent -lt"
DEVICES_COMMAND = ("getevent", "-lp")
_DEVICE = re.compile(r"^add device \d+: (\S+)\s*$", re.MULTILINE)
_AXIS = re.compile(r"\b(\w+)\s*: value -?\d+, min (-?\d{1,18}), max (-?\d{1,18})\b")
_EVENT = re.compile(r"^\[\s*(\d+\.\d+)\]\s+(?:(/dev/\S+):\s+)?(\w+)\s+(\w+)\s+(\w+)(?:\s+rate\s+\d+)?\s*$")
_WORDS = {"UP": 0, "DOWN": 1, "REPEAT": 2}
_KINDS = {"0000": "EV_SYN", "0001": "EV_KEY", "0003": "EV_ABS"}
_CODES = {
    ("EV_SYN", 0): "SYN_REPORT",
    ("EV_SYN", 2): "SYN_MT_REPORT",
    ("EV_SYN", 3): "SYN_DROPPED",
    ("EV_ABS", 0x00): "ABS_X",
    ("EV_ABS", 0x01): "ABS_Y",
    ("EV_ABS", 0x2F): "ABS_MT_SLOT",
    ("EV_ABS", 0x35): "ABS_MT_POSITION_X",
    ("EV_ABS", 0x36): "ABS_MT_POSITION_Y",
    ("EV_ABS", 0x39): "ABS_MT_TRACKING_ID",
    ("EV_KEY", 0x14A): "BTN_TOUCH",
    ("EV_KEY", 0x244): "KEY_APPSELECT",
}
"""Codes that are needed and that a device's tools may have no name for."""
_HEX = re.compile(r"[0-9a-f]{4}")


@dataclass(frozen=True, slots=True)
class InputEvent:
    """One event of the kernel's; ``at_sec`` is the device's monotonic clock, ``path`` the device's or empty."""

    at_sec: float
    path: str
    kind: str
    code: str
    value: int


@dataclass(frozen=True, slots=True)
class Axis:
    """The values an axis may have, both ends included."""

    low: int
    high: int

    def norm(self, value: float) -> float:
        """Return where the value lies, 0 at the low end; the high end is one step below 1, as Android scales it."""
        return (value - self.low) / (self.high - self.low + 1)


@dataclass(frozen=True, slots=True)
class TouchPanel:
    """A device that tells positions; ``is_direct`` where it is a screen."""

    path: str
    x: Axis
    y: Axis
    is_direct: bool
    is_multi_touch: bool


def touch_panels(output: str) -> list[TouchPanel]:
    """Return the touch panels in what `getevent -lp` printed; where some are screens, only these."""
    heads = list(_DEVICE.finditer(output))
    ends = [*(head.start() for head in heads), len(output)][1:]
    found = [_panel(head[1], output[head.end() : end]) for head, end in zip(heads, ends, strict=True)]
    panels = [panel for panel in found if panel is not None]
    return [panel for panel in panels if panel.is_direct] or panels


def input_event(line: str) -> InputEvent | None:
    """Return the event of a line, None for any other line."""
    found = _EVENT.match(line)
    if found is None:
        return None
    kind = _KINDS.get(found[3], found[3])
    code = _CODES.get((kind, int(found[4], 16)), found[4]) if _HEX.fullmatch(found[4]) else found[4]
    value = _WORDS.get(found[5])
    if value is None:
        try:
            value = int(found[5], 16)
        except ValueError:
            return None
    signed = value - (1 << 32) if value >= 1 << 31 else value
    return InputEvent(float(found[1]), found[2] or "", kind, code, signed)


def _panel(path: str, about: str) -> TouchPanel | None:
    axes = {_code(name): Axis(int(low), int(high)) for name, low, high in _AXIS.findall(about)}
    multi = ("ABS_MT_POSITION_X", "ABS_MT_POSITION_Y")
    single = ("ABS_X", "ABS_Y")
    names = next((pair for pair in (multi, single) if all(name in axes for name in pair)), None)
    if names is None or (names == single and "BTN_TOUCH" not in about and "014a" not in about):
        return None
    x, y = (axes[name] for name in names)
    if x.low >= x.high or y.low >= y.high:
        return None
    return TouchPanel(path, x, y, "INPUT_PROP_DIRECT" in about, names == multi)


def _code(name: str) -> str:
    return _CODES.get(("EV_ABS", int(name, 16)), name) if _HEX.fullmatch(name) else name
