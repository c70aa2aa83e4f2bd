"""Which tokens of an utterance are thought and which are action, for λ of the PPO form. Parses no action.

A grammar's thought span is where its text says something the parser does not read. A token is thought when every
character of it lies inside; a token that straddles the edge, and one without text (the end of turn), are action.
"""

import json
import re
from collections.abc import Callable, Sequence

from tuner.coso.rehearsal import Decode

Span = tuple[int, int]
"""Characters [start, end) of a text."""

NOWHERE: Span = (0, 0)
REPLACEMENT = "\ufffd"
"""What decoding puts for bytes that are no whole character yet."""
_WHITESPACE = re.compile(r"[ \t\n\r]*")
_DECODER = json.JSONDecoder()
_STRING_REST = re.compile(r'(?:[^"\\]|\\.)*', re.DOTALL)


def json_thought(text: str) -> Span:
    """Return the characters between the quotes of the top-level "thought"; up to the end when it was broken off."""
    try:
        return _json_thought(text)
    except (ValueError, IndexError, RecursionError):  # no JSON up to the thought: nothing is known to be one
        return NOWHERE


def _json_thought(text: str) -> Span:
    at = _skip(text, 0)
    while text[at] in "{,":  # before the first key, or between two
        at = _skip(text, at + 1)
        if text[at] != '"':
            return NOWHERE
        key, at = _DECODER.raw_decode(text, at)
        at = _skip(text, at)
        if text[at] != ":":
            return NOWHERE
        at = _skip(text, at + 1)
        if key == "thought" and text[at] == '"':
            return at + 1, _string_end(text, at + 1)
        at = _skip(text, _DECODER.raw_decode(text, at)[1])
    return NOWHERE


def _string_end(text: str, start: int) -> int:
    """Return the place of the quote that closes a JSON string, the text's end when there is none."""
    rest = _STRING_REST.match(text, start)
    return len(text) if rest is None or rest.end() == len(text) or text[rest.end()] != '"' else rest.end()


def _skip(text: str, at: int) -> int:
    """Return the first place from ``at`` on that is no white space."""
    found = _WHITESPACE.match(text, at)
    return found.end() if found else at


def marked_thought(opens: str, closes: str, mark: str = "") -> Callable[[str], Span]:
    """Return a rule for texts whose action stands behind a marker: the thought is what comes before it.

    The word that ``opens`` the thought may be missing, and is no part of it; it ends before the first match of
    ``closes``, a regular expression, and before the ``mark`` and white space in front of that. A text without
    the marker is a thought broken off, if it was opened.
    """
    start_of = re.compile(rf"\s*{re.escape(opens)}")
    marker = re.compile(closes)

    def thought(text: str) -> Span:
        opened = start_of.match(text)
        start = opened.end() if opened else 0
        end = marker.search(text, start)
        if end is None:
            return (start, len(text)) if opened else NOWHERE
        return start, start + len(text[start : end.start()].rstrip().removesuffix(mark).rstrip())

    return thought


_TOOL_CALL = marked_thought("Thought:", "<tool_call>")
_ACTION_WORD = marked_thought("Thought:", "Action:")
THOUGHT_SPANS: dict[str, Callable[[str], Span]] = {
    "agentcpm": json_thought,
    "android-world": marked_thought("Reason:", r"Action:|\{"),
    "auto-ui": marked_thought("Action Plan:", "Action Decision:", ";"),
    "autoglm": marked_thought("<think>", r"</think>|<answer>|do\(|finish\("),
    "cogagent": marked_thought("Action:", "Grounded Operation:"),
    "json": json_thought,
    "qwen-mobile-use": _TOOL_CALL,
    "qwen2.5-mobile-use": _TOOL_CALL,
    "ui-tars": _ACTION_WORD,
    "ui-tars-1.5": _ACTION_WORD,
}
"""One rule for each grammar; where a text can be read in two ways, the shorter thought."""


def thought_span(grammar_name: str, text: str) -> Span:
    """Return where the thought stands in a text of that grammar; (0, 0), all action, for a grammar without one."""
    find = THOUGHT_SPANS.get(grammar_name)
    return find(text) if find else NOWHERE


def token_spans(token_ids: Sequence[int], decode: Decode) -> list[Span]:
    """Return the characters of the whole text that each token writes, by decoding every prefix.

    Exact for byte-level BPE: a character of several tokens belongs to each of them, and the replacement marks of a
    prefix that ends inside a character count for nothing. A token without text has an empty span.
    """
    whole = decode(token_ids)
    spans: list[Span] = []
    settled, before = 0, ""
    for count in range(1, len(token_ids) + 1):
        prefix = decode(token_ids[:count])
        agreed = settled
        while agreed < min(len(prefix), len(whole)) and prefix[agreed] == whole[agreed]:
            agreed += 1
        again = prefix == before and prefix.endswith(REPLACEMENT)  # more bytes of a mark that the text itself holds
        begun = len(prefix) > agreed  # it ends inside the next character
        spans.append((settled - 1, settled) if again and not begun else (settled, agreed + begun))
        settled, before = agreed, prefix
    return spans


def thought_mask(token_ids: Sequence[int], decode: Decode, grammar_name: str) -> list[bool]:
    """Return True for every token that lies inside the thought."""
    start, end = thought_span(grammar_name, decode(token_ids))
    if start == end:
        return [False] * len(token_ids)
    spans = token_spans(token_ids, decode)
    return [start <= first and last <= end if first < last else start < first < end for first, last in spans]
