"""The published rules for when two actions come to the same."""

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
)
from agent_runtime.sessions.matching import AITW, AITW_TEXT, ANDROID_CONTROL, DIGIRL, RULES, Rule

SIZE_PX = (1080, 2400)
unit = st.floats(0.0, 1.0, exclude_max=True)
actions: st.SearchStrategy[Action] = st.one_of(
    st.builds(Tap, unit, unit),
    st.builds(LongPress, unit, unit),
    st.builds(Swipe, unit, unit, unit, unit),
    st.builds(TypeText, st.text(max_size=5)),
    st.builds(PressKey, st.sampled_from(Key)),
    st.builds(OpenApp, st.text(max_size=5)),
    st.builds(Wait, unit),
    st.builds(Finish, st.booleans()),
    st.builds(Malformed, st.text(max_size=5)),
)


@given(one=actions, other=actions)
def test_every_rule_is_symmetric_and_an_action_matches_itself(one: Action, other: Action) -> None:
    for rule in RULES:
        assert rule.match(one, other, SIZE_PX) == rule.match(other, one, SIZE_PX)
        assert rule.match(one, one, SIZE_PX) is not isinstance(one, Malformed)


@pytest.mark.parametrize("rule", RULES[:3], ids=lambda rule: rule.name)
@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (Tap(0.5, 0.5), Tap(0.5, 0.63), True),
        (Tap(0.5, 0.5), Tap(0.5, 0.65), False),
        (Tap(0.5, 0.5), Tap(0.59, 0.59), True),  # 0.127 apart
        (Tap(0.5, 0.5), Tap(0.6, 0.6), False),  # 0.141 apart: the distance is Euclidean
        (Tap(0.5, 0.5), Swipe(0.5, 0.5, 0.5, 0.1), False),
        (Swipe(0.5, 0.8, 0.5, 0.2), Swipe(0.1, 0.3, 0.2, 0.9), True),  # the other way, the same axis
        (Swipe(0.5, 0.8, 0.5, 0.2), Swipe(0.1, 0.5, 0.9, 0.5), False),
        (Swipe(0.1, 0.1, 0.4, 0.4), Swipe(0.5, 0.8, 0.5, 0.2), True),  # a tie counts as up or down
        (Tap(0.5, 0.5), PressKey(Key.HOME), False),
        (PressKey(Key.HOME), PressKey(Key.HOME), True),
        (PressKey(Key.HOME), PressKey(Key.BACK), False),
        (Finish(True), Finish(True), True),
        (Finish(True), Finish(False), False),
        (Finish(True), PressKey(Key.ENTER), False),
        (OpenApp("Notes"), OpenApp(" notes"), True),
        (OpenApp("Notes"), OpenApp("Clock"), False),
        (Wait(1.0), Wait(9.0), True),
        (LongPress(0.5, 0.5), LongPress(0.5, 0.6), True),
        (LongPress(0.5, 0.5), LongPress(0.5, 0.7), False),
        (LongPress(0.5, 0.5), Tap(0.5, 0.5), False),
        (Malformed("a"), Malformed("a"), False),
    ],
)
def test_what_the_rules_after_aitw_agree_on(rule: Rule, one: Action, other: Action, expected: bool) -> None:
    assert rule.match(one, other, SIZE_PX) is expected


@pytest.mark.parametrize(
    ("one", "other", "as_published", "text_read"),
    [
        (TypeText("Milk "), TypeText("milk"), True, True),
        (TypeText("straße"), TypeText("STRASSE"), True, True),
        (TypeText("milk"), TypeText("eggs"), True, False),
        (TypeText("milk"), TypeText("milk and eggs"), True, False),
        (TypeText("milk"), OpenApp("milk"), False, False),
    ],
)
def test_typed_text(one: Action, other: Action, as_published: bool, text_read: bool) -> None:
    assert AITW.match(one, other, SIZE_PX) is as_published
    assert AITW_TEXT.match(one, other, SIZE_PX) is text_read
    assert DIGIRL.match(one, other, SIZE_PX) is text_read


def test_a_short_swipe_is_a_tap_by_each_rule_in_its_own_measure() -> None:
    short = Swipe(0.5, 0.5, 0.5, 0.53)  # 0.03 of the screen, 72 px of 2400
    assert AITW.match(Tap(0.5, 0.5), short, SIZE_PX)
    assert not DIGIRL.match(Tap(0.5, 0.5), short, SIZE_PX)
    tiny = Swipe(0.5, 0.5, 0.5, 0.501)  # 2.4 px
    assert DIGIRL.match(Tap(0.5, 0.5), tiny, SIZE_PX)
    assert DIGIRL.match(Tap(0.5, 0.5), short, (20, 40))  # 1.2 px of a small screen


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (Tap(0.5, 0.5), Tap(0.5, 0.53), True),
        (Tap(0.5, 0.5), Tap(0.53, 0.53), False),  # 0.042 apart
        (Tap(0.5, 0.5), LongPress(0.5, 0.5), False),
        (LongPress(0.5, 0.5), LongPress(0.5, 0.53), True),
        (Tap(0.5, 0.5), Swipe(0.5, 0.5, 0.5, 0.501), False),  # short as it is
        (Swipe(0.5, 0.8, 0.5, 0.2), Swipe(0.1, 0.5, 0.9, 0.5), True),
        (TypeText("milk"), TypeText(" Milk and eggs"), True),
        (TypeText("milk"), TypeText("eggs"), False),
        (OpenApp("Zoho Meeting"), OpenApp("zoho"), True),
        (OpenApp("Yatra"), OpenApp("Booking.com"), False),
        (PressKey(Key.HOME), PressKey(Key.BACK), False),
        (Wait(1.0), Wait(2.0), True),
        (Finish(True), Finish(False), True),
        (Finish(True), Wait(1.0), False),
        (Malformed("a"), Malformed("a"), False),
    ],
)
def test_android_control_as_mobile_agent_checks_it(one: Action, other: Action, expected: bool) -> None:
    assert ANDROID_CONTROL.match(one, other, SIZE_PX) is expected
