"""What layout is made of: a placed element, and what of the device shapes a layout. Places nothing."""

from __future__ import annotations

from dataclasses import dataclass

from device_scripts.virtual_phone.ui.theme import Metrics
from device_scripts.virtual_phone.ui.web import Look

Rect = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Box:
    """A placed element: ``rect`` is (left, top, right, bottom) in pixels, right and bottom excluded."""

    role: str
    id: str
    label: str
    rect: Rect
    clickable: bool = False
    checked: bool | None = None
    focused: bool = False
    selected: bool = False
    text: str = ""
    detail: str = ""
    glyph: str = ""
    colour: tuple[int, int, int] | None = None
    scrolls: bool = False
    below: str = ""
    whole: bool = False
    picture: bytes = b""
    look: Look | None = None
    """How it is drawn, where it is part of a web page."""
    full: Rect | None = None
    """Where it would lie in whole, where it has a look and is cut off at an edge."""


@dataclass(frozen=True, slots=True)
class Frame:
    """Everything about the device that shapes the layout besides the app's own screen."""

    width_px: int
    height_px: int
    metrics: Metrics
    focused_field: str | None
    scroll_px: int
    clock: str
    battery_percent: int
    launcher: bool
