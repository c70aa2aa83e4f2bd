"""Tokens to commands, pipelines and lists. Expands nothing and runs nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from device_scripts.virtual_phone.errors import ShellSyntaxError
from device_scripts.virtual_phone.shell.lexer import BARE, Operator, Part, Token, Word, tokenize

_ASSIGNMENT: Final = re.compile(r"([A-Za-z_]\w*)=")
_LIST_OPERATORS: Final = (";", "&&", "||")


@dataclass(frozen=True, slots=True)
class Redirect:
    """`fd` goes to (`>`, `>>`, `&>`), comes from (`<`) or becomes the same as (`>&`) `target`."""

    fd: int
    operator: str
    target: Word


@dataclass(frozen=True, slots=True)
class Command:
    """One simple command."""

    words: tuple[Word, ...]
    assignments: tuple[tuple[str, Word], ...]
    redirects: tuple[Redirect, ...]


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Commands joined by `|`; runs only if `condition` (`;`, `&&` or `||`) agrees with the status so far."""

    condition: str
    commands: tuple[Command, ...]
    negated: bool = False


@lru_cache(maxsize=512)
def parse(line: str) -> tuple[Pipeline, ...]:
    """Return the pipelines of `line` in order; ShellSyntaxError says what sh would."""
    return _Parser(tokenize(line)).run()


class _Parser:
    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._at = 0

    def run(self) -> tuple[Pipeline, ...]:
        pipelines: list[Pipeline] = []
        condition = ";"
        while self._at < len(self._tokens):
            if self._take_operator((";",)) and condition == ";":
                continue
            pipelines.append(self._pipeline(condition))
            condition = self._take_operator(_LIST_OPERATORS) or ";"
        if condition != ";":
            raise ShellSyntaxError("syntax error: unexpected 'newline'")
        return tuple(pipelines)

    def _take_operator(self, texts: tuple[str, ...]) -> str | None:
        token = self._tokens[self._at] if self._at < len(self._tokens) else None
        if isinstance(token, Operator) and token.text in texts:
            self._at += 1
            return token.text
        return None

    def _pipeline(self, condition: str) -> Pipeline:
        negated = self._peek_word() == (Part(BARE, "!"),)
        self._at += negated
        commands = [self._command()]
        while self._take_operator(("|",)):
            commands.append(self._command())
        return Pipeline(condition, tuple(commands), negated)

    def _peek_word(self) -> Word | None:
        token = self._tokens[self._at] if self._at < len(self._tokens) else None
        return None if token is None or isinstance(token, Operator) else token

    def _command(self) -> Command:
        words: list[Word] = []
        assignments: list[tuple[str, Word]] = []
        redirects: list[Redirect] = []
        while self._at < len(self._tokens):
            token = self._tokens[self._at]
            if not isinstance(token, Operator):
                self._at += 1
                assignment = None if words else _as_assignment(token)
                if assignment:
                    assignments.append(assignment)
                else:
                    words.append(token)
            elif token.fd >= 0:
                self._at += 1
                redirects.append(Redirect(token.fd, token.text, self._redirect_target()))
            else:
                break
        if not (words or assignments or redirects):
            raise ShellSyntaxError(f"syntax error: unexpected '{self._found()}'")
        return Command(tuple(words), tuple(assignments), tuple(redirects))

    def _redirect_target(self) -> Word:
        word = self._peek_word()
        if word is None:
            raise ShellSyntaxError(f"syntax error: unexpected '{self._found()}'")
        self._at += 1
        return word

    def _found(self) -> str:
        token = self._tokens[self._at] if self._at < len(self._tokens) else None
        return token.text if isinstance(token, Operator) else "newline"


def _as_assignment(word: Word) -> tuple[str, Word] | None:
    """Return (name, value) for `name=value` whose name is unquoted."""
    if not word or word[0].kind != BARE:
        return None
    match = _ASSIGNMENT.match(word[0].text)
    if match is None:
        return None
    return match[1], (Part(BARE, word[0].text[match.end() :]), *word[1:])
