"""Coordinate spaces and strokes, and how a grammar that counts in pixels gets its size."""

from __future__ import annotations

from dataclasses import astuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_runtime.actions import GRAMMAR_NAMES, GRAMMARS, PIXEL_GRAMMARS, Malformed, grammar_named
from agent_runtime.actions.places import STROKE_NORM, Space, scroll, stroke, way_of
from agent_runtime.errors import UsageError
from tests.grammar_world import EXAMPLES, NORM, needs_examples, reason_of, recorded

WAYS = st.sampled_from(["up", "down", "left", "right"])


@given(NORM, NORM, st.integers(1, 8192), st.integers(1, 8192))
def test_a_point_comes_back_to_half_a_unit(x: float, y: float, x_scale: int, y_scale: int) -> None:
    space = Space(x_scale, y_scale)
    found = space.point(space.whole(x, y))
    assert found == pytest.approx((x, y), abs=0.5 / min(x_scale, y_scale) + 1e-9)
    assert all(0 <= value < 1 for value in found)


def test_a_box_means_its_middle_and_the_far_edge_is_on_the_screen() -> None:
    assert Space(1000, 2000).point([100, 200, 300, 600]) == (0.2, 0.2)
    assert Space(1000, 2000).point([1000, 2000]) == (1 - 0.5 / 1000, 1 - 0.5 / 2000)


@given(NORM, NORM, WAYS)
def test_a_stroke_has_its_whole_length_on_the_screen(x: float, y: float, way: str) -> None:
    swipe = stroke(x, y, way)
    assert all(0 <= value < 1 for value in astuple(swipe))
    length = abs(swipe.x1_norm - swipe.x0_norm) + abs(swipe.y1_norm - swipe.y0_norm)
    assert length == pytest.approx(STROKE_NORM)
    assert way_of(swipe) == way
    assert {way_of(scroll(x, y, way)), way} in ({"up", "down"}, {"left", "right"})


@given(NORM, NORM, NORM, NORM)
def test_no_other_swipe_is_a_stroke(x0: float, y0: float, x1: float, y1: float) -> None:
    swipe = type(stroke(0.5, 0.5, "up"))(x0, y0, x1, y1)
    way = way_of(swipe)
    assert way is None or astuple(stroke(x0, y0, way)) == pytest.approx(astuple(swipe))


# --- the grammars by name


def test_there_are_ten_grammars_and_each_says_its_name() -> None:
    assert (*GRAMMARS, *PIXEL_GRAMMARS) == GRAMMAR_NAMES
    assert set(PIXEL_GRAMMARS) == {"android-world", "qwen2.5-mobile-use", "ui-tars-1.5"}
    assert len(set(GRAMMAR_NAMES)) == 10
    assert [grammar_named(name, (1092, 2408)).name for name in GRAMMAR_NAMES] == list(GRAMMAR_NAMES)
    assert all("Android phone" in grammar_named(name, (1092, 2408)).instruction for name in GRAMMAR_NAMES)


@pytest.mark.parametrize("name", sorted(PIXEL_GRAMMARS))
def test_pixels_without_a_size_are_one_sentence(name: str) -> None:
    with pytest.raises(UsageError, match=rf"^Got the grammar '{name}', which counts in pixels.*set image_size_px"):
        grammar_named(name)


@needs_examples
@pytest.mark.parametrize("name", GRAMMAR_NAMES)
def test_what_other_families_write_is_refused_with_a_reason(name: str) -> None:
    grammar = grammar_named(name, (1080, 2400))
    kinds = {line.split('"')[3] for line in EXAMPLES.read_text("utf-8").split("\n") if line.strip()}
    assert len(kinds) == 6
    refused = [action for kind in kinds for text in recorded(kind) if _is_malformed(action := grammar.parse(text))]
    assert len(refused) >= 17  # of 25; each family reads at most eight


def _is_malformed(action: object) -> bool:
    if isinstance(action, Malformed):
        reason_of(action)
        return True
    return False
