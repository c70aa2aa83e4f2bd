"""AgentCPM-GUI: what the keys of one object say together, and never two actions at once."""

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

AGENTCPM = grammar_named("agentcpm")
HALF_A_PER_MILLE = (0.0005, 0.0005)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_STRING,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_STRING, inner, max_size=2),
    max_leaves=5,
)
KEYS = ["thought", "POINT", "to", "duration", "PRESS", "TYPE", "DEEP_LINK", "CLEAR", "STATUS"]
WORDS = st.sampled_from(["up", "left", "HOME", "APPSELECT", "finish", "impossible", "continue"])
PLACES = st.lists(st.integers(-10, 1010), min_size=2, max_size=2)


@given(ANY_STRING)
def test_any_text_gives_an_action(text: str) -> None:
    reason_of(AGENTCPM.parse(text))


@given(st.dictionaries(st.sampled_from(KEYS), WORDS | PLACES | st.integers(0, 2000) | VALUES, max_size=4))
def test_any_object_gives_an_action(said: dict[str, object]) -> None:
    assert_total(AGENTCPM, json.dumps(said))


@given(POINTED | SPOKEN.filter(lambda action: not isinstance(action, Wait)), ANY_THOUGHT)
def test_an_action_comes_back_to_half_a_per_mille(action: Action, thought: str) -> None:
    assert_comes_back(AGENTCPM, action, thought, HALF_A_PER_MILLE)


@given(st.floats(0, 60))
def test_a_wait_comes_back_to_half_a_millisecond(seconds: float) -> None:
    back = AGENTCPM.parse(AGENTCPM.render(Wait(seconds)))
    assert isinstance(back, Wait)
    assert back.seconds == pytest.approx(seconds, abs=0.0005 + 1e-9)


@pytest.mark.parametrize("text", AWKWARD_TEXTS)
def test_awkward_texts_come_back(text: str) -> None:
    assert AGENTCPM.parse(AGENTCPM.render(TypeText(text), text)) == TypeText(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"thought":"点击‘会员’","POINT":[250,500]}', Tap(0.25, 0.5)),
        ('{"POINT":[0,1000]}', Tap(0.0, 0.9995)),
        ('{"POINT":[250,500],"STATUS":"continue"}', Tap(0.25, 0.5)),
        ('{"POINT":[250,500],"duration":200}', Tap(0.25, 0.5)),
        ('{"POINT":[250,500],"duration":201}', LongPress(0.25, 0.5)),
        ('{"POINT":[250,500],"to":"down"}', Swipe(0.25, 0.5, 0.25, 0.9)),  # the finger's way
        ('{"POINT":[250,500],"to":[250,100]}', Swipe(0.25, 0.5, 0.25, 0.1)),
        ('{"POINT":[250,500],"to":"up","duration":800}', Swipe(0.25, 0.5, 0.25, 0.5 - 0.4)),
        ('{"PRESS":"ENTER"}', PressKey(Key.ENTER)),
        ('{"PRESS":"APPSELECT"}', PressKey(Key.RECENTS)),
        ('{"TYPE":"京东，「x」"}', TypeText("京东，「x」")),
        ('{"duration":500}', Wait(0.5)),
        ('{"STATUS":"finish"}', Finish(True)),
        ('{"STATUS":"satisfied","duration":200}', Finish(True)),
        ('{"STATUS":"impossible"}', Finish(False)),
    ],
)
def test_keys_together_mean(text: str, expected: Action) -> None:
    assert AGENTCPM.parse(text) == expected


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "Expecting value"),
        ("[]", "a JSON list, not an object"),
        ("{}", "no action"),
        ('{"thought":"hm"}', "no action"),
        ('{"STATUS":"start"}', "no action"),
        ('{"duration":500,"to":"up"}', "no action"),
        ('{"POINT":[1,2]} {"POINT":[1,2]}', "Extra data"),
        ('{"POINT":[1,2],"POINT":[1,2]}', "a key stands twice"),
        ('{"POINT":[1,2],"TYPE":"a"}', "POINT and TYPE at once"),
        ('{"PRESS":"HOME","STATUS":"finish"}', "PRESS and the status 'finish' at once"),
        ('{"OPEN_APP":"Clock"}', "unknown key 'OPEN_APP'"),
        ('{"CLEAR":null}', "CLEAR has no action here"),
        ('{"DEEP_LINK":null}', "DEEP_LINK has no action here"),
        ('{"STATUS":"interrupt"}', "the status 'interrupt' is for people"),
        ('{"STATUS":"need_feedback"}', "the status 'need_feedback' is for people"),
        ('{"PRESS":"HOME","STATUS":7}', "the status 7 is for people"),
        ('{"POINT":[1,1001]}', "the coordinate 1001"),
        ('{"POINT":[1,2,3,4]}', "is not [x, y]"),
        ('{"POINT":"1,2"}', "is not [x, y]"),
        ('{"POINT":[1,2],"to":"sideways"}', "is not up, down, left or right"),
        ('{"POINT":[1,2],"to":null}', "None is not [x, y]"),
        ('{"TYPE":"a","to":"up"}', 'TYPE with a "to"'),
        ('{"POINT":[1,2],"duration":"1000"}', "the duration '1000'"),
        ('{"duration":61000}', "seconds from 0 to 60"),
        ('{"duration":-1}', "seconds from 0 to 60"),
        ('{"duration":1.5}', "not a whole number of milliseconds"),
        ('{"PRESS":"MENU"}', "PRESS: the key 'MENU'"),
        ('{"PRESS":["HOME"]}', "PRESS: the key ['HOME']"),
        ('{"TYPE":""}', "'' is not a text"),
        ('{"TYPE":"\\ud800"}', "surrogates not allowed"),
        ("[" * 100_000, "nested too deep"),
        ('{"duration":' + "9" * 4000 + "}", "seconds from 0 to 60"),
    ],
    ids=lambda value: value[:60],
)
def test_a_slip_is_malformed_and_says_why(text: str, says: str) -> None:
    assert says in reason_of(AGENTCPM.parse(text))


@pytest.mark.parametrize("action", [Malformed("why"), OpenApp("Clock")])
def test_what_the_grammar_has_no_words_for_is_refused(action: Action) -> None:
    with pytest.raises(ValueError, match="agentcpm has no text for"):
        AGENTCPM.render(action)


@needs_examples
def test_the_four_recorded_texts_are_actions() -> None:
    expected = [Tap(0.729, 0.069), LongPress(0.48, 0.32), PressKey(Key.HOME), Wait(0.5)]
    assert [AGENTCPM.parse(text) for text in recorded("agentcpm_json")] == expected
