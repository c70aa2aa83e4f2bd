"""A shell as a stream of bytes: one command, or a persistent shell that runs each line as it arrives. Frames nothing.

Output is pulled: a line runs only once the output of the lines before it has been taken, so a peer that does not read
also stops the shell.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterator
from itertools import pairwise
from typing import Final, Protocol

from device_scripts.virtual_phone.errors import ShellSyntaxError
from device_scripts.virtual_phone.shell.interpreter import Shell, Streams, decode
from device_scripts.virtual_phone.shell.lexer import IncompleteLineError
from device_scripts.virtual_phone.shell.parser import parse

STDOUT: Final = 1
STDERR: Final = 2

Piece = tuple[int, bytes]
"""(descriptor, bytes): what was written, in the order it was written."""

_INTERACTIVE: Final = frozenset({"", "sh", "-", "/system/bin/sh", "sh -", "/system/bin/sh -"})
_READ_STDIN: Final = frozenset({"cat", "grep", "head", "tail", "wc", "sort", "sh", "tee"})
_OPERANDS_THAT_ARE_NO_INPUT: Final = {"grep": 1, "tee": sys.maxsize}
_TO_THE_END: Final = sys.maxsize


class ShellJob(Protocol):
    """A running shell: bytes in, pieces out, then `finished` with the shell's last status."""

    @property
    def finished(self) -> bool: ...
    @property
    def status(self) -> int: ...
    def feed(self, data: bytes) -> None: ...
    def end_input(self) -> None: ...
    def hang_up(self) -> None: ...
    def pull(self) -> Piece | None: ...


def is_interactive(command_line: str) -> bool:
    """Return whether the command line asks for a shell that reads its lines from the stream."""
    return command_line.strip() in _INTERACTIVE


def start_job(shell: Shell, command_line: str) -> ShellJob:
    """Return the job for `shell:COMMAND_LINE`."""
    return InteractiveJob(shell) if is_interactive(command_line) else CommandJob(shell, command_line)


class _Job:
    """What both kinds share: the queue of pieces and the running line."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell
        self._pieces: deque[Piece] = deque()
        self._steps: Iterator[None] | None = None

    @property
    def status(self) -> int:
        return self._shell.last_status

    def _write_out(self, data: bytes) -> None:
        self._pieces.append((STDOUT, data))

    def _write_err(self, data: bytes) -> None:
        self._pieces.append((STDERR, data))

    def _start(self, line: str, stdin: bytes) -> None:
        self._steps = self._shell.run(line, Streams(stdin, self._write_out, self._write_err))

    def _advance(self) -> None:
        """Run the next pipeline of the running line."""
        if self._steps is not None and next(self._steps, self) is self:
            self._steps = None

    def _poll_follow(self) -> Piece | None:
        """Return what a following command (logcat) has written since, if anything."""
        data = self._shell.follow() if self._shell.follow else b""
        return (STDOUT, data) if data else None


class CommandJob(_Job):
    """One command line; it starts when the input its first command would read is there."""

    def __init__(self, shell: Shell, command_line: str) -> None:
        super().__init__(shell)
        self._line = command_line
        self._stdin = bytearray()
        self._awaited_bytes = _awaited_bytes(command_line)
        self._started = False

    @property
    def finished(self) -> bool:
        return self._started and self._steps is None and not self._pieces and self._shell.follow is None

    def feed(self, data: bytes) -> None:
        """Add to the command's standard input; a command that reads none lets it go."""
        if self._awaited_bytes == _TO_THE_END:
            self._stdin += data
        elif self._awaited_bytes:
            self._awaited_bytes = max(0, self._awaited_bytes - len(data))

    def end_input(self) -> None:
        """Say that standard input has ended."""
        self._awaited_bytes = 0

    def hang_up(self) -> None:
        """The stream's end is the end of the input: a command that waited for it runs, unheard."""
        if not self._started:
            self.end_input()
            while self.pull() is not None:
                pass

    def pull(self) -> Piece | None:
        """Return the next piece written, running as much of the command as that needs."""
        if not self._started and not self._awaited_bytes:
            self._started = True
            self._start(self._line, bytes(self._stdin))
        while self._steps is not None and not self._pieces:
            self._advance()
        return self._pieces.popleft() if self._pieces else self._poll_follow()


class InteractiveJob(_Job):
    """A persistent shell without a terminal: no prompt, no echo, 8-bit clean, each line run as it arrives."""

    def __init__(self, shell: Shell) -> None:
        super().__init__(shell)
        self._input = bytearray()
        self._open_line = ""
        self._input_ended = False

    @property
    def finished(self) -> bool:
        if self._pieces or self._steps is not None:
            return False
        return self._shell.exited or (self._input_ended and not self._input)

    def feed(self, data: bytes) -> None:
        """Add input; whole lines run when the output before them has been pulled."""
        self._input += data

    def end_input(self) -> None:
        """Say that the input has ended; a last line without its newline still runs."""
        self._input_ended = True
        if self._input and not self._input.endswith(b"\n"):
            self._input += b"\n"

    def hang_up(self) -> None:
        """Nobody listens any more: lines that have not begun do not run."""
        self._input.clear()
        self._steps = None

    def pull(self) -> Piece | None:
        """Return the next piece written, running further lines as needed; None when a new line is needed."""
        while not self._pieces:
            if self._steps is not None:
                self._advance()
            elif self._shell.exited or not self._start_next_line():
                return self._poll_follow()
        return self._pieces.popleft()

    def _start_next_line(self) -> bool:
        """Start the next whole line; False when there is none. An open quote waits for the line that closes it."""
        while (end := self._input.find(b"\n")) >= 0:
            self._open_line += decode(bytes(self._input[:end]))
            del self._input[: end + 1]
            if _is_incomplete(self._open_line) and not (self._input_ended and not self._input):
                self._open_line += "\n"
                continue
            line, self._open_line = self._open_line, ""
            self._shell.follow = None
            self._start(line, b"")
            return True
        return False


def _is_incomplete(line: str) -> bool:
    try:
        parse(line)
    except IncompleteLineError:
        return True
    except ShellSyntaxError:
        return False
    return False


def _awaited_bytes(command_line: str) -> int:
    """Return how much input the first command of the line reads before it answers: none, a count, or all of it."""
    try:
        pipelines = parse(command_line)
    except ShellSyntaxError:
        return 0
    if not pipelines or any(redirect.operator == "<" for redirect in pipelines[0].commands[0].redirects):
        return 0
    words = ["".join(part.text for part in word) for word in pipelines[0].commands[0].words] or [""]
    if words[:3] == ["cmd", "package", "install"]:
        return _streamed_package_bytes(words)
    operands = [word for word in words[1:] if not word.startswith("-")]
    files = operands[_OPERANDS_THAT_ARE_NO_INPUT.get(words[0], 0) :]
    return _TO_THE_END if words[0] in _READ_STDIN and not files else 0


def _streamed_package_bytes(words: list[str]) -> int:
    """Return the size in `cmd package install -S SIZE`: adb sends that much before it reads the answer."""
    size = next((after for word, after in pairwise(words) if word == "-S"), "0")
    return int(size) if size.isdecimal() else 0
