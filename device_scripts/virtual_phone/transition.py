"""The frames between two screens: the new one slides in from the right over the old one. Knows no app."""

from __future__ import annotations

from PIL import Image

TRANSITION_FRAMES = 3


def transition_frame(old: Image.Image, new: Image.Image, frames_left: int) -> Image.Image:
    """Return the picture with ``frames_left`` frames to go, of ``TRANSITION_FRAMES``."""
    width_px, _ = new.size
    offset_px = width_px * frames_left // (TRANSITION_FRAMES + 1)
    frame = old.copy()
    frame.paste(new, (offset_px, 0))
    return frame
