"""Reads what Android's shell commands print, across releases. Pure functions; runs no command.

Each returns None (or nothing) for output it finds no answer in: the caller says what that means.
"""

import re
import struct

from agent_runtime.errors import BadFrameError

_SIZE = re.compile(r"^(Physical|Override) size:\s*(\d+)x(\d+)\s*$", re.MULTILINE)
_RECORD = r"(?:Window|ActivityRecord)\{\S+ u\d+ ([\w.]+)/([\w.$]+)"
_FOCUS = re.compile(rf"mCurrentFocus={_RECORD}")
_RESUMED = (
    re.compile(rf"topResumedActivity[=:] ?{_RECORD}"),
    re.compile(rf"mResumedActivity[=:] ?{_RECORD}"),
    re.compile(rf"^\s*ResumedActivity: ?{_RECORD}", re.MULTILINE),
)
_ROW = re.compile(r"^Row: \d+ (.*?)(?=^Row: \d+ |\Z)", re.MULTILINE | re.DOTALL)
_COLUMN = re.compile(r"(?:^|, )([A-Za-z_]\w*)=")
_RGBA_FORMATS = (1, 2)  # RGBA_8888, RGBX_8888
_MAX_SIDE_PX = 1 << 14
_HEADER = struct.Struct("<3I")
HEADER_BYTES = (12, 16)


def wm_size(output: str) -> tuple[int, int] | None:
    """Return (width, height) in pixels from `wm size`; an override wins, because input uses it."""
    sizes = {kind: (int(width), int(height)) for kind, width, height in _SIZE.findall(output)}
    return sizes.get("Override", sizes.get("Physical"))


def focused_component(output: str) -> str | None:
    """Return ``package/activity`` of the focused window from `dumpsys window [windows|displays]`.

    Several displays give several focus lines, of which some are null: the first real one counts.
    """
    return _component(_FOCUS.search(output))


def resumed_component(output: str) -> str | None:
    """Return ``package/activity`` on top from `dumpsys activity activities`, old and new spellings."""
    return next((_component(found) for spelling in _RESUMED if (found := spelling.search(output))), None)


def _component(found: re.Match[str] | None) -> str | None:
    """Write the activity in full: ``a.b/.C`` and ``a.b/a.b.C`` are the same."""
    if found is None:
        return None
    package, activity = found[1], found[2]
    return f"{package}/{package}{activity}" if activity.startswith(".") else f"{package}/{activity}"


def settings_value(output: str) -> str | None:
    """Return the value `settings get` printed, None where the setting is not set."""
    value = output.removesuffix("\n").removesuffix("\r")
    return None if value in ("null", "") else value


def content_rows(output: str) -> list[dict[str, str]]:
    """Return the rows `content query` printed, every value as text.

    The format does not quote: a value that itself holds ``, name=`` cannot be told from a further column.
    """
    return [_columns(row.removesuffix("\n")) for row in _ROW.findall(output)]


def _columns(row: str) -> dict[str, str]:
    names = list(_COLUMN.finditer(row))
    ends = [*(name.start() for name in names[1:]), len(row)]
    return {name[1]: row[name.end() : end] for name, end in zip(names, ends, strict=True)}


def raw_screencap(reply: memoryview) -> tuple[memoryview, int, int]:
    """Return (pixels, width, height) of what `screencap` wrote: [height, width, 4] bytes, RGBA.

    The pixels are a view of the reply behind its header; nothing is copied.

    The header is u32 width, height, format and, since Android 9, a colour space.

    Raises:
        BadFrameError: empty, truncated, of an absurd size, or not 32 bits a pixel.
    """
    if len(reply) < HEADER_BYTES[0]:
        raise BadFrameError(f"Got a screenshot of {len(reply)} bytes, expected a header and pixels: look again.")
    width_px, height_px, pixel_format = _HEADER.unpack_from(reply)
    if not (0 < width_px <= _MAX_SIDE_PX and 0 < height_px <= _MAX_SIDE_PX) or pixel_format not in _RGBA_FORMATS:
        raise BadFrameError(
            f"Got a screenshot of {width_px}x{height_px} pixels in format {pixel_format}, expected RGBA_8888 (1): "
            "see what `adb shell screencap` prints on this device."
        )
    header = len(reply) - width_px * height_px * 4
    if header not in HEADER_BYTES:
        raise BadFrameError(
            f"Got {len(reply)} bytes for a screenshot of {width_px}x{height_px} pixels, expected "
            f"{width_px * height_px * 4 + HEADER_BYTES[-1]}: look again, or reconnect the device."
        )
    return reply[header:], width_px, height_px
