"""Places the blocks of a web page as boxes. Knows no page, no site and no scrolling."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from device_scripts.virtual_phone.ui.boxes import Box, Frame
from device_scripts.virtual_phone.ui.text import cut, wrap
from device_scripts.virtual_phone.ui.theme import Metrics
from device_scripts.virtual_phone.ui.web import Across, Block, Down, Drawing, Gap, Input, Look, Press, Words

LINE = 1.3
"""Height of a line of text, by its font's size."""


def gap_px(sizes: Metrics) -> int:
    """Return the room between two blocks, and inside a coloured one."""
    return max(2, sizes.margin // 3)


def font_px(look: Look, sizes: Metrics) -> int:
    """Return the size of a block's words."""
    return {"small": sizes.small_font, "normal": sizes.font, "large": sizes.title_font}[look.size]


def place_block(block: Block, frame: Frame, left: int, right: int, top: int) -> tuple[list[Box], int]:
    """Return the boxes of a block between two edges from ``top`` down, and where it ends, in pixels."""
    sizes = frame.metrics
    match block:
        case Words(text, look, id, limit):
            size = font_px(look, sizes)
            lines = _broken(text, size, right - left, limit)
            rect = (left, top, right, top + round(size * LINE * len(lines)))
            role = "link" if id else "paragraph"
            return [Box(role, id, text, rect, bool(id), below="\n".join(lines), look=look)], rect[3]
        case Press(id, label, look):
            rect = (left, top, right, top + sizes.button)
            return [Box("button", id, label, rect, True, look=look)], rect[3]
        case Input(id, hint, text, look):
            rect = (left, top, right, top + sizes.button)
            focused = frame.focused_field == id
            return [Box("field", id, hint, rect, True, None, focused, text=text, look=look)], rect[3]
        case Drawing(name, colour, label, share, look):
            rect = (left, top, right, top + round((right - left) * share))
            return [Box("image", "", label, rect, glyph=name, colour=colour, look=look)], rect[3]
        case Gap():
            return [], top + gap_px(sizes)
        case Across(blocks, shares, look):
            return _across(blocks, shares, look, frame, left, right, top)
        case Down():
            return _down(block, frame, left, right, top)


def _across(
    blocks: tuple[Block, ...], shares: tuple[int, ...], look: Look, frame: Frame, left: int, right: int, top: int
) -> tuple[list[Box], int]:
    """Place the blocks in columns; grounds reach down as far as the tallest, and words stand in the middle."""
    gap = gap_px(frame.metrics)
    inside = gap if look.fill or look.edge else 0
    room = right - left - 2 * inside - gap * (len(blocks) - 1)
    columns: list[tuple[Block, list[Box], int]] = []
    edge, end, done = left + inside, top + inside, 0
    for block, share in zip(blocks, shares, strict=True):
        width = room * (done + share) // sum(shares) - room * done // sum(shares)
        placed, bottom = place_block(block, frame, edge, edge + width, top + inside)
        columns.append((block, placed, bottom))
        edge, end, done = edge + width + gap, max(end, bottom), done + share
    boxes = [box for block, placed, bottom in columns for box in _as_high(block, placed, end - bottom)]
    return _on_ground(boxes, look, (left, top, right, end + inside)), end + inside


def _as_high(block: Block, placed: list[Box], missing_px: int) -> list[Box]:
    """Return a column's boxes where so much is missing to the height of the tallest."""
    if not placed or not missing_px:
        return placed
    left, top, right, bottom = placed[0].rect
    if isinstance(block, Words):
        return [replace(placed[0], rect=(left, top + missing_px // 2, right, bottom + missing_px // 2))]
    if isinstance(block, Down) and (block.id or block.look.fill or block.look.edge):
        return [replace(placed[0], rect=(left, top, right, bottom + missing_px)), *placed[1:]]
    return placed


def _down(block: Down, frame: Frame, left: int, right: int, top: int) -> tuple[list[Box], int]:
    gap = gap_px(frame.metrics)
    inside = gap if block.look.fill or block.look.edge else 0
    boxes: list[Box] = []
    end = top + inside
    for number, child in enumerate(block.blocks):
        placed, end = place_block(child, frame, left + inside, right - inside, end + (gap if number else 0))
        boxes += placed
    rect = (left, top, right, end + inside)
    if block.id:
        return [Box("panel", block.id, block.label, rect, True, look=block.look), *boxes], rect[3]
    return _on_ground(boxes, block.look, rect), rect[3]


def _on_ground(boxes: list[Box], look: Look, rect: tuple[int, int, int, int]) -> list[Box]:
    if look.fill is None and look.edge is None:
        return boxes
    return [Box("panel", "", "", rect, look=look), *boxes]


@lru_cache(maxsize=2048)
def _broken(text: str, size_px: int, width_px: int, limit: int) -> tuple[str, ...]:
    lines = wrap(text, size_px, width_px)
    if limit and len(lines) > limit:
        lines = [*lines[: limit - 1], cut(f"{lines[limit - 1]} {lines[limit]}", size_px, width_px)]
    return tuple(lines)
