"""The table of shell commands as a fault schedule bends them: screenshots, input, dumps. Changes no healthy phone."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import replace

from PIL import Image

from device_scripts.virtual_phone.faults import (
    FRAME,
    INPUT,
    KEYBOARD,
    KEYS,
    REFUSED_IN_REBOOT,
    SHELL,
    STREAM_KINDS,
    TAP,
    TEXT,
    WRITE,
    FaultSchedule,
)
from device_scripts.virtual_phone.faulty_phone import DIALOGS, FaultyPhone
from device_scripts.virtual_phone.phone import UIAUTOMATOR_IME, UNICODE_IME
from device_scripts.virtual_phone.shell import faulty_windows
from device_scripts.virtual_phone.shell.cmd_screen import COLOR_SPACE_UNKNOWN, RAW_HEADER, RGBA_8888
from device_scripts.virtual_phone.shell.interpreter import CommandFunction, Context, encode

_FULL = "android.database.sqlite.SQLiteFullException: database or disk is full (code 13 SQLITE_FULL)"
_KEYBOARD_PACKAGES = tuple(ime.partition("/")[0] for ime in (UNICODE_IME, UIAUTOMATOR_IME))
_TOUCHES = ("tap", "swipe", "draganddrop", "motionevent")
_COLOURS = {"black_frame": (0, 0, 0, 255), "white_frame": (255, 255, 255, 255)}


def faulty_commands(
    commands: Mapping[str, CommandFunction], schedule: FaultSchedule, phone: FaultyPhone
) -> Mapping[str, CommandFunction]:
    """Return the table with every command counted, and those that faults touch put behind them."""
    bends = _Bends(schedule, phone)
    special = {
        "screencap": bends.screencap, "input": bends.input, "dumpsys": bends.dumpsys, "getprop": bends.getprop,
        "am": bends.am, "ime": bends.ime, "df": bends.df, "content": bends.content, "uiautomator": bends.writer,
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
            if fault.kind == "unauthorized":
                schedule.shut_out(fault.lasts)
                continue
            schedule.drop_wanted, schedule.refusals_left = True, fault.lasts
            if fault.kind == "reboot":
                schedule.refusals_left = min(fault.lasts, REFUSED_IN_REBOOT)
                self._phone.hide()
                ctx.device.finish_reboot()
                schedule.boot_looks_left = fault.lasts

    def screencap(self, ctx: Context, function: CommandFunction) -> int:
        """Take a screenshot and spoil it as the faults say."""
        kinds = {fault.kind for fault in self._schedule.happen(FRAME)}
        if any(not word.startswith("-") for word in ctx.args):
            return self.writer(ctx, function)
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
        words = ctx.args[2:] if ctx.args[:1] == ["-d"] else ctx.args
        is_tap, is_text = "tap" in words[:2], "text" in words[:2]
        is_keys = is_text or "keyevent" in words[:2]
        phone = self._phone
        if is_keys and self._schedule.happen(KEYS):
            phone.focused_display = 1
        if any(touch in words[:2] for touch in _TOUCHES):
            phone.focused_display = 0
        if is_keys and phone.focused_display and ctx.args[:2] != ["-d", "0"]:
            return 0
        kinds = {fault.kind for fault in self._schedule.happen(INPUT)}
        kinds |= {fault.kind for fault in self._schedule.happen(TAP)} if is_tap else set()
        kinds |= {fault.kind for fault in self._schedule.happen(TEXT)} if is_text else set()
        status = 0 if kinds & {"tap_swallowed", "text_dropped"} else function(ctx)
        if "keyboard_absent" in kinds:
            self._phone.lose_keyboard()
        if "app_killed" in kinds or "crash_dialog" in kinds:
            self._phone.kill_front_app()
        for kind in sorted(kinds & DIALOGS.keys()):
            phone.show(kind)
        if "rotation" in kinds:
            phone.turn()
        if "clock_jump" in kinds:
            phone.jump_clock(self._schedule.clock_jump_hours())
        return status

    def am(self, ctx: Context, function: CommandFunction) -> int:
        """Let a keyboard app be gone when it is to type; what is started has the focus."""
        if ctx.args[:1] == ["start"]:
            self._phone.focused_display = 0
        if ctx.args[:1] == ["broadcast"] and any(package in ctx.args for package in _KEYBOARD_PACKAGES):
            self._count_keyboard()
            if self._phone.focused_display:
                ctx.print("Broadcast completed: result=0")
                return 0
        return function(ctx)

    def ime(self, ctx: Context, function: CommandFunction) -> int:
        """Know no keyboard app that is gone."""
        if ctx.args[:1] in (["list"], ["set"]):
            self._count_keyboard()
        return function(ctx)

    def _count_keyboard(self) -> None:
        self._phone.keyboards_gone = False
        if self._schedule.happen(KEYBOARD):
            self._phone.lose_keyboards()

    def df(self, ctx: Context, function: CommandFunction) -> int:
        """Tell of a disk without room."""
        if not self._schedule.is_active("disk_full"):
            return function(ctx)
        ctx.print("Filesystem     1K-blocks    Used Available Use% Mounted on")
        ctx.print("/dev/block/dm-5  6082144 6082144   0  100% /data")
        return 0

    def content(self, ctx: Context, function: CommandFunction) -> int:
        """Insert nothing where there is no room."""
        if ctx.args[:1] == ["insert"] and self._schedule.happen(WRITE):
            return ctx.fail(f"Error while accessing provider\n{_FULL}")
        return function(ctx)

    def writer(self, ctx: Context, function: CommandFunction) -> int:
        """Run a command that writes a file, without room for one where a fault says so."""
        files = ctx.device.files
        kept = files.quota_bytes
        files.quota_bytes = 0 if self._schedule.happen(WRITE) else kept
        try:
            return function(ctx)
        finally:
            files.quota_bytes = kept

    def dumpsys(self, ctx: Context, function: CommandFunction) -> int:
        """Tell of windows that only faults bring: a system dialog, a secure app, a starting window."""
        if ctx.args[:1] != ["window"]:
            return function(ctx)
        kept: list[bytes] = []
        status = function(_with_out(ctx, kept))
        text = b"".join(kept).decode()
        title = self._phone.window_title()
        if title is not None:
            text = faulty_windows.with_focus_on(text, title, self._phone.window_package())
        if self._phone.focused_display:
            text = faulty_windows.with_second_display(text)
        if self._schedule.is_active("white_frame"):
            package = self._phone.foreground().partition("/")[0]
            text = faulty_windows.with_window(text, f"Splash Screen {package}", package, "APPLICATION_STARTING")
        if self._schedule.is_active("black_frame"):
            text = faulty_windows.with_secure_app(text)
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


def _like(shot: bytes, picture: Image.Image) -> bytes:
    """Return the picture in the form the screenshot has: PNG or raw."""
    if not shot.startswith(b"\x89PNG"):
        return RAW_HEADER.pack(*picture.size, RGBA_8888, COLOR_SPACE_UNKNOWN) + picture.tobytes()
    target = io.BytesIO()
    picture.save(target, "PNG")
    return target.getvalue()
