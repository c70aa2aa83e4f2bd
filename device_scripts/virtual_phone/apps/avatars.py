"""The colour behind a person's first letter. Draws nothing."""

from __future__ import annotations

import zlib

_COLOURS = ((176, 72, 88), (60, 110, 190), (50, 130, 100), (150, 96, 40), (120, 84, 170), (40, 120, 140))


def avatar_colour(name: str) -> tuple[int, int, int]:
    """Return the same colour for the same name."""
    return _COLOURS[zlib.crc32(name.encode("utf-8", "surrogateescape")) % len(_COLOURS)]
