"""What a web page is made of: words, buttons, fields, drawings in rows and columns, as plain data. Places nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from device_scripts.virtual_phone.ui.theme import Colour


@dataclass(frozen=True, slots=True)
class Look:
    """How a block is drawn; a colour that is None is not drawn, or is the theme's own for words."""

    fill: Colour | None = None
    ink: Colour | None = None
    edge: Colour | None = None
    size: Literal["small", "normal", "large"] = "normal"
    align: Literal["left", "middle", "right"] = "left"
    round: bool = False


PLAIN = Look()


@dataclass(frozen=True, slots=True)
class Words:
    """A text over as many lines as it needs, or over at most ``lines``; a link where it has an ``id``."""

    text: str
    look: Look = PLAIN
    id: str = ""
    lines: int = 0


@dataclass(frozen=True, slots=True)
class Press:
    """A button; one without a fill is words only."""

    id: str
    label: str
    look: Look = PLAIN


@dataclass(frozen=True, slots=True)
class Input:
    """A text field with a hint shown while it is empty."""

    id: str
    hint: str
    text: str = ""
    look: Look = PLAIN


@dataclass(frozen=True, slots=True)
class Drawing:
    """A drawing of ``ui.wares`` in a colour, ``share`` as high as it is wide."""

    name: str
    colour: Colour
    label: str
    share: float = 1.0
    look: Look = PLAIN


@dataclass(frozen=True, slots=True)
class Gap:
    """A little room."""


@dataclass(frozen=True, slots=True)
class Across:
    """Blocks side by side, their widths in proportion to ``shares``."""

    blocks: tuple[Block, ...]
    shares: tuple[int, ...]
    look: Look = PLAIN


@dataclass(frozen=True, slots=True)
class Down:
    """Blocks one under the other on a common ground; with an ``id`` the whole can be tapped and says ``label``."""

    blocks: tuple[Block, ...]
    look: Look = field(default=PLAIN)
    id: str = ""
    label: str = ""


Block = Words | Press | Input | Drawing | Gap | Across | Down
