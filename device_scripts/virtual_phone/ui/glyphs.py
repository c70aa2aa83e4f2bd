"""The drawings on app icons and navigation buttons. Knows no layout."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

from PIL import ImageDraw

from device_scripts.virtual_phone.ui.suits import SUITS, draw_suit
from device_scripts.virtual_phone.ui.symbols import SYMBOLS, draw_symbol

Colour = tuple[int, int, int]
Square = tuple[float, float, float, float]


def draw_glyph(draw: ImageDraw.ImageDraw, name: str, square: Square, colour: Colour) -> None:
    """Draw the glyph of that name inside the square."""
    _GLYPHS[name](draw, square, colour)


def _point(square: Square, x: float, y: float) -> tuple[float, float]:
    left, top, right, bottom = square
    return left + (right - left) * x, top + (bottom - top) * y


def _part(square: Square, x0: float, y0: float, x1: float, y1: float) -> Square:
    return (*_point(square, x0, y0), *_point(square, x1, y1))


def _stroke(square: Square) -> int:
    return max(1, round((square[2] - square[0]) / 11))


def _gear(draw: ImageDraw.ImageDraw, square: Square, colour: Colour) -> None:
    for tooth in range(8):
        angle = math.pi * tooth / 4
        inner = _point(square, 0.5 + 0.25 * math.cos(angle), 0.5 + 0.25 * math.sin(angle))
        outer = _point(square, 0.5 + 0.45 * math.cos(angle), 0.5 + 0.45 * math.sin(angle))
        draw.line([inner, outer], fill=colour, width=_stroke(square) * 2)
    draw.ellipse(_part(square, 0.22, 0.22, 0.78, 0.78), outline=colour, width=_stroke(square) * 2)


def _clock(draw: ImageDraw.ImageDraw, square: Square, colour: Colour) -> None:
    draw.ellipse(_part(square, 0.08, 0.08, 0.92, 0.92), outline=colour, width=_stroke(square))
    draw.line([_point(square, 0.5, 0.5), _point(square, 0.5, 0.2)], fill=colour, width=_stroke(square))
    draw.line([_point(square, 0.5, 0.5), _point(square, 0.72, 0.6)], fill=colour, width=_stroke(square))


def _note(draw: ImageDraw.ImageDraw, square: Square, colour: Colour) -> None:
    draw.rectangle(_part(square, 0.15, 0.08, 0.85, 0.92), outline=colour, width=_stroke(square))
    for y in (0.32, 0.5, 0.68):
        draw.line([_point(square, 0.3, y), _point(square, 0.7, y)], fill=colour, width=_stroke(square))


def _globe(draw: ImageDraw.ImageDraw, square: Square, colour: Colour) -> None:
    draw.ellipse(_part(square, 0.08, 0.08, 0.92, 0.92), outline=colour, width=_stroke(square))
    draw.ellipse(_part(square, 0.33, 0.08, 0.67, 0.92), outline=colour, width=max(1, _stroke(square) // 2))
    draw.line([_point(square, 0.08, 0.5), _point(square, 0.92, 0.5)], fill=colour, width=_stroke(square))


def _person(draw: ImageDraw.ImageDraw, square: Square, colour: Colour) -> None:
    draw.ellipse(_part(square, 0.3, 0.08, 0.7, 0.48), outline=colour, width=_stroke(square))
    draw.chord(_part(square, 0.12, 0.56, 0.88, 1.3), 180, 360, outline=colour, width=_stroke(square))


def _bubble(draw: ImageDraw.ImageDraw, square: Square, colour: Colour) -> None:
    draw.rounded_rectangle(_part(square, 0.08, 0.15, 0.92, 0.72), 3, outline=colour, width=_stroke(square))
    draw.polygon([_point(square, 0.25, 0.72), _point(square, 0.25, 0.95), _point(square, 0.5, 0.72)], fill=colour)


def _scale(draw: ImageDraw.ImageDraw, square: Square, colour: Colour) -> None:
    draw.line([_point(square, 0, 0.6), _point(square, 1, 0.6)], fill=colour, width=_stroke(square))
    for x in (0.1, 0.5, 0.9):
        draw.line([_point(square, x, 0.45), _point(square, x, 0.75)], fill=colour, width=_stroke(square))
    draw.polygon([_point(square, 0.35, 0.1), _point(square, 0.65, 0.1), _point(square, 0.5, 0.38)], fill=colour)


def _suit(suit: str, draw: ImageDraw.ImageDraw, square: Square, colour: Colour) -> None:
    draw_suit(draw, suit, square, colour)


def _symbol(name: str, draw: ImageDraw.ImageDraw, square: Square, colour: Colour) -> None:
    draw_symbol(draw, name, square, colour)


def _back(draw: ImageDraw.ImageDraw, square: Square, colour: Colour) -> None:
    draw.polygon([_point(square, 0.8, 0.1), _point(square, 0.8, 0.9), _point(square, 0.15, 0.5)], outline=colour)


def _home(draw: ImageDraw.ImageDraw, square: Square, colour: Colour) -> None:
    draw.ellipse(_part(square, 0.1, 0.1, 0.9, 0.9), outline=colour, width=_stroke(square))


def _recents(draw: ImageDraw.ImageDraw, square: Square, colour: Colour) -> None:
    draw.rectangle(_part(square, 0.15, 0.15, 0.85, 0.85), outline=colour, width=_stroke(square))


def _calculator(draw: ImageDraw.ImageDraw, square: Square, colour: Colour) -> None:
    draw.rectangle(_part(square, 0.15, 0.05, 0.85, 0.95), outline=colour, width=_stroke(square))
    draw.rectangle(_part(square, 0.3, 0.18, 0.7, 0.34), fill=colour)
    for y in (0.5, 0.7):
        for x in (0.3, 0.58):
            draw.rectangle(_part(square, x, y, x + 0.12, y + 0.1), fill=colour)


def _folder(draw: ImageDraw.ImageDraw, square: Square, colour: Colour) -> None:
    outline = ((0.05, 0.85), (0.05, 0.18), (0.4, 0.18), (0.5, 0.32), (0.95, 0.32), (0.95, 0.85), (0.05, 0.85))
    draw.line([_point(square, x, y) for x, y in outline], fill=colour, width=_stroke(square), joint="curve")


def _camera(draw: ImageDraw.ImageDraw, square: Square, colour: Colour) -> None:
    draw.rectangle(_part(square, 0.02, 0.28, 0.98, 0.88), outline=colour, width=_stroke(square))
    draw.rectangle(_part(square, 0.32, 0.12, 0.68, 0.28), fill=colour)
    draw.ellipse(_part(square, 0.32, 0.4, 0.68, 0.76), outline=colour, width=_stroke(square))


def _picture(draw: ImageDraw.ImageDraw, square: Square, colour: Colour) -> None:
    draw.rectangle(_part(square, 0.04, 0.12, 0.96, 0.88), outline=colour, width=_stroke(square))
    draw.polygon([_point(square, *corner) for corner in ((0.14, 0.78), (0.42, 0.4), (0.62, 0.78))], fill=colour)
    draw.ellipse(_part(square, 0.64, 0.24, 0.82, 0.42), fill=colour)


def _pin(draw: ImageDraw.ImageDraw, square: Square, colour: Colour) -> None:
    draw.polygon([_point(square, *corner) for corner in ((0.24, 0.52), (0.76, 0.52), (0.5, 0.98))], fill=colour)
    draw.ellipse(_part(square, 0.2, 0.04, 0.8, 0.64), outline=colour, width=_stroke(square) * 2)


def _melody(draw: ImageDraw.ImageDraw, square: Square, colour: Colour) -> None:
    tops = [_point(square, 0.34, 0.12), _point(square, 0.86, 0.06)]
    draw.line([_point(square, 0.34, 0.8), *tops, _point(square, 0.86, 0.7)], fill=colour, width=_stroke(square))
    draw.ellipse(_part(square, 0.1, 0.68, 0.4, 0.94), fill=colour)
    draw.ellipse(_part(square, 0.62, 0.6, 0.92, 0.86), fill=colour)


def _sun(draw: ImageDraw.ImageDraw, square: Square, colour: Colour) -> None:
    for ray in range(8):
        x, y = math.cos(math.pi * ray / 4), math.sin(math.pi * ray / 4)
        ends = [_point(square, 0.5 + 0.34 * x, 0.5 + 0.34 * y), _point(square, 0.5 + 0.48 * x, 0.5 + 0.48 * y)]
        draw.line(ends, fill=colour, width=_stroke(square))
    draw.ellipse(_part(square, 0.28, 0.28, 0.72, 0.72), fill=colour)


def _bag(draw: ImageDraw.ImageDraw, square: Square, colour: Colour) -> None:
    draw.rectangle(_part(square, 0.12, 0.34, 0.88, 0.95), fill=colour)
    draw.arc(_part(square, 0.3, 0.04, 0.7, 0.6), 180, 360, fill=colour, width=_stroke(square))


def _cube(draw: ImageDraw.ImageDraw, square: Square, colour: Colour) -> None:
    draw.rounded_rectangle(
        _part(square, 0.1, 0.1, 0.9, 0.9), _stroke(square) * 2, outline=colour, width=_stroke(square)
    )
    draw.ellipse(_part(square, 0.38, 0.38, 0.62, 0.62), fill=colour)


_GLYPHS: dict[str, Callable[[ImageDraw.ImageDraw, Square, Colour], None]] = {
    "gear": _gear,
    "clock": _clock,
    "note": _note,
    "globe": _globe,
    "bubble": _bubble,
    "person": _person,
    "calculator": _calculator,
    "folder": _folder,
    "camera": _camera,
    "picture": _picture,
    "pin": _pin,
    "melody": _melody,
    "sun": _sun,
    "bag": _bag,
    "cube": _cube,
    "back": _back,
    "home": _home,
    "recents": _recents,
    "scale": _scale,
    **{suit: partial(_suit, suit) for suit in SUITS},
    **{name: partial(_symbol, name) for name in SYMBOLS},
}
