"""Places the widgets of ``ui.material``, the app bar and the floating button as boxes. Knows no scrolling."""

from __future__ import annotations

from device_scripts.virtual_phone.ui.boxes import Box, Frame
from device_scripts.virtual_phone.ui.material import (
    Action,
    Actions,
    Choice,
    Entry,
    Headline,
    Level,
    Material,
    NavigationBar,
    Section,
)
from device_scripts.virtual_phone.ui.theme import Metrics

Placed = tuple[list[Box], int]


def place_material(widget: Material, frame: Frame, top: int) -> Placed:
    """Return the boxes of one widget that begins at ``top``, and where the next one may begin, in pixels."""
    sizes, width = frame.metrics, frame.width_px
    match widget:
        case Entry():
            return _entry(widget, frame, top)
        case Choice(id, label, chosen):
            rect = (0, top, width, top + _line(sizes))
            return [Box("choice", id, label, rect, True, chosen)], rect[3]
        case Section(text):
            rect = (0, top, width, top + round(sizes.small_font * 2.2))
            return [Box("section", "", text, rect)], rect[3]
        case Level():
            return _level(widget, frame, top)
        case Headline(text, below):
            height = sizes.title + (round(sizes.small_font * 1.8) if below else 0)
            return [Box("headline", "", text, (0, top, width, top + height), below=below)], top + height
        case Actions(actions):
            height = round(_disc(sizes) * 1.1 + sizes.small_font * 2)
            return _side_by_side("round", actions, frame, top + sizes.margin // 2, height)
        case NavigationBar(actions):
            return _side_by_side("place", actions, frame, top, round(sizes.title * 1.1))


def app_bar(title: str, up: bool, actions: tuple[Action, ...], frame: Frame) -> list[Box]:
    """Return the bar under the status bar: a way up, the title, and buttons at its right."""
    top, height = frame.metrics.status_bar, frame.metrics.title
    bottom, side = top + height, round(height * 0.9)
    left, right = side if up else 0, frame.width_px - side * len(actions)
    boxes = [Box("title", "title", title, (left, top, right, bottom))]
    if up:
        boxes.append(Box("action", "nav:up", "Navigate up", (0, top, side, bottom), True, glyph="arrow"))
    for index, action in enumerate(actions):
        rect = (right + side * index, top, right + side * (index + 1), bottom)
        boxes.append(Box("action", action.id, action.label, rect, True, glyph=action.glyph))
    return boxes


def floating(action: Action, frame: Frame, bottom: int) -> Box:
    """Return the round button over the body's lower right corner; ``bottom`` is where the body ends."""
    side, gap = floating_px(frame.metrics), frame.metrics.margin * 2 // 3
    right = frame.width_px - gap
    rect = (right - side, bottom - gap - side, right, bottom - gap)
    return Box("fab", action.id, action.label, rect, True, glyph=action.glyph)


def floating_px(sizes: Metrics) -> int:
    """Return how wide and high the round button is."""
    return round(sizes.button * 1.15)


def _line(sizes: Metrics, lines: int = 1) -> int:
    needed = round(sizes.font * 1.4 + sizes.small_font * 1.6) if lines == 2 else round(sizes.font * 1.6)
    return max(sizes.row, needed)


def _disc(sizes: Metrics) -> int:
    return round(sizes.row * 0.62)


def _entry(entry: Entry, frame: Frame, top: int) -> Placed:
    sizes = frame.metrics
    bottom = top + _line(sizes, 2 if entry.below else 1) + (sizes.font // 2 if entry.large and not sizes.compact else 0)
    split = frame.width_px - round(sizes.row * 0.6) - 2 * sizes.margin if entry.switch_id else frame.width_px
    glyph = entry.glyph or (entry.label[:1].upper() if entry.colour else "")
    checked = None if entry.switch_id else entry.checked
    line = Box(
        "entry",
        entry.id,
        entry.label,
        (0, top, split, bottom),
        bool(entry.id),
        checked,
        selected=entry.large,
        detail=entry.detail,
        below=entry.below,
        glyph=glyph,
        colour=entry.colour,
    )
    if not entry.switch_id:
        return [line], bottom
    rect = (split, top, frame.width_px, bottom)
    return [line, Box("toggle", entry.switch_id, entry.label, rect, True, entry.checked)], bottom


def _level(level: Level, frame: Frame, top: int) -> Placed:
    sizes, inset = frame.metrics, frame.metrics.margin
    words = round(sizes.font * 1.5)
    bottom = top + words + sizes.button
    detail = f"{level.value}/{level.steps}"
    boxes = [Box("level", "", level.label, (0, top, frame.width_px, bottom), detail=detail)]
    room = frame.width_px - 2 * inset
    count = level.steps + 1
    for step in range(count):
        left, right = inset + room * step // count, inset + room * (step + 1) // count
        rect = (left, top + words, right, bottom)
        boxes.append(Box("step", f"{level.id}:{step}", f"{level.label} {step}", rect, True))
    return boxes, bottom


def _side_by_side(role: str, actions: tuple[Action, ...], frame: Frame, top: int, height: int) -> Placed:
    edges = [round(frame.width_px * index / len(actions)) for index in range(len(actions) + 1)]
    boxes = [
        Box(
            role,
            action.id,
            action.label,
            (left, top, right, top + height),
            True,
            selected=action.on,
            glyph=action.glyph,
        )
        for action, left, right in zip(actions, edges, edges[1:], strict=False)
    ]
    return boxes, top + height
