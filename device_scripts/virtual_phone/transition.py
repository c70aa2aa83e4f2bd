"""The frames between two screens: the new one slides in from the right over the old one. Knows no app."""

from __future__ import annotations

import numpy as np

TRANSITION_FRAMES = 3


def transition_frame(old: bytes, new: bytes, size_px: tuple[int, int], frames_left: int) -> bytes:
    """Return the RGBA rows with ``frames_left`` to go, of ``TRANSITION_FRAMES``; both screens are of that size."""
    width_px, height_px = size_px
    offset_px = width_px * frames_left // (TRANSITION_FRAMES + 1)
    staying, coming = (np.frombuffer(pixels, np.uint32).reshape(height_px, width_px) for pixels in (old, new))
    return np.concatenate((staying[:, :offset_px], coming[:, : width_px - offset_px]), axis=1).tobytes()
