"""CogAgent: the grounded operation counts, a box means its middle, and a scroll goes the finger's way."""

from __future__ import annotations

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
from agent_runtime.actions.places import stroke
from tests.grammar_world import (
    ANY_STRING,
    ANY_THOUGHT,
    AWKWARD_TEXTS,
    NORM,
    POINTED,
    SPOKEN,
    assert_comes_back,
    assert_total,
    needs_examples,
    reason_of,
    recorded,
)

COGAGENT = grammar_named("cogagent")
A_PER_MILLE = (0.001, 0.001)
VERBS = ["CLICK", "TYPE", "SCROLL_UP", "SCROLL_LEFT", "KEY_PRESS", "LAUNCH", "END"]
NAMES = ["box", "text", "key", "app", "url", "element_info", "step_count"]
STROKES = st.builds(stroke, NORM, NORM, st.sampled_from(["up", "down", "left", "right"]))


def act(operation: str) -> str:
    return f"Status: open [[0, 2, 998, 905]]\nAction: so.\nGrounded Operation: {operation}\n<<一般操作>>"


@given(ANY_STRING, st.sampled_from(VERBS) | ANY_STRING, st.sampled_from(NAMES) | ANY_STRING)
def test_any_text_gives_an_action(text: str, verb: str, name: str) -> None:
    for spoken in (text, act(text), act(f"{verb}({text})"), act(f"{verb}(box=[[1,2,3,4]], {name}='{text}')")):
        assert_total(COGAGENT, spoken)


@given(st.text("0123456789.-+[], e", max_size=16), st.sampled_from(["CLICK", "SCROLL_DOWN"]))
def test_a_box_is_on_the_screen_or_malformed(box: str, verb: str) -> None:
    assert_total(COGAGENT, act(f"{verb}(box=[[{box}]])"))


@given(POINTED | STROKES | SPOKEN, ANY_THOUGHT)
def test_an_action_comes_back_to_a_per_mille(action: Action, thought: str) -> None:
    assert_comes_back(COGAGENT, action, thought, A_PER_MILLE)


@given(STROKES)
def test_a_stroke_has_words(swipe: Swipe) -> None:
    assert isinstance(COGAGENT.parse(COGAGENT.render(swipe)), Swipe)


@pytest.mark.parametrize("text", AWKWARD_TEXTS)
def test_awkward_texts_come_back(text: str) -> None:
    assert COGAGENT.parse(COGAGENT.render(TypeText(text), text)) == TypeText(text)
    assert COGAGENT.parse(COGAGENT.render(OpenApp(text), text)) == OpenApp(text)


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        ("CLICK(box=[[000,086,500,914]])", Tap(0.25, 0.5)),  # leading zeros; the middle
        ("CLICK(box=[200,400,300,600], element_type='卡片', element_info='价格')", Tap(0.25, 0.5)),
        ("CLICK(box=[[200,400,300,600]], element_info='it's, as \"ever\", x='1'')", Tap(0.25, 0.5)),
        ("TYPE(box=[[387,249,727,317]], text='a, b: c (d)', element_type='field')", TypeText("a, b: c (d)")),
        ("TYPE(text='京东，「x」', box=[[1,2,3,4]])", TypeText("京东，「x」")),
        ("SCROLL_UP(box=[[200,400,300,600]], step_count=5)", Swipe(0.25, 0.5, 0.25, 0.5 - 0.4)),
        ("SCROLL_DOWN(box=[[200,400,300,600]])", Swipe(0.25, 0.5, 0.25, 0.9)),
        ("SCROLL_RIGHT(box=[[200,400,300,600]])", Swipe(0.25, 0.5, 0.65, 0.5)),
        ("SCROLL_LEFT(box=[[200,400,300,600]])", Swipe(0.4, 0.5, 0.0, 0.5)),  # set back to fit
        ("KEY_PRESS(key='Return')", PressKey(Key.ENTER)),
        ("LAUNCH(app='饿了么', url='None')", OpenApp("饿了么")),
        ("LAUNCH(app='Clock')", OpenApp("Clock")),
        ("END()", Finish(True)),
        ("END", Finish(True)),
    ],
)
def test_each_operation_means(operation: str, expected: Action) -> None:
    assert COGAGENT.parse(act(operation)) == expected
    assert COGAGENT.parse(f"Grounded Operation: {operation}") == expected


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no Grounded Operation"),
        ("Action: Click the button.", "no Grounded Operation"),
        (act("END()") + "\n" + act("END()"), "stands 2 times"),
        (act("DOUBLE_CLICK(box=[[1,2,3,4]])"), "unknown operation 'DOUBLE_CLICK'"),
        (act("HOVER(box=[[1,2,3,4]])"), "unknown operation 'HOVER'"),
        (act("GESTURE(actions=[KEY_DOWN(key='Lcontrol'), KEY_PRESS(key='A')])"), "unknown operation 'GESTURE'"),
        (act("QUOTE_TEXT(box=[[1,2,3,4]], output='__CogName_a__')"), "unknown operation 'QUOTE_TEXT'"),
        (act("LLM(prompt='x', output='__CogName_a__')"), "unknown operation 'LLM'"),
        (act("CLICK the button"), "is not a call"),
        (act("CLICK()"), "CLICK: no box"),
        (act("CLICK(box=[[1,2,3]])"), "neither a point nor a box"),
        (act("CLICK(box=[[1,2,3,1001]])"), "CLICK: the coordinate 1001"),
        (act("CLICK(box='1,2,3,4')"), "neither a point nor a box"),
        (act("CLICK(box=[[" + "9" * 5000 + ",2,3,4]])"), "CLICK: "),  # longer than Python reads
        (act("TYPE(box=[[1,2,3,4]])"), "TYPE: no text"),
        (act("TYPE(box=[[1,2,3,4]], text='')"), "TYPE: '' is not a text"),
        (act("TYPE(box=[[1,2,3,4]], text='at __CogName_Price__')"), "names a variable"),
        (act("KEY_PRESS(key='F11')"), "KEY_PRESS: the key 'F11'"),
        (act("LAUNCH(app='None', url='baidu.com')"), "the address 'baidu.com' is no app"),
        (act("LAUNCH(app='Chrome', url='baidu.com')"), "the address 'baidu.com' is no app"),
        (act("LAUNCH(app='None', url='None')"), "LAUNCH: no app"),
    ],
    ids=lambda value: value[-80:].encode("ascii", "backslashreplace").decode(),
)
def test_a_slip_is_malformed_and_says_why(text: str, says: str) -> None:
    assert says in reason_of(COGAGENT.parse(text))


@pytest.mark.parametrize(
    "action",
    [
        Malformed("why"),
        Finish(False),
        Wait(1.0),
        LongPress(0.5, 0.5),
        PressKey(Key.BACK),
        PressKey(Key.RECENTS),
        Swipe(0.5, 0.5, 0.5, 0.4),
        TypeText("at __CogName_Price__"),
        OpenApp("None"),
    ],
)
def test_what_the_grammar_has_no_words_for_is_refused(action: Action) -> None:
    with pytest.raises(ValueError, match="cogagent has no text for"):
        COGAGENT.render(action)


@needs_examples
def test_of_three_recorded_texts_two_are_taps_and_one_needs_a_mouse() -> None:
    first, second, third = (COGAGENT.parse(text) for text in recorded("cogagent_grounded_operation"))
    assert first == second == Tap(0.265, 0.1965)  # ((219 + 311) / 2, (186 + 207) / 2) / 1000
    assert reason_of(third) == "unknown operation 'RIGHT_CLICK'"
