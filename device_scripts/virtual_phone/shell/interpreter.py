"""Runs parsed command lines on a command table: expansion, lists, pipes, redirections. Knows no single command."""

from __future__ import annotations

import fnmatch
import posixpath
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from device_scripts.virtual_phone.device import VirtualDevice
from device_scripts.virtual_phone.errors import DeviceFileError, ShellSyntaxError
from device_scripts.virtual_phone.shell import lexer
from device_scripts.virtual_phone.shell.lexer import Word
from device_scripts.virtual_phone.shell.parser import Command, Pipeline, Redirect, parse

Write = Callable[[bytes], None]

SHELL_NAME: Final = "/system/bin/sh"
NOT_FOUND: Final = 127
_MAX_DEPTH: Final = 8
_PID: Final = "4242"
_GLOB_CHARACTERS: Final = frozenset("*?[")


@dataclass(slots=True)
class Streams:
    """Where a command reads and writes; `out` and `err` may be one and the same."""

    stdin: bytes
    out: Write
    err: Write


@dataclass(slots=True)
class Context:
    """One run of one command: `args` excludes the name. A command returns its exit status."""

    name: str
    args: list[str]
    streams: Streams
    shell: Shell

    @property
    def device(self) -> VirtualDevice:
        return self.shell.device

    def write(self, data: bytes) -> None:
        """Write bytes to standard output."""
        self.streams.out(data)

    def print(self, text: str) -> None:
        """Write a line to standard output."""
        self.streams.out(encode(text + "\n"))

    def fail(self, text: str, status: int = 1) -> int:
        """Write a line to standard error and return `status`."""
        self.streams.err(encode(text + "\n"))
        return status


CommandFunction = Callable[[Context], int]


@dataclass(slots=True)
class Shell:
    """A shell's own state: folder, variables, last status. `follow` is set by a command that goes on writing."""

    device: VirtualDevice
    commands: Mapping[str, CommandFunction]
    folder: str = "/"
    variables: dict[str, str] = field(default_factory=dict)
    last_status: int = 0
    exited: bool = False
    follow: Callable[[], bytes] | None = None
    depth: int = 0

    def run(self, line: str, streams: Streams) -> Iterator[None]:
        """Run a command line, yielding after each pipeline so that a caller may send what was written so far."""
        try:
            pipelines = parse(line)
        except ShellSyntaxError as error:
            streams.err(encode(f"{SHELL_NAME}: {error}\n"))
            self.last_status = 1
            return
        for pipeline in pipelines:
            if self._is_due(pipeline):
                self._run_pipeline(pipeline, streams)
                yield
            if self.exited:
                return

    def run_to_end(self, line: str, streams: Streams) -> int:
        """Run a whole command line and return its status."""
        for _ in self.run(line, streams):
            pass
        return self.last_status

    def absolute(self, path: str) -> str:
        """Return `path` seen from the shell's folder."""
        return posixpath.normpath(posixpath.join(self.folder, path))

    def _is_due(self, pipeline: Pipeline) -> bool:
        if pipeline.condition == "&&":
            return self.last_status == 0
        return pipeline.condition != "||" or self.last_status != 0

    def _run_pipeline(self, pipeline: Pipeline, streams: Streams) -> None:
        stdin = streams.stdin
        for command in pipeline.commands[:-1]:
            piped: list[bytes] = []
            self._run_command(command, Streams(stdin, piped.append, streams.err))
            stdin = b"".join(piped)
        status = self._run_command(pipeline.commands[-1], Streams(stdin, streams.out, streams.err))
        self.last_status = int(not status) if pipeline.negated else status

    def _run_command(self, command: Command, streams: Streams) -> int:
        words = [text for word in command.words for text in self._expand(word, streams)]
        for name, value in command.assignments:
            self.variables[name] = self._expand_to_text(value, streams)
        files: list[_OutputFile] = []
        try:
            redirected = self._redirect(command.redirects, streams, files) if command.redirects else streams
            status = self._call(words, redirected)
            for file in files:
                file.store()
        except DeviceFileError as error:
            verb = "open" if any(redirect.operator == "<" for redirect in command.redirects) else "create"
            streams.err(encode(f"{SHELL_NAME}: can't {verb} {error.path}: {error.reason}\n"))
            return 1
        return status

    def _call(self, words: list[str], streams: Streams) -> int:
        if not words:
            return 0
        name = words[0]
        function = self.commands.get(name.removeprefix("/system/bin/"))
        if function is None:
            streams.err(encode(f"{SHELL_NAME}: {name}: inaccessible or not found\n"))
            return NOT_FOUND
        return function(Context(name, words[1:], streams, self))

    def _redirect(self, redirects: tuple[Redirect, ...], streams: Streams, files: list[_OutputFile]) -> Streams:
        """Apply redirections from left to right; opened files are appended to `files` to be stored afterwards."""
        now = Streams(streams.stdin, streams.out, streams.err)
        for redirect in redirects:
            target = self._expand_to_text(redirect.target, streams)
            if redirect.operator == "<":
                now.stdin = self.device.files.read(self.absolute(target))
                continue
            if redirect.operator == ">&":
                write = {"1": now.out, "2": now.err}.get(target, _discard)
            elif target in ("/dev/tty", "/dev/stdout"):
                write = streams.out
            else:
                files.append(_OutputFile(self, self.absolute(target), append=redirect.operator == ">>"))
                write = files[-1].pieces.append
            if redirect.fd == 1 or redirect.operator == "&>":
                now.out = write
            if redirect.fd == 2 or redirect.operator == "&>":
                now.err = write
        return now

    def _expand(self, word: Word, streams: Streams) -> list[str]:
        """Return the fields of a word: one, or none for an unquoted empty variable, or several for a pattern."""
        if len(word) == 1 and word[0].kind <= lexer.BARE:
            part = word[0]
            if part.kind == lexer.BARE and not _GLOB_CHARACTERS.isdisjoint(part.text):
                return self._matches(part.text) or [part.text]
            return [part.text]
        text = self._expand_to_text(word, streams)
        unquoted = (lexer.VARIABLE, lexer.SUBSTITUTION)
        if all(part.kind in unquoted for part in word):
            return text.split()
        bare = "".join(part.text for part in word if part.kind == lexer.BARE)
        if not _GLOB_CHARACTERS.isdisjoint(bare):
            return self._matches(text) or [text]
        return [text]

    def _expand_to_text(self, word: Word, streams: Streams) -> str:
        return "".join(self._part_text(part, streams) for part in word)

    def _part_text(self, part: lexer.Part, streams: Streams) -> str:
        if part.kind <= lexer.BARE:
            return part.text
        if part.kind in (lexer.VARIABLE, lexer.QUOTED_VARIABLE):
            return self._variable(part.text)
        return self._substitute(part.text, streams)

    def _variable(self, name: str) -> str:
        special = {"?": str(self.last_status), "$": _PID, "0": SHELL_NAME, "#": "0", "PWD": self.folder}
        return special.get(name) or self.variables.get(name, "")

    def _substitute(self, line: str, streams: Streams) -> str:
        """Run `$(line)` in a copy of this shell and return its output without closing newlines."""
        if self.depth >= _MAX_DEPTH:
            streams.err(encode(f"{SHELL_NAME}: command substitutions are nested too deeply\n"))
            return ""
        inner = Shell(self.device, self.commands, self.folder, dict(self.variables), depth=self.depth + 1)
        pieces: list[bytes] = []
        self.last_status = inner.run_to_end(line, Streams(b"", pieces.append, streams.err))
        return decode(b"".join(pieces)).rstrip("\n")

    def _matches(self, pattern: str) -> list[str]:
        """Return the paths that match a pattern, in its own form (relative stays relative), sorted."""
        absolute = self.absolute(pattern)
        folder, last = posixpath.split(absolute)
        try:
            children = self.device.files.children(folder)
        except DeviceFileError:
            return []
        names = [n for n, _ in children if fnmatch.fnmatchcase(n, last) and (last.startswith(".") or n[0] != ".")]
        shown = posixpath.dirname(pattern)
        return [posixpath.join(shown, name) for name in names]


class _OutputFile:
    """A redirection's target: written at once when the command ends; made empty first so that a refusal comes first."""

    def __init__(self, shell: Shell, path: str, *, append: bool) -> None:
        self.pieces: list[bytes] = []
        self._shell = shell
        self._path = path
        self._append = append
        device = shell.device
        device.files.write(path, b"", now_sec=device.now_sec(), append=append)

    def store(self) -> None:
        device = self._shell.device
        device.files.write(self._path, b"".join(self.pieces), now_sec=device.now_sec(), append=self._append)


def encode(text: str) -> bytes:
    """Return text as the phone's bytes; bytes that were no UTF-8 come back as they were."""
    return text.encode("utf-8", "surrogateescape")


def decode(data: bytes) -> str:
    """Return the phone's bytes as text; the inverse of `encode`."""
    return data.decode("utf-8", "surrogateescape")


def _discard(_data: bytes) -> None:
    """Where `>&-` and unknown descriptors write to."""
