"""The actions an agent can take, one class each. Does not parse text and does not perform anything.

Coordinates are normalized to [0, 1) from the left and top edge of the screen in its current rotation.
"""

from dataclasses import dataclass
from enum import Enum


class Key(Enum):
    """Keys an agent may press."""

    BACK = "back"
    HOME = "home"
    ENTER = "enter"
    RECENTS = "recents"
    """Shows the running apps."""


@dataclass(frozen=True, slots=True)
class Tap:
    """A short touch at one point."""

    x_norm: float
    y_norm: float


@dataclass(frozen=True, slots=True)
class LongPress:
    """A touch that stays at one point until the device takes it for a long one."""

    x_norm: float
    y_norm: float


@dataclass(frozen=True, slots=True)
class Swipe:
    """A touch at the first point, lifted at the second."""

    x0_norm: float
    y0_norm: float
    x1_norm: float
    y1_norm: float


@dataclass(frozen=True, slots=True)
class TypeText:
    """Text entered into the focused field, any Unicode."""

    text: str


@dataclass(frozen=True, slots=True)
class PressKey:
    """One key, pressed and released."""

    key: Key


@dataclass(frozen=True, slots=True)
class OpenApp:
    """An app started by the name people know it by."""

    name: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Time given to the device, in seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Finish:
    """The agent says the goal is reached, or that it cannot be."""

    succeeded: bool


@dataclass(frozen=True, slots=True)
class Malformed:
    """The text was not in the grammar; nothing is to be done on the device."""

    reason: str


Action = Tap | LongPress | Swipe | TypeText | PressKey | OpenApp | Wait | Finish | Malformed
