"""Typed text, as far as it can be known: what a field gained, or what keys of a US keyboard write. Pure functions.

Taps on a keyboard that the screen shows tell no letters. What they typed is known where the focused field could be read
before them and after them.
"""

from agent_runtime.actions import Key

_ROWS = ("1234567890", "!@#$%^&*()"), ("abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
_NAMED = {
    "MINUS": "-_", "EQUAL": "=+", "LEFTBRACE": "[{", "RIGHTBRACE": "]}", "SEMICOLON": ";:", "APOSTROPHE": "'\"",
    "GRAVE": "`~", "BACKSLASH": "\\|", "COMMA": ",<", "DOT": ".>", "SLASH": "/?", "SPACE": "  ",
}  # fmt: skip
_CHARACTERS = {
    **{f"KEY_{low.upper()}": (low, high) for lows, highs in _ROWS for low, high in zip(lows, highs, strict=True)},
    **{f"KEY_{name}": (pair[0], pair[1]) for name, pair in _NAMED.items()},
}
SHIFTS = ("KEY_LEFTSHIFT", "KEY_RIGHTSHIFT")
CAPS_LOCK = "KEY_CAPSLOCK"
BACKSPACE = "KEY_BACKSPACE"
KEYS = {
    "KEY_BACK": Key.BACK,
    "KEY_ESC": Key.BACK,
    "KEY_HOMEPAGE": Key.HOME,
    "KEY_ENTER": Key.ENTER,
    "KEY_KPENTER": Key.ENTER,
    "KEY_APPSELECT": Key.RECENTS,
}
"""Linux's names of the keys that an agent has; Android takes ESC for back."""


def character(code: str, *, shift: bool, caps_lock: bool) -> str | None:
    """Return what a key writes on a US keyboard, None for one that writes nothing."""
    pair = _CHARACTERS.get(code)
    if pair is None:
        return None
    return pair[shift != (caps_lock and pair[0].isalpha())]


def gained(before: str, after: str) -> str | None:
    """Return the text that was typed to make one field's text the other; None where typing alone does not.

    A text that was there and is wholly another now was a hint, or was selected: then all of the new one was typed.
    """
    start = 0
    while start < min(len(before), len(after)) and before[start] == after[start]:
        start += 1
    end = 0
    while end < min(len(before), len(after)) - start and before[-1 - end] == after[-1 - end]:
        end += 1
    removed, added = before[start : len(before) - end], after[start : len(after) - end]
    if not added or (removed and (start or end)):
        return None
    return added
