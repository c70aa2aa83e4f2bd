"""Reads answers written like a call of a function, and writes their texts. Runs nothing and knows no verb.

    click(start_box='(500,250)')      TYPE(box=[[10,020,30,40]], text='it's fine, really', element_type='field')

A text ends at the quote that is followed by another argument or by the call's own end, so quotes a model forgot
to escape come through. Escapes are those of a Python string: \\n, \\t, \\r, \\\\, \\' and \\"; other backslashes stay.
"""

import re

_VERB = re.compile(r"\s*([A-Za-z_]\w*)\s*\(", re.ASCII)
_NAME = re.compile(r"\s*([A-Za-z_]\w*)\s*=\s*", re.ASCII)
_NUMBER = re.compile(r"-?\d+(\.\d+)?", re.ASCII)
_SPACE = re.compile(r"\s*")
_AFTER_A_TEXT = re.compile(r"\s*,\s*[A-Za-z_]\w*\s*=|\s*\)\s*(?:\Z|\n)", re.ASCII)
_WORDS = {"None": None, "True": True, "False": False, "null": None, "true": True, "false": False}
_WORD = re.compile("|".join(_WORDS))
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", "'": "'", '"': '"'}
_MAX_DEPTH = 4


def verb_of(text: str) -> str:
    """Return the name of the call that the text starts with.

    Raises:
        ValueError: it starts with none.
    """
    found = _VERB.match(text)
    if found is None:
        raise ValueError(f"{text[:40]!r} is not a call")
    return found[1]


def fields_of(text: str) -> dict[str, object]:
    """Return the named arguments of the one call that the text is.

    Raises:
        ValueError: it is not one whole call with named arguments.
    """
    found = _VERB.match(text)
    if found is None:
        raise ValueError(f"{text[:40]!r} is not a call")
    scan = _Scan(text, found.end())
    fields = scan.arguments()
    if text[scan.at :].strip():
        raise ValueError(f"{text[scan.at :].strip()[:40]!r} follows the call")
    return fields


def literal_object_at(text: str, start: int) -> tuple[dict[str, object], int]:
    """Return the dictionary written as Python writes it at ``start``, and where it ends; values are not nested.

    Raises:
        ValueError: there is none.
    """
    scan = _Scan(text, start)
    return scan.dictionary(), scan.at


def quoted(text: str, quote: str = "'") -> str:
    """Return the text in quotes, escaped so that ``fields_of`` gives it back."""
    escaped = text.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t").replace("\r", "\\r")
    return quote + escaped.replace(quote, "\\" + quote) + quote


class _Scan:
    """A place in a text; every method reads on from it."""

    def __init__(self, text: str, at: int) -> None:
        self._text = text
        self.at = at

    def arguments(self) -> dict[str, object]:
        fields: dict[str, object] = {}
        while not self._takes(")"):
            if fields:
                self._needs(",")
            named = _NAME.match(self._text, self.at)
            if named is None:
                raise ValueError(f"{self._rest()!r} is not name=value")
            self.at = named.end()
            _add(fields, named[1], self._value(_AFTER_A_TEXT))
        return fields

    def dictionary(self) -> dict[str, object]:
        fields: dict[str, object] = {}
        self._needs("{")
        while not self._takes("}"):
            if fields:
                self._needs(",")
                if self._takes("}"):
                    break
            self._skip_space()
            key = self._string(None)
            self._needs(":")
            self._skip_space()
            _add(fields, key, self._value(None))
        return fields

    def _value(self, after_a_text: re.Pattern[str] | None, depth: int = 0) -> object:
        if self._text[self.at : self.at + 1] in ("'", '"'):
            return self._string(after_a_text)
        if self._takes("["):
            return self._list(depth + 1)
        number = _NUMBER.match(self._text, self.at)
        if number is not None:
            self.at = number.end()
            return float(number[0]) if number[1] else int(number[0])
        word = _WORD.match(self._text, self.at)
        if word is None:
            raise ValueError(f"{self._rest()!r} is not a value")
        self.at = word.end()
        return _WORDS[word[0]]

    def _list(self, depth: int) -> list[object]:
        if depth > _MAX_DEPTH:
            raise ValueError("a list is nested too deep")
        values: list[object] = []
        while not self._takes("]"):
            if values:
                self._needs(",")
            self._skip_space()
            values.append(self._value(None, depth))
        return values

    def _string(self, after: re.Pattern[str] | None) -> str:
        """Read a text in quotes; with ``after``, a quote that is not followed by it belongs to the text."""
        quote = self._text[self.at : self.at + 1]
        if quote not in ("'", '"'):
            raise ValueError(f"{self._rest()!r} is not a text in quotes")
        marks = re.compile(rf"[\\{quote}]")
        parts: list[str] = []
        start = self.at + 1
        while (mark := marks.search(self._text, start)) is not None:
            parts.append(self._text[start : mark.start()])
            start = mark.end()
            if mark[0] == "\\":
                escaped = self._text[start : start + 1]
                parts.append(_ESCAPES.get(escaped, "\\" + escaped))
                start += 1
            elif after is None or after.match(self._text, start):
                self.at = start
                return "".join(parts)
            else:
                parts.append(quote)
        raise ValueError(f"{self._rest()!r} has no closing quote")

    def _takes(self, mark: str) -> bool:
        self._skip_space()
        if not self._text.startswith(mark, self.at):
            return False
        self.at += len(mark)
        return True

    def _needs(self, mark: str) -> None:
        if not self._takes(mark):
            raise ValueError(f"{self._rest()!r} stands where {mark!r} was expected")

    def _skip_space(self) -> None:
        space = _SPACE.match(self._text, self.at)
        self.at = space.end() if space is not None else self.at

    def _rest(self) -> str:
        return self._text[self.at : self.at + 40]


def _add(fields: dict[str, object], name: str, value: object) -> None:
    if name in fields:
        raise ValueError(f"{name!r:.80} stands twice")
    fields[name] = value
