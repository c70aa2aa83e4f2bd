"""Draws the boxes that ``ui.material_placing`` makes. Knows no app and keeps no state."""

from __future__ import annotations

from collections.abc import Callable

from PIL import ImageDraw

from device_scripts.virtual_phone.ui.boxes import Box, Rect
from device_scripts.virtual_phone.ui.glyphs import draw_glyph
from device_scripts.virtual_phone.ui.text import cut, fitted, length_px
from device_scripts.virtual_phone.ui.theme import Metrics, Palette
from device_scripts.virtual_phone.ui.writing import write

Draw = ImageDraw.ImageDraw
_WHITE = (255, 255, 255)
_LARGE = 1.4


def _around(x: float, y: float, half: float) -> tuple[float, float, float, float]:
    return x - half, y - half, x + half, y + half


def _inside(rect: Rect) -> Rect:
    return rect[0], rect[1], rect[2] - 1, rect[3] - 1


def _middle(rect: Rect) -> tuple[float, float]:
    return (rect[0] + rect[2]) / 2, (rect[1] + rect[3]) / 2


def switch_width(sizes: Metrics) -> int:
    """Return how wide a switch is, in pixels."""
    return round(max(8, sizes.row // 3) * 1.8)


def draw_switch(draw: Draw, rect: Rect, checked: bool, sizes: Metrics, palette: Palette) -> None:
    """Draw a switch at the right of a rectangle."""
    height = max(8, sizes.row // 3)
    right, y = rect[2] - sizes.margin, (rect[1] + rect[3]) / 2
    track = (right - switch_width(sizes), y - height / 2, right, y + height / 2)
    draw.rounded_rectangle(track, radius=height / 2, fill=palette.accent if checked else palette.switch_off)
    left = track[2] - height + 2 if checked else track[0] + 2
    draw.ellipse((left, track[1] + 2, left + height - 4, track[3] - 2), fill=palette.on_accent)


def _entry(draw: Draw, box: Box, sizes: Metrics, palette: Palette) -> None:
    left, top, right, bottom = box.rect
    draw.line([(left, bottom - 1), (right, bottom - 1)], fill=palette.line)
    middle, x = (top + bottom) / 2, float(sizes.margin)
    if box.glyph and box.colour:
        half = round(sizes.row * 0.31)
        draw.ellipse(_around(x + half, middle, half), fill=box.colour)
        if len(box.glyph) == 1:
            write(draw, (x + half, middle), box.glyph, round(half * 1.1), _WHITE, "mm")
        else:
            draw_glyph(draw, box.glyph, _around(x + half, middle, half * 0.56), _WHITE)
        x += 2 * half + sizes.margin * 0.8
    if box.checked is not None:
        draw_switch(draw, box.rect, box.checked, sizes, palette)
        right -= switch_width(sizes) + sizes.margin
    room = right - x - sizes.margin
    detail = cut(box.detail, sizes.small_font, room * 0.6)
    taken = length_px(detail, sizes.small_font) + sizes.margin / 2 if detail else 0
    size = round(sizes.font * _LARGE) if box.selected else sizes.font
    upper = middle - sizes.small_font * 0.62 if box.below else middle
    words, fitting = fitted(box.label, size, room - taken)
    write(draw, (x, upper), words, fitting, palette.text)
    write(draw, (right - sizes.margin, upper), detail, sizes.small_font, palette.faint, "rm")
    if box.below:
        below = cut(box.below, sizes.small_font, room)
        write(draw, (x, middle + size * 0.58), below, sizes.small_font, palette.faint)


def _toggle(draw: Draw, box: Box, sizes: Metrics, palette: Palette) -> None:
    left, top, right, bottom = box.rect
    draw.line([(left, bottom - 1), (right, bottom - 1)], fill=palette.line)
    quarter = (bottom - top) // 4
    draw.line([(left, top + quarter), (left, bottom - quarter)], fill=palette.line)
    draw_switch(draw, box.rect, bool(box.checked), sizes, palette)


def _choice(draw: Draw, box: Box, sizes: Metrics, palette: Palette) -> None:
    left, _, right, bottom = box.rect
    draw.line([(left, bottom - 1), (right, bottom - 1)], fill=palette.line)
    _, y = _middle(box.rect)
    half = round(sizes.font * 0.5)
    edge = palette.accent if box.checked else palette.faint
    draw.ellipse(_around(sizes.margin + half, y, half), outline=edge, width=max(1, half // 4))
    if box.checked:
        draw.ellipse(_around(sizes.margin + half, y, half * 0.5), fill=edge)
    x = sizes.margin + 2 * half + sizes.margin * 0.8
    words, size = fitted(box.label, sizes.font, right - x - sizes.margin / 2)
    write(draw, (x, y), words, size, palette.text)


def _section(draw: Draw, box: Box, sizes: Metrics, palette: Palette) -> None:
    _, top, right, bottom = box.rect
    text = cut(box.label, sizes.small_font, right - 2 * sizes.margin)
    write(draw, (sizes.margin, top + (bottom - top) * 0.58), text, sizes.small_font, palette.accent)


def _level(draw: Draw, box: Box, sizes: Metrics, palette: Palette) -> None:
    left, _, right, bottom = box.rect
    value, steps = (int(number) for number in box.detail.split("/"))
    words = round(sizes.font * 1.5)
    draw.line([(left, bottom - 1), (right, bottom - 1)], fill=palette.line)
    y_words = bottom - sizes.button - words / 2
    write(draw, (sizes.margin, y_words), cut(box.label, sizes.font, right - 5 * sizes.margin), sizes.font, palette.text)
    write(draw, (right - sizes.margin, y_words), str(value), sizes.small_font, palette.faint, "rm")
    y, half = bottom - sizes.button / 2, max(3, round(sizes.button * 0.2))
    room = (right - 2 * sizes.margin) / (steps + 1)
    x, thick = sizes.margin + room * (value + 0.5), max(2, half // 2)
    draw.line([(sizes.margin, y), (right - sizes.margin, y)], fill=palette.switch_off, width=thick)
    draw.line([(sizes.margin, y), (x, y)], fill=palette.accent, width=thick)
    draw.ellipse(_around(x, y, half), fill=palette.accent)


def _step(draw: Draw, box: Box, sizes: Metrics, palette: Palette) -> None:
    """Its slider is drawn as a whole."""


def _headline(draw: Draw, box: Box, sizes: Metrics, palette: Palette) -> None:
    left, top, right, _ = box.rect
    x, room = (left + right) / 2, right - left - 2 * sizes.margin
    words, size = fitted(box.label, round(sizes.title_font * 1.35), room)
    write(draw, (x, top + sizes.title / 2), words, size, palette.text, "mm")
    below = cut(box.below, sizes.small_font, room)
    write(draw, (x, top + sizes.title + sizes.small_font * 0.4), below, sizes.small_font, palette.faint, "mm")


def _round(draw: Draw, box: Box, sizes: Metrics, palette: Palette) -> None:
    x, _ = _middle(box.rect)
    half = round(sizes.row * 0.31)
    y = box.rect[1] + half
    draw.ellipse(_around(x, y, half), fill=palette.accent if box.selected else palette.surface)
    draw_glyph(draw, box.glyph, _around(x, y, half * 0.5), palette.on_accent if box.selected else palette.accent)
    words, size = fitted(box.label, sizes.small_font, box.rect[2] - box.rect[0] - 2)
    write(draw, (x, y + half + sizes.small_font * 0.9), words, size, palette.text, "mm")


def _place(draw: Draw, box: Box, sizes: Metrics, palette: Palette) -> None:
    left, top, right, bottom = box.rect
    draw.rectangle(_inside(box.rect), fill=palette.surface)
    x, colour = (left + right) / 2, palette.accent if box.selected else palette.faint
    half = (bottom - top - sizes.small_font * 1.2) * 0.3
    y = top + (bottom - top - sizes.small_font * 1.2) / 2
    if box.selected:
        pill = (x - half * 2.6, y - half * 1.35, x + half * 2.6, y + half * 1.35)
        draw.rounded_rectangle(pill, radius=half * 1.35, fill=palette.title)
    draw_glyph(draw, box.glyph, _around(x, y, half), colour)
    words, size = fitted(box.label, sizes.small_font, right - left - 2)
    write(draw, (x, bottom - sizes.small_font * 0.8), words, size, colour, "mm")


def _action(draw: Draw, box: Box, sizes: Metrics, palette: Palette) -> None:
    draw.rectangle(_inside(box.rect), fill=palette.title)
    draw_glyph(draw, box.glyph, _around(*_middle(box.rect), sizes.title * 0.21), palette.accent)


def _fab(draw: Draw, box: Box, sizes: Metrics, palette: Palette) -> None:
    side = box.rect[2] - box.rect[0]
    draw.rounded_rectangle(_inside(box.rect), radius=side * 0.3, fill=palette.accent)
    draw_glyph(draw, box.glyph, _around(*_middle(box.rect), side * 0.22), palette.on_accent)


DRAWINGS: dict[str, Callable[[Draw, Box, Metrics, Palette], None]] = {
    "entry": _entry,
    "toggle": _toggle,
    "choice": _choice,
    "section": _section,
    "level": _level,
    "step": _step,
    "headline": _headline,
    "round": _round,
    "place": _place,
    "action": _action,
    "fab": _fab,
}
"""How each role of box is drawn."""
