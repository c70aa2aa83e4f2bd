"""The four suits of playing cards, drawn smoothly at any size. Knows no cards."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from PIL import Image, ImageDraw

Colour = tuple[int, int, int]
Square = tuple[float, float, float, float]
_FINE = 8


def draw_suit(draw: ImageDraw.ImageDraw, name: str, square: Square, colour: Colour) -> None:
    """Draw a suit inside the square."""
    left, top, right, _ = square
    draw.bitmap((round(left), round(top)), _mask(name, max(1, round(right - left))), fill=colour)


@lru_cache(maxsize=64)
def _mask(name: str, side_px: int) -> Image.Image:
    """Return the suit white on black, drawn eight times as large and made smaller."""
    mask = Image.new("L", (side_px * _FINE, side_px * _FINE), 0)
    _SHAPES[name](_Pen(ImageDraw.Draw(mask), side_px * _FINE))
    return mask.resize((side_px, side_px), Image.Resampling.BOX)


class _Pen:
    """Draws in shares of the side, y down."""

    def __init__(self, draw: ImageDraw.ImageDraw, side_px: int) -> None:
        self._draw = draw
        self._side = side_px - 1

    def disc(self, x: float, y: float, radius: float) -> None:
        edges = [self._side * edge for edge in (x - radius, y - radius, x + radius, y + radius)]
        self._draw.ellipse((edges[0], edges[1], edges[2], edges[3]), fill=255)

    def polygon(self, *points: tuple[float, float]) -> None:
        self._draw.polygon([(self._side * x, self._side * y) for x, y in points], fill=255)


def _diamond(pen: _Pen) -> None:
    pen.polygon((0.5, 0), (0.88, 0.5), (0.5, 1), (0.12, 0.5))


def _heart(pen: _Pen) -> None:
    pen.disc(0.27, 0.3, 0.25)
    pen.disc(0.73, 0.3, 0.25)
    pen.polygon((0.06, 0.43), (0.5, 0.25), (0.94, 0.43), (0.5, 1))


def _stem(pen: _Pen) -> None:
    pen.polygon((0.45, 0.55), (0.55, 0.55), (0.7, 1), (0.3, 1))


def _spade(pen: _Pen) -> None:
    pen.disc(0.27, 0.58, 0.24)
    pen.disc(0.73, 0.58, 0.24)
    pen.polygon((0.06, 0.47), (0.5, 0), (0.94, 0.47), (0.5, 0.68))
    _stem(pen)


def _club(pen: _Pen) -> None:
    pen.disc(0.5, 0.24, 0.23)
    pen.disc(0.24, 0.6, 0.23)
    pen.disc(0.76, 0.6, 0.23)
    pen.disc(0.5, 0.5, 0.14)
    _stem(pen)


_SHAPES: dict[str, Callable[[_Pen], None]] = {"spade": _spade, "heart": _heart, "diamond": _diamond, "club": _club}
SUITS = tuple(_SHAPES)
