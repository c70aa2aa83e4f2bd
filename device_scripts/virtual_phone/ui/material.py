"""Rows with icons, sliders, bars and round buttons, as plain data; the basic apps use none. Knows no pixels."""

from __future__ import annotations

from dataclasses import dataclass

Colour = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of a list with a second, smaller line under it and words at its right; tapping it reports ``id``.

    With a ``colour`` there is a disc at its left, with a glyph of ``ui.glyphs`` or the label's first letter on it.
    With ``checked`` there is a switch at its right: part of the line, or, with a ``switch_id``, to tap on its own.
    """

    id: str
    label: str
    below: str = ""
    detail: str = ""
    glyph: str = ""
    colour: Colour | None = None
    checked: bool | None = None
    switch_id: str = ""
    large: bool = False
    """Its label in larger letters, as the time of an alarm is."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several lines of which one is chosen."""

    id: str
    label: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class Section:
    """A small heading over a part of a list."""

    text: str


@dataclass(frozen=True, slots=True)
class Level:
    """A slider from 0 to ``steps``; tapping its place ``n`` reports ``id:n``."""

    id: str
    label: str
    value: int
    steps: int


@dataclass(frozen=True, slots=True)
class Headline:
    """Large words in the middle, smaller ones under them."""

    text: str
    below: str = ""


@dataclass(frozen=True, slots=True)
class Action:
    """A button that shows a glyph of ``ui.glyphs``; ``label`` is what it is called."""

    id: str
    label: str
    glyph: str
    on: bool = False


@dataclass(frozen=True, slots=True)
class Actions:
    """Round buttons side by side, each with its name under it."""

    actions: tuple[Action, ...]


@dataclass(frozen=True, slots=True)
class NavigationBar:
    """The places of an app side by side, at the bottom of its screen; the one that is shown is ``on``."""

    actions: tuple[Action, ...]


Material = Entry | Choice | Section | Level | Headline | Actions | NavigationBar
