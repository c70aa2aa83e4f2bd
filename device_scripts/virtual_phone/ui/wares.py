"""Drawings of things that shops sell, as shapes in a unit square. Knows no shop and no layout."""

from __future__ import annotations

from typing import Final, Literal

from PIL import ImageDraw

from device_scripts.virtual_phone.ui.boxes import Rect
from device_scripts.virtual_phone.ui.theme import Colour

Kind = Literal["oval", "ring", "box", "shape", "line"]
Shape = tuple[Kind, tuple[float, ...], float]
"""What to draw, its corners as x, y, x, y … from 0 to 1, and how light: 1 is the ware's colour, below darker."""

WARES: Final[dict[str, tuple[Shape, ...]]] = {
    "lamp": (
        ("shape", (0.3, 0.5, 0.7, 0.5, 0.6, 0.15, 0.4, 0.15), 1.0),
        ("box", (0.47, 0.5, 0.53, 0.85), 0.5),
        ("box", (0.32, 0.83, 0.68, 0.9), 0.5),
    ),
    "shoes": (
        ("shape", (0.1, 0.35, 0.35, 0.35, 0.55, 0.55, 0.9, 0.6, 0.9, 0.75, 0.1, 0.75), 1.0),
        ("box", (0.1, 0.74, 0.92, 0.82), 0.5),
    ),
    "coat": (
        ("shape", (0.3, 0.12, 0.7, 0.12, 0.95, 0.6, 0.8, 0.65, 0.72, 0.45, 0.75, 0.9, 0.25, 0.9, 0.28, 0.45, 0.2,
                   0.65, 0.05, 0.6), 1.0),
        ("line", (0.5, 0.14, 0.5, 0.9), 0.5),
    ),
    "hat": (("oval", (0.25, 0.25, 0.75, 0.85), 1.0), ("box", (0.08, 0.62, 0.92, 0.74), 0.6)),
    "pot": (
        ("oval", (0.22, 0.35, 0.78, 0.88), 1.0),
        ("shape", (0.7, 0.55, 0.96, 0.3, 0.96, 0.4, 0.74, 0.72), 0.8),
        ("box", (0.4, 0.26, 0.6, 0.36), 0.6),
    ),
    "mug": (
        ("ring", (0.55, 0.35, 0.92, 0.72), 0.6),
        ("box", (0.15, 0.22, 0.7, 0.85), 1.0),
    ),
    "pan": (("oval", (0.05, 0.3, 0.62, 0.8), 1.0), ("box", (0.58, 0.5, 0.97, 0.6), 0.5)),
    "tent": (
        ("shape", (0.5, 0.15, 0.95, 0.85, 0.05, 0.85), 1.0),
        ("shape", (0.5, 0.4, 0.66, 0.85, 0.34, 0.85), 0.5),
    ),
    "bag": (
        ("ring", (0.32, 0.08, 0.68, 0.5), 0.6),
        ("box", (0.16, 0.32, 0.84, 0.9), 1.0),
        ("box", (0.28, 0.58, 0.72, 0.82), 0.75),
    ),
    "headphones": (
        ("ring", (0.15, 0.12, 0.85, 0.9), 0.6),
        ("box", (0.1, 0.5, 0.32, 0.88), 1.0),
        ("box", (0.68, 0.5, 0.9, 0.88), 1.0),
    ),
    "phone": (
        ("box", (0.28, 0.06, 0.72, 0.94), 1.0),
        ("oval", (0.34, 0.12, 0.5, 0.28), 0.5),
    ),
    "keyboard": (
        ("box", (0.04, 0.3, 0.96, 0.75), 1.0),
        ("line", (0.1, 0.42, 0.9, 0.42), 0.5),
        ("line", (0.1, 0.53, 0.9, 0.53), 0.5),
        ("line", (0.28, 0.65, 0.72, 0.65), 0.5),
    ),
    "mouse": (("oval", (0.28, 0.12, 0.72, 0.9), 1.0), ("line", (0.5, 0.14, 0.5, 0.42), 0.5)),
    "chair": (
        ("box", (0.3, 0.08, 0.7, 0.48), 1.0),
        ("box", (0.24, 0.52, 0.76, 0.64), 0.8),
        ("line", (0.5, 0.64, 0.5, 0.85), 0.5),
        ("box", (0.25, 0.84, 0.75, 0.9), 0.5),
    ),
    "clock": (
        ("oval", (0.1, 0.1, 0.9, 0.9), 1.0),
        ("oval", (0.18, 0.18, 0.82, 0.82), 1.9),
        ("line", (0.5, 0.5, 0.5, 0.27), 0.5),
        ("line", (0.5, 0.5, 0.68, 0.6), 0.5),
    ),
    "towel": (("box", (0.2, 0.1, 0.8, 0.9), 1.0), ("box", (0.2, 0.68, 0.8, 0.76), 0.6)),
    "bottle": (
        ("box", (0.42, 0.06, 0.58, 0.22), 0.5),
        ("shape", (0.42, 0.22, 0.58, 0.22, 0.7, 0.38, 0.7, 0.92, 0.3, 0.92, 0.3, 0.38), 1.0),
        ("box", (0.3, 0.52, 0.7, 0.72), 0.75),
    ),
    "book": (
        ("box", (0.2, 0.1, 0.8, 0.9), 1.0),
        ("box", (0.2, 0.1, 0.3, 0.9), 0.6),
        ("line", (0.4, 0.3, 0.7, 0.3), 0.5),
    ),
    "game": (
        ("box", (0.12, 0.12, 0.88, 0.88), 1.0),
        ("oval", (0.24, 0.24, 0.4, 0.4), 0.5),
        ("oval", (0.42, 0.42, 0.58, 0.58), 0.5),
        ("oval", (0.6, 0.6, 0.76, 0.76), 0.5),
    ),
    "umbrella": (
        ("shape", (0.05, 0.5, 0.2, 0.25, 0.5, 0.12, 0.8, 0.25, 0.95, 0.5), 1.0),
        ("line", (0.5, 0.5, 0.5, 0.9), 0.5),
    ),
}  # fmt: skip


def draw_ware(draw: ImageDraw.ImageDraw, name: str, rect: Rect, colour: Colour) -> None:
    """Draw the ware of that name in the middle of a rectangle, as large as fits."""
    width, height = rect[2] - rect[0], rect[3] - rect[1]
    side = min(width, height)
    left, top = rect[0] + (width - side) / 2, rect[1] + (height - side) / 2
    for kind, corners, light in WARES[name]:
        points = [(left + x * side, top + y * side) for x, y in zip(corners[::2], corners[1::2], strict=True)]
        fill = _lit(colour, light)
        if kind == "oval":
            draw.ellipse([points[0], points[1]], fill=fill)
        elif kind == "ring":
            draw.ellipse([points[0], points[1]], outline=fill, width=max(1, round(side / 12)))
        elif kind == "box":
            draw.rectangle([points[0], points[1]], fill=fill)
        elif kind == "shape":
            draw.polygon(points, fill=fill)
        else:
            draw.line(points, fill=fill, width=max(1, round(side / 30)))


def _lit(colour: Colour, light: float) -> Colour:
    """Return a colour made darker below 1, and drawn towards white above."""
    if light <= 1:
        return round(colour[0] * light), round(colour[1] * light), round(colour[2] * light)
    toward = light - 1
    red, green, blue = (round(part + (255 - part) * toward) for part in colour)
    return red, green, blue
