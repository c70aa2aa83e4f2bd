"""Turns an action into one class per field, the target of the action model. Knows no torch and no text.

Every action has a class for every field; class 0 says that the action does not have that field. Malformed
text is a class of its own: it never looks like a valid action (method, section 4).
"""

import re
import zlib
from bisect import bisect_right
from dataclasses import dataclass

from agent_runtime.actions.vocabulary import (
    Action,
    Finish,
    Key,
    LongPress,
    Malformed,
    OpenApp,
    PressKey,
    Swipe,
    Tap,
    TypeText,
    Wait,
)

COLUMNS = 16
ROWS = 32
TEXT_BUCKETS = 64
WAIT_EDGES_SEC = (1.0, 3.0, 10.0)

TYPES: tuple[type[Action], ...] = (Malformed, Tap, Swipe, TypeText, PressKey, OpenApp, Wait, Finish, LongPress)
_KEYS = tuple(Key)

FIELD_SIZES: dict[str, int] = {
    "type": len(TYPES),
    "x": 1 + COLUMNS,
    "y": 1 + ROWS,
    "lift_x": 1 + COLUMNS,
    "lift_y": 1 + ROWS,
    "text": 1 + TEXT_BUCKETS,
    "key": 1 + len(_KEYS),
    "seconds": 2 + len(WAIT_EDGES_SEC),
    "status": 3,
}
"""Number of classes of each field, class 0 ("the action has no such field") included."""

Labels = tuple[int, ...]
"""One class for each field, in the order of ``FIELD_SIZES``."""


@dataclass(frozen=True, slots=True)
class Utterance:
    """What was written and which action it parsed to; equal utterances have equal causal weights."""

    token_ids: tuple[int, ...]
    labels: Labels


def action_labels(action: Action) -> Labels:
    """Return the class of every field of ``action``; total over the action vocabulary."""
    fields = _fields(action)
    return tuple(TYPES.index(type(action)) if name == "type" else fields.get(name, 0) for name in FIELD_SIZES)


def is_malformed(labels: Labels) -> bool:
    """Say whether the labels are those of text outside the grammar."""
    return labels[0] == TYPES.index(Malformed)


def action_type(labels: Labels) -> str:
    """Return the kind of action in the words of the contract: "tap", "press_key", "malformed"."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", TYPES[labels[0]].__name__).lower()


def _fields(action: Action) -> dict[str, int]:
    match action:
        case Tap(x, y) | LongPress(x, y):
            return {"x": _cell(x, COLUMNS), "y": _cell(y, ROWS)}
        case Swipe(x0, y0, x1, y1):
            touch = {"x": _cell(x0, COLUMNS), "y": _cell(y0, ROWS)}
            return touch | {"lift_x": _cell(x1, COLUMNS), "lift_y": _cell(y1, ROWS)}
        case TypeText(text) | OpenApp(text):
            return {"text": 1 + zlib.crc32(text.encode()) % TEXT_BUCKETS}
        case PressKey(key):
            return {"key": 1 + _KEYS.index(key)}
        case Wait(seconds):
            return {"seconds": 1 + bisect_right(WAIT_EDGES_SEC, seconds)}
        case Finish(succeeded):
            return {"status": 2 if succeeded else 1}
        case Malformed():
            return {}


def _cell(coordinate_norm: float, cells: int) -> int:
    """Cell 1..cells of a coordinate in [0, 1); a coordinate outside falls into the nearest cell."""
    return 1 + min(cells - 1, max(0, int(coordinate_norm * cells)))
