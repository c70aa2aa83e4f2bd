"""Writes text into a picture, pixel for pixel as Pillow does, and keeps what it has written. Lays nothing out."""

from __future__ import annotations

import math
from functools import lru_cache

from PIL import Image, ImageDraw

from device_scripts.virtual_phone.ui.theme import Colour, font

_PAD_PX = 2
_RULER = ImageDraw.Draw(Image.new("L", (1, 1)))


def write(
    draw: ImageDraw.ImageDraw, xy: tuple[float, float], text: str, size_px: int, colour: Colour, anchor: str = "lm"
) -> None:
    """Draw a text at a point in pixels; ``anchor`` is Pillow's, such as "lm" for the middle of the left edge."""
    if min(xy) < 0 or "\n" in text:  # at negative coordinates Pillow cuts a row or column off some lines
        draw.text(xy, text, colour, font(size_px), anchor)
        return
    x, y = math.floor(xy[0]), math.floor(xy[1])
    coverage, left, top = _coverage(text, size_px, anchor, xy[0] - x, xy[1] - y)
    if coverage is not None:
        draw.bitmap((x + left, y + top), coverage, colour)


@lru_cache(maxsize=4096)
def _coverage(text: str, size_px: int, anchor: str, x: float, y: float) -> tuple[Image.Image | None, int, int]:
    """Return how much of each pixel a text at (x, y), both in [0, 1), covers (mode L), and where that begins.

    None stands for a text without ink. The text's own point is kept at or beyond the corner of the canvas.
    """
    face = font(size_px)
    box = _RULER.textbbox((x, y), text, face, anchor)
    right_of, below = (max(0, _PAD_PX - math.floor(edge)) for edge in box[:2])
    canvas = Image.new("L", (right_of + math.ceil(box[2]) + _PAD_PX, below + math.ceil(box[3]) + _PAD_PX))
    ImageDraw.Draw(canvas).text((right_of + x, below + y), text, 255, face, anchor)
    inked = canvas.getbbox()
    return (None, 0, 0) if inked is None else (canvas.crop(inked), inked[0] - right_of, inked[1] - below)
