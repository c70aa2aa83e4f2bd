"""Draws the boxes of a web page, those cut off at an edge included. Knows no page and places nothing."""

from __future__ import annotations

from PIL import Image, ImageDraw

from device_scripts.virtual_phone.ui.boxes import Box, Rect
from device_scripts.virtual_phone.ui.text import cut, length_px, tail
from device_scripts.virtual_phone.ui.theme import Metrics, Palette
from device_scripts.virtual_phone.ui.wares import draw_ware
from device_scripts.virtual_phone.ui.web import Look
from device_scripts.virtual_phone.ui.web_placing import LINE, font_px, gap_px
from device_scripts.virtual_phone.ui.writing import write

Draw = ImageDraw.ImageDraw
_DIM = 110
_ANCHORS = {"left": "lm", "middle": "mm", "right": "rm"}


def paint_web(image: Image.Image, box: Box, sizes: Metrics, palette: Palette) -> None:
    """Draw one box that has a look; where it was cut off, what it would show there and no more."""
    if box.full is None:
        _paint(image, box, box.rect, sizes, palette)
        return
    left, top, right, bottom = box.full
    whole = image.crop(box.full)
    _paint(whole, box, (0, 0, right - left, bottom - top), sizes, palette)
    shown = (box.rect[0] - left, box.rect[1] - top, box.rect[2] - left, box.rect[3] - top)
    image.paste(whole.crop(shown), box.rect[:2])


def _paint(image: Image.Image, box: Box, rect: Rect, sizes: Metrics, palette: Palette) -> None:
    look = box.look
    assert look is not None, "only boxes with a look are drawn here"
    draw = ImageDraw.Draw(image)
    match box.role:
        case "paragraph" | "link":
            _lines(draw, box.below.split("\n"), rect, look, sizes, palette)
        case "button":
            _ground(draw, rect, look, sizes)
            room = rect[2] - rect[0] - 2
            fits = length_px(box.label, font_px(look, sizes)) <= room
            size = font_px(look, sizes) if fits else sizes.small_font
            label = cut(box.label, size, room)
            middle = (rect[0] + rect[2]) / 2, (rect[1] + rect[3]) / 2
            write(draw, middle, label, size, look.ink or palette.text, "mm")
        case "field":
            _field(draw, box, rect, look, sizes, palette)
        case "image":
            _ground(draw, rect, look, sizes)
            draw_ware(draw, box.glyph, rect, box.colour or palette.faint)
        case "dialog":
            image.paste(image.point(lambda value: value * (255 - _DIM) // 255))
            _ground(draw, rect, look, sizes)
        case _:
            _ground(draw, rect, look, sizes)


def _ground(draw: Draw, rect: Rect, look: Look, sizes: Metrics) -> None:
    inner = rect[0], rect[1], rect[2] - 1, rect[3] - 1
    if look.fill is None and look.edge is None:
        return
    radius = sizes.margin / 2 if look.round else 0
    draw.rounded_rectangle(inner, radius, fill=look.fill, outline=look.edge, width=max(1, sizes.margin // 10))


def _lines(draw: Draw, lines: list[str], rect: Rect, look: Look, sizes: Metrics, palette: Palette) -> None:
    size = font_px(look, sizes)
    x = {"left": float(rect[0]), "middle": (rect[0] + rect[2]) / 2, "right": float(rect[2])}[look.align]
    for number, line in enumerate(lines):
        y = rect[1] + size * LINE * (number + 0.5)
        write(draw, (x, y), line, size, look.ink or palette.text, _ANCHORS[look.align])


def _field(draw: Draw, box: Box, rect: Rect, look: Look, sizes: Metrics, palette: Palette) -> None:
    """Draw a field; while it has the keyboard the end of a long text shows, else its beginning."""
    inner = rect[0], rect[1], rect[2] - 1, rect[3] - 1
    edge = palette.accent if box.focused else look.edge
    radius = sizes.margin / 2 if look.round else 0
    draw.rounded_rectangle(inner, radius, fill=look.fill, outline=edge, width=max(1, sizes.margin // 10))
    size, inset = font_px(look, sizes), gap_px(sizes)
    room = rect[2] - rect[0] - 2 * inset
    shown = box.text or box.label
    if box.text and box.focused:
        shown = tail(shown, size, room)
    ink = (look.ink or palette.text) if box.text else (128, 132, 140)
    write(draw, (rect[0] + inset, (rect[1] + rect[3]) / 2), cut(shown, size, room), size, ink, "lm")
