"""A phone acted on through its shell's commands, whatever carries the lines. Opens no connection, decides nothing."""

import logging
from collections import Counter
from collections.abc import Sequence
from typing import Protocol

from agent_runtime.actions.vocabulary import (
    Action,
    Finish,
    LongPress,
    Malformed,
    OpenApp,
    PressKey,
    Swipe,
    Tap,
    TypeText,
    Wait,
)
from agent_runtime.devices import commands, parsers
from agent_runtime.devices.apps import package_of
from agent_runtime.devices.base import BYTES_PER_PIXEL, Device, Frame, ShellResult
from agent_runtime.devices.clock import HOST_CLOCK, Clock
from agent_runtime.devices.keyboards import UnicodeTyper
from agent_runtime.devices.stream import Reply
from agent_runtime.errors import DeviceError

COMMAND_TIMEOUT_SEC = 30.0
_LOG = logging.getLogger(__name__)


class CommandLines(Protocol):
    """What carries command lines to a phone's shell; see ``ShellStream``."""

    def run(self, line: str, timeout_sec: float, *, repeatable: bool, expected_bytes: int = 0) -> Reply:
        """Run one line and return its output and exit status; one that is not ``repeatable`` at most once."""

    def close(self) -> None:
        """Let go of the shell; calling it again does nothing."""


class ShellDevice(Device):
    """A phone whose shell's lines go through ``stream``; ``read_size`` must be called before it is used."""

    def __init__(self, serial: str, stream: CommandLines, clock: Clock = HOST_CLOCK) -> None:
        self.serial = serial
        self.clock = clock
        self._stream = stream
        self._wm_size_px = (0, 0)
        self._frame_size_px: tuple[int, int] | None = None
        self.command_timeout_sec = COMMAND_TIMEOUT_SEC
        self._mended: Counter[str] = Counter()
        self._typer = UnicodeTyper(serial, self.shell, self._input, clock, lambda: self._mended.update(["ime_lost"]))

    def read_size(self) -> None:
        """Read the size of the screen.

        Raises:
            DeviceError: it answers, but not as an Android device does.
        """
        size = parsers.wm_size(self.shell(["wm", "size"]).stdout)
        if size is None:
            raise DeviceError(f"Got no screen size from {self.serial}, expected `wm size` to print one: restart it.")
        self._wm_size_px = size

    @property
    def typing_deadline_sec(self) -> float:
        """How long a keyboard app is waited for."""
        return self._typer.deadline_sec

    @typing_deadline_sec.setter
    def typing_deadline_sec(self, value: float) -> None:
        self._typer.deadline_sec = value

    @property
    def mended(self) -> Counter[str]:
        """See ``Device``."""
        return self._mended

    def screen_size_px(self) -> tuple[int, int]:
        """See ``Device``: `wm size`, turned as the last frame was."""
        width_px, height_px = self._wm_size_px
        frame = self._frame_size_px
        if frame is not None and (frame[0] > frame[1]) != (width_px > height_px):
            return height_px, width_px
        return width_px, height_px

    def observe(self) -> Frame:
        """See ``Device``."""
        width_px, height_px = self._wm_size_px
        expected_bytes = width_px * height_px * BYTES_PER_PIXEL
        line = "screencap 2>/dev/null </dev/null"
        reply = self._stream.run(line, self.command_timeout_sec, repeatable=True, expected_bytes=expected_bytes)
        frame = Frame(*parsers.raw_screencap(reply.body))
        self._frame_size_px = (frame.width_px, frame.height_px)
        return frame

    def shell(self, args: Sequence[str]) -> ShellResult:
        """See ``Device``."""
        return self._run(args, repeatable=True)

    def perform(self, action: Action) -> None:
        """See ``Device``; an input event is never sent twice."""
        width_px, height_px = self.screen_size_px()
        match action:
            case Tap(x, y):
                self._input(commands.tap(int(x * width_px), int(y * height_px)))
            case LongPress(x, y):
                self._input(commands.long_press(int(x * width_px), int(y * height_px)))
            case Swipe(x0, y0, x1, y1):
                points = (int(x0 * width_px), int(y0 * height_px), int(x1 * width_px), int(y1 * height_px))
                self._input(commands.swipe(*points))
            case TypeText(text):
                self._type(text)
            case PressKey(key):
                self._input(commands.key(key))
            case OpenApp(name):
                self._open_app(name)
            case Wait(seconds):
                self._run(["sleep", f"{seconds:.3f}"], repeatable=True, more_sec=seconds)
            case Finish() | Malformed():
                pass

    def close(self) -> None:
        """See ``Device``."""
        self._stream.close()

    def _run(self, args: Sequence[str], *, repeatable: bool, more_sec: float = 0.0) -> ShellResult:
        timeout_sec = self.command_timeout_sec + more_sec
        reply = self._stream.run(commands.command_line(args), timeout_sec, repeatable=repeatable)
        return ShellResult(str(reply.body, "utf-8", "replace"), reply.exit_code)

    def _input(self, args: Sequence[str]) -> str:
        """Run a command that is never sent twice, and return what it printed."""
        result = self._run(args, repeatable=False)
        if result.exit_code:
            raise DeviceError(
                f"{self.serial} refused `{' '.join(args[:2])}` ({' '.join(result.stdout.split())[:120]}), expected it "
                "to take input: allow input over USB debugging in its developer settings."
            )
        return result.stdout

    def _type(self, text: str) -> None:
        if not text.isascii():
            self._typer.type_text(text)
            return
        for command in commands.ascii_text(text):
            self._input(command)

    def _open_app(self, name: str) -> None:
        listed = self.shell(["pm", "list", "packages"]).stdout.split()
        package = package_of(name, {line.removeprefix("package:") for line in listed})
        if package is None:
            _LOG.info("no app called %r on %s: nothing was opened", name, self.serial)
            return
        answers = (self.shell(question).stdout for question in commands.find_launcher(package))
        component = next(filter(None, (parsers.launcher_component(answer, package) for answer in answers)), None)
        if component is None:
            _LOG.info("%s of %s has no icon to start it by: nothing was opened", package, self.serial)
            return
        problem = parsers.start_problem(self._run(commands.launch(component), repeatable=False).stdout)
        if problem is not None:
            raise DeviceError(
                f"{self.serial} does not start {component} ({problem[:120]}), expected it to: see whether its icon "
                "does, and whether the app is disabled."
            )
