"""Draws a frame over the one before it: only the rows in which they differ, and none that was drawn before.

Holds no phone. A frame depends on what ``Shown`` holds and on nothing else, whatever was there before it; a drawing
leaves the rows of its box only where ``_FAR`` says so.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from PIL import Image

from device_scripts.virtual_phone.ui.boxes import Box
from device_scripts.virtual_phone.ui.render import ground, paint
from device_scripts.virtual_phone.ui.theme import Metrics, Palette

_KEPT_BYTES: Final = 64 << 20
_FAR: Final = frozenset(("dialog", "icon"))
"""Drawn beyond its box: a dialog dims all that lies under it, an icon that is cut off has its words below."""
Rows = tuple[int, int]


class Shown(NamedTuple):
    """All that the pixels of a screen depend on."""

    boxes: tuple[Box, ...]
    size_px: tuple[int, int]
    metrics: Metrics
    palette: Palette
    launcher: bool


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """A screen and its pixels: RGBA rows from the top, width x height x 4 bytes."""

    shown: Shown
    pixels: bytes


class _Kept:
    """The frames drawn last, by what they show, up to so many bytes in all; for any thread."""

    def __init__(self, cap_bytes: int) -> None:
        self._cap_bytes, self._held_bytes = cap_bytes, 0
        self._frames: OrderedDict[Shown, Drawn] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, shown: Shown) -> Drawn | None:
        with self._lock:
            found = self._frames.get(shown)
            if found is not None:
                self._frames.move_to_end(shown)
            return found

    def keep(self, drawn: Drawn) -> Drawn:
        """Keep a frame; return it, or the one of the same screen that another thread was first with."""
        with self._lock:
            first = self._frames.setdefault(drawn.shown, drawn)
            if first is drawn:
                self._held_bytes += len(drawn.pixels)
            while self._held_bytes > self._cap_bytes and len(self._frames) > 1:
                self._held_bytes -= len(self._frames.popitem(last=False)[1].pixels)
            return first


_KEPT = _Kept(_KEPT_BYTES)


def draw_frame(shown: Shown, before: Drawn | None = None) -> Drawn:
    """Return the frame of a screen; the same object where it was drawn lately. ``before`` only saves time."""
    kept = _KEPT.get(shown)
    return _KEPT.keep(Drawn(shown, _pixels(shown, before))) if kept is None else kept


def _pixels(shown: Shown, before: Drawn | None) -> bytes:
    rows = None if before is None or before.shown[1:] != shown[1:] else _changed_rows(before.shown, shown)
    if before is None or rows is None:
        return drawn_anew(shown)
    width_px, reach_px = shown.size_px[0], _reach_px(shown)
    image = Image.new("RGB", shown.size_px)
    for top, bottom in rows:
        image.paste(shown.palette.background, (0, top, width_px, bottom))
    near = [box for box in shown.boxes if any(_touches(box, changed, reach_px) for changed in rows)]
    paint(image, near, shown.metrics, shown.palette, launcher=shown.launcher)
    pieces, done, stride = [], 0, width_px * 4
    for top, bottom in rows:
        pieces.append(before.pixels[done : top * stride])
        pieces.append(image.crop((0, top, width_px, bottom)).convert("RGBA").tobytes())
        done = bottom * stride
    return b"".join((*pieces, before.pixels[done:]))


def drawn_anew(shown: Shown) -> bytes:
    """Return the pixels of a screen drawn from nothing, as everything here must come out."""
    image = ground(shown.size_px, shown.palette, launcher=shown.launcher)
    paint(image, shown.boxes, shown.metrics, shown.palette, launcher=shown.launcher)
    return image.convert("RGBA").tobytes()


def _changed_rows(old: Shown, new: Shown) -> list[Rows] | None:
    """Return the rows that may differ, from the top, none overlapping; None where all of them may."""
    if new.launcher or any(box.role in _FAR for boxes in (old.boxes, new.boxes) for box in boxes):
        return None
    height_px, reach_px = new.size_px[1], _reach_px(new)
    merged: list[Rows] = []
    for top, bottom in sorted((box.rect[1], box.rect[3]) for box in _changed_boxes(old.boxes, new.boxes)):
        top, bottom = max(0, top - reach_px), min(height_px, bottom + reach_px)
        if merged and top <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(bottom, merged[-1][1])
        elif top < bottom:
            merged.append((top, bottom))
    return merged


def _changed_boxes(old: tuple[Box, ...], new: tuple[Box, ...]) -> Iterator[Box]:
    """Yield every box that is in one only, or elsewhere in the order of drawing."""
    if len(old) == len(new):
        for mine, theirs in zip(old, new, strict=True):
            if mine is not theirs and mine != theirs:
                yield mine
                yield theirs
        return
    shorter = min(len(old), len(new))
    first = next((at for at in range(shorter) if old[at] != new[at]), shorter)
    last = next((at for at in range(shorter - first) if old[-1 - at] != new[-1 - at]), shorter - first)
    yield from old[first : len(old) - last]
    yield from new[first : len(new) - last]


def _touches(box: Box, rows: Rows, reach_px: int) -> bool:
    return box.rect[1] - reach_px < rows[1] and box.rect[3] + reach_px > rows[0]


def _reach_px(shown: Shown) -> int:
    """Return by how many rows a drawing is allowed to leave its box."""
    return max(2, shown.metrics.font // 4)
