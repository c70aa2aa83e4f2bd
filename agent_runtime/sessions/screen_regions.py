"""Regions of a screen that might be more than they seem, found from its pixels alone, and pictures without them.

No names of elements are recorded, so regions are what a picture shows: patches that stand out from what is around
them, and a grid over everything, for what does not stand out. All boxes are in pixels of the picture.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from agent_runtime.sessions.pictures import decoded, encoded

CELL_PX = 4
CONTRAST = 60
"""Difference of the darkest and the brightest pixel of a cell, of 255, from which on it stands out."""
LARGEST_SHARE = 0.06
"""A patch is at most so much of the screen."""
PATCHES_AT_MOST = 16
COLUMNS, ROWS = 4, 8
RING_PX = 2

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, order=True)
class Box:
    """From (``x0_px``, ``y0_px``) up to, and without, (``x1_px``, ``y1_px``)."""

    x0_px: int
    y0_px: int
    x1_px: int
    y1_px: int

    def holds(self, x_px: float, y_px: float, margin_px: float = 0.0) -> bool:
        """Say whether a point lies in it, or at most so far beside it."""
        beside_x = max(self.x0_px - x_px, x_px - self.x1_px, 0.0)
        beside_y = max(self.y0_px - y_px, y_px - self.y1_px, 0.0)
        return max(beside_x, beside_y) <= margin_px

    def overlaps(self, other: "Box") -> bool:
        """Say whether they share a pixel."""
        return (
            self.x0_px < other.x1_px
            and other.x0_px < self.x1_px
            and self.y0_px < other.y1_px
            and other.y0_px < self.y1_px
        )


def pixels_of(png: bytes) -> Pixels:
    """Return a picture's pixels [height, width, 3].

    Raises:
        SessionError: it is no picture.
    """
    return np.asarray(decoded(png))


def png_of(pixels: Pixels) -> bytes:
    """Return pixels as a PNG."""
    return encoded(Image.fromarray(pixels))


def suspicious_regions(pixels: Pixels) -> list[Box]:
    """Return patches that stand out, the strongest first, then the cells of a grid over the whole screen."""
    return list(dict.fromkeys([*_patches(pixels)[:PATCHES_AT_MOST], *_grid(pixels)]))


def without(pixels: Pixels, box: Box) -> Pixels:
    """Return the picture with the box in the median colour of what is right around it."""
    found = pixels.copy()
    found[box.y0_px : box.y1_px, box.x0_px : box.x1_px] = _around(pixels, box)
    return found


def pasted(pixels: Pixels, source: Pixels, box: Box) -> Pixels:
    """Return the picture with the box as it is in ``source``, a picture of the same size."""
    assert pixels.shape == source.shape
    found = pixels.copy()
    found[box.y0_px : box.y1_px, box.x0_px : box.x1_px] = source[box.y0_px : box.y1_px, box.x0_px : box.x1_px]
    return found


def _around(pixels: Pixels, box: Box) -> Any:
    height, width, _ = pixels.shape
    outer = (
        slice(max(0, box.y0_px - RING_PX), min(height, box.y1_px + RING_PX)),
        slice(max(0, box.x0_px - RING_PX), min(width, box.x1_px + RING_PX)),
    )
    ring = np.zeros((height, width), bool)
    ring[outer] = True
    ring[box.y0_px : box.y1_px, box.x0_px : box.x1_px] = False
    return np.median(pixels[ring] if ring.any() else pixels.reshape(-1, 3), axis=0).astype(np.uint8)


def _grid(pixels: Pixels) -> Iterator[Box]:
    height, width, _ = pixels.shape
    xs = [round(width * column / COLUMNS) for column in range(COLUMNS + 1)]
    ys = [round(height * row / ROWS) for row in range(ROWS + 1)]
    for top, bottom in itertools.pairwise(ys):
        for left, right in itertools.pairwise(xs):
            if left < right and top < bottom:
                yield Box(left, top, right, bottom)


def _patches(pixels: Pixels) -> list[Box]:
    """Return boxes around connected cells of high contrast, the most contrast first."""
    height, width, _ = pixels.shape
    rows, columns = height // CELL_PX, width // CELL_PX
    if not rows or not columns:
        return []
    cells = pixels[: rows * CELL_PX, : columns * CELL_PX].reshape(rows, CELL_PX, columns, CELL_PX, 3).astype(np.int16)
    contrast = (cells.max((1, 3)) - cells.min((1, 3))).max(-1)  # [rows, columns]
    found = []
    for members in _connected(contrast >= CONTRAST):
        tops, lefts = [row for row, _ in members], [column for _, column in members]
        box = Box(
            max(0, min(lefts) * CELL_PX - RING_PX),
            max(0, min(tops) * CELL_PX - RING_PX),
            min(width, (max(lefts) + 1) * CELL_PX + RING_PX),
            min(height, (max(tops) + 1) * CELL_PX + RING_PX),
        )
        area = (box.x1_px - box.x0_px) * (box.y1_px - box.y0_px)
        if area <= LARGEST_SHARE * height * width:
            found.append((float(np.mean([contrast[member] for member in members])), box))
    return [box for _, box in sorted(found, key=lambda pair: (-pair[0], pair[1]))]


def _connected(marked: NDArray[np.bool_]) -> Iterator[list[tuple[int, int]]]:
    """Yield the groups of marked cells that touch, corners included."""
    left = {(int(row), int(column)) for row, column in np.argwhere(marked)}
    while left:
        waiting, group = [left.pop()], []
        while waiting:
            row, column = waiting.pop()
            group.append((row, column))
            around = {(row + down, column + right) for down in (-1, 0, 1) for right in (-1, 0, 1)} & left
            left -= around
            waiting += around
        yield group
