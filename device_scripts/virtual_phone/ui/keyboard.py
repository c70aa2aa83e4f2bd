"""The on-screen keyboard: its keys, where they lie and what they type. Draws nothing."""

from __future__ import annotations

Rect = tuple[int, int, int, int]
ROWS = (
    tuple("qwertyuiop"),
    tuple("asdfghjkl"),
    (*"zxcvbnm", "del"),
    ("123", "space", ".", "enter"),
)
_WEIGHTS = {"del": 1.6, "123": 1.6, "space": 5.0, "enter": 1.9}


def keyboard_boxes(width_px: int, bottom_px: int, row_px: int) -> list[tuple[str, Rect]]:
    """Return every key's name and rectangle, the first one at the keyboard's top edge."""
    boxes: list[tuple[str, Rect]] = []
    top = bottom_px - row_px * len(ROWS)
    for names in ROWS:
        weights = [_WEIGHTS.get(name, 1.0) for name in names]
        unit = width_px / max(10.0, sum(weights))
        left = (width_px - unit * sum(weights)) / 2
        for name, weight in zip(names, weights, strict=True):
            right = left + unit * weight
            boxes.append((name, (round(left), top, round(right), top + row_px)))
            left = right
        top += row_px
    return boxes


def typed_by(name: str) -> str:
    """Return the character a key types, or an empty string for the others."""
    if name == "space":
        return " "
    return name if len(name) == 1 else ""
