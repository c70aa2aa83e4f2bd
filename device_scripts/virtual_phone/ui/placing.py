"""Places one widget as boxes, each kind in its own way. Knows no screen and no scrolling."""

from __future__ import annotations

from dataclasses import replace

from device_scripts.virtual_phone.ui.boxes import PLAIN, Box, Frame, Rect
from device_scripts.virtual_phone.ui.cards import card_rects
from device_scripts.virtual_phone.ui.material_placing import place_material
from device_scripts.virtual_phone.ui.text import text_width, wrap
from device_scripts.virtual_phone.ui.web_placing import place_block
from device_scripts.virtual_phone.ui.widgets import (
    Beside,
    Bubble,
    Button,
    CardRow,
    CellGrid,
    Field,
    Grid,
    IconGrid,
    Label,
    PageDots,
    Paragraph,
    Picture,
    PlayingCard,
    Row,
    SwitchRow,
    Tabs,
    Web,
    Widget,
)

_TALL = 1.6
_PICTURE_SHAPE = 3 / 4
_PICTURE_SHARE = 0.45
"""Height of a picture by its width, and at most of the screen's height."""


def place_widget(widget: Widget, frame: Frame, top: int) -> tuple[list[Box], int]:
    """Return the boxes of one widget that begins at ``top``, and where the next one may begin, in pixels."""
    sizes, width = frame.metrics, frame.width_px
    inset = sizes.margin
    match widget:
        case Row(id, label, detail):
            return [Box("row", id, label, (0, top, width, top + sizes.row), True, detail=detail)], top + sizes.row
        case SwitchRow(id, label, checked):
            return [Box("switch", id, label, (0, top, width, top + sizes.row), True, checked)], top + sizes.row
        case Button(id, label, quiet):
            rect = (inset, top + inset // 2, width - inset, top + inset // 2 + sizes.button)
            return [Box("pad" if quiet else "button", id, label, rect, True)], rect[3] + inset // 2
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
        case Web(block):
            return place_block(block, frame, 0, width, top)
        case CardRow(cards):
            return _card_row(cards, frame, top)
        case _:
            return place_material(widget, frame, top)


def _picture(picture: Picture, rect: Rect) -> Box:
    return Box("image", picture.id, picture.label, rect, bool(picture.id), picture=picture.data)


def _grid(grid: Grid, frame: Frame, top: int) -> tuple[list[Box], int]:
    gap = max(1, frame.metrics.margin // 4)
    edges = [gap + round((frame.width_px - gap) * column / grid.columns) for column in range(grid.columns + 1)]
    boxes: list[Box] = []
    for start in range(0, len(grid.cells), grid.columns):
        line = grid.cells[start : start + grid.columns]
        shows = any(isinstance(cell, Picture) for cell in line)
        height = round((edges[1] - edges[0]) * _PICTURE_SHAPE) if shows else _key_height(grid.tall, frame)
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


def _key_height(tall: bool, frame: Frame) -> int:
    return round(frame.metrics.button * _TALL) if tall and not frame.metrics.compact else frame.metrics.button


def _cells(grid: CellGrid, frame: Frame, top: int) -> tuple[list[Box], int]:
    height = _key_height(grid.tall, frame)
    edges = [round(frame.width_px * index / grid.columns) for index in range(grid.columns + 1)]
    boxes = []
    for index, cell in enumerate(grid.cells):
        row, column = divmod(index, grid.columns)
        rect = (edges[column], top + row * height, edges[column + 1], top + (row + 1) * height)
        box = Box(
            "cell",
            cell.id,
            cell.label,
            rect,
            bool(cell.id),
            selected=cell.selected,
            marked=cell.marked,
            glyph=PLAIN if grid.plain else "",
        )
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


def _beside(
    widgets: tuple[Button | Field, ...], shares: tuple[int, ...], frame: Frame, top: int
) -> tuple[list[Box], int]:
    """Place each as if the screen were as wide as its share, with half the margin where two meet."""
    inset = frame.metrics.margin
    room = frame.width_px - inset
    boxes, left, end = [], 0, top
    for widget, share in zip(widgets, shares, strict=True):
        width = room * share // sum(shares)
        placed, end = place_widget(widget, replace(frame, width_px=width + inset), top)
        boxes += [replace(b, rect=(b.rect[0] + left, b.rect[1], b.rect[2] + left, b.rect[3])) for b in placed]
        left += width
    return boxes, end
