"""What several grammars need to read a model's text: markers, JSON, and checked values. Knows no grammar.

What reads raises ``ValueError`` with a short reason; a grammar's ``parse`` makes ``Malformed`` of it.
"""

import json
import re
from collections.abc import Mapping

from agent_runtime.actions.vocabulary import Action

MAX_WAIT_SEC = 60.0


def whole_json(text: str) -> object:
    """Return what the text holds as JSON and nothing else; a key that stands twice and NaN are refused."""
    try:
        return _DECODER.decode(text)
    except RecursionError as error:
        raise ValueError(f"nested too deep: {error}") from error


def json_at(text: str, start: int) -> tuple[object, int]:
    """Return the JSON value that starts at ``start``, and where it ends."""
    try:
        return _DECODER.raw_decode(text, start)
    except RecursionError as error:
        raise ValueError(f"nested too deep: {error}") from error


def after_line_marker(text: str, marker: str) -> str | None:
    """Return what follows the one line that starts with the marker; None where no line does."""
    found = list(re.finditer(rf"^[ \t]*{re.escape(marker)}", text, re.MULTILINE))
    if len(found) > 1:
        raise ValueError(f"{marker!r} stands {len(found)} times")
    return text[found[0].end() :] if found else None


def without_marker(thought: str, marker: str) -> str:
    """Return the thought with the marker broken by a space, so that only the answer itself carries it."""
    return thought.replace(marker, f"{marker[0]} {marker[1:]}")


def field_of(fields: Mapping[str, object], name: str) -> object:
    """Return the value under that name."""
    if name not in fields:
        raise ValueError(f"no {name}")
    return fields[name]


def text_of(value: object) -> str:
    """Return a text that is not empty and can be encoded: a lone surrogate is no text."""
    if not isinstance(value, str) or not value:
        raise ValueError(f"{value!r:.80} is not a text with at least one character")
    value.encode()  # UnicodeEncodeError is a ValueError
    return value


def seconds_of(value: object) -> float:
    """Return a number of seconds from 0 to ``MAX_WAIT_SEC``."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MAX_WAIT_SEC:
        raise ValueError(f"{value!r:.80} is not a number of seconds from 0 to {MAX_WAIT_SEC:g}")
    return float(value)


def no_words_for(name: str, action: Action) -> ValueError:
    """Return what to raise where the grammar of that name has no words for the action."""
    return ValueError(f"the grammar {name} has no text for {action!r:.200}")


def _object_without_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    answer = dict(pairs)
    if len(answer) != len(pairs):
        raise ValueError("a key stands twice")
    return answer


def _refuse(constant: str) -> object:
    raise ValueError(f"{constant} is not JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_object_without_duplicates, parse_constant=_refuse)
