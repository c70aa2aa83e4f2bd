"""Decodes, encodes, resizes and blackens the PNGs of a session. Finds no files and draws no marks."""

import io
import math
from collections.abc import Sequence

from PIL import Image, ImageDraw

from agent_runtime.errors import SessionError
from agent_runtime.observe import PNG_COMPRESS_LEVEL, resized
from agent_runtime.sessions.recording import Region

_BLACK = (0, 0, 0)


def decoded(png: bytes) -> Image.Image:
    """Return the picture as RGB.

    Raises:
        SessionError: the bytes hold no whole PNG.
    """
    try:
        return Image.open(io.BytesIO(png), formats=("PNG",)).convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise SessionError(
            f"Got {len(png)} bytes that are no picture ({error}), expected a screen of the recording: record it again."
        ) from error


def blackened(png: bytes, regions: Sequence[Region]) -> bytes:
    """Return the PNG with the regions black, every pixel that they touch included."""
    picture = decoded(png)
    draw = ImageDraw.Draw(picture)
    for region in regions:
        left, top = math.floor(region.x0_norm * picture.width), math.floor(region.y0_norm * picture.height)
        right, bottom = math.ceil(region.x1_norm * picture.width), math.ceil(region.y1_norm * picture.height)
        draw.rectangle((left, top, right - 1, bottom - 1), fill=_BLACK)
    return encoded(picture)


def fitted(png: bytes, size_px: tuple[int, int] | None) -> bytes:
    """Return the PNG in the size a policy wants; itself where it has that size or any will do."""
    if size_px is None:
        return png
    picture = decoded(png)
    return png if picture.size == size_px else encoded(resized(picture, size_px))


def encoded(picture: Image.Image) -> bytes:
    """Return the picture as a PNG, packed as a policy's screens are."""
    target = io.BytesIO()
    picture.save(target, "PNG", compress_level=PNG_COMPRESS_LEVEL)
    return target.getvalue()
