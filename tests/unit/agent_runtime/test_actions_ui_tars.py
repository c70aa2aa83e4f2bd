"""UI-TARS: calls with places in many spellings, per-milles for 1.0, pixels of the picture for 1.5."""

from __future__ import annotations

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
    POINTED,
    SPOKEN,
    assert_comes_back,
    assert_total,
    needs_examples,
    reason_of,
    recorded,
)

SIZE_PX = (1092, 2408)
TARS = grammar_named("ui-tars")
TARS15 = grammar_named("ui-tars-1.5", SIZE_PX)
HALF_A_UNIT = {TARS.name: (0.0005, 0.0005), TARS15.name: (0.5 / 1092, 0.5 / 2408)}
BOTH = pytest.mark.parametrize("grammar", [TARS, TARS15], ids=lambda grammar: grammar.name)
VERBS = ["click", "long_press", "drag", "scroll", "type", "open_app", "hotkey", "wait", "finished", "press_back"]
NAMES = ["start_box", "end_box", "point", "content", "app_name", "direction", "key", "time"]
EDGE = 1 - 0.5 / 1000


def act(call: str) -> str:
    return f"Thought: so.\nAction: {call}"


@BOTH
@given(text=ANY_STRING, verb=st.sampled_from(VERBS) | ANY_STRING, name=st.sampled_from(NAMES) | ANY_STRING)
def test_any_text_gives_an_action(grammar: Grammar, text: str, verb: str, name: str) -> None:
    for spoken in (text, act(text), act(f"{verb}({text})"), act(f"{verb}({name}='{text}')")):
        assert_total(grammar, spoken)


@BOTH
@given(place=st.text("0123456789.-+e()[], <>|٣²", max_size=14), verb=st.sampled_from(["click", "drag", "scroll"]))
def test_a_place_is_on_the_screen_or_malformed(grammar: Grammar, place: str, verb: str) -> None:
    assert_total(grammar, act(f"{verb}(start_box='{place}', end_box='{place}')"))


@BOTH
@given(action=POINTED | SPOKEN, thought=ANY_THOUGHT)
def test_an_action_comes_back_to_half_a_unit(grammar: Grammar, action: Action, thought: str) -> None:
    assert_comes_back(grammar, action, thought, HALF_A_UNIT[grammar.name])


@pytest.mark.parametrize("text", AWKWARD_TEXTS)
def test_awkward_texts_come_back(text: str) -> None:
    assert TARS.parse(TARS.render(TypeText(text), text)) == TypeText(text)
    assert TARS.parse(TARS.render(OpenApp(text), text)) == OpenApp(text)


@pytest.mark.parametrize(
    "place",
    [
        "start_box='(250,500)'",
        "start_box='<|box_start|>(250,500)<|box_end|>'",
        "start_box='<|box_start|>250 500<|box_end|>'",
        "point='<point>250 500</point>'",
        "start_point='<point>250 500</point>'",
        "start_box='<bbox>200 400 300 600</bbox>'",
        "start_box='[200, 400, 300, 600]'",
        "start_box=[250, 500]",
        'start_box="(250.0, 500.0)"',
        "start_box='(250,500)', end_box=''",
    ],
)
def test_a_place_has_many_spellings(place: str) -> None:
    assert TARS.parse(act(f"click({place})")) == Tap(0.25, 0.5)


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("click(start_box='(0,1000)')", Tap(0.0, EDGE)),
        ("long_press(start_box='(250,500)', time='3')", LongPress(0.25, 0.5)),
        ("drag(start_box='(250,500)', end_box='(250,100)')", Swipe(0.25, 0.5, 0.25, 0.1)),
        ("drag(start_point='<point>250 500</point>', end_point='<point>250 100</point>')", Swipe(0.25, 0.5, 0.25, 0.1)),
        ("scroll(start_box='(250,500)', end_box='(250,100)')", Swipe(0.25, 0.5, 0.25, 0.1)),
        ("scroll(start_box='(250,500)', direction='down')", Swipe(0.25, 0.5, 0.25, 0.5 - 0.4)),  # shows what is below
        ("scroll(direction='up')", Swipe(0.5, 0.5, 0.5, 0.9)),
        ("scroll(direction='left')", Swipe(0.5, 0.5, 0.9, 0.5)),
        ("type(content='a\\n')", TypeText("a\n")),  # submits
        ("type(content='it's fine, x='3'')", TypeText("it's fine, x='3'")),
        ('type(content="it\'s")', TypeText("it's")),
        ("type(content='it\\'s \\\"so\\\" \\d')", TypeText('it\'s "so" \\d')),
        ("type(content='京东，「x」')", TypeText("京东，「x」")),
        ("open_app(app_name='Clock')", OpenApp("Clock")),
        ("press_home()", PressKey(Key.HOME)),
        ("press_back( )", PressKey(Key.BACK)),
        ("press_enter()", PressKey(Key.ENTER)),
        ("hotkey(key='Back')", PressKey(Key.BACK)),
        ("hotkey(hotkey='enter')", PressKey(Key.ENTER)),
        ("wait()", Wait(5.0)),
        ("finished()", Finish(True)),
        ("finished(content='I couldn't, sorry')", Finish(True)),
    ],
)
def test_each_call_means(call: str, expected: Action) -> None:
    assert TARS.parse(act(call)) == expected


def test_pixels_are_those_of_the_picture() -> None:
    assert TARS15.parse(act("click(start_box='(546,602)')")) == Tap(0.5, 0.25)
    assert "(546,602)" in TARS15.render(Tap(0.5, 0.25))
    assert "x runs from 0 to 1092, y from 0 to 2408" in TARS15.instruction
    assert "1093" in reason_of(TARS15.parse(act("click(start_box='(1093,602)')")))


def test_the_marker_may_stand_in_the_thoughts_line_or_be_missing() -> None:
    assert TARS.parse("Thought: I go back. Action: press_back()") == PressKey(Key.BACK)
    assert TARS.parse(" press_back()\n") == PressKey(Key.BACK)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is not a call"),
        ("Thought: nothing to do", "is not a call"),
        ("Action: click(start_box='(1,2)')\nAction: wait()", "'Action:' stands 2 times"),
        (act("click(start_box='(1,2)')\n\nwait()"), "click: 'wait()' follows the call"),
        (act("left_double(start_box='(1,2)')"), "unknown action 'left_double'"),
        (act("right_single(start_box='(1,2)')"), "unknown action 'right_single'"),
        (act("call_user()"), "unknown action 'call_user'"),
        (act("screenshot()"), "unknown action 'screenshot'"),
        (act("click()"), "click: no start_box"),
        (act("click(start_box='(1,2'"), "has no closing quote"),
        (act("click(start_box='(1,2,3)')"), "neither a point nor a box"),
        (act("click(start_box='(1001,2)')"), "click: the coordinate 1001.0"),
        (act("click(start_box='(-1,2)')"), "click: the coordinate -1.0"),
        (act("click(start_box='(1,nan)')"), "is no place"),
        (act("click(start_box='(" + "9" * 400 + ",2)')"), "the coordinate inf"),
        (act("click(start_box=(1,2))"), "is not a value"),
        (act("click('(1,2)')"), "is not name=value"),
        (act("click(start_box='(1,2)', start_box='(1,2)')"), "stands twice"),
        (act("click(start_box=" + "[" * 100_000), "nested too deep"),
        (act("drag(start_box='(1,2)')"), "drag: no end_box"),
        (act("scroll(start_box='(1,2)')"), "scroll: no direction"),
        (act("scroll(direction='sideways')"), "'sideways' is not up, down, left or right"),
        (act("type(content='')"), "type: '' is not a text"),
        (act("type(content='a\ud800')"), "surrogates not allowed"),
        (act("type(content='a"), "has no closing quote"),
        (act("hotkey(key='ctrl c')"), "hotkey: the key 'ctrl c'"),
    ],
    ids=lambda value: value[-60:].encode("ascii", "backslashreplace").decode(),
)
def test_a_slip_is_malformed_and_says_why(text: str, says: str) -> None:
    assert says in reason_of(TARS.parse(text))


@pytest.mark.parametrize("action", [Malformed("why"), Finish(False), PressKey(Key.RECENTS), Wait(1.0)])
def test_what_the_grammar_has_no_words_for_is_refused(action: Action) -> None:
    with pytest.raises(ValueError, match="ui-tars has no text for"):
        TARS.render(action)


@needs_examples
def test_the_five_recorded_texts_are_taps() -> None:
    places = [(0.177, 0.549), (0.381, 0.153), (0.066, 0.851), (0.066, 0.086), (0.293, 0.218)]
    assert [TARS.parse(text) for text in recorded("uitars")] == [Tap(*place) for place in places]


@needs_examples
def test_the_first_recorded_text_is_of_version_15_and_in_pixels() -> None:
    assert TARS15.parse(recorded("uitars")[0]) == Tap(177 / 1092, 549 / 2408)
