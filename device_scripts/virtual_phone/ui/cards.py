"""Where playing cards lie in a row, and how one is drawn. Knows no widget and no game."""

from __future__ import annotations

import itertools

from PIL import ImageDraw

from device_scripts.virtual_phone.ui.suits import draw_suit
from device_scripts.virtual_phone.ui.text import length_px
from device_scripts.virtual_phone.ui.theme import Colour, Metrics
from device_scripts.virtual_phone.ui.writing import write

Rect = tuple[int, int, int, int]
FACE, EDGE, BACK, PATTERN = (255, 255, 255), (70, 74, 84), (44, 82, 150), (160, 186, 228)
INK = {"spade": (20, 20, 24), "club": (20, 20, 24), "heart": (196, 22, 38), "diamond": (196, 22, 38)}
_IN_A_ROW = 4
_RATIO = 7 / 5
_CROWDED = 0.75


def card_rects(count: int, width_px: int, top: int, metrics: Metrics) -> list[Rect]:
    """Return what is seen of each card, from left to right; more than four lie over one another like a fan."""
    inset, gap = metrics.margin, max(2, metrics.margin // 2)
    room = width_px - 2 * inset
    wide = min((room - (_IN_A_ROW - 1) * gap) // _IN_A_ROW, metrics.icon * 3 // 2)
    step = min(wide + gap, (room - wide) // max(1, count - 1))
    upper = top + inset // 2
    lefts = [inset + place * step for place in range(count)]
    ends = [*(min(left + wide, after) for left, after in itertools.pairwise(lefts)), lefts[-1] + wide]
    return [(left, upper, end, upper + round(wide * _RATIO)) for left, end in zip(lefts, ends, strict=True)]


def draw_card(draw: ImageDraw.ImageDraw, seen: Rect, corner: str, suit: str) -> None:
    """Draw a whole card of which the next one will leave ``seen``; without a suit its back."""
    left, top, shown_right, bottom = seen
    tall, shown_px = bottom - top, shown_right - left
    wide = max(shown_px, round(tall / _RATIO))
    right = left + wide
    edges = (left, top, right - 1, bottom - 1)
    draw.rounded_rectangle(edges, wide / 8, FACE, EDGE, max(1, wide // 60))
    if not suit:
        inner = max(2, wide // 9)
        draw.rounded_rectangle((left + inner, top + inner, right - 1 - inner, bottom - 1 - inner), wide / 12, BACK)
        side = wide * 0.36
        x, y = (left + right - side) / 2, (top + bottom - side) / 2
        draw_suit(draw, "diamond", (x, y, x + side, y + side), PATTERN)
        return
    ink: Colour = INK[suit]
    covered = shown_px < wide * _CROWDED
    room = min(wide, shown_px)
    size_px = round(wide * 0.6)
    while size_px > 1 and length_px(corner, size_px) > room - 2:
        size_px -= 1
    side = min(wide * 0.56, room - 2)
    middle = left + (room if covered else wide) / 2
    write(draw, (middle, top + tall * 0.27), corner, size_px, ink, "mm")
    x, y = middle - side / 2, top + tall * 0.73 - side / 2
    draw_suit(draw, suit, (x, y, x + side, y + side), ink)
