"""Cuts a command line into operators and words with their quoting. Expands nothing and runs nothing.

Covers what clients of `adb shell` send: quotes, backslashes, `$name`, `$?`, `$(…)`, lists, pipes and redirections.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from device_scripts.virtual_phone.errors import ShellSyntaxError

LITERAL: Final = 0
"""Quoted text: taken as it is."""
BARE: Final = 1
"""Unquoted text: `*`, `?` and `[` in it match file names."""
VARIABLE: Final = 2
QUOTED_VARIABLE: Final = 3
SUBSTITUTION: Final = 4
QUOTED_SUBSTITUTION: Final = 5


class Part(NamedTuple):
    """A piece of a word; `text` is the text, the variable's name, or the inner command line."""

    kind: int
    text: str


Word = tuple[Part, ...]


class Operator(NamedTuple):
    """`;` (also for a newline or `&`), `&&`, `||`, `|`, or a redirection such as `>`, `>>`, `<`, `>&` of `fd`."""

    text: str
    fd: int = -1


Token = Operator | Word


class IncompleteLineError(ShellSyntaxError):
    """A quote or substitution is still open: an interactive shell reads on."""


_SPACE = re.compile(r"(?:[ \t\r]|\\\n)+")
_REDIRECT = re.compile(r"(\d?)(>>|>&|<&|>\||>|<)|(&>)")
_CONTROL = re.compile(r"&&|\|\||[;|&\n]")
_BARE = re.compile(r"[^ \t\r\n'\"\\$`;&|<>()]+")
_SINGLE = re.compile(r"'([^']*)'")
_DOUBLE_TEXT = re.compile(r"[^\"\\$`]+")
_NAME = re.compile(r"\$(?:\{(\w+|\?)\}|([A-Za-z_]\w*|[?$#!0-9]))")
_DOUBLE_ESCAPES: Final = '$`"\\'


def tokenize(line: str) -> list[Token]:
    """Return the tokens of `line`; IncompleteLineError for an open quote, ShellSyntaxError for `(` and `)`."""
    return _Lexer(line).run()


class _Lexer:
    def __init__(self, line: str) -> None:
        self._line = line
        self._at = 0

    def run(self) -> list[Token]:
        tokens: list[Token] = []
        while self._skip_space_and_comment():
            tokens.append(self._operator() or self._word())
        return tokens

    def _skip_space_and_comment(self) -> bool:
        if match := _SPACE.match(self._line, self._at):
            self._at = match.end()
        if self._line.startswith("#", self._at):
            end = self._line.find("\n", self._at)
            self._at = len(self._line) if end < 0 else end
        return self._at < len(self._line)

    def _operator(self) -> Operator | None:
        if match := _REDIRECT.match(self._line, self._at):
            self._at = match.end()
            if match[3]:
                return Operator("&>", 1)
            default_fd = 0 if match[2].startswith("<") else 1
            return Operator(match[2].replace(">|", ">"), int(match[1]) if match[1] else default_fd)
        if match := _CONTROL.match(self._line, self._at):
            self._at = match.end()
            return Operator(";" if match[0] in ("&", "\n") else match[0])
        if self._line[self._at] in "()":
            raise ShellSyntaxError(f"syntax error: unexpected '{self._line[self._at]}'")
        return None

    def _word(self) -> Word:
        parts: list[Part] = []
        while self._at < len(self._line):
            character = self._line[self._at]
            if match := _BARE.match(self._line, self._at):
                self._at = match.end()
                parts.append(Part(BARE, match[0]))
            elif character == "'":
                parts.append(Part(LITERAL, self._single_quoted()))
            elif character == '"':
                parts += self._double_quoted()
            elif character == "\\":
                parts.append(self._escaped())
            elif character in "$`":
                parts.append(self._dollar(quoted=False))
            else:
                break
        return tuple(parts)

    def _single_quoted(self) -> str:
        match = _SINGLE.match(self._line, self._at)
        if match is None:
            raise IncompleteLineError("no closing quote")
        self._at = match.end()
        return match[1]

    def _escaped(self) -> Part:
        if self._at + 1 >= len(self._line):
            self._at += 1
            return Part(LITERAL, "\\")
        character = self._line[self._at + 1]
        self._at += 2
        return Part(LITERAL, "" if character == "\n" else character)

    def _double_quoted(self) -> list[Part]:
        parts = [Part(LITERAL, "")]  # so that "" is an empty word, not none
        self._at += 1
        while self._at < len(self._line):
            character = self._line[self._at]
            if character == '"':
                self._at += 1
                return parts
            if match := _DOUBLE_TEXT.match(self._line, self._at):
                self._at = match.end()
                parts.append(Part(LITERAL, match[0]))
            elif character == "\\":
                parts.append(Part(LITERAL, self._escape_in_double_quotes()))
            else:
                parts.append(self._dollar(quoted=True))
        raise IncompleteLineError("no closing quote")

    def _escape_in_double_quotes(self) -> str:
        following = self._line[self._at + 1 : self._at + 2]
        self._at += 2
        if following == "\n":
            return ""
        return following if following and following in _DOUBLE_ESCAPES else "\\" + following

    def _dollar(self, *, quoted: bool) -> Part:
        if self._line.startswith("$(", self._at):
            return Part(QUOTED_SUBSTITUTION if quoted else SUBSTITUTION, self._parenthesised())
        if self._line[self._at] == "`":
            return Part(QUOTED_SUBSTITUTION if quoted else SUBSTITUTION, self._backquoted())
        if match := _NAME.match(self._line, self._at):
            self._at = match.end()
            return Part(QUOTED_VARIABLE if quoted else VARIABLE, match[1] or match[2])
        self._at += 1
        return Part(LITERAL, "$")

    def _backquoted(self) -> str:
        end = self._line.find("`", self._at + 1)
        if end < 0:
            raise IncompleteLineError("no closing quote")
        inner = self._line[self._at + 1 : end]
        self._at = end + 1
        return inner

    def _parenthesised(self) -> str:
        """Take `$( … )` by counting parentheses outside quotes."""
        start = self._at + 2
        self._at = start
        depth = 1
        while self._at < len(self._line):
            character = self._line[self._at]
            if character == "'":
                self._single_quoted()
                continue
            if character == '"':
                self._double_quoted()
                continue
            depth += {"(": 1, ")": -1}.get(character, 0)
            self._at += 1
            if depth == 0:
                return self._line[start : self._at - 1]
        raise IncompleteLineError("syntax error: unmatched '('")
