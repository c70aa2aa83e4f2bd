"""The JSON grammar: every text is read, every action comes back, and a slip is told apart from a guess."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_runtime.actions import (
    GRAMMARS,
    Action,
    Finish,
    Key,
    Malformed,
    OpenApp,
    PressKey,
    Swipe,
    Tap,
    TypeText,
    Wait,
    grammar_named,
)
from agent_runtime.actions.json_grammar import MAX_WAIT_SEC, JsonGrammar, per_mille
from agent_runtime.errors import UsageError

JSON = JsonGrammar()
EXAMPLES = Path(__file__).parents[4] / "shared" / "fixtures" / "model_outputs" / "examples.jsonl"
NORM = st.floats(0, 1, exclude_max=True)
ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
ANY_STRING = st.text(st.characters())  # lone surrogates too
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_STRING,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_STRING, inner, max_size=3),
    max_leaves=5,
)
KEYS = ("thought", "action", "x", "y", "x2", "y2", "text", "key", "app", "seconds", "status")
VERBS = st.sampled_from(["tap", "swipe", "type", "press", "open_app", "wait", "finish"])
AWKWARD_TEXTS = [
    '"',
    "\\",
    "a, b: c",
    "line\nline\r\n\ttab",
    "🙂👩‍👩‍👧 ñ 漢字 עברית",
    "\0\x1b\x7f\u2028",
    "{}[]'`$(x)",
    " ",
]


def reason_of(action: Action) -> str:
    assert isinstance(action, Malformed)
    assert action.reason
    action.reason.encode()  # it goes into records and messages
    return action.reason


@given(ANY_STRING)
def test_any_text_gives_an_action(text: str) -> None:
    reason_of(JSON.parse(text))


@given(st.dictionaries(st.sampled_from(KEYS), VERBS | VALUES))
def test_any_object_gives_an_action(answer: dict[str, object]) -> None:
    action = JSON.parse(json.dumps(answer))
    if isinstance(action, Malformed):
        reason_of(action)
    else:
        assert JSON.parse(JSON.render(action)) == action


@pytest.mark.skipif(not EXAMPLES.is_file(), reason="the collected model outputs are not here")
@pytest.mark.parametrize("name", sorted(GRAMMARS))
def test_what_other_models_write_is_read_without_a_fault(name: str) -> None:
    for line in EXAMPLES.read_text("utf-8").splitlines():
        action = grammar_named(name).parse(json.loads(line)["raw"])
        if isinstance(action, Malformed):
            reason_of(action)


@given(
    st.builds(TypeText, ANY_TEXT)
    | st.builds(OpenApp, ANY_TEXT)
    | st.builds(PressKey, st.sampled_from(Key))
    | st.builds(Wait, st.floats(0, MAX_WAIT_SEC))
    | st.builds(Finish, st.booleans()),
    st.text(st.characters(exclude_categories=["Cs"])),
)
def test_an_action_without_coordinates_comes_back_as_it_was(action: Action, thought: str) -> None:
    assert JSON.parse(JSON.render(action, thought)) == action


@pytest.mark.parametrize("text", AWKWARD_TEXTS)
def test_awkward_texts_come_back(text: str) -> None:
    assert JSON.parse(JSON.render(TypeText(text), text)) == TypeText(text)
    assert JSON.parse(JSON.render(OpenApp(text), text)) == OpenApp(text)


@given(NORM, NORM)
def test_a_tap_comes_back_to_within_half_a_per_mille(x: float, y: float) -> None:
    back = JSON.parse(JSON.render(Tap(x, y)))
    assert isinstance(back, Tap)
    assert (back.x_norm, back.y_norm) == pytest.approx((x, y), abs=0.0005 + 1e-9)
    assert JSON.parse(JSON.render(back)) == back  # a second trip changes nothing


@given(NORM, NORM, NORM, NORM)
def test_a_swipe_comes_back_to_within_half_a_per_mille(x0: float, y0: float, x1: float, y1: float) -> None:
    back = JSON.parse(JSON.render(Swipe(x0, y0, x1, y1)))
    assert isinstance(back, Swipe)
    found = (back.x0_norm, back.y0_norm, back.x1_norm, back.y1_norm)
    assert found == pytest.approx((x0, y0, x1, y1), abs=0.0005 + 1e-9)


def test_a_per_mille_stands_for_its_middle() -> None:
    assert JSON.parse('{"action":"tap","x":0,"y":999}') == Tap(0.0005, 0.9995)  # (0 + 0.5)/1000, (999 + 0.5)/1000
    assert [per_mille((whole + 0.5) / 1000) for whole in range(1000)] == list(range(1000))
    assert (per_mille(-0.1), per_mille(1.0), per_mille(7.0)) == (0, 999, 999)


def test_the_thought_may_be_left_out_and_space_around_does_not_count() -> None:
    assert JSON.parse('\n {"action":"press","key":"back"} \n') == PressKey(Key.BACK)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "not one JSON object"),
        ("Sure! I tap on Clock.", "not one JSON object"),
        ('```json\n{"action":"press","key":"home"}\n```', "not one JSON object"),
        ('{"action":"press","key":"home"} {"action":"press","key":"home"}', "Extra data"),
        ('{"action":"press","key":"home"', "not one JSON object"),
        ('["tap", 1, 2]', "a JSON list"),
        ("7", "a JSON int"),
        ("null", "a JSON NoneType"),
        ('{"thought":"nothing to do"}', "unknown action None"),
        ('{"action":"hover","x":1,"y":1}', "unknown action 'hover'"),
        ('{"action":["tap"],"x":1,"y":1}', "unknown action ['tap']"),
        ('{"thought":7,"action":"press","key":"home"}', "the thought is not a string"),
        ('{"action":"tap","x":1}', "tap takes ['x', 'y'], not ['x']"),
        ('{"action":"tap","x":1,"y":1,"z":1}', "tap takes ['x', 'y'], not ['x', 'y', 'z']"),
        ('{"action":"tap","x":1,"x":2,"y":1}', "a key stands twice"),
        ('{"action":"tap","action":"tap","x":1,"y":1}', "a key stands twice"),
        ('{"action":"tap","x":{"a":1,"a":1},"y":1}', "a key stands twice"),
        ('{"action":"tap","x":1000,"y":1}', "the coordinate 1000"),
        ('{"action":"tap","x":1,"y":-1}', "the coordinate -1"),
        ('{"action":"tap","x":0.5,"y":1}', "the coordinate 0.5"),
        ('{"action":"tap","x":"5","y":1}', "the coordinate '5'"),
        ('{"action":"tap","x":true,"y":1}', "the coordinate True"),
        ('{"action":"tap","x":NaN,"y":1}', "NaN is not JSON"),
        ('{"action":"swipe","x":1,"y":1,"x2":1,"y2":4096}', "the coordinate 4096"),
        ('{"action":"wait","seconds":Infinity}', "Infinity is not JSON"),
        ('{"action":"wait","seconds":-Infinity}', "-Infinity is not JSON"),
        ('{"action":"wait","seconds":1e999}', "seconds from 0 to 60"),  # JSON, and read as infinity
        ('{"action":"wait","seconds":60.1}', "seconds from 0 to 60"),
        ('{"action":"wait","seconds":-1}', "seconds from 0 to 60"),
        ('{"action":"wait","seconds":true}', "seconds from 0 to 60"),
        ('{"action":"type","text":""}', "at least one character"),
        ('{"action":"type","text":null}', "at least one character"),
        ('{"action":"type","text":"a\\ud800b"}', "surrogates not allowed"),
        ('{"action":"type","text":"a\ud800b"}', "surrogates not allowed"),
        ('{"action":"open_app","app":"\\udfff"}', "surrogates not allowed"),
        ('{"action":"open_app","app":["Clock"]}', "at least one character"),
        ('{"action":"press","key":"volume_up"}', "volume_up"),
        ('{"action":"press","key":["back"]}', "['back']"),
        ('{"action":"finish","status":"done"}', "neither success nor infeasible"),
        ('{"action":"finish","status":true}', "neither success nor infeasible"),
        ('{"action":"\\ud800"}', "unknown action"),
        ('{"action":"tap","x":1,"\\ud800":1}', "tap takes"),
        ("[" * 100_000, "not one JSON object"),
        ('{"a":' * 100_000, "not one JSON object"),
        ('{"action":"tap","x":' + "9" * 5000 + ',"y":1}', "not one JSON object"),  # longer than Python reads
    ],
    ids=lambda value: value[:40].encode("ascii", "backslashreplace").decode(),
)
def test_a_slip_is_malformed_and_says_why(text: str, says: str) -> None:
    assert says in reason_of(JSON.parse(text))


def test_a_malformed_answer_has_no_text() -> None:
    with pytest.raises(ValueError, match="no text in a grammar"):
        JSON.render(Malformed("why"))


def test_the_instruction_names_every_action() -> None:
    for verb in ("tap", "swipe", "type", "press", "open_app", "wait", "finish"):
        assert f'"action":"{verb}"' in JSON.instruction


def test_an_unknown_grammar_is_one_sentence() -> None:
    with pytest.raises(UsageError, match="expected one of auto-ui, json"):
        grammar_named("xml")
