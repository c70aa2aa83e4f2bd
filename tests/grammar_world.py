"""What the tests of grammars share: strategies, recorded texts, and the trip there and back. Holds no tests."""

from __future__ import annotations

import json
from dataclasses import astuple
from functools import cache
from pathlib import Path

import pytest
from hypothesis import strategies as st

from agent_runtime.actions import (
    Action,
    Finish,
    Grammar,
    Key,
    LongPress,
    Malformed,
    OpenApp,
    PressKey,
    Swipe,
    Tap,
    TypeText,
    Wait,
)

FIXTURES = Path(__file__).parents[2] / "shared" / "fixtures"
EXAMPLES = FIXTURES / "model_outputs" / "examples.jsonl"
needs_examples = pytest.mark.skipif(not EXAMPLES.is_file(), reason="the collected model outputs are not here")

NORM = st.floats(0, 1, exclude_max=True)
ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
ANY_STRING = st.text(st.characters())  # lone surrogates too
ANY_THOUGHT = st.text(st.characters(exclude_categories=["Cs"])) | st.sampled_from(
    [
        "Action: wait()",
        "\nAction: wait()\n",
        "Grounded Operation: END()",
        "<answer>do(action=",
        "<tool_call>\n{}",
        "</think>",
    ]
)
AWKWARD_TEXTS = [
    '"',
    "'",
    "it's fine, really, x='3'",
    'she said "go", he did not")',
    "\\",
    "C:\\new\\table",
    "a\\nb",
    "line\nline\r\n\ttab",
    "submit\n",
    "🙂👩‍👩‍👧 ñ 漢字 עברית",
    "京东，淘宝：「洗发水」",
    "\0\x1b\x7f\u2028\u2029\x85",
    "{}[]()'`$(x)",
    "')",
    '")',
    "', content='x",
    "<tool_call>",
    "</answer>",
    "<answer>do(action=",
    "\nAction: wait()",
    "\nGrounded Operation: END()",
    " ",
]
POINTED = st.builds(Tap, NORM, NORM) | st.builds(LongPress, NORM, NORM) | st.builds(Swipe, NORM, NORM, NORM, NORM)
SPOKEN = (
    st.builds(TypeText, ANY_TEXT)
    | st.builds(OpenApp, ANY_TEXT)
    | st.builds(PressKey, st.sampled_from(Key))
    | st.builds(Wait, st.floats(0, 60))
    | st.builds(Finish, st.booleans())
)


@cache
def recorded(kind: str) -> list[str]:
    """Return the recorded texts of one kind; a text may hold line ends of Unicode, so lines end at "\\n" alone."""
    rows = [json.loads(line) for line in EXAMPLES.read_text("utf-8").split("\n") if line.strip()]
    return [row["raw"] for row in rows if row["grammar"] == kind]


def reason_of(action: Action) -> str:
    """Return why a text was refused; it must be fit for records and messages."""
    assert isinstance(action, Malformed), action
    assert action.reason
    action.reason.encode()
    return action.reason


def assert_total(grammar: Grammar, text: str) -> None:
    """Read any text: an action that stays on the screen and can be sent, or a reason."""
    action = grammar.parse(text)
    match action:
        case Malformed():
            reason_of(action)
        case Tap() | LongPress() | Swipe():
            assert all(0 <= value < 1 for value in astuple(action))
        case TypeText(said) | OpenApp(said):
            said.encode()
            assert said
        case Wait(seconds):
            assert 0 <= seconds <= 60
        case _:
            assert isinstance(action, PressKey | Finish)


def assert_comes_back(grammar: Grammar, action: Action, thought: str, tolerance: tuple[float, float]) -> None:
    """Write and read the action; coordinates may move by (x, y), nothing else may change. No words is no fault."""
    try:
        text = grammar.render(action, thought)
    except ValueError:
        return
    back = grammar.parse(text)
    assert type(back) is type(action), (text, back)
    if not isinstance(action, Tap | LongPress | Swipe):
        assert back == action
        return
    for place, (was, found) in enumerate(zip(astuple(action), astuple(back), strict=True)):
        assert found == pytest.approx(was, abs=tolerance[place % 2] + 1e-9)
