"""What drawing a screen costs and what it must not change: texts as Pillow writes them, nothing drawn twice."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from device_scripts.virtual_phone import phone_screen
from device_scripts.virtual_phone.phone import KEY_HOME, Phone
from device_scripts.virtual_phone.ui.theme import font
from device_scripts.virtual_phone.ui.writing import write

HALVES = st.integers(-20, 140).map(lambda half: half / 2)
TEXTS = st.text("abgjXYZ_0123 .,;:!?é☃\n\"'@", max_size=8)


@given(TEXTS, st.tuples(HALVES, HALVES), st.sampled_from((9, 12, 16, 24)), st.sampled_from(("lm", "mm", "rm")))
@settings(max_examples=300, deadline=None)
def test_text_is_written_pixel_for_pixel_as_pillow_does(
    text: str, xy: tuple[float, float], size_px: int, anchor: str
) -> None:
    ours = Image.new("RGB", (60, 60), (250, 200, 90))
    pillows = ours.copy()
    write(ours, xy, text, size_px, (24, 26, 132), anchor)
    ImageDraw.Draw(pillows).text(xy, text, (24, 26, 132), font(size_px), anchor)
    assert ours.tobytes() == pillows.tobytes()


def test_a_screen_that_does_not_change_is_drawn_once(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[tuple[object, ...]] = []

    def counting(*shown: object) -> Image.Image:
        drawn.append(shown)
        return Image.new("RGBA", (128, 224))

    monkeypatch.setattr(phone_screen, "render", counting)
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
