"""Labels: every field of every action has its class; malformed is one of its own."""

import zlib

import pytest

from agent_runtime.actions.vocabulary import (
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
from tuner.coso.labels import COLUMNS, FIELD_SIZES, ROWS, TEXT_BUCKETS, action_labels, is_malformed

FIELDS = list(FIELD_SIZES)


def _named(action: Action) -> dict[str, int]:
    return {name: label for name, label in zip(FIELDS, action_labels(action), strict=True) if label}


def test_a_tap_has_a_type_and_a_cell_and_nothing_else() -> None:
    # x: 0.5 · 16 = cell 8, y: 0.99 · 32 = 31.68, cell 31; class 0 is "none", so one is added
    assert _named(Tap(0.5, 0.99)) == {"type": 1, "x": 9, "y": 32}


def test_a_long_press_is_no_tap() -> None:
    assert _named(LongPress(0.5, 0.99)) == {"type": 8, "x": 9, "y": 32}


def test_a_swipe_keeps_touch_and_lift_apart() -> None:
    assert _named(Swipe(0.0, 0.25, 0.5, 0.75)) == {"type": 2, "x": 1, "y": 9, "lift_x": 9, "lift_y": 25}


def test_typed_text_is_labelled_by_its_hash() -> None:
    assert _named(TypeText("milk"))["text"] == 1 + zlib.crc32(b"milk") % TEXT_BUCKETS
    assert action_labels(TypeText("milk")) != action_labels(TypeText("mint"))


@pytest.mark.parametrize(("seconds", "label"), [(0.5, 1), (1.0, 2), (2.9, 2), (3.0, 3), (10.0, 4), (60.0, 4)])
def test_waits_fall_between_the_edges(seconds: float, label: int) -> None:
    assert _named(Wait(seconds))["seconds"] == label


def test_finish_and_keys_say_which() -> None:
    assert _named(Finish(True))["status"] == 2
    assert _named(Finish(False))["status"] == 1
    assert len({action_labels(PressKey(key)) for key in Key}) == len(Key)


def test_malformed_is_a_class_of_its_own() -> None:
    malformed = action_labels(Malformed("no JSON"))
    moves: list[Action] = [Tap(0, 0), Swipe(0, 0, 0, 0), PressKey(Key.BACK), Wait(0)]
    valid = [*moves, TypeText("a"), OpenApp("a"), Finish(False)]
    assert is_malformed(malformed)
    assert malformed == action_labels(Malformed("another reason"))
    assert not any(is_malformed(action_labels(action)) for action in valid)


@pytest.mark.parametrize("edge", [-1.0, 0.0, 1.0 - 1e-9, 1.0, 7.0])
def test_labels_stay_inside_their_fields(edge: float) -> None:
    actions: tuple[Action, ...] = (Tap(edge, edge), Swipe(edge, edge, edge, edge))
    for action in actions:
        for label, size in zip(action_labels(action), FIELD_SIZES.values(), strict=True):
            assert 0 <= label < size
    assert FIELD_SIZES["x"] == 1 + COLUMNS
    assert FIELD_SIZES["y"] == 1 + ROWS
