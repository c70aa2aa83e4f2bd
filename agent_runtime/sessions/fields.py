"""Reads typed values out of plain JSON data and refuses all else. Knows no record and no file."""

from collections.abc import Callable
from typing import TypeVar

Value = TypeVar("Value")


class Fields:
    """The fields of one JSON object. Every method raises ``ValueError`` when the field is not what it says."""

    def __init__(self, plain: object) -> None:
        if not isinstance(plain, dict):
            raise ValueError(f"{plain!r:.80} is no JSON object")
        self._plain = plain

    def text(self, name: str) -> str:
        """Return a string."""
        value = self._get(name)
        if not isinstance(value, str):
            raise ValueError(f"{name} is {value!r:.80}, not a string")
        return value

    def optional_text(self, name: str) -> str | None:
        """Return a string or None."""
        return None if self._get(name) is None else self.text(name)

    def whole(self, name: str) -> int:
        """Return a whole number."""
        return _whole(name, self._get(name))

    def number(self, name: str) -> float:
        """Return a number, as it was written to the last bit."""
        return _number(name, self._get(name))

    def truth(self, name: str) -> bool:
        """Return true or false."""
        value = self._get(name)
        if not isinstance(value, bool):
            raise ValueError(f"{name} is {value!r:.80}, neither true nor false")
        return value

    def texts(self, name: str) -> dict[str, str]:
        """Return an object whose values are strings."""
        inner = self.inner(name)
        return {key: inner.text(key) for key in inner._plain}

    def wholes(self, name: str) -> tuple[int, ...]:
        """Return a list of whole numbers."""
        return tuple(_whole(name, value) for value in self._list(name))

    def numbers(self, name: str) -> tuple[float, ...]:
        """Return a list of numbers."""
        return tuple(_number(name, value) for value in self._list(name))

    def pair(self, name: str) -> tuple[int, int]:
        """Return two whole numbers."""
        values = self.wholes(name)
        if len(values) != 2:
            raise ValueError(f"{name} holds {len(values)} numbers, not two")
        return values[0], values[1]

    def each(self, name: str, read: Callable[[object], Value]) -> tuple[Value, ...]:
        """Return a list, each item read by ``read``."""
        return tuple(read(value) for value in self._list(name))

    def any_of(self, name: str) -> object:
        """Return whatever stands there."""
        return self._get(name)

    def has(self, name: str) -> bool:
        """Say whether there is such a field."""
        return name in self._plain

    def inner(self, name: str) -> "Fields":
        """Return an object's fields."""
        return Fields(self._get(name))

    def _get(self, name: str) -> object:
        if name not in self._plain:
            raise ValueError(f"{name} is missing")
        return self._plain[name]

    def _list(self, name: str) -> list[object]:
        value = self._get(name)
        if not isinstance(value, list):
            raise ValueError(f"{name} is {value!r:.80}, not a list")
        return value


def _whole(name: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"{name} holds {value!r:.80}, not a whole number")
    return value


def _number(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{name} holds {value!r:.80}, not a number")
    try:
        return float(value)
    except OverflowError as error:
        raise ValueError(f"{name} holds a number beyond any float") from error
