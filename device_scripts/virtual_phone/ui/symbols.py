"""The drawings on buttons and list rows, each as strokes in a square of side 1. Knows no layout."""

from __future__ import annotations

from PIL import ImageDraw

Colour = tuple[int, int, int]
Square = tuple[float, float, float, float]
Shape = tuple[str, tuple[float, ...]]


def draw_symbol(draw: ImageDraw.ImageDraw, name: str, square: Square, colour: Colour) -> None:
    """Draw the symbol of that name inside the square."""
    left, top, right, bottom = square
    side = right - left
    width = max(1, round(side / 9))
    for kind, numbers in SYMBOLS[name]:
        xs = [left + side * x for x in numbers[0::2]] if kind != "arc" else []
        points = list(zip(xs, [top + (bottom - top) * y for y in numbers[1::2]], strict=False)) if xs else []
        match kind:
            case "line":
                draw.line(points, fill=colour, width=width, joint="curve")
            case "fill":
                draw.polygon(points, fill=colour)
            case "ring":
                draw.ellipse((*points[0], *points[1]), outline=colour, width=width)
            case "disc":
                draw.ellipse((*points[0], *points[1]), fill=colour)
            case "box":
                draw.rectangle((*points[0], *points[1]), outline=colour, width=width)
            case "block":
                draw.rectangle((*points[0], *points[1]), fill=colour)
            case "arc":
                x0, y0, x1, y1, start, end = numbers
                corners = (left + side * x0, top + side * y0, left + side * x1, top + side * y1)
                draw.arc(corners, start, end, fill=colour, width=width)


def _dots(*places: float) -> tuple[Shape, ...]:
    return tuple(("disc", (x - 0.08, y - 0.08, x + 0.08, y + 0.08)) for y in places for x in (0.15, 0.5, 0.85))


_STAR = (0.5, 0.02, 0.62, 0.36, 0.98, 0.38, 0.7, 0.6, 0.8, 0.96, 0.5, 0.76, 0.2, 0.96, 0.3, 0.6, 0.02, 0.38, 0.38, 0.36)
_HANDSET = (
    0.1,
    0.12,
    0.3,
    0.02,
    0.44,
    0.3,
    0.32,
    0.42,
    0.58,
    0.68,
    0.7,
    0.56,
    0.98,
    0.7,
    0.88,
    0.9,
    0.6,
    0.94,
    0.06,
    0.4,
)
SYMBOLS: dict[str, tuple[Shape, ...]] = {
    "arrow": (("line", (0.95, 0.5, 0.05, 0.5)), ("line", (0.45, 0.1, 0.05, 0.5, 0.45, 0.9))),
    "plus": (("line", (0.5, 0.02, 0.5, 0.98)), ("line", (0.02, 0.5, 0.98, 0.5))),
    "left": (("line", (0.68, 0.05, 0.28, 0.5, 0.68, 0.95)),),
    "right": (("line", (0.32, 0.05, 0.72, 0.5, 0.32, 0.95)),),
    "search": (("ring", (0.04, 0.04, 0.7, 0.7)), ("line", (0.62, 0.62, 0.96, 0.96))),
    "pencil": (("fill", (0.7, 0.04, 0.96, 0.3, 0.34, 0.92, 0.04, 0.96, 0.08, 0.66)),),
    "bin": (
        ("line", (0.08, 0.2, 0.92, 0.2)),
        ("block", (0.36, 0.04, 0.64, 0.2)),
        ("fill", (0.18, 0.3, 0.82, 0.3, 0.76, 0.98, 0.24, 0.98)),
    ),
    "tick": (("line", (0.05, 0.52, 0.38, 0.85, 0.95, 0.15)),),
    "star": (("line", (*_STAR, *_STAR[:2])),),
    "star-filled": (("fill", _STAR),),
    "handset": (("fill", _HANDSET),),
    "hang-up": (
        (
            "fill",
            (
                0.02,
                0.5,
                0.2,
                0.34,
                0.8,
                0.34,
                0.98,
                0.5,
                0.92,
                0.7,
                0.7,
                0.62,
                0.68,
                0.5,
                0.32,
                0.5,
                0.3,
                0.62,
                0.08,
                0.7,
            ),
        ),
    ),
    "keypad": _dots(0.12, 0.5, 0.88),
    "recent": (("ring", (0.04, 0.04, 0.96, 0.96)), ("line", (0.5, 0.24, 0.5, 0.54, 0.72, 0.68))),
    "bell": (
        ("fill", (0.5, 0.06, 0.74, 0.2, 0.8, 0.62, 0.94, 0.78, 0.06, 0.78, 0.2, 0.62, 0.26, 0.2)),
        ("disc", (0.4, 0.8, 0.6, 0.98)),
    ),
    "hourglass": (
        ("line", (0.14, 0.04, 0.86, 0.04)),
        ("line", (0.14, 0.96, 0.86, 0.96)),
        ("fill", (0.22, 0.08, 0.78, 0.08, 0.5, 0.5)),
        ("line", (0.22, 0.92, 0.5, 0.5, 0.78, 0.92)),
    ),
    "stopwatch": (
        ("ring", (0.1, 0.18, 0.9, 0.98)),
        ("line", (0.38, 0.04, 0.62, 0.04)),
        ("line", (0.5, 0.58, 0.5, 0.34)),
    ),
    "play": (("fill", (0.2, 0.04, 0.94, 0.5, 0.2, 0.96)),),
    "pause": (("block", (0.14, 0.06, 0.38, 0.94)), ("block", (0.62, 0.06, 0.86, 0.94))),
    "stop": (("block", (0.14, 0.14, 0.86, 0.86)),),
    "flag": (("line", (0.2, 0.02, 0.2, 0.98)), ("fill", (0.2, 0.06, 0.9, 0.3, 0.2, 0.54))),
    "calendar": (
        ("box", (0.06, 0.14, 0.94, 0.96)),
        ("block", (0.06, 0.14, 0.94, 0.38)),
        ("line", (0.28, 0.02, 0.28, 0.2)),
        ("line", (0.72, 0.02, 0.72, 0.2)),
        ("block", (0.56, 0.58, 0.76, 0.78)),
    ),
    "wifi": (
        ("arc", (0.0, 0.12, 1.0, 1.12, 225, 315)),
        ("arc", (0.2, 0.36, 0.8, 0.96, 225, 315)),
        ("disc", (0.4, 0.66, 0.6, 0.86)),
    ),
    "screen": (("box", (0.2, 0.02, 0.8, 0.98)), ("line", (0.4, 0.86, 0.6, 0.86))),
    "speaker": (
        ("fill", (0.04, 0.34, 0.24, 0.34, 0.5, 0.1, 0.5, 0.9, 0.24, 0.66, 0.04, 0.66)),
        ("arc", (0.42, 0.26, 0.74, 0.74, 300, 60)),
        ("arc", (0.42, 0.06, 0.98, 0.94, 305, 55)),
    ),
    "muted": (
        ("fill", (0.04, 0.34, 0.24, 0.34, 0.5, 0.1, 0.5, 0.9, 0.24, 0.66, 0.04, 0.66)),
        ("line", (0.62, 0.34, 0.96, 0.68)),
        ("line", (0.96, 0.34, 0.62, 0.68)),
    ),
    "info": (("ring", (0.04, 0.04, 0.96, 0.96)), ("line", (0.5, 0.44, 0.5, 0.76)), ("disc", (0.43, 0.22, 0.57, 0.36))),
    "battery": (
        ("box", (0.24, 0.12, 0.76, 0.98)),
        ("block", (0.38, 0.02, 0.62, 0.12)),
        ("block", (0.32, 0.44, 0.68, 0.9)),
    ),
    "disk": (("box", (0.04, 0.2, 0.96, 0.8)), ("line", (0.04, 0.56, 0.96, 0.56)), ("disc", (0.72, 0.62, 0.84, 0.74))),
    "apps": _dots(0.15, 0.5, 0.85),
    "reach": (
        ("disc", (0.4, 0.0, 0.6, 0.2)),
        ("line", (0.06, 0.3, 0.94, 0.3)),
        ("line", (0.5, 0.3, 0.5, 0.62)),
        ("line", (0.28, 0.98, 0.5, 0.6, 0.72, 0.98)),
    ),
    "missed": (("line", (0.06, 0.3, 0.5, 0.74, 0.94, 0.3)), ("line", (0.06, 0.62, 0.06, 0.3, 0.38, 0.3))),
    "incoming": (("line", (0.9, 0.1, 0.14, 0.86)), ("line", (0.14, 0.36, 0.14, 0.86, 0.64, 0.86))),
    "outgoing": (("line", (0.1, 0.9, 0.86, 0.14)), ("line", (0.36, 0.14, 0.86, 0.14, 0.86, 0.64))),
}
