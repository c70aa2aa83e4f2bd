"""What drawing a screen costs and what it must not change: texts as Pillow writes them, nothing drawn twice."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from device_scripts.virtual_phone import phone_screen
from device_scripts.virtual_phone.phone import KEY_HOME, Phone
from device_scripts.virtual_phone.ui import redraw
from device_scripts.virtual_phone.ui.redraw import Drawn, Shown, draw_frame, drawn_anew
from device_scripts.virtual_phone.ui.theme import font
from device_scripts.virtual_phone.ui.writing import write
from tests.unit.virtual_phone.hands import tap

HALVES = st.integers(-20, 140).map(lambda half: half / 2)
TEXTS = st.text("abgjXYZ_0123 .,;:!?é☃\n\"'@", max_size=8)


@given(TEXTS, st.tuples(HALVES, HALVES), st.sampled_from((9, 12, 16, 24)), st.sampled_from(("lm", "mm", "rm")))
@settings(max_examples=300, deadline=None)
def test_text_is_written_pixel_for_pixel_as_pillow_does(
    text: str, xy: tuple[float, float], size_px: int, anchor: str
) -> None:
    ours = Image.new("RGB", (60, 60), (250, 200, 90))
    pillows = ours.copy()
    write(ImageDraw.Draw(ours), xy, text, size_px, (24, 26, 132), anchor)
    ImageDraw.Draw(pillows).text(xy, text, (24, 26, 132), font(size_px), anchor)
    assert ours.tobytes() == pillows.tobytes()


def test_a_screen_that_does_not_change_is_drawn_once(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[Shown] = []

    def counting(shown: Shown, before: Drawn | None) -> Drawn:
        drawn.append(shown)
        return Drawn(shown, bytes(128 * 224 * 4))

    monkeypatch.setattr(phone_screen, "draw_frame", counting)
    phone = Phone()
    first = phone.frame_bytes()
    for _ in range(200):  # 3.2 s: the time in its status bar stays
        phone.tap(0, 0)
        assert phone.frame_bytes() is first
    assert len(drawn) == 1
    phone.fork().frame_bytes()
    assert len(drawn) == 1
    phone.advance(60_000)
    phone.frame_bytes()
    assert len(drawn) == 2


def test_a_screen_drawn_before_in_other_colours_is_drawn_again() -> None:
    phone = Phone()
    phone.start_activity("com.android.settings")
    light = [phone.frame_bytes() for _ in range(5)][-1]
    phone.settings_put("secure", "ui_night_mode", "2")
    assert phone.frame_bytes() != light
    phone.key(KEY_HOME)
    phone.settings_put("secure", "ui_night_mode", "1")
    phone.start_activity("com.android.settings")
    assert [phone.frame_bytes() for _ in range(5)][-1] == light


def test_a_phone_turned_while_a_screen_slides_in_shows_whole_frames() -> None:
    phone = Phone((128, 224))
    phone.start_activity("com.android.settings")
    phone.frame_bytes()
    phone.set_rotation(1)
    assert phone.settled()
    assert phone.frame().size == phone.size == (224, 128)


def test_a_screen_slides_in_from_the_right_by_quarters() -> None:
    phone = Phone((128, 224))
    old = phone.frame()
    phone.start_activity("com.android.settings")
    sliding = [phone.frame() for _ in range(3)]
    new = phone.frame()
    for quarters, frame in zip((3, 2, 1), sliding, strict=True):
        edge = 32 * quarters
        assert frame.crop((0, 0, edge, 224)).tobytes() == old.crop((0, 0, edge, 224)).tobytes()
        assert frame.crop((edge, 0, 128, 224)).tobytes() == new.crop((0, 0, 128 - edge, 224)).tobytes()


LOOKS = (((128, 224), 160, "1.0", "1"), ((128, 224), 160, "1.3", "2"), ((360, 640), 160, "1.0", "1"))


def walked(size: tuple[int, int], density_dpi: int, font_scale: str, night: str, taps: int) -> Iterator[Shown]:
    """Yield what a phone of all apps shows while it is tapped at random, its lists are scrolled and time goes by."""
    rng, phone = random.Random(5), Phone(size, density_dpi, 5, apps="full")
    phone.settings_put("system", "font_scale", font_scale)
    phone.settings_put("secure", "ui_night_mode", night)
    middle, height = size[0] // 2, size[1]
    for number in range(taps):
        if number % 20 == 0:
            phone.start_activity(rng.choice([app.package for app in phone.app_set.apps]))
        left, top, right, bottom = rng.choice([node.bounds for node in phone.nodes() if node.clickable])
        phone.tap((left + right) // 2, (top + bottom) // 2)
        if number % 7 == 0:
            phone.swipe(middle, height // 2, middle, height // 2 + rng.randrange(-height // 3, height // 3))
        phone.advance(rng.choice((0, 0, 30_000)))
        phone._current_pixels()
        assert phone._drawn is not None
        yield phone._drawn.shown


@pytest.mark.parametrize("look", LOOKS)
def test_a_screen_drawn_over_the_one_before_is_the_same_pixel_for_pixel(
    look: tuple[tuple[int, int], int, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redraw, "_KEPT", redraw._Kept(0))
    anew = 0

    def counting(shown: Shown) -> bytes:
        nonlocal anew
        anew += 1
        return drawn_anew(shown)

    monkeypatch.setattr(redraw, "drawn_anew", counting)
    before, screens = None, 0
    for shown in walked(*look, taps=150):
        screens += 1
        before = draw_frame(shown, before)
        assert before.pixels == drawn_anew(shown)
    assert anew < screens / 2, "most screens are drawn over the one before"


def test_a_change_below_another_box_is_drawn_below_it() -> None:
    """Two boxes that lie over one another change places; each is still there, and the other one shows."""
    phone = Phone()
    phone.start_activity("com.android.settings")
    phone._current_pixels()
    assert phone._drawn is not None
    shown = phone._drawn.shown
    lower, upper = (
        replace(next(box for box in shown.boxes if box.role == "title"), rect=(0, 60, 128, 80 + more), label=str(more))
        for more in (0, 10)
    )
    one, other = (shown._replace(boxes=(*shown.boxes, *pair)) for pair in ((lower, upper), (upper, lower)))
    drawn = draw_frame(one)
    assert draw_frame(other, drawn).pixels == drawn_anew(other) != drawn.pixels


@pytest.mark.parametrize(("size", "density_dpi"), [((128, 224), 960), ((64, 64), 320)])
def test_a_screen_too_small_for_its_words_is_drawn_without_them(size: tuple[int, int], density_dpi: int) -> None:
    for shown in walked(size, density_dpi, "1.3", "1", taps=100):
        assert len(drawn_anew(shown)) == size[0] * size[1] * 4


def test_a_long_text_stays_within_the_frame_of_its_field_and_shows_its_end() -> None:
    pictures = []
    for text in ("short", "a much longer text that fits nowhere", "another longer text that fits nowhere"):
        phone = Phone(apps="full")
        tap(phone, "Notes", "New")
        phone.text(text)
        left, top, right, bottom = next(node.bounds for node in phone.nodes() if node.focused)
        while not phone.settled():
            phone.frame_bytes()
        picture = phone.frame()
        pictures.append(
            [picture.crop(box).tobytes() for box in ((right, top, 128, bottom), (left, top, right, bottom))]
        )
    beside, within = zip(*pictures, strict=True)
    assert len(set(beside)) == 1
    assert within[1] == within[2] != within[0], "both end in the same words"


def test_frames_are_kept_up_to_so_many_bytes() -> None:
    kept, phone = redraw._Kept(3 * 128 * 224 * 4), Phone()
    shown = []
    for _ in range(5):
        phone.advance(60_000)
        phone._current_pixels()
        assert phone._drawn is not None
        kept.keep(phone._drawn)
        shown.append(phone._drawn.shown)
    assert [kept.get(one) is not None for one in shown] == [False, False, True, True, True]
