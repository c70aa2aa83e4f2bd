"""Qwen's mobile_use: one tool call, per-milles for Qwen3-VL, pixels of the picture for Qwen2.5-VL."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
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
    grammar_named,
)
from tests.grammar_world import (
    ANY_STRING,
    ANY_THOUGHT,
    AWKWARD_TEXTS,
    FIXTURES,
    POINTED,
    SPOKEN,
    assert_comes_back,
    assert_total,
    needs_examples,
    reason_of,
    recorded,
)

SIZE_PX = (1092, 2408)
QWEN3 = grammar_named("qwen-mobile-use")
QWEN25 = grammar_named("qwen2.5-mobile-use", SIZE_PX)
HALF_A_UNIT = {QWEN3.name: (0.5 / 999, 0.5 / 999), QWEN25.name: (0.5 / 1092, 0.5 / 2408)}
BOTH = pytest.mark.parametrize("grammar", [QWEN3, QWEN25], ids=lambda grammar: grammar.name)
SESSION = FIXTURES / "sessions" / "qwen_mobile_use_example" / "cells.json"
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_STRING,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ANY_STRING, inner, max_size=2),
    max_leaves=5,
)
VERBS = ["click", "long_press", "swipe", "type", "answer", "key", "system_button", "open", "wait", "terminate"]
NAMES = ["action", "coordinate", "coordinate2", "text", "time", "button", "status"]


def call(**arguments: object) -> str:
    inner = json.dumps({"name": "mobile_use", "arguments": arguments}, ensure_ascii=False)
    return f"Thought: so.\n<tool_call>\n{inner}\n</tool_call>"


@BOTH
@given(text=ANY_STRING, verb=st.sampled_from(VERBS) | ANY_STRING)
def test_any_text_gives_an_action(grammar: Grammar, text: str, verb: str) -> None:
    for spoken in (text, f"<tool_call>{text}</tool_call>", call(action=verb, text=text, coordinate=[1, 2])):
        assert_total(grammar, spoken)


@BOTH
@given(arguments=st.dictionaries(st.sampled_from(NAMES), st.sampled_from(VERBS) | VALUES))
def test_any_arguments_give_an_action(grammar: Grammar, arguments: dict[str, object]) -> None:
    assert_total(grammar, call(**arguments))


@BOTH
@given(action=POINTED | SPOKEN, thought=ANY_THOUGHT)
def test_an_action_comes_back_to_half_a_unit(grammar: Grammar, action: Action, thought: str) -> None:
    assert_comes_back(grammar, action, thought, HALF_A_UNIT[grammar.name])


@pytest.mark.parametrize("text", AWKWARD_TEXTS)
def test_awkward_texts_come_back(text: str) -> None:
    assert QWEN3.parse(QWEN3.render(TypeText(text), text)) == TypeText(text)
    assert QWEN3.parse(QWEN3.render(OpenApp(text), text)) == OpenApp(text)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"action": "click", "coordinate": [0, 999]}, Tap(0.0, 1 - 0.5 / 999)),
        ({"action": "click", "coordinate": [333, 666]}, Tap(333 / 999, 666 / 999)),
        ({"action": "click", "coordinate": [10, 20, 30, 60]}, Tap(20 / 999, 40 / 999)),  # a box: its middle
        ({"action": "click", "coordinate": [333, 666], "text": "unread"}, Tap(333 / 999, 666 / 999)),
        ({"action": "long_press", "coordinate": [333, 666], "time": 2}, LongPress(333 / 999, 666 / 999)),
        ({"action": "long_press", "coordinate": [333, 666]}, LongPress(333 / 999, 666 / 999)),
        (
            {"action": "swipe", "coordinate": [333, 666], "coordinate2": [333, 111]},
            Swipe(333 / 999, 666 / 999, 333 / 999, 111 / 999),
        ),
        ({"action": "type", "text": "京东，「x」"}, TypeText("京东，「x」")),
        ({"action": "answer", "text": "42"}, Finish(True)),
        ({"action": "open", "text": "Clock"}, OpenApp("Clock")),
        ({"action": "system_button", "button": "Menu"}, PressKey(Key.RECENTS)),
        ({"action": "system_button", "button": "Enter"}, PressKey(Key.ENTER)),
        ({"action": "key", "text": "KEYCODE_HOME"}, PressKey(Key.HOME)),
        ({"action": "key", "text": "app_switch"}, PressKey(Key.RECENTS)),
        ({"action": "wait", "time": 2.5}, Wait(2.5)),
        ({"action": "terminate", "status": "success"}, Finish(True)),
        ({"action": "terminate", "status": "failure"}, Finish(False)),
    ],
)
def test_each_verb_means(arguments: dict[str, object], expected: Action) -> None:
    assert QWEN3.parse(call(**arguments)) == expected


def test_pixels_are_those_of_the_picture() -> None:
    assert QWEN25.parse(call(action="click", coordinate=[546, 602])) == Tap(0.5, 0.25)
    assert '"coordinate": [546, 602]' in QWEN25.render(Tap(0.5, 0.25))
    assert "x from 0 to 1092, y from 0 to 2408" in QWEN25.instruction
    assert "1093 is not a number from 0 to 1092" in reason_of(QWEN25.parse(call(action="click", coordinate=[1093, 5])))


def test_text_around_the_call_and_a_missing_end_do_not_count() -> None:
    inner = '{"name": "mobile_use", "arguments": {"action": "wait", "time": 1}}'
    assert QWEN3.parse(f"<thinking>hm</thinking><tool_call>{inner}</tool_call><conclusion>so</conclusion>") == Wait(1)
    assert QWEN3.parse(f"<tool_call>\n{inner}") == Wait(1)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "0 tool calls, not one"),
        ('{"name": "mobile_use", "arguments": {"action": "wait", "time": 1}}', "0 tool calls"),
        (call(action="wait", time=1) + call(action="wait", time=1), "2 tool calls, not one"),
        ("<tool_call>\n</tool_call>", "Expecting value"),
        ("<tool_call>" + "[" * 100_000, "nested too deep"),
        ("<tool_call>[]</tool_call>", "not mobile_use"),
        ('<tool_call>{"name": "computer_use", "arguments": {"action": "click"}}</tool_call>', "not mobile_use"),
        ('<tool_call>{"name": "mobile_use", "arguments": []}</tool_call>', "not mobile_use"),
        ('<tool_call>{"name": "mobile_use", "arguments": {"action": "wait", "time": 1}} {}</tool_call>', "follows"),
        ('<tool_call>{"name": "mobile_use", "name": "mobile_use", "arguments": {}}</tool_call>', "stands twice"),
        (call(coordinate=[1, 2]), "unknown action None"),
        (call(action="interact", text="which one?"), "unknown action 'interact'"),
        (call(action="screenshot"), "unknown action 'screenshot'"),
        (call(action=["click"]), "unknown action ['click']"),
        (call(action="click"), "click: no coordinate"),
        (call(action="click", coordinate="[1, 2]"), "click: '[1, 2]' is neither a point nor a box"),
        (call(action="click", coordinate=[1, 2, 3]), "neither a point nor a box"),
        (call(action="click", coordinate=[1, 1000]), "click: the coordinate 1000"),
        (call(action="click", coordinate=[-1, 5]), "click: the coordinate -1"),
        (call(action="click", coordinate=[True, 5]), "click: the coordinate True"),
        (call(action="swipe", coordinate=[1, 2]), "swipe: no coordinate2"),
        (call(action="type", text=""), "type: '' is not a text"),
        (call(action="type", text="\ud800"), "surrogates not allowed"),
        (call(action="key", text="volume_up"), "key: the key 'volume_up'"),
        (call(action="system_button", button="back"), "system_button: the button 'back'"),
        (call(action="wait"), "wait: no time"),
        (call(action="wait", time=61), "seconds from 0 to 60"),
        (call(action="terminate"), "terminate: no status"),
        (call(action="terminate", status="done"), "neither success nor failure"),
    ],
    ids=lambda value: value[-60:].encode("ascii", "backslashreplace").decode(),
)
def test_a_slip_is_malformed_and_says_why(text: str, says: str) -> None:
    assert says in reason_of(QWEN3.parse(text))


def test_every_action_has_words_but_a_malformed_one() -> None:
    with pytest.raises(ValueError, match="qwen-mobile-use has no text for Malformed"):
        QWEN3.render(Malformed("why"))


@needs_examples
def test_the_recorded_text_is_read() -> None:
    assert [QWEN3.parse(text) for text in recorded("qwen_mobile_use")] == [Tap(447 / 999, 81 / 999)]


@pytest.mark.skipif(not SESSION.is_file(), reason="the recorded session is not here")
def test_the_recorded_session_is_read() -> None:
    outputs = [output for cell in json.loads(SESSION.read_text("utf-8")) for output in cell["outputs"]]
    spoken = [QWEN3.parse(output) for output in outputs if "<tool_call>" in output]
    assert [type(action) for action in spoken if not isinstance(action, Malformed)] == [Tap] * len(spoken)
