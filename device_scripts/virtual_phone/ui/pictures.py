"""Drawn pictures as PNG files: what a camera sees, a map around a place; and fitting any picture file to a box."""

from __future__ import annotations

import io
import random
from collections.abc import Callable
from functools import lru_cache

from PIL import Image, ImageDraw, ImageOps

SUBJECTS = ("house", "tree", "boat", "flower", "star", "cup", "car", "kite")
PERSON = "person"
_SIZE_PX = (320, 240)
_MAX_PIXELS = 40_000_000
_SKIES = ((150, 200, 240), (250, 196, 150), (170, 178, 190), (60, 72, 120))
_GROUNDS = ((96, 150, 84), (196, 170, 120), (120, 128, 140), (64, 116, 160))
_PAINTS = ((200, 60, 52), (40, 90, 180), (236, 180, 40), (130, 70, 150), (240, 240, 236), (30, 130, 120))
Draw = ImageDraw.ImageDraw
Colour = tuple[int, int, int]


@lru_cache(maxsize=64)
def photograph(subject: str, number: int) -> bytes:
    """Return a PNG of one of ``SUBJECTS``, or of a ``PERSON``; the same for the same subject and number."""
    rng = random.Random(f"{subject}/{number}")
    width, height = _SIZE_PX
    image = Image.new("RGB", _SIZE_PX, rng.choice(_SKIES))
    draw = ImageDraw.Draw(image)
    horizon = round(height * rng.uniform(0.55, 0.75))
    draw.rectangle((0, horizon, width, height), fill=rng.choice(_GROUNDS))
    _DRAWINGS[subject](draw, width * rng.uniform(0.4, 0.6), height * 0.55, height * 0.38, rng.choice(_PAINTS))
    return _png(image)


@lru_cache(maxsize=64)
def street_map(name: str, route: bool = False) -> bytes:
    """Return a PNG of streets around a place of that name, with a pin in the middle and, if asked for, a way there."""
    rng = random.Random(name)
    width, height = _SIZE_PX
    image = Image.new("RGB", _SIZE_PX, (232, 230, 222))
    draw = ImageDraw.Draw(image)
    left, top = rng.randrange(20, 200), rng.randrange(10, 140)
    draw.rectangle((left, top, left + rng.randrange(50, 100), top + rng.randrange(40, 80)), fill=(186, 220, 176))
    water = rng.randrange(0, width)
    draw.line([(water, 0), (width - water, height)], fill=(160, 200, 232), width=26)
    columns, rows = sorted(rng.sample(range(20, 310, 24), 4)), sorted(rng.sample(range(20, 230, 24), 3))
    for x in columns:
        draw.line([(x, 0), (x, height)], fill=(255, 255, 255), width=9)
    for y in rows:
        draw.line([(0, y), (width, y)], fill=(255, 255, 255), width=9)
    x, y = columns[len(columns) // 2], rows[1]
    if route:
        draw.line([(columns[0], height), (columns[0], y), (x, y)], fill=(40, 110, 230), width=8, joint="curve")
    draw.polygon([(x - 15, y - 34), (x + 15, y - 34), (x, y)], fill=(216, 52, 48))
    draw.ellipse((x - 20, y - 62, x + 20, y - 22), fill=(216, 52, 48))
    draw.ellipse((x - 7, y - 49, x + 7, y - 35), fill=(255, 255, 255))
    return _png(image)


@lru_cache(maxsize=64)
def fit_picture(data: bytes, size_px: tuple[int, int]) -> Image.Image | None:
    """Return a picture file cut and scaled to (width, height) in pixels, None for what is no such file."""
    try:
        with Image.open(io.BytesIO(data)) as opened:
            if opened.width * opened.height > _MAX_PIXELS:
                return None
            return ImageOps.fit(opened.convert("RGB"), size_px, Image.Resampling.BILINEAR, centering=(0.5, 0.0))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):  # what Pillow's readers raise
        return None


def _png(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


def _house(draw: Draw, x: float, y: float, r: float, paint: Colour) -> None:
    draw.rectangle((x - r * 0.8, y - r * 0.1, x + r * 0.8, y + r), fill=paint)
    draw.polygon([(x - r, y - r * 0.1), (x + r, y - r * 0.1), (x, y - r)], fill=(110, 62, 44))
    draw.rectangle((x - r * 0.18, y + r * 0.4, x + r * 0.18, y + r), fill=(60, 40, 32))


def _tree(draw: Draw, x: float, y: float, r: float, paint: Colour) -> None:
    draw.rectangle((x - r * 0.12, y, x + r * 0.12, y + r), fill=(104, 70, 44))
    draw.ellipse((x - r * 0.75, y - r, x + r * 0.75, y + r * 0.35), fill=(48, 120, 60))


def _boat(draw: Draw, x: float, y: float, r: float, paint: Colour) -> None:
    hull = [(x - r, y + r * 0.4), (x + r, y + r * 0.4), (x + r * 0.6, y + r * 0.9), (x - r * 0.6, y + r * 0.9)]
    draw.polygon(hull, fill=(110, 62, 44))
    draw.line([(x, y + r * 0.4), (x, y - r)], fill=(60, 40, 32), width=5)
    draw.polygon([(x + 4, y - r), (x + 4, y + r * 0.25), (x + r * 0.8, y + r * 0.25)], fill=paint)


def _flower(draw: Draw, x: float, y: float, r: float, paint: Colour) -> None:
    draw.line([(x, y), (x, y + r)], fill=(48, 120, 60), width=8)
    for dx, dy in ((-0.45, -0.3), (0.45, -0.3), (0.0, -0.75), (-0.3, 0.2), (0.3, 0.2)):
        middle_x, middle_y, petal = x + dx * r, y + dy * r - r * 0.1, r * 0.3
        draw.ellipse((middle_x - petal, middle_y - petal, middle_x + petal, middle_y + petal), fill=paint)
    draw.ellipse((x - r * 0.25, y - r * 0.5, x + r * 0.25, y), fill=(250, 220, 90))


def _star(draw: Draw, x: float, y: float, r: float, paint: Colour) -> None:
    draw.regular_polygon((x, y, r * 0.95), 3, fill=(250, 220, 90))
    draw.regular_polygon((x, y, r * 0.95), 3, rotation=180, fill=(250, 220, 90))


def _cup(draw: Draw, x: float, y: float, r: float, paint: Colour) -> None:
    draw.ellipse((x + r * 0.25, y - r * 0.2, x + r * 0.95, y + r * 0.6), outline=paint, width=11)
    draw.rounded_rectangle((x - r * 0.65, y - r * 0.5, x + r * 0.6, y + r * 0.9), r * 0.2, fill=paint)


def _car(draw: Draw, x: float, y: float, r: float, paint: Colour) -> None:
    draw.rounded_rectangle((x - r * 0.6, y - r * 0.2, x + r * 0.55, y + r * 0.5), r * 0.2, fill=paint)
    draw.rounded_rectangle((x - r * 1.1, y + r * 0.2, x + r * 1.1, y + r * 0.75), r * 0.15, fill=paint)
    for wheel in (x - r * 0.6, x + r * 0.6):
        draw.ellipse((wheel - r * 0.25, y + r * 0.5, wheel + r * 0.25, y + r), fill=(30, 30, 34))


def _kite(draw: Draw, x: float, y: float, r: float, paint: Colour) -> None:
    draw.line([(x, y + r * 0.4), (x - r * 0.5, y + r * 0.8), (x, y + r)], fill=(60, 40, 32), width=4)
    corners = [(x, y - r), (x + r * 0.65, y - r * 0.35), (x, y + r * 0.45), (x - r * 0.65, y - r * 0.35)]
    draw.polygon(corners, fill=paint)


def _person(draw: Draw, x: float, y: float, r: float, paint: Colour) -> None:
    draw.rounded_rectangle((x - r, y + r * 0.55, x + r, y + r * 2), r * 0.5, fill=paint)
    draw.ellipse((x - r * 0.62, y - r, x + r * 0.62, y + r * 0.6), fill=(232, 190, 160))
    for eye in (x - r * 0.25, x + r * 0.25):
        draw.ellipse((eye - 5, y - r * 0.35, eye + 5, y - r * 0.35 + 10), fill=(40, 40, 44))
    draw.arc((x - r * 0.3, y - r * 0.2, x + r * 0.3, y + r * 0.3), 20, 160, fill=(150, 60, 60), width=4)


_DRAWINGS: dict[str, Callable[[Draw, float, float, float, Colour], None]] = {
    "house": _house,
    "tree": _tree,
    "boat": _boat,
    "flower": _flower,
    "star": _star,
    "cup": _cup,
    "car": _car,
    "kite": _kite,
    PERSON: _person,
}
