"""The language of the phone's own words: tables keyed by the English text, looked up just before layout.

What the user or the world wrote is never translated: apps hand it on as ``Own``. Draws nothing, knows no app.
"""

from __future__ import annotations

import re
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

from device_scripts.virtual_phone.dutch import DUTCH
from device_scripts.virtual_phone.state import PhoneState
from device_scripts.virtual_phone.ui.widgets import Bubble, Field, Screen

LOCALE_KEY = "system_locales"
DEFAULT_LOCALE = "en-US"
LOCALES = {"en-US": "English (United States)", "nl-NL": "Nederlands (Nederland)"}
"""The locales there are words for, by BCP 47 tag, and what each calls itself."""
TABLES = {"nl": DUTCH}
"""Words by language, keyed by the English text; English needs none."""
_SPOKEN_PARTS = frozenset(("label", "text", "hint", "title", "below", "detail"))
"""The parts of widgets that are read; the rest are names, numbers and drawings."""
_WORDLESS = re.compile(r"[\W\d_]*")
_Part = TypeVar("_Part")


class Own(str):
    """Words that stay as they are in every language."""

    __slots__ = ()


def locale_of(state: PhoneState) -> str:
    """Return the phone's locale, the first of its list."""
    return state.settings["system"].get(LOCALE_KEY, DEFAULT_LOCALE).partition(",")[0]


def _table(state: PhoneState) -> dict[str, str]:
    return TABLES.get(locale_of(state).partition("-")[0].lower(), {})


def say(state: PhoneState, english: str, **values: object) -> Own:
    """Return a sentence in the phone's language, its ``{places}`` filled with ``values``."""
    return Own(_table(state).get(english, english).format(**values))


def translated(screen: Screen, state: PhoneState) -> Screen:
    """Return the screen in the phone's language; words the table does not have stay English."""
    table = _table(state)
    return _in_words(screen, table) if table else screen


def is_spoken(part: object, name: str) -> bool:
    """Tell whether the part of that name of a widget is read, and is not what somebody typed."""
    return name in _SPOKEN_PARTS and not (name == "text" and isinstance(part, (Field, Bubble)))


def needs_words(text: str) -> bool:
    """Tell whether a text is one of the phone's own and has letters in it."""
    return not isinstance(text, Own) and not _WORDLESS.fullmatch(text)


def _in_words(part: _Part, table: dict[str, str]) -> _Part:
    assert is_dataclass(part), f"got {part!r}, expected a widget"
    assert not isinstance(part, type), f"got {part!r}, expected a widget, not its class"
    changes: dict[str, Any] = {}
    for about in fields(part):
        value = getattr(part, about.name)
        if isinstance(value, str):
            if is_spoken(part, about.name) and not isinstance(value, Own):
                changes[about.name] = table.get(value, value)
        elif isinstance(value, tuple):
            changes[about.name] = tuple(_in_words(one, table) if is_dataclass(one) else one for one in value)
        elif is_dataclass(value):
            changes[about.name] = _in_words(value, table)
    return replace(part, **changes)
