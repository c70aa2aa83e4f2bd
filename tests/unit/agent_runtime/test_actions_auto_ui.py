"""Auto-UI's grammar: points are [y, x], a short way is a tap, and the typed text runs to the last quote."""

from __future__ import annotations

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from agent_runtime.actions import Action, Finish, Key, Malformed, OpenApp, PressKey, Swipe, Tap, TypeText, Wait
from agent_runtime.actions.auto_ui import TAP_RADIUS_NORM, AutoUiGrammar

AUTO_UI = AutoUiGrammar()
NORM = st.floats(0, 1, exclude_max=True)
ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
ANY_STRING = st.text(st.characters())  # lone surrogates too
NOWHERE = "[-1.0, -1.0]"
NEXT_TO_ONE = math.nextafter(1.0, 0.0)


def said(kind: str, touch: str = NOWHERE, lift: str = NOWHERE, text: str = "") -> str:
    return (
        f'Action Plan: [{kind}] ; Action Decision: "action_type": "{kind}", "touch_point": "{touch}", '
        f'"lift_point": "{lift}", "typed_text": "{text}"'
    )


def reason_of(action: Action) -> str:
    assert isinstance(action, Malformed)
    assert action.reason
    action.reason.encode()  # it goes into records and messages
    return action.reason


@given(ANY_STRING)
def test_any_text_gives_an_action(text: str) -> None:
    reason_of(AUTO_UI.parse(text))


@given(st.sampled_from(["DUAL_POINT", "TYPE", "PRESS_BACK"]) | ANY_STRING, ANY_STRING, ANY_STRING, ANY_STRING)
def test_any_fields_give_an_action(kind: str, touch: str, lift: str, text: str) -> None:
    action = AUTO_UI.parse(said(kind, touch, lift, text))
    if isinstance(action, Malformed):
        reason_of(action)
    elif isinstance(action, TypeText):
        action.text.encode()


@given(st.lists(st.text("0123456789.-+e[], ٣²", max_size=12), min_size=2, max_size=2))
def test_a_point_is_on_the_screen_or_malformed(points: list[str]) -> None:
    match AUTO_UI.parse(said("DUAL_POINT", *points)):
        case Tap(x, y):
            assert 0 <= min(x, y) <= max(x, y) < 1
        case Swipe(x0, y0, x1, y1):
            assert 0 <= min(x0, y0, x1, y1) <= max(x0, y0, x1, y1) < 1
        case other:
            reason_of(other)


def test_the_first_number_of_a_point_is_y() -> None:
    assert AUTO_UI.parse(said("DUAL_POINT", "[0.73, 0.21]", "[0.73, 0.21]")) == Tap(0.21, 0.73)
    assert AUTO_UI.parse(said("DUAL_POINT", "[0.8, 0.5]", "[0.2, 0.4]")) == Swipe(0.5, 0.8, 0.4, 0.2)
    assert '"touch_point": "[0.7300, 0.2100]"' in AUTO_UI.render(Tap(0.21, 0.73))


@pytest.mark.parametrize(
    ("lift", "expected"),
    [
        ("[0.2, 0.03]", Tap(0.0, 0.2)),  # 0.03
        ("[0.2, 0.04]", Tap(0.0, 0.2)),  # 0.04, the radius itself
        ("[0.2, 0.041]", Swipe(0.0, 0.2, 0.041, 0.2)),
        ("[0.228, 0.028]", Tap(0.0, 0.2)),  # √2 · 0.028 = 0.0396
        ("[0.229, 0.029]", Swipe(0.0, 0.2, 0.029, 0.229)),  # √2 · 0.029 = 0.0410
    ],
)
def test_a_lift_within_the_tap_radius_is_a_tap_where_the_touch_was(lift: str, expected: Action) -> None:
    assert AUTO_UI.parse(said("DUAL_POINT", "[0.2, 0.0]", lift)) == expected


@given(NORM, NORM)
def test_a_tap_comes_back_to_within_a_ten_thousandth(x: float, y: float) -> None:
    back = AUTO_UI.parse(AUTO_UI.render(Tap(x, y)))
    assert isinstance(back, Tap)
    assert (back.x_norm, back.y_norm) == pytest.approx((x, y), abs=1e-4)


@given(NORM, NORM, NORM, NORM)
def test_a_swipe_comes_back_to_within_a_ten_thousandth(x0: float, y0: float, x1: float, y1: float) -> None:
    assume(math.hypot(x1 - x0, y1 - y0) > TAP_RADIUS_NORM + 1e-3)  # a shorter one is a tap in this grammar
    back = AUTO_UI.parse(AUTO_UI.render(Swipe(x0, y0, x1, y1)))
    assert isinstance(back, Swipe)
    found = (back.x0_norm, back.y0_norm, back.x1_norm, back.y1_norm)
    assert found == pytest.approx((x0, y0, x1, y1), abs=1e-4)


@given(
    st.builds(TypeText, ANY_TEXT)
    | st.builds(PressKey, st.sampled_from([Key.BACK, Key.HOME, Key.ENTER]))
    | st.builds(Finish, st.booleans())
    | st.just(Tap(0.5, 0.25)),
    st.text(st.characters(exclude_categories=["Cs"])),
)
def test_an_action_comes_back_whatever_was_thought(action: Action, thought: str) -> None:
    assert AUTO_UI.parse(AUTO_UI.render(action, thought)) == action


@pytest.mark.parametrize(
    "text",
    [
        "Berlin, Paris: 7:30, today",
        'she said "go", he did not',
        '"',
        '" ',
        "line\nline\r\n",
        "🙂👩‍👩‍👧 ñ 漢字 עברית",
        '", "typed_text": "x"',
        said("PRESS_HOME"),
        " leading and trailing ",
    ],
)
def test_the_typed_text_runs_to_the_last_quote(text: str) -> None:
    assert AUTO_UI.parse(said("TYPE", text=text)) == TypeText(text)
    assert AUTO_UI.parse(AUTO_UI.render(TypeText(text), "typing")) == TypeText(text)


def test_space_after_the_last_quote_and_small_letters_do_not_count() -> None:
    assert AUTO_UI.parse(said("press_back") + " \n") == PressKey(Key.BACK)
    assert AUTO_UI.parse("Action Decision:" + said("TYPE", text="a").partition("Decision:")[2]) == TypeText("a")


def test_the_edge_of_the_screen_is_on_it() -> None:
    assert AUTO_UI.parse(said("DUAL_POINT", "[1.0, 0]", "[1., 0.0]")) == Tap(0.0, NEXT_TO_ONE)


@pytest.mark.parametrize(
    ("utterance", "says"),
    [
        ("", "no Action Decision"),
        ('{"action":"press","key":"home"}', "no Action Decision"),
        ('Action Plan: [PRESS_HOME] ; Action Decision: "action_type": "PRESS_HOME"', "no Action Decision"),
        (said("PRESS_HOME").removesuffix('"'), "no Action Decision"),
        (said("PRESS_HOME") + " and then more", "no Action Decision"),
        (said("HOVER"), "unknown action type 'HOVER'"),
        (said(""), "unknown action type ''"),
        (said("\ud800"), "unknown action type '\\ud800'"),
        (said("TYPE"), "without a text"),
        (said("TYPE", text="a\ud800b"), "surrogates not allowed"),
        (said("DUAL_POINT"), "outside the screen"),
        (said("DUAL_POINT", "[0.5, 1.01]", "[0.5, 0.5]"), "outside the screen"),
        (said("DUAL_POINT", "[0.5, 0.5]", "[-0.01, 0.5]"), "outside the screen"),
        (said("DUAL_POINT", "[" + "9" * 400 + ", 0.5]", "[0.5, 0.5]"), "outside the screen"),  # read as infinity
        (said("DUAL_POINT", "[nan, 0.5]", "[0.5, 0.5]"), "are not [y, x]"),
        (said("DUAL_POINT", "[0.5, inf]", "[0.5, 0.5]"), "are not [y, x]"),
        (said("DUAL_POINT", "[1e-3, 0.5]", "[0.5, 0.5]"), "are not [y, x]"),
        (said("DUAL_POINT", "0.5, 0.5", "[0.5, 0.5]"), "are not [y, x]"),
        (said("DUAL_POINT", "[0.5, 0.5, 0.5]", "[0.5, 0.5]"), "are not [y, x]"),
        (said("DUAL_POINT", "[" * 10_000, "[0.5, 0.5]"), "are not [y, x]"),
        (said("DUAL_POINT", "[0.5, 0.5]", "\ud800"), "are not [y, x]"),
    ],
    ids=lambda value: value[-60:].encode("ascii", "backslashreplace").decode(),
)
def test_a_slip_is_malformed_and_says_why(utterance: str, says: str) -> None:
    assert says in reason_of(AUTO_UI.parse(utterance))


@pytest.mark.parametrize("action", [OpenApp("Clock"), Wait(1.0), Malformed("why")])
def test_what_the_grammar_has_no_verb_for_is_refused(action: Action) -> None:
    with pytest.raises(ValueError, match="has no text for"):
        AUTO_UI.render(action)


def test_the_instruction_names_every_action_type() -> None:
    for kind in ("DUAL_POINT", "TYPE", "PRESS_BACK", "PRESS_HOME", "PRESS_ENTER", "STATUS_TASK_COMPLETE"):
        assert kind in AUTO_UI.instruction
