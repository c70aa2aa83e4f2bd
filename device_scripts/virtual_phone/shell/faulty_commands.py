"""The table of shell commands as a fault schedule bends them: screenshots, input, dumps. Changes no healthy phone."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from dataclasses import replace

from PIL import Image

from device_scripts.virtual_phone.faults import FRAME, INPUT, SHELL, STREAM_KINDS, TAP, TEXT, FaultSchedule
from device_scripts.virtual_phone.faulty_phone import DIALOGS, FaultyPhone
from device_scripts.virtual_phone.shell.cmd_screen import COLOR_SPACE_UNKNOWN, RAW_HEADER, RGBA_8888
from device_scripts.virtual_phone.shell.dump_window import window_token
from device_scripts.virtual_phone.shell.interpreter import CommandFunction, Context, encode

_FOCUS = re.compile(r"mCurrentFocus=\S+ u0 [^}\n]*\}")
_FIRST_WINDOW = re.compile(r"^  Window #0 ", re.MULTILINE)
_NUMBERED = re.compile(r"^(  Window #)(\d+) ", re.MULTILINE)
_APP_ATTRS = "ty=BASE_APPLICATION fmt=OPAQUE}"
_SECURE_ATTRS = (
    "ty=BASE_APPLICATION fmt=OPAQUE\n      fl=LAYOUT_IN_SCREEN SECURE HARDWARE_ACCELERATED\n"
    "      pfl=FORCE_DRAW_STATUS_BAR_BACKGROUND}"
)
_COLOURS = {"black_frame": (0, 0, 0, 255), "white_frame": (255, 255, 255, 255)}


def faulty_commands(
    commands: Mapping[str, CommandFunction], schedule: FaultSchedule, phone: FaultyPhone
) -> Mapping[str, CommandFunction]:
    """Return the table with every command counted, and those that faults touch put behind them."""
    bends = _Bends(schedule, phone)
    special = {
        "screencap": bends.screencap, "input": bends.input, "dumpsys": bends.dumpsys, "getprop": bends.getprop,
    }  # fmt: skip

    def counted(name: str, function: CommandFunction) -> CommandFunction:
        def run(ctx: Context) -> int:
            bends.count_command(ctx)
            return special[name](ctx, function) if name in special else function(ctx)

        return run

    return {name: counted(name, function) for name, function in commands.items()}


class _Bends:
    """What each fault does to a command. Keeps the last screenshot, for the stale one."""

    def __init__(self, schedule: FaultSchedule, phone: FaultyPhone) -> None:
        self._schedule = schedule
        self._phone = phone

    def count_command(self, ctx: Context) -> None:
        """Count a command; what strikes the stream or the whole phone is noted for those who hold them."""
        schedule = self._schedule
        for fault in schedule.happen(SHELL):
            if fault.kind in STREAM_KINDS:
                schedule.stream_fault = fault.kind
                continue
            schedule.drop_wanted, schedule.refusals_left = True, fault.lasts
            if fault.kind == "reboot":
                self._phone.hide()
                ctx.device.finish_reboot()
                schedule.boot_looks_left = fault.lasts

    def screencap(self, ctx: Context, function: CommandFunction) -> int:
        """Take a screenshot and spoil it as the faults say."""
        kinds = {fault.kind for fault in self._schedule.happen(FRAME)}
        kept: list[bytes] = []
        status = function(_with_out(ctx, kept))
        shot = b"".join(kept)
        if "stale_frame" in kinds and ctx.device.last_screenshot:
            shot = ctx.device.last_screenshot
        ctx.device.last_screenshot = shot
        for kind in sorted(kinds & _COLOURS.keys()):
            shot = _like(shot, Image.new("RGBA", ctx.device.phone.size, _COLOURS[kind]))
        if "wrong_size_frame" in kinds:
            width_px, height_px = ctx.device.phone.size
            shot = _like(shot, Image.new("RGBA", (width_px // 2, height_px // 3), (90, 90, 90, 255)))
        if "truncated_frame" in kinds:
            shot = shot[: len(shot) // 2]
        if "empty_frame" not in kinds:
            ctx.write(shot)
        return status

    def input(self, ctx: Context, function: CommandFunction) -> int:
        """Carry out an input unless it is swallowed, then let strike what inputs bring about."""
        is_tap, is_text = "tap" in ctx.args[:2], "text" in ctx.args[:2]
        kinds = {fault.kind for fault in self._schedule.happen(INPUT)}
        kinds |= {fault.kind for fault in self._schedule.happen(TAP)} if is_tap else set()
        kinds |= {fault.kind for fault in self._schedule.happen(TEXT)} if is_text else set()
        status = 0 if kinds & {"tap_swallowed", "text_dropped"} else function(ctx)
        if "keyboard_absent" in kinds:
            self._phone.lose_keyboard()
        if "app_killed" in kinds or "crash_dialog" in kinds:
            self._phone.kill_front_app()
        for kind in sorted(kinds & DIALOGS.keys()):
            self._phone.show(kind)
        return status

    def dumpsys(self, ctx: Context, function: CommandFunction) -> int:
        """Tell of windows that only faults bring: a system dialog, a secure app, a starting window."""
        if ctx.args[:1] != ["window"]:
            return function(ctx)
        kept: list[bytes] = []
        status = function(_with_out(ctx, kept))
        text = b"".join(kept).decode()
        title = self._phone.window_title()
        if title is not None:
            token = _token(title)
            text = _FOCUS.sub(lambda _: f"mCurrentFocus={token}", text)
            text = _with_window(text, title, self._phone.window_package())
        if self._schedule.is_active("white_frame"):
            package = self._phone.foreground().partition("/")[0]
            text = _with_window(text, f"Splash Screen {package}", package, "APPLICATION_STARTING")
        if self._schedule.is_active("black_frame"):
            text = text.replace(_APP_ATTRS, _SECURE_ATTRS)
        ctx.write(encode(text))
        return status

    def getprop(self, ctx: Context, function: CommandFunction) -> int:
        """Say nothing about `sys.boot_completed` while the phone boots."""
        schedule = self._schedule
        if ctx.args[:1] == ["sys.boot_completed"] and schedule.boot_looks_left:
            schedule.boot_looks_left -= 1
            ctx.print("")
            return 0
        return function(ctx)


def _with_out(ctx: Context, kept: list[bytes]) -> Context:
    return replace(ctx, streams=replace(ctx.streams, out=kept.append))


def _token(title: str) -> str:
    """A window of its own, also where it bears an app's title."""
    return window_token(f"over {title}").replace(" over ", " ", 1)


def _with_window(text: str, title: str, package: str, kind: str = "APPLICATION") -> str:
    """Put a window with a surface on top of the list, where the dump has one; those below count on."""
    found = _FIRST_WINDOW.search(text)
    if found is None:
        return text
    window = (
        f"  Window #0 {_token(title)}:\n    mDisplayId=0 rootTaskId=1\n"
        f"    mOwnerUid=10042 showForAllUsers=false package={package} appop=NONE\n    mAttrs={{ty={kind}}}\n"
        "    mHasSurface=true isReadyForDisplay()=true\n    isVisible=true\n"
    )
    below = _NUMBERED.sub(lambda number: f"{number[1]}{int(number[2]) + 1} ", text[found.start() :])
    return text[: found.start()] + window + below


def _like(shot: bytes, picture: Image.Image) -> bytes:
    """Return the picture in the form the screenshot has: PNG or raw."""
    if not shot.startswith(b"\x89PNG"):
        return RAW_HEADER.pack(*picture.size, RGBA_8888, COLOR_SPACE_UNKNOWN) + picture.tobytes()
    target = io.BytesIO()
    picture.save(target, "PNG")
    return target.getvalue()
