"""A terminal in front of an interactive shell: prompt, echo, line editing by backspace, CRLF. Only for people.

Programs should ask for a shell without a terminal: this one is not 8-bit clean, as no terminal is.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from device_scripts.virtual_phone.shell.interpreter import Shell
from device_scripts.virtual_phone.shell.jobs import STDOUT, InteractiveJob, Piece, ShellJob

_INTERRUPT: Final = 0x03
_END_OF_INPUT: Final = 0x04
_BACKSPACES: Final = (0x08, 0x7F)
_LINE_ENDS: Final = (0x0A, 0x0D)
_FIRST_PRINTABLE: Final = 0x20


class TerminalOutput:
    """Turns the newlines of any job's output into CRLF, as a terminal's output side does."""

    def __init__(self, job: ShellJob) -> None:
        self._job = job

    @property
    def finished(self) -> bool:
        return self._job.finished

    @property
    def status(self) -> int:
        return self._job.status

    def feed(self, data: bytes) -> None:
        """Pass input on."""
        self._job.feed(data)

    def end_input(self) -> None:
        """Pass the end of input on."""
        self._job.end_input()

    def hang_up(self) -> None:
        """Pass the end of the stream on."""
        self._job.hang_up()

    def pull(self) -> Piece | None:
        """Return the next piece; standard error goes where standard output goes."""
        piece = self._job.pull()
        return None if piece is None else (STDOUT, piece[1].replace(b"\n", b"\r\n"))


class TerminalShell:
    """An interactive shell with a prompt and an echo."""

    def __init__(self, shell: Shell, host_name: str) -> None:
        self._shell = shell
        self._job = InteractiveJob(shell)
        self._host_name = host_name
        self._echo: deque[bytes] = deque([self._prompt()])
        self._line = bytearray()
        self._prompt_due = False

    @property
    def finished(self) -> bool:
        return self._job.finished and not self._echo

    @property
    def status(self) -> int:
        return self._job.status

    def feed(self, data: bytes) -> None:
        """Take keystrokes."""
        for byte in data:
            self._key(byte)

    def end_input(self) -> None:
        """Say that no more keys will be pressed."""
        self._job.end_input()

    def hang_up(self) -> None:
        """Pass the end of the stream on."""
        self._job.hang_up()

    def pull(self) -> Piece | None:
        """Return echo first, then the output of the lines entered, then the next prompt."""
        if self._echo:
            return STDOUT, self._echo.popleft()
        piece = self._job.pull()
        if piece is not None:
            return STDOUT, piece[1].replace(b"\n", b"\r\n")
        if self._prompt_due and not self._job.finished:
            self._prompt_due = False
            return STDOUT, self._prompt()
        return None

    def _key(self, byte: int) -> None:
        if byte in _LINE_ENDS:
            self._echo.append(b"\r\n")
            self._enter()
        elif byte in _BACKSPACES:
            if self._line:
                self._line.pop()
                self._echo.append(b"\b \b")
        elif byte == _INTERRUPT:
            self._line.clear()
            self._echo.append(b"^C\r\n" + self._prompt())
        elif byte == _END_OF_INPUT and not self._line:
            self._job.end_input()
        elif byte >= _FIRST_PRINTABLE:
            self._line.append(byte)
            self._echo.append(bytes([byte]))

    def _enter(self) -> None:
        self._job.feed(bytes(self._line) + b"\n")
        self._line.clear()
        self._prompt_due = True

    def _prompt(self) -> bytes:
        return f"{self._host_name}:{self._shell.folder} $ ".encode()
