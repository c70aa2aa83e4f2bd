"""AutoGLM: the call after the answer tag counts, and typed text is taken as it stands."""

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

AUTOGLM = grammar_named("autoglm")
HALF_A_PER_MILLE = (0.0005, 0.0005)
VERBS = ["Launch", "Tap", "Type", "Swipe", "Long Press", "Back", "Wait", "Note"]
NAMES = ["app", "element", "text", "start", "end", "duration", "message"]


def answer(call: str) -> str:
    return f"<think>用户想要「京东」，so do(action=?).</think>\n<answer>{call}</answer>"


@given(ANY_STRING, st.sampled_from(VERBS) | ANY_STRING, st.sampled_from(NAMES) | ANY_STRING)
def test_any_text_gives_an_action(text: str, verb: str, name: str) -> None:
    calls = (text, f'do(action="{verb}", {text})', f'do(action="{verb}", {name}="{text}")', f"finish({text}")
    for spoken in (*calls, *map(answer, calls)):
        assert_total(AUTOGLM, spoken)


@given(st.text("0123456789.-+[], e", max_size=14))
def test_a_place_is_on_the_screen_or_malformed(place: str) -> None:
    assert_total(AUTOGLM, answer(f'do(action="Tap", element=[{place}])'))
    assert_total(AUTOGLM, answer(f'do(action="Swipe", start=[{place}], end=[{place}])'))


@given(POINTED | SPOKEN, ANY_THOUGHT)
def test_an_action_comes_back_to_half_a_per_mille(action: Action, thought: str) -> None:
    assert_comes_back(AUTOGLM, action, thought, HALF_A_PER_MILLE)


@pytest.mark.parametrize("text", [text for text in AWKWARD_TEXTS if "answer>" not in text])
def test_awkward_texts_come_back(text: str) -> None:
    assert AUTOGLM.parse(AUTOGLM.render(TypeText(text), text)) == TypeText(text)
    assert AUTOGLM.parse(AUTOGLM.render(OpenApp(text), text)) == OpenApp(text)


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ('do(action="Launch", app="京东")', OpenApp("京东")),
        ("do(action='Launch', app='京东')", OpenApp("京东")),
        ('do(action="Tap", element=[250,500])', Tap(0.25, 0.5)),
        ('do(action="Tap", element=[0, 999], message="pays")', Tap(0.0, 0.999)),
        ('do(action="Long Press", element=[250,500])', LongPress(0.25, 0.5)),
        ('do(action="Swipe", start=[500,800], end=[500,200])', Swipe(0.5, 0.8, 0.5, 0.2)),
        ('do(action="Type", text="a, b: "c")', TypeText('a, b: "c')),
        ('do(action="Type", text="she said "go", he said "no"")', TypeText('she said "go", he said "no"')),
        ('do(action="Type", text="a\\nb\nc")', TypeText("a\\nb\nc")),  # as it stands
        ('do(action="Type_Name", text="李雷")', TypeText("李雷")),
        ('do(action="Back")', PressKey(Key.BACK)),
        ('do(action="Home")', PressKey(Key.HOME)),
        ('do(action="Wait", duration="3 seconds")', Wait(3.0)),
        ('do(action="Wait", duration="1 second")', Wait(1.0)),
        ('do(action="Wait", duration=2)', Wait(2.0)),
        ('finish(message="The "cheapest" is (京东).")', Finish(True)),
    ],
)
def test_each_call_means(call: str, expected: Action) -> None:
    assert AUTOGLM.parse(call) == expected
    assert AUTOGLM.parse(answer(call)) == expected
    assert AUTOGLM.parse(f"<think>so</think>\n<answer>{call}") == expected  # the end may be missing
    assert AUTOGLM.parse(f"So I do it.\n{call}\n") == expected  # and all tags


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "neither do(…) nor finish(…)"),
        ("我点击「京东」。", "neither do(…) nor finish(…)"),
        (answer("tap it"), "unknown action 'tap it'"),
        (answer('do(action="Back")') + answer('do(action="Home")'), "more than one answer"),
        (answer('do(action="Back")') + " and then", "'and then' follows the answer"),
        (answer('do(action="Back")\ndo(action="Home")'), "follows the call"),
        (answer('do(action="Double Tap", element=[1,2])'), "unknown action 'Double Tap'"),
        (answer('do(action="Note", message="True")'), "unknown action 'Note'"),
        (answer('do(action="Call_API", instruction="sum up")'), "unknown action 'Call_API'"),
        (answer('do(action="Interact")'), "unknown action 'Interact'"),
        (answer('do(action="Take_over", message="log in")'), "unknown action 'Take_over'"),
        (answer("do(action=Tap, element=[1,2])"), "unknown action"),
        (answer('do(action="Tap")'), "Tap: no element"),
        (answer('do(action="Tap", element=[1])'), "Tap: the element [1] is not [x, y]"),
        (answer('do(action="Tap", element=[1,2,3,4])'), "is not [x, y]"),
        (answer('do(action="Tap", element=[1,1001])'), "Tap: the coordinate 1001"),
        (answer('do(action="Tap", element=[x,y])'), "Tap: 'x,y])' is not a value"),
        (answer('do(action="Tap", element=[1,2]'), "Tap: "),
        (answer('do(action="Type", text="")'), "Type: '' is not a text"),
        (answer('do(action="Type", text="a\ud800")'), "surrogates not allowed"),
        (answer('do(action="Launch", app="")'), "Launch: '' is not a text"),
        (answer('do(action="Wait", duration="a while")'), "Wait: 'a while' is no duration"),
        (answer('do(action="Wait", duration="nan seconds")'), "Wait: nan is not a number of seconds"),
        (answer('do(action="Wait", duration="90 seconds")'), "seconds from 0 to 60"),
        (answer('finish(message="done"'), "unknown action"),
    ],
    ids=lambda value: value[-60:].encode("ascii", "backslashreplace").decode(),
)
def test_a_slip_is_malformed_and_says_why(text: str, says: str) -> None:
    assert says in reason_of(AUTOGLM.parse(text))


@pytest.mark.parametrize(
    "action",
    [
        Malformed("why"),
        Finish(False),
        PressKey(Key.ENTER),
        PressKey(Key.RECENTS),
        TypeText("</answer>"),
        OpenApp("<answer>"),
    ],
)
def test_what_the_grammar_has_no_words_for_is_refused(action: Action) -> None:
    with pytest.raises(ValueError, match="autoglm has no text for"):
        AUTOGLM.render(action)


@needs_examples
def test_of_four_recorded_texts_three_are_actions_and_one_is_a_pattern() -> None:
    first, second, third, fourth = (AUTOGLM.parse(text) for text in recorded("autoglm"))
    assert (first, second, fourth) == (OpenApp("京东"), OpenApp("Settings"), TypeText("Hello World"))
    assert reason_of(third).startswith("Swipe: 'x1,y1]")  # "start=[x1,y1]" in the authors' prompt
