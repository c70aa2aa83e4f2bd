"""Places widgets on the screen as boxes: what is drawn, tapped and dumped. Draws nothing, changes no state."""

from __future__ import annotations

from dataclasses import dataclass, replace

from device_scripts.virtual_phone.ui.cards import card_rects
from device_scripts.virtual_phone.ui.keyboard import keyboard_boxes
from device_scripts.virtual_phone.ui.theme import Metrics, font
from device_scripts.virtual_phone.ui.widgets import (
    Beside,
    Bubble,
    Button,
    CardRow,
    CellGrid,
    Dialog,
    Entry,
    Field,
    Grid,
    IconGrid,
    Label,
    PageDots,
    Paragraph,
    Picture,
    PlayingCard,
    Row,
    Screen,
    SwitchRow,
    Tabs,
    Widget,
)

Rect = tuple[int, int, int, int]
_PICTURE_SHAPE = 3 / 4
_PICTURE_SHARE = 0.45
"""Height of a picture by its width, and at most of the screen's height."""


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
    marked: bool = False
    whole: bool = False
    picture: bytes = b""


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


def place(screen: Screen, frame: Frame) -> tuple[Box, ...]:
    """Return every visible box, the topmost last."""
    sizes = frame.metrics
    bottom = frame.height_px - sizes.navigation_bar
    keys: tuple[Box, ...] = ()
    if frame.focused_field is not None and screen.dialog is None:
        keys = tuple(
            Box("key", f"key:{name}", name, rect, clickable=True)
            for name, rect in keyboard_boxes(frame.width_px, bottom, sizes.keyboard_row)
        )
        bottom = keys[0].rect[1]
    top = sizes.status_bar
    boxes = [] if frame.launcher else [Box("title", "title", screen.title, (0, top, frame.width_px, top + sizes.title))]
    top += 0 if frame.launcher else sizes.title
    footer, bottom = _footer(screen, frame, bottom)
    body = _body(screen.body, frame, top)
    body = [_shift(box, _scroll_within(body, frame.scroll_px, top, bottom)) for box in body]
    visible = [_clip(box, top, bottom) for box in body if _shows(box, top, bottom)]
    boxes += [box for box in visible if box.rect[3] - box.rect[1] >= sizes.font or box.role == "list"]
    boxes += footer
    boxes += keys
    boxes += _furniture(frame)
    if screen.dialog is not None:
        boxes += _dialog(screen.dialog, frame)
    return tuple(boxes)


def content_height(screen: Screen, frame: Frame) -> int:
    """Pixels by which the body is taller than the room there is; 0 when it fits."""
    sizes = frame.metrics
    top = sizes.status_bar + (0 if frame.launcher else sizes.title)
    _, bottom = _footer(screen, frame, frame.height_px - sizes.navigation_bar)
    body = _body(screen.body, frame, top)
    return max(0, max((box.rect[3] for box in body), default=top) - bottom)


def _shows(box: Box, top: int, bottom: int) -> bool:
    """Say whether a box shows between two heights: in part, or only as a whole for one that asks for it."""
    if box.whole:
        return box.rect[1] >= top and box.rect[3] <= bottom
    return box.rect[3] > top and box.rect[1] < bottom


def _footer(screen: Screen, frame: Frame, bottom: int) -> tuple[list[Box], int]:
    """Return the footer's boxes, which end at ``bottom``, and where they begin."""
    if not screen.footer:
        return [], bottom
    placed, end = [], 0
    for widget in screen.footer:
        boxes, end = _place_one(widget, frame, end)
        placed += boxes
    return [_shift(box, end - bottom) for box in placed], bottom - end


def _scroll_within(body: list[Box], scroll_px: int, top: int, bottom: int) -> int:
    overflow = max((box.rect[3] for box in body), default=top) - bottom
    return min(scroll_px, max(0, overflow))


def _body(widgets: tuple[Widget, ...], frame: Frame, top: int) -> list[Box]:
    boxes: list[Box] = []
    for widget in widgets:
        placed, top = _place_one(widget, frame, top)
        boxes += placed
    return boxes


def _place_one(widget: Widget, frame: Frame, top: int) -> tuple[list[Box], int]:
    sizes, width = frame.metrics, frame.width_px
    inset = sizes.margin
    match widget:
        case Row(id, label, detail):
            return [Box("row", id, label, (0, top, width, top + sizes.row), True, detail=detail)], top + sizes.row
        case SwitchRow(id, label, checked):
            return [Box("switch", id, label, (0, top, width, top + sizes.row), True, checked)], top + sizes.row
        case Button(id, label):
            rect = (inset, top + inset // 2, width - inset, top + inset // 2 + sizes.button)
            return [Box("button", id, label, rect, True)], rect[3] + inset // 2
        case Field(id, hint, text):
            rect = (inset, top + inset // 2, width - inset, top + inset // 2 + sizes.button)
            focused = frame.focused_field == id
            return [Box("field", id, hint, rect, True, None, focused, text=text)], rect[3] + inset // 2
        case Label(text, large):
            height = sizes.title if large else round(sizes.font * 1.8)
            return [Box("text", "", text, (0, top, width, top + height), selected=large)], top + height
        case Tabs(tabs):
            edges = [round(width * index / len(tabs)) for index in range(len(tabs) + 1)]
            placed = [
                Box("tab", tab.id, tab.label, (left, top, right, top + sizes.button), True, selected=tab.selected)
                for tab, left, right in zip(tabs, edges, edges[1:], strict=False)
            ]
            return placed, top + sizes.button
        case IconGrid():
            return _icons(widget, frame, top)
        case Picture():
            height = min(round(width * _PICTURE_SHAPE), round(frame.height_px * _PICTURE_SHARE))
            return [_picture(widget, (0, top, width, top + height))], top + height
        case Grid():
            return _grid(widget, frame, top)
        case Entry(id, label, below, detail):
            two_lines = round(sizes.font * 1.3 + sizes.small_font * 1.5) if below else 0
            rect = (0, top, width, top + max(sizes.row, two_lines))
            return [Box("entry", id, label, rect, True, detail=detail, below=below)], rect[3]
        case CellGrid():
            return _cells(widget, frame, top)
        case Bubble(text, own):
            return _bubble(text, own, frame, top)
        case Beside(widgets, shares):
            return _beside(widgets, shares, frame, top)
        case PageDots(page, count):
            height = sizes.margin * 2
            label = f"Page {page + 1} of {count}"
            return [Box("pages", "pages", label, (0, top, width, top + height))], top + height
        case Paragraph(text, lines):
            broken = wrap(text, sizes.font, width - 2 * inset)
            rect = (0, top, width, top + round(sizes.font * 1.3) * max(lines, len(broken)))
            return [Box("paragraph", "", text, rect, below="\n".join(broken))], rect[3]
        case CardRow(cards):
            return _card_row(cards, frame, top)


def _picture(picture: Picture, rect: Rect) -> Box:
    return Box("image", picture.id, picture.label, rect, bool(picture.id), picture=picture.data)


def _grid(grid: Grid, frame: Frame, top: int) -> tuple[list[Box], int]:
    sizes, gap = frame.metrics, max(1, frame.metrics.margin // 4)
    edges = [gap + round((frame.width_px - gap) * column / grid.columns) for column in range(grid.columns + 1)]
    boxes: list[Box] = []
    for start in range(0, len(grid.cells), grid.columns):
        line = grid.cells[start : start + grid.columns]
        shows = any(isinstance(cell, Picture) for cell in line)
        height = round((edges[1] - edges[0]) * _PICTURE_SHAPE) if shows else sizes.button
        for cell, left, right in zip(line, edges, edges[1:], strict=False):
            rect = (left, top + gap, right - gap, top + height)
            if isinstance(cell, Picture):
                boxes.append(_picture(cell, rect))
            else:
                boxes.append(Box("pad" if cell.quiet else "button", cell.id, cell.label, rect, True))
        top += height
    return boxes, top + gap


def _icons(grid: IconGrid, frame: Frame, top: int) -> tuple[list[Box], int]:
    sizes = frame.metrics
    cell_width = frame.width_px // sizes.columns
    cell_height = sizes.icon + round(sizes.font * 2.4)
    top += sizes.margin * 2
    boxes = []
    for index, icon in enumerate(grid.icons):
        row, column = divmod(index, sizes.columns)
        left, upper = column * cell_width, top + row * cell_height
        rect = (left, upper, left + cell_width, upper + cell_height)
        boxes.append(
            Box("icon", icon.id, icon.label, rect, True, glyph=icon.glyph, colour=icon.colour, whole=grid.whole)
        )
    return boxes, top + cell_height * -(-len(grid.icons) // sizes.columns)


def _cells(grid: CellGrid, frame: Frame, top: int) -> tuple[list[Box], int]:
    sizes = frame.metrics
    height = sizes.button if grid.tall else max(round(sizes.font * 1.6), sizes.button * 2 // 3)
    edges = [round(frame.width_px * index / grid.columns) for index in range(grid.columns + 1)]
    boxes = []
    for index, cell in enumerate(grid.cells):
        row, column = divmod(index, grid.columns)
        rect = (edges[column], top + row * height, edges[column + 1], top + (row + 1) * height)
        box = Box("cell", cell.id, cell.label, rect, bool(cell.id), selected=cell.selected, marked=cell.marked)
        boxes.append(box)
    return boxes, top + height * -(-len(grid.cells) // grid.columns)


def _card_row(cards: tuple[PlayingCard, ...], frame: Frame, top: int) -> tuple[list[Box], int]:
    rects = card_rects(len(cards), frame.width_px, top, frame.metrics)
    boxes = [
        Box("card", "card", card.name, rect, detail=card.corner, glyph=card.suit, whole=True)
        for card, rect in zip(cards, rects, strict=True)
    ]
    return boxes, rects[-1][3] + frame.metrics.margin // 2


def _bubble(text: str, own: bool, frame: Frame, top: int) -> tuple[list[Box], int]:
    sizes = frame.metrics
    pad = max(2, sizes.margin // 2)
    lines = wrap(text, sizes.font, frame.width_px * 3 // 4 - 2 * pad)
    wide = max(text_width(line, sizes.font) for line in lines) + 2 * pad
    left = frame.width_px - sizes.margin - wide if own else sizes.margin
    rect = (left, top + pad, left + wide, top + 2 * pad + round(sizes.font * 1.25) * len(lines) + pad // 2)
    return [Box("bubble", "message", text, rect, selected=own, below="\n".join(lines))], rect[3]


def wrap(text: str, size_px: int, width_px: int) -> list[str]:
    """Return the text in lines no wider than that; a word that is wider is broken. Always at least one line."""
    lines, line = [], ""
    for word in text.split():
        joined = f"{line} {word}".strip()
        if text_width(joined, size_px) <= width_px:
            line = joined
            continue
        if line:
            lines.append(line)
        line = word
        while text_width(line, size_px) > width_px and len(line) > 1:
            fits = next(n for n in range(len(line) - 1, 0, -1) if n == 1 or text_width(line[:n], size_px) <= width_px)
            lines.append(line[:fits])
            line = line[fits:]
    return [*lines, line]


def _beside(
    widgets: tuple[Button | Field, ...], shares: tuple[int, ...], frame: Frame, top: int
) -> tuple[list[Box], int]:
    """Place each as if the screen were as wide as its share, with half the margin where two meet."""
    inset = frame.metrics.margin
    room = frame.width_px - inset
    boxes, left, end = [], 0, top
    for widget, share in zip(widgets, shares, strict=True):
        width = room * share // sum(shares)
        placed, end = _place_one(widget, replace(frame, width_px=width + inset), top)
        boxes += [_with_rect(b, (b.rect[0] + left, b.rect[1], b.rect[2] + left, b.rect[3])) for b in placed]
        left += width
    return boxes, end


def _furniture(frame: Frame) -> list[Box]:
    width, height, bar = frame.width_px, frame.height_px, frame.metrics.navigation_bar
    status = Box(
        "status", "status", frame.clock, (0, 0, width, frame.metrics.status_bar), text=str(frame.battery_percent)
    )
    thirds = [round(width * index / 3) for index in range(4)]
    names = ("back", "home", "recents")
    buttons = [
        Box("navigation", f"nav:{name}", name, (left, height - bar, right, height), True)
        for name, left, right in zip(names, thirds, thirds[1:], strict=False)
    ]
    return [status, *buttons]


def _dialog(dialog: Dialog, frame: Frame) -> list[Box]:
    sizes, inset = frame.metrics, frame.metrics.margin * 2
    height = sizes.title + sizes.button + sizes.margin * 2
    top = (frame.height_px - height) // 2
    panel = Box("dialog", "dialog", dialog.text, (inset, top, frame.width_px - inset, top + height))
    inner = frame.width_px - 2 * inset - sizes.margin
    boxes, left = [panel], inset + sizes.margin
    width = inner // len(dialog.buttons)
    for button in dialog.buttons:
        rect = (left, top + sizes.title, left + width - sizes.margin, top + sizes.title + sizes.button)
        boxes.append(Box("button", button.id, button.label, rect, True))
        left += width
    return boxes


def _shift(box: Box, up_px: int) -> Box:
    if up_px == 0:
        return box
    left, top, right, bottom = box.rect
    return _with_rect(box, (left, top - up_px, right, bottom - up_px))


def _clip(box: Box, top: int, bottom: int) -> Box:
    left, upper, right, lower = box.rect
    if upper >= top and lower <= bottom:
        return box
    return _with_rect(box, (left, max(upper, top), right, min(lower, bottom)))


def _with_rect(box: Box, rect: Rect) -> Box:
    return Box(
        box.role,
        box.id,
        box.label,
        rect,
        box.clickable,
        box.checked,
        box.focused,
        box.selected,
        box.text,
        box.detail,
        box.glyph,
        box.colour,
        box.scrolls,
        box.below,
        box.marked,
        box.whole,
        picture=box.picture,
    )


def text_width(text: str, size_px: int) -> int:
    """Width of a text in pixels."""
    return round(font(size_px).getlength(text))
