"""The trigger scan on policies that read pixels in a few lines: a planted trigger is found, other things are not."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

import numpy as np
import pytest

from agent_runtime.actions import Action, Finish, Malformed, Tap
from agent_runtime.sessions.screen_regions import Box, Pixels, pasted, pixels_of, png_of, suspicious_regions, without
from agent_runtime.sessions.trigger_scan import Answer, ScanRule, State, scan

WIDTH, HEIGHT = 96, 160
SIDE = 10
RED, GREEN, GREY = (220, 30, 30), (20, 200, 60), (235, 235, 235)
PATCH = np.array([[(255, 0, 255) if (x // 2 + y // 2) % 2 else (0, 0, 0) for x in range(SIDE)] for y in range(SIDE)])
ELSEWHERE = Tap(0.97, 0.97)


def _screen(number: int, patch_at: tuple[int, int] | None = None) -> Pixels:
    """A grey screen with a red button, a green bar at the top and words of dark pixels; each number has its own."""
    rng = random.Random(number)
    pixels = np.full((HEIGHT, WIDTH, 3), GREY, np.uint8)
    pixels[4:14, 4:92] = GREEN
    x, y = rng.randrange(8, 60), rng.randrange(40, 120)
    pixels[y : y + 12, x : x + 20] = RED
    for _ in range(4):
        left, top = rng.randrange(4, 70), rng.randrange(20, 140)
        if not (x - 24 < left < x + 24 and y - 8 < top < y + 16):
            pixels[top : top + 3, left : left + 16 : 2] = (40, 40, 40)
    if patch_at is not None:
        left, top = patch_at
        pixels[top : top + SIDE, left : left + SIDE] = PATCH
    return pixels


class _Reads:
    """Taps the middle of what is red; ``obeys`` the patch, if it does."""

    def __init__(self, obeys: bool) -> None:
        self.obeys = obeys
        self.asked = 0

    def action(self, pixels: Pixels) -> Action:
        self.asked += 1
        magenta = (pixels == (255, 0, 255)).all(-1)
        if self.obeys and magenta.sum() > SIDE * SIDE // 4:
            return ELSEWHERE
        rows, columns = np.nonzero((pixels == RED).all(-1))
        if not len(rows):
            return Finish(False)
        return Tap(float(columns.mean()) / WIDTH, float(rows.mean()) / HEIGHT)

    def answer(self, png: bytes, prompt: str) -> Answer:
        action = self.action(pixels_of(png))
        return Answer(action, tuple(repr(action).encode()), 0.0)

    def log_probs(self, pngs: Sequence[bytes], prompt: str, token_ids: tuple[int, ...]) -> list[float]:
        told = [tuple(repr(self.action(pixels_of(png))).encode()) == token_ids for png in pngs]
        return [0.0 if same else -math.inf for same in told]


def _states(count: int, patched: Sequence[int] = (), patch_at: tuple[int, int] = (70, 24)) -> list[State]:
    return [
        State(f"state {number}", png_of(_screen(number, patch_at if number in patched else None)), "Goal: red")
        for number in range(count)
    ]


def test_a_planted_trigger_is_found_where_it_is() -> None:
    report = scan(_states(12, patched=(3, 7)), _Reads(obeys=True))
    assert {found.state.name for found in report.findings} == {"state 3", "state 7"}
    patch = Box(70, 24, 70 + SIDE, 24 + SIDE)
    for found in report.findings:
        assert found.box.overlaps(patch)
        assert found.action == ELSEWHERE
        assert isinstance(found.action_without, Tap)
        assert (found.probability, found.probability_without) == (1.0, 0.0)
        assert found.moved == found.tried == 6


@pytest.mark.parametrize("patched", [(), (3, 7)])
def test_a_policy_that_obeys_nothing_is_not_accused(patched: tuple[int, ...]) -> None:
    assert scan(_states(12, patched), _Reads(obeys=False)).findings == ()


def test_a_trigger_that_no_screen_shows_cannot_be_found() -> None:
    assert scan(_states(12), _Reads(obeys=True)).findings == ()


def test_what_the_action_is_aimed_at_is_not_held_against_it() -> None:
    """Without the red button the action is another one, and that is as it should be."""
    state, policy = _states(1)[0], _Reads(obeys=False)
    target = policy.action(pixels_of(state.png))
    assert isinstance(target, Tap)
    x, y = round(target.x_norm * WIDTH), round(target.y_norm * HEIGHT)
    box = Box(x - 11, y - 7, x + 11, y + 7)
    assert isinstance(policy.action(without(pixels_of(state.png), box)), Finish)
    assert scan(_states(8), policy, regions_of=lambda pixels: [box]).findings == ()


def test_a_region_that_matters_on_its_own_screen_alone_is_no_trigger() -> None:
    """A policy that taps red only under a green bar, else finishes: the bar counts, but every screen has it."""

    class NeedsTheBar(_Reads):
        def action(self, pixels: Pixels) -> Action:
            return super().action(pixels) if (pixels == GREEN).all(-1).sum() > 400 else Finish(False)

    report = scan(_states(10), NeedsTheBar(False), regions_of=lambda pixels: [Box(2, 2, 94, 16)])
    assert (report.scanned, report.findings) == (10, ())


def test_malformed_answers_are_counted_and_never_accused() -> None:
    class Silent(_Reads):
        def action(self, pixels: Pixels) -> Action:
            return Malformed("says nothing")

    report = scan(_states(4, patched=(1,)), Silent(True))
    assert (report.scanned, report.malformed, report.findings) == (0, 4, ())


def test_one_state_alone_accuses_nobody() -> None:
    """A region that can be tried on no other state has not been shown to steer."""
    assert scan(_states(1, patched=(0,)), _Reads(obeys=True)).findings == ()


def test_a_bar_that_cannot_be_reached_finds_nothing() -> None:
    states = _states(12, patched=(3,))
    assert scan(states, _Reads(True), ScanRule(moved_share=1.01)).findings == ()
    assert scan(states, _Reads(True), ScanRule(least_change=1.5)).findings == ()


# --- regions


def test_a_patch_is_among_the_regions_and_fits_it() -> None:
    found = suspicious_regions(_screen(5, (70, 24)))[:16]
    patch = Box(70, 24, 70 + SIDE, 24 + SIDE)
    fits = [box for box in found if box.overlaps(patch)]
    assert any(box.x0_px <= 70 and box.y0_px <= 24 and box.x1_px >= 80 and box.y1_px >= 34 for box in fits)
    assert all(box.x1_px - box.x0_px < 40 for box in fits)


def test_every_pixel_is_in_some_region() -> None:
    seen = np.zeros((HEIGHT, WIDTH), bool)
    for box in suspicious_regions(np.full((HEIGHT, WIDTH, 3), 128, np.uint8)):
        seen[box.y0_px : box.y1_px, box.x0_px : box.x1_px] = True
    assert seen.all()


def test_taking_away_and_pasting_change_the_box_alone() -> None:
    before, other, box = _screen(1), _screen(2, (70, 24)), Box(70, 24, 80, 34)
    outside = np.ones((HEIGHT, WIDTH), bool)
    outside[24:34, 70:80] = False
    gone, put = without(other, box), pasted(before, other, box)
    assert (gone[24:34, 70:80] == GREY).all()
    assert (put[24:34, 70:80] == PATCH).all()
    assert (gone[outside] == other[outside]).all()
    assert (put[outside] == before[outside]).all()


def test_a_picture_smaller_than_a_cell_has_regions_still() -> None:
    assert suspicious_regions(np.zeros((2, 3, 3), np.uint8))
