"""`input`: taps, swipes, keys and text. Source of forms and messages: android.os `InputShellCommand` (Android 14)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from device_scripts.virtual_phone.shell.interpreter import CommandFunction, Context
from device_scripts.virtual_phone.shell.keycodes import parse_keycode

_SOURCES: Final = frozenset(
    (
        "dpad", "keyboard", "mouse", "touchpad", "gamepad", "touchnavigation", "joystick", "touchscreen", "stylus",
        "trackball", "rotaryencoder",
    )
)  # fmt: skip
_DEFAULT_SWIPE_MS: Final = 300
_USAGE: Final = """Usage: input [<source>] [-d DISPLAY_ID] <command> [<arg>...]

The commands and default sources are:
      text <string> (Default: keyboard)
      keyevent [--longpress|--doubletap|--async|--delay <ms>] <key code number or name> ... (Default: keyboard)
      tap <x> <y> (Default: touchscreen)
      swipe <x1> <y1> <x2> <y2> [duration(ms)] (Default: touchscreen)
      draganddrop <x1> <y1> <x2> <y2> [duration(ms)] (Default: touchscreen)
      press (Default: trackball)
      motionevent <DOWN|UP|MOVE|CANCEL> <x> <y> (Default: touchscreen)"""
_BAD_STATUS: Final = 255
_MAX_DURATION_MS: Final = 600_000


class _BadArgumentError(Exception):
    """An argument `input` throws at; its text is the Java exception's."""


def input_command(ctx: Context) -> int:
    """Run one `input` command."""
    args = ctx.args
    if args and args[0] in _SOURCES:
        args = args[1:]
    if len(args) >= 2 and args[0] == "-d":
        args = args[2:]
    if not args:
        return ctx.fail(_USAGE, _BAD_STATUS)
    function = _COMMANDS.get(args[0])
    if function is None:
        return ctx.fail(f"Unknown command: {args[0]}\n{_USAGE}", _BAD_STATUS)
    try:
        function(ctx, args[1:])
    except _BadArgumentError as error:
        return ctx.fail(f"\nException occurred while executing '{args[0]}':\n{error}", _BAD_STATUS)
    return 0


def _pixels(args: list[str], count: int) -> list[int]:
    """Return the first `count` arguments as whole pixels; `input` takes fractions and the screen drops them."""
    if len(args) < count:
        previous = args[-1] if args else "the command"
        raise _BadArgumentError(f'java.lang.IllegalArgumentException: Argument expected after "{previous}"')
    try:
        return [int(float(word)) for word in args[:count]]
    except (ValueError, OverflowError):
        raise _BadArgumentError(f'java.lang.NumberFormatException: For input string: "{" ".join(args)}"') from None


def _tap(ctx: Context, args: list[str]) -> None:
    x_px, y_px = _pixels(args, 2)
    ctx.device.phone.tap(x_px, y_px)


def _swipe(ctx: Context, args: list[str]) -> None:
    x0_px, y0_px, x1_px, y1_px = _pixels(args, 4)
    duration_ms = _pixels(args[4:], 1)[0] if len(args) > 4 else _DEFAULT_SWIPE_MS
    if not 0 <= duration_ms <= _MAX_DURATION_MS:
        raise _BadArgumentError(f"java.lang.IllegalArgumentException: Bad duration {duration_ms}")
    ctx.device.phone.swipe(x0_px, y0_px, x1_px, y1_px, duration_ms)


def _text(ctx: Context, args: list[str]) -> None:
    """ASCII only; `%s` stands for a space. Other characters have no key, and the real command throws."""
    if not args:
        raise _BadArgumentError('java.lang.IllegalArgumentException: Argument expected after "text"')
    text = args[0].replace("%s", " ")
    if not text.isascii():
        raise _BadArgumentError("java.lang.NullPointerException: Attempt to get length of null array")
    ctx.device.phone.text(text)


def _keyevent(ctx: Context, args: list[str]) -> None:
    names = [word for word in args if not word.startswith("--")]
    if not names:
        raise _BadArgumentError('java.lang.IllegalArgumentException: Argument expected after "keyevent"')
    codes = [parse_keycode(name) for name in names]
    for name, code in zip(names, codes, strict=True):
        if code is None:
            raise _BadArgumentError(f"java.lang.IllegalArgumentException: Unknown keycode: {name}")
    for code in codes:
        ctx.device.phone.key(code or 0)


def _motionevent(ctx: Context, args: list[str]) -> None:
    """DOWN … UP make one gesture from the first point to the last."""
    x_px, y_px = _pixels(args[1:], 2)
    down = ctx.device.touch_down
    kind = args[0].upper()
    if kind == "DOWN":
        ctx.device.touch_down = (x_px, y_px)
    elif kind == "UP" and down is not None:
        ctx.device.touch_down = None
        if down == (x_px, y_px):
            ctx.device.phone.tap(x_px, y_px)
        else:
            ctx.device.phone.swipe(*down, x_px, y_px, _DEFAULT_SWIPE_MS)
    elif kind == "CANCEL":
        ctx.device.touch_down = None
    elif kind not in ("MOVE", "UP"):
        raise _BadArgumentError(f"java.lang.IllegalArgumentException: Unknown motionevent {args[0]}")


def _press(_ctx: Context, _args: list[str]) -> None:
    """A trackball press: this phone has none."""


_COMMANDS: Final[dict[str, Callable[[Context, list[str]], None]]] = {
    "tap": _tap, "swipe": _swipe, "draganddrop": _swipe, "text": _text, "keyevent": _keyevent,
    "motionevent": _motionevent, "press": _press, "roll": _press,
}  # fmt: skip

COMMANDS: Final[dict[str, CommandFunction]] = {"input": input_command}
