"""Colours and sizes of the toolkit. Draws nothing."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from PIL import ImageFont

Colour = tuple[int, int, int]
COMPACT_WIDTH_DP = 240
BASELINE_DPI = 160


@dataclass(frozen=True, slots=True)
class Palette:
    """The colours of one theme, red-green-blue."""

    background: Colour
    surface: Colour
    text: Colour
    faint: Colour
    accent: Colour
    on_accent: Colour
    title: Colour
    line: Colour
    switch_off: Colour


LIGHT = Palette(
    background=(250, 250, 252),
    surface=(232, 236, 244),
    text=(24, 26, 32),
    faint=(110, 116, 128),
    accent=(26, 104, 216),
    on_accent=(255, 255, 255),
    title=(214, 226, 248),
    line=(222, 224, 230),
    switch_off=(168, 172, 182),
)
DARK = Palette(
    background=(18, 19, 24),
    surface=(44, 47, 56),
    text=(236, 238, 244),
    faint=(152, 158, 170),
    accent=(120, 170, 255),
    on_accent=(12, 22, 48),
    title=(36, 46, 70),
    line=(50, 53, 62),
    switch_off=(98, 102, 112),
)


@dataclass(frozen=True, slots=True)
class Metrics:
    """Sizes in pixels for one screen."""

    status_bar: int
    navigation_bar: int
    title: int
    row: int
    button: int
    margin: int
    icon: int
    keyboard_row: int
    font: int
    small_font: int
    title_font: int
    columns: int
    compact: bool = False


@lru_cache(maxsize=32)
def metrics_for(width_px: int, density_dpi: int, font_scale: float) -> Metrics:
    """Return the sizes for a screen; one narrower than 240 dp gets tighter ones, as a watch does."""
    scale = density_dpi / BASELINE_DPI
    compact = width_px / scale < COMPACT_WIDTH_DP

    def px(regular_dp: float, compact_dp: float) -> int:
        return max(1, round((compact_dp if compact else regular_dp) * scale))

    return Metrics(
        status_bar=px(28, 12),
        navigation_bar=px(48, 16),
        title=px(64, 20),
        row=px(68, 26),
        button=px(48, 24),
        margin=px(20, 6),
        icon=px(64, 36),
        keyboard_row=px(52, 17),
        font=round(px(18, 11) * font_scale),
        small_font=round(px(14, 9) * min(font_scale, 1.15)),
        title_font=round(px(24, 12) * min(font_scale, 1.15)),
        columns=2 if compact else 4,
        compact=compact,
    )


@lru_cache(maxsize=32)
def font(size_px: int) -> ImageFont.FreeTypeFont:
    """Return Pillow's own font at a size, the same on every machine."""
    loaded = ImageFont.load_default(size_px)
    assert isinstance(loaded, ImageFont.FreeTypeFont), "Pillow was built without FreeType"
    return loaded
