"""How wide a text is, where it is cut short and where it breaks. Draws nothing."""

from __future__ import annotations

from functools import lru_cache

from device_scripts.virtual_phone.ui.theme import font

_SMALLEST = 2 / 3


@lru_cache(maxsize=16384)
def length_px(text: str, size_px: int) -> float:
    """Return how far a text reaches, in pixels."""
    return font(size_px).getlength(text)


def text_width(text: str, size_px: int) -> int:
    """Width of a text in pixels."""
    return round(length_px(text, size_px))


def cut(text: str, size_px: int, room_px: float) -> str:
    """Return the text, or as much of it as fits with three dots."""
    if length_px(text, size_px) <= room_px:
        return text
    while text and length_px(text + "...", size_px) > room_px:
        text = text[:-1]
    return text.rstrip() + "..."


def fitted(text: str, size_px: int, room_px: float) -> tuple[str, int]:
    """Return the text and the size at which it fits, down to two thirds; what does not fit even so is cut short."""
    smallest = round(size_px * _SMALLEST)
    size = next((size for size in range(size_px, smallest, -1) if text_width(text, size) <= room_px), smallest)
    return cut(text, size, room_px), size


def tail(text: str, size_px: int, room_px: float) -> str:
    """Return the text, or as much of its end as fits, as a field shows what is being typed."""
    while len(text) > 1 and length_px(text, size_px) > room_px:
        text = text[1:]
    return text


def wrap(text: str, size_px: int, width_px: int) -> list[str]:
    """Return the text in lines no wider than that; a word that is wider is broken. Always at least one line."""
    lines, line = [], ""
    for word in text.split():
        joined = f"{line} {word}".strip()
        if text_width(joined, size_px) <= width_px:
            line = joined
            continue
        if line:
            lines.append(line)
        line = word
        while text_width(line, size_px) > width_px and len(line) > 1:
            fits = next(n for n in range(len(line) - 1, 0, -1) if n == 1 or text_width(line[:n], size_px) <= width_px)
            lines.append(line[:fits])
            line = line[fits:]
    return [*lines, line]
