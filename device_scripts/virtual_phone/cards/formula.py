"""The value of a formula of whole numbers, + - * / and parentheses, in exact fractions. Knows no cards.

Grammar:  sum = product (("+" | "-") product)*     product = signed (("*" | "/") signed)*
          signed = ("+" | "-") signed | whole number | "(" sum ")"
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

MAX_TOKENS = 64


class _NoValueError(Exception):
    """The tokens are no formula, or it divides by 0."""


def value_of(tokens: Sequence[str]) -> Fraction | None:
    """Return the formula's value; None where it has none: not well formed, longer than 64 tokens, divided by 0."""
    if len(tokens) > MAX_TOKENS:
        return None
    parser = _Parser(tokens)
    try:
        value = parser.sum()
    except _NoValueError:
        return None
    return value if parser.next_token is None else None


class _Parser:
    def __init__(self, tokens: Sequence[str]) -> None:
        self._tokens = tokens
        self._at = 0

    @property
    def next_token(self) -> str | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def sum(self) -> Fraction:
        value = self._product()
        while (sign := self._take("+", "-")) is not None:
            term = self._product()
            value = value + term if sign == "+" else value - term
        return value

    def _product(self) -> Fraction:
        value = self._signed()
        while (sign := self._take("*", "/")) is not None:
            factor = self._signed()
            if sign == "/" and factor == 0:
                raise _NoValueError
            value = value * factor if sign == "*" else value / factor
        return value

    def _signed(self) -> Fraction:
        if (sign := self._take("+", "-")) is not None:
            value = self._signed()
            return value if sign == "+" else -value
        if self._take("(") is not None:
            value = self.sum()
            if self._take(")") is None:
                raise _NoValueError
            return value
        token = self.next_token
        if token is None or not (token.isascii() and token.isdigit()):
            raise _NoValueError
        self._at += 1
        return Fraction(int(token))

    def _take(self, *wanted: str) -> str | None:
        token = self.next_token
        if token not in wanted:
            return None
        self._at += 1
        return token
