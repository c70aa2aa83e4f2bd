"""AndroidWorld: JSON or a Python dictionary, pixels of the picture, and no marks with numbers."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_runtime.actions import (
    Action,
    Finish,
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
from agent_runtime.actions.places import scroll
from tests.grammar_world import (
    ANY_STRING,
    ANY_THOUGHT,
    AWKWARD_TEXTS,
    POINTED,
    SPOKEN,
    assert_comes_back,
    assert_total,
    needs_examples,
    reason_of,
    recorded,
)

WORLD = grammar_named("android-world", (1080, 2400))
HALF_A_PIXEL = (0.5 / 1080, 0.5 / 2400)
DIRECTIONS = ["up", "down", "left", "right"]
TYPES = ["click", "long_press", "input_text", "scroll", "swipe", "open_app", "wait", "answer", "status", "double_tap"]
KEYS = ["action_type", "index", "x", "y", "text", "direction", "app_name", "goal_status"]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_STRING,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_STRING, inner, max_size=2),
    max_leaves=5,
)
SCROLLS = st.builds(scroll, st.just(0.5), st.just(0.5), st.sampled_from(DIRECTIONS))


def act(said: str) -> str:
    return f"Reason: so.\nAction: {said}"


@given(ANY_STRING, st.sampled_from(TYPES) | ANY_STRING)
def test_any_text_gives_an_action(text: str, kind: str) -> None:
    objects = (text, f"{{{text}}}", f"{{'action_type': '{kind}', 'text': '{text}'}}", f"{{'{text}': 1}}")
    for spoken in (*objects, *map(act, objects)):
        assert_total(WORLD, spoken)


@given(st.dictionaries(st.sampled_from(KEYS), st.sampled_from(TYPES + DIRECTIONS) | st.integers(0, 1080) | VALUES))
def test_any_object_gives_an_action(said: dict[str, object]) -> None:
    assert_total(WORLD, act(json.dumps(said)))
    assert_total(WORLD, act(repr(said)))


@given(POINTED | SCROLLS | SPOKEN, ANY_THOUGHT)
def test_an_action_comes_back_to_half_a_pixel(action: Action, thought: str) -> None:
    assert_comes_back(WORLD, action, thought, HALF_A_PIXEL)


@given(SCROLLS)
def test_a_scroll_has_words(swipe: Swipe) -> None:
    assert WORLD.parse(WORLD.render(swipe)) == swipe


@pytest.mark.parametrize("text", AWKWARD_TEXTS)
def test_awkward_texts_come_back(text: str) -> None:
    assert WORLD.parse(WORLD.render(TypeText(text), text)) == TypeText(text)
    assert WORLD.parse(WORLD.render(OpenApp(text), text)) == OpenApp(text)
    assert WORLD.parse(act(str({"action_type": "open_app", "app_name": "it's {京东}"}))) == OpenApp("it's {京东}")


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ('{"action_type": "click", "x": 270, "y": 1200}', Tap(0.25, 0.5)),
        ('{"action_type": "click", "x": 270, "y": 1200, "index": null}', Tap(0.25, 0.5)),
        ('{"action_type": "click", "x": 1080, "y": 0}', Tap(1 - 0.5 / 1080, 0.0)),
        ('{"action_type": "long_press", "x": 270, "y": 1200}', LongPress(0.25, 0.5)),
        ('{"action_type": "input_text", "text": "a, b", "x": 1, "y": 2}', TypeText("a, b")),
        ("{'action_type': 'input_text', 'text': 'it\\'s \"京东\"'}", TypeText('it\'s "京东"')),
        ('{"action_type": "scroll", "direction": "down"}', Swipe(0.5, 0.5, 0.5, 0.5 - 0.4)),  # shows what is below
        ('{"action_type": "scroll", "direction": "left"}', Swipe(0.5, 0.5, 0.9, 0.5)),
        ('{"action_type": "swipe", "direction": "down"}', Swipe(0.5, 0.5, 0.5, 0.9)),  # the finger's way
        ('{"action_type": "swipe", "direction": "left"}', Swipe(0.5, 0.5, 0.9, 0.5)),  # against it, as AndroidWorld
        ('{"action_type": "open_app", "app_name": "Clock"}', OpenApp("Clock")),
        ('{"action_type": "keyboard_enter"}', PressKey(Key.ENTER)),
        ("{'action_type': 'navigate_home',}", PressKey(Key.HOME)),
        ('{"action_type": "navigate_back"}', PressKey(Key.BACK)),
        ('{"action_type": "wait"}', Wait(1.0)),
        ('{"action_type": "answer", "text": "42"}', Finish(True)),
        ('{"action_type": "status", "goal_status": "complete"}', Finish(True)),
        ('{"action_type": "status", "goal_status": "infeasible"}', Finish(False)),
    ],
)
def test_each_type_means(said: str, expected: Action) -> None:
    assert WORLD.parse(act(said)) == expected
    assert WORLD.parse(said) == expected
    assert WORLD.parse(f"Reason: so.\nAction: ```json\n{said}\n```") == expected


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no object"),
        ("Reason: {braces} in a reason.\nAction: none", "no object"),
        (act('{"action_type": "wait"}') + "\n" + act('{"action_type": "wait"}'), "stands 2 times"),
        (act('{"action_type": "wait"} {"action_type": "wait"}'), "follows the object"),
        (act('{"action_type": "wait"'), "stands where ',' was expected"),
        (act('{"action_type": wait}'), "'wait}' is not a value"),
        (act('{"text": "a"}'), "unknown action type None"),
        (act('{"action_type": "double_tap", "x": 1, "y": 2}'), "unknown action type 'double_tap'"),
        (act('{"action_type": "unknown"}'), "unknown action type 'unknown'"),
        (act('{"action_type": ["click"]}'), "unknown action type ['click']"),
        (act('{"action_type": "click", "index": 3}'), "click: an index names a mark that the picture does not have"),
        (act('{"action_type": "long_press", "index": 0}'), "long_press: an index"),
        (act('{"action_type": "input_text", "text": "a", "index": 3}'), "input_text: an index"),
        (act('{"action_type": "scroll", "direction": "down", "index": 3}'), "scroll: an index"),
        (act('{"action_type": "click", "x": 1}'), "click: no y"),
        (act('{"action_type": "click", "x": 1081, "y": 2}'), "click: the coordinate 1081"),
        (act('{"action_type": "click", "x": "1", "y": 2}'), "click: the coordinate '1'"),
        (act('{"action_type": "scroll"}'), "scroll: no direction"),
        (act('{"action_type": "swipe", "direction": "back"}'), "swipe: 'back' is not up, down, left or right"),
        (act('{"action_type": "input_text", "text": ""}'), "input_text: '' is not a text"),
        (act('{"action_type": "open_app", "app_name": "\\ud800"}'), "surrogates not allowed"),
        (act('{"action_type": "status", "goal_status": "done"}'), "neither complete nor infeasible"),
        (act('{"a":' * 100_000), "is not a value"),
        (act("{'a': " + "[" * 100_000), "nested too deep"),
    ],
    ids=lambda value: value[:90],
)
def test_a_slip_is_malformed_and_says_why(text: str, says: str) -> None:
    assert says in reason_of(WORLD.parse(text))


@pytest.mark.parametrize(
    "action", [Malformed("why"), PressKey(Key.RECENTS), Wait(2.0), Swipe(0.5, 0.5, 0.5, 0.4), scroll(0.3, 0.5, "up")]
)
def test_what_the_grammar_has_no_words_for_is_refused(action: Action) -> None:
    with pytest.raises(ValueError, match="android-world has no text for"):
        WORLD.render(action)


@needs_examples
def test_of_eight_recorded_texts_six_are_actions_and_two_are_patterns() -> None:
    read = [WORLD.parse(text) for text in recorded("androidworld_json")]
    actions = [action for action in read if not isinstance(action, Malformed)]
    done = Finish(True)
    assert actions == [done, done, PressKey(Key.ENTER), PressKey(Key.BACK), done, Wait(1.0)]
    assert [reason_of(action) for action in read if isinstance(action, Malformed)] == [
        "'<target_index>}' is not a value",
        "'<name>}' is not a value",
    ]
