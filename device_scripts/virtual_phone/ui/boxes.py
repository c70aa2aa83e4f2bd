"""What layout is made of: a placed element, and what of the device shapes a layout. Places nothing."""

from __future__ import annotations

from dataclasses import dataclass

from device_scripts.virtual_phone.ui.theme import Metrics
from device_scripts.virtual_phone.ui.web import Look

Rect = tuple[int, int, int, int]

PLAIN = "plain"
"""The glyph of a cell that has no tile."""


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
    marked: bool = False
    look: Look | None = None
    """How it is drawn, where it is part of a web page."""
    full: Rect | None = None
    """Where all of it would lie, for one of which ``rect`` is the part that shows."""

    def __hash__(self) -> int:
        """Of what tells most boxes apart; equality is of everything."""
        return hash((self.role, self.label, self.rect, self.text, self.selected, self.checked))


@dataclass(frozen=True, slots=True)
class Frame:
    """Everything about the device that shapes the layout besides the app's own screen."""

    width_px: int
    height_px: int
    metrics: Metrics
    focused_field: str | None
    scroll_px: int
    clock: str
    battery_percent: int | None
    """None where the status bar does not show it."""
    launcher: bool
    banner: tuple[str, str, str] | None = None
    """A notification: its app's package, its title and its text."""
