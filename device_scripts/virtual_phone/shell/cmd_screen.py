"""Shell commands about the screen: screencap, wm, uiautomator. Draws nothing itself."""

from __future__ import annotations

import io
import struct
from functools import lru_cache
from typing import Final

from PIL import Image

from device_scripts.virtual_phone.errors import DeviceFileError
from device_scripts.virtual_phone.shell.hierarchy import hierarchy_xml
from device_scripts.virtual_phone.shell.interpreter import CommandFunction, Context, encode
from device_scripts.virtual_phone.state import DENSITY_KEY

RAW_HEADER: Final = struct.Struct("<4I")
RGBA_8888: Final = 1
COLOR_SPACE_UNKNOWN: Final = 0
DEFAULT_DUMP_PATH: Final = "/sdcard/window_dump.xml"
_PNG_COMPRESS_LEVEL: Final = 1
_UIAUTOMATOR_USAGE: Final = """Usage: uiautomator <subcommand> [options]

Available subcommands:

dump: creates an XML dump of current UI hierarchy
    dump [--verbose][file]
      [--compressed]: dumps compressed layout information.
      [file]: the location where the dumped XML should be stored, default is
      /sdcard/window_dump.xml"""
_SCREENCAP_USAGE: Final = """usage: screencap [-ahp] [-d display-id] [FILENAME]
   -h: this message
   -p: save the file as a png.
   -d: specify the display ID to capture
If FILENAME ends with .png it will be saved as a png.
If FILENAME is not given, the results will be printed to stdout."""


@lru_cache(maxsize=4)
def png_of(pixels: bytes, size: tuple[int, int]) -> bytes:
    """Return the PNG of RGBA pixels ([height, width, 4], one byte each), kept for repeated asking."""
    target = io.BytesIO()
    Image.frombytes("RGBA", size, pixels).save(target, "PNG", compress_level=_PNG_COMPRESS_LEVEL)
    return target.getvalue()


def screencap(ctx: Context) -> int:
    """Write the screen raw (u32 width, height, format 1, colour space; then RGBA rows) or as PNG."""
    as_png = False
    path = ""
    arguments = iter(ctx.args)
    for word in arguments:
        if word == "-p":
            as_png = True
        elif word == "-d":
            next(arguments, "")
        elif word.startswith("-"):
            ctx.fail(_SCREENCAP_USAGE)
            return 0 if word == "-h" else 1
        else:
            path = word
    phone = ctx.device.phone
    pixels = phone.frame_bytes()
    if path:
        return _save(ctx, path, pixels, as_png=as_png or path.endswith(".png"))
    if as_png:
        ctx.write(png_of(pixels, phone.size))
    else:
        ctx.write(RAW_HEADER.pack(*phone.size, RGBA_8888, COLOR_SPACE_UNKNOWN))
        ctx.write(pixels)
    return 0


def _save(ctx: Context, path: str, pixels: bytes, *, as_png: bool) -> int:
    size = ctx.device.phone.size
    raw = RAW_HEADER.pack(*size, RGBA_8888, COLOR_SPACE_UNKNOWN)
    content = png_of(pixels, size) if as_png else raw + pixels
    try:
        ctx.device.files.write(ctx.shell.absolute(path), content, now_sec=ctx.device.now_sec())
    except DeviceFileError as error:
        return ctx.fail(f"Error opening file: {path} ({error.reason})")
    return 0


def wm(ctx: Context) -> int:
    """Print size and density, or have everything drawn at another density; the size is the display's own."""
    command, *rest = ctx.args or [""]
    phone = ctx.device.phone
    if command == "size" and rest and rest != ["reset"]:
        return ctx.fail("Error: this display has one size and cannot be given another", 255)
    if command == "size":
        if not rest:
            ctx.print(f"Physical size: {phone.state.width_px}x{phone.state.height_px}")
        return 0
    if command == "density":
        return _density(ctx, rest)
    if command in ("dismiss-keyguard", "reset"):
        return 0
    problem = f"Unknown command: {command}\n" if command else ""
    return ctx.fail(f"{problem}Window manager (window) commands: size, density", 255)


def _density(ctx: Context, args: list[str]) -> int:
    phone = ctx.device.phone
    low, high = phone.state.density_range_dpi
    forced = phone.settings_get("secure", DENSITY_KEY)
    match args:
        case []:
            ctx.print(f"Physical density: {phone.state.density_dpi}")
            if forced is not None:
                ctx.print(f"Override density: {phone.density_dpi}")
        case ["reset"]:
            phone.settings_delete("secure", DENSITY_KEY)
        case [number] if number.isdecimal() and low <= int(number) <= high:
            phone.settings_put("secure", DENSITY_KEY, number)
        case _:
            return ctx.fail(f"Error: density must be {low} to {high} on this display", 255)
    return 0


def uiautomator(ctx: Context) -> int:
    """Run `uiautomator dump [--compressed] [FILE]`; the words of its answer are the real one's."""
    if ctx.args[:1] != ["dump"]:
        return ctx.fail(_UIAUTOMATOR_USAGE)
    operands = [word for word in ctx.args[1:] if not word.startswith("--")]
    path = operands[0] if operands else DEFAULT_DUMP_PATH
    xml = encode(hierarchy_xml(ctx.device.phone))
    if path == "/dev/tty":
        ctx.write(xml)
    else:
        try:
            ctx.device.files.write(ctx.shell.absolute(path), xml, now_sec=ctx.device.now_sec())
        except DeviceFileError as error:
            return ctx.fail(f"ERROR: could not write {path}: {error.reason}")
    ctx.print(f"UI hierchary dumped to: {path}")
    return 0


COMMANDS: Final[dict[str, CommandFunction]] = {"screencap": screencap, "wm": wm, "uiautomator": uiautomator}
