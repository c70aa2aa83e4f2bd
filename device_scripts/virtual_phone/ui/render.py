"""Draws boxes into a picture. Knows no app and keeps no state but its caches."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache

from PIL import Image, ImageDraw

from device_scripts.virtual_phone.ui.boxes import PLAIN, Box, Rect
from device_scripts.virtual_phone.ui.cards import draw_card
from device_scripts.virtual_phone.ui.glyphs import draw_glyph
from device_scripts.virtual_phone.ui.material_drawing import DRAWINGS, draw_switch
from device_scripts.virtual_phone.ui.pictures import fit_picture
from device_scripts.virtual_phone.ui.text import cut, fitted, tail
from device_scripts.virtual_phone.ui.theme import Colour, Metrics, Palette
from device_scripts.virtual_phone.ui.web_paint import paint_web
from device_scripts.virtual_phone.ui.writing import write

WALLPAPER_TOP = (38, 58, 104)
WALLPAPER_BOTTOM = (120, 86, 140)
DIM = 110


def ground(size_px: tuple[int, int], palette: Palette, *, launcher: bool) -> Image.Image:
    """Return what lies under all boxes, an RGB picture to be drawn on."""
    return _wallpaper(size_px).copy() if launcher else Image.new("RGB", size_px, palette.background)


def paint(
    image: Image.Image, boxes: Iterable[Box], metrics: Metrics, palette: Palette, *, launcher: bool = False
) -> None:
    """Draw boxes into an RGB picture of the whole screen, one over another."""
    painter = _Painter(image, metrics, palette, launcher)
    for box in boxes:
        painter.paint(box)


@lru_cache(maxsize=4)
def _wallpaper(size_px: tuple[int, int]) -> Image.Image:
    column = Image.new("RGB", (1, 2))
    column.putdata([WALLPAPER_TOP, WALLPAPER_BOTTOM])
    return column.resize(size_px, Image.Resampling.BILINEAR)


class _Painter:
    def __init__(self, image: Image.Image, metrics: Metrics, palette: Palette, launcher: bool) -> None:
        self.image = image
        self._metrics = metrics
        self._palette = palette
        self._launcher = launcher
        self._draw = ImageDraw.Draw(image)

    def paint(self, box: Box) -> None:
        drawing = DRAWINGS.get(box.role)
        if box.look is not None:
            paint_web(self.image, box, self._metrics, self._palette)
        elif drawing is None:
            getattr(self, f"_{box.role}")(box)
        elif box.full is None:
            drawing(self._draw, box, self._metrics, self._palette)
        else:
            layer = self.image.copy()
            drawing(ImageDraw.Draw(layer), replace(box, rect=box.full), self._metrics, self._palette)
            self.image.paste(layer.crop(box.rect), box.rect[:2])

    def _write(self, text: str, x: float, y: float, size_px: int, colour: Colour, anchor: str = "lm") -> None:
        write(self._draw, (x, y), text, size_px, colour, anchor)

    def _middle(self, rect: Rect) -> tuple[float, float]:
        return (rect[0] + rect[2]) / 2, (rect[1] + rect[3]) / 2

    def _title(self, box: Box) -> None:
        self._draw.rectangle(_inside(box.rect), fill=self._palette.title)
        _, y = self._middle(box.rect)
        left, _, right, _ = box.rect
        x = self._metrics.margin if left == 0 else left + self._metrics.margin // 4
        label, size = fitted(box.label, self._metrics.title_font, right - x)
        self._write(label, x, y, size, self._palette.accent)

    def _row(self, box: Box) -> None:
        left, _, right, bottom = box.rect
        _, y = self._middle(box.rect)
        self._draw.line([(left, bottom - 1), (right, bottom - 1)], fill=self._palette.line)
        self._write(box.label, self._metrics.margin, y, self._metrics.font, self._palette.text)
        if box.detail:
            self._write(
                box.detail, right - self._metrics.margin, y, self._metrics.small_font, self._palette.faint, "rm"
            )

    def _cell(self, box: Box) -> None:
        palette, (x, y) = self._palette, self._middle(box.rect)
        left, top, right, bottom = box.rect
        fill = palette.accent if box.selected else palette.surface
        if box.glyph == PLAIN:
            half = min(right - left, bottom - top) / 2 - 1
            if box.selected:
                self._draw.ellipse((x - half, y - half, x + half, y + half), fill=fill)
        elif box.clickable:
            self._draw.rounded_rectangle((left + 1, top + 1, right - 2, bottom - 2), self._metrics.margin / 2, fill)
        colour = palette.on_accent if box.selected else palette.text if box.clickable else palette.faint
        size = self._metrics.font if box.clickable else self._metrics.small_font
        label, size = fitted(box.label, size, right - left - 2)
        self._write(label, x, y, size, colour, "mm")
        if box.marked:
            radius = max(1, self._metrics.font // 9)
            dot = (x - radius, bottom - 4 * radius, x + radius, bottom - 2 * radius)
            self._draw.ellipse(dot, fill=palette.on_accent if box.selected else palette.accent)

    def _bubble(self, box: Box) -> None:
        palette, sizes = self._palette, self._metrics
        self._draw.rounded_rectangle(
            _inside(box.rect), radius=sizes.margin / 2, fill=palette.accent if box.selected else palette.surface
        )
        colour = palette.on_accent if box.selected else palette.text
        step, x = round(sizes.font * 1.25), box.rect[0] + max(2, sizes.margin // 2)
        for number, line in enumerate(reversed(box.below.split("\n"))):
            self._write(line, x, box.rect[3] - max(2, sizes.margin // 2) - step * (number + 0.5), sizes.font, colour)

    def _paragraph(self, box: Box) -> None:
        step = round(self._metrics.font * 1.3)
        for number, line in enumerate(box.below.split("\n")):
            y = box.rect[1] + step * (number + 0.5)
            self._write(line, self._metrics.margin, y, self._metrics.font, self._palette.text)

    def _card(self, box: Box) -> None:
        draw_card(self._draw, box.rect, box.detail, box.glyph)

    def _pages(self, box: Box) -> None:
        page, count = (int(word) for word in box.label.split()[1::2])
        x, y = self._middle(box.rect)
        radius = max(2, self._metrics.margin // 4)
        for number in range(count):
            left = x + (number - (count - 1) / 2) * radius * 4
            fill = (255, 255, 255) if number + 1 == page else (150, 150, 175)
            self._draw.ellipse((left - radius, y - radius, left + radius, y + radius), fill=fill)

    def _switch(self, box: Box) -> None:
        self._row(box)
        draw_switch(self._draw, box.rect, bool(box.checked), self._metrics, self._palette)

    def _button(self, box: Box) -> None:
        self._draw.rounded_rectangle(_inside(box.rect), radius=self._metrics.margin, fill=self._palette.accent)
        self._write_inside(box, self._palette.on_accent)

    def _pad(self, box: Box) -> None:
        self._draw.rounded_rectangle(_inside(box.rect), radius=self._metrics.margin, fill=self._palette.surface)
        self._write_inside(box, self._palette.text)

    def _write_inside(self, box: Box, colour: Colour) -> None:
        """Write a button's label, smaller where it would not fit."""
        label, size = fitted(box.label, self._metrics.font, box.rect[2] - box.rect[0] - 2)
        self._write(label, *self._middle(box.rect), size, colour, "mm")

    def _image(self, box: Box) -> None:
        left, top, right, bottom = box.rect
        fitted = fit_picture(box.picture, (right - left, bottom - top))
        if fitted is not None:
            self.image.paste(fitted, (left, top))
            return
        self._draw.rectangle(_inside(box.rect), fill=self._palette.surface)
        self._write("?", *self._middle(box.rect), self._metrics.font, self._palette.faint, "mm")

    def _field(self, box: Box) -> None:
        edge = self._palette.accent if box.focused else self._palette.faint
        self._draw.rectangle(_inside(box.rect), fill=self._palette.surface, outline=edge)
        _, y = self._middle(box.rect)
        colour = self._palette.text if box.text else self._palette.faint
        left, _, right, _ = box.rect
        room = right - left - 2 * self._metrics.margin
        text = tail(box.text or cut(box.label, self._metrics.font, room), self._metrics.font, room)
        self._write(text, left + self._metrics.margin, y, self._metrics.font, colour)

    def _text(self, box: Box) -> None:
        size = self._metrics.title_font if box.selected else self._metrics.font
        colour = self._palette.text if box.selected else self._palette.faint
        label, size = fitted(box.label, size, box.rect[2] - self._metrics.margin)
        self._write(label, self._metrics.margin, self._middle(box.rect)[1], size, colour)

    def _tab(self, box: Box) -> None:
        self._draw.rectangle(_inside(box.rect), fill=self._palette.surface)
        colour = self._palette.accent if box.selected else self._palette.faint
        if box.selected:
            left, _, right, bottom = box.rect
            thick = max(2, self._metrics.margin // 4)
            self._draw.rectangle((left, bottom - thick, right - 1, bottom - 1), fill=colour)
        self._write(box.label, *self._middle(box.rect), self._metrics.small_font, colour, "mm")

    def _icon(self, box: Box) -> None:
        x, _ = self._middle(box.rect)
        size = self._metrics.icon
        square = (x - size / 2, box.rect[1] + 2, x + size / 2, box.rect[1] + 2 + size)
        self._draw.rounded_rectangle(square, radius=size / 4, fill=box.colour)
        inset = size * 0.22
        inner = (square[0] + inset, square[1] + inset, square[2] - inset, square[3] - inset)
        draw_glyph(self._draw, box.glyph, inner, (255, 255, 255))
        label, font_px = fitted(box.label, self._metrics.font, box.rect[2] - box.rect[0])
        self._write(label, x, square[3] + self._metrics.font * 0.9, font_px, (255, 255, 255), "mm")

    def _key(self, box: Box) -> None:
        self._draw.rectangle(_inside(box.rect), fill=self._palette.surface, outline=self._palette.background)
        label = {"space": " ", "enter": "go", "del": "<x"}.get(box.label, box.label)
        self._write(label, *self._middle(box.rect), self._metrics.small_font, self._palette.text, "mm")

    def _status(self, box: Box) -> None:
        colour = (255, 255, 255) if self._launcher else self._palette.text
        if not self._launcher:
            self._draw.rectangle(_inside(box.rect), fill=self._palette.background)
        _, y = self._middle(box.rect)
        self._write(box.label, self._metrics.margin, y, self._metrics.small_font, colour)
        if box.text:
            self._write(f"{box.text}%", box.rect[2] - self._metrics.margin, y, self._metrics.small_font, colour, "rm")

    def _navigation(self, box: Box) -> None:
        colour = (255, 255, 255) if self._launcher else self._palette.faint
        if not self._launcher:
            self._draw.rectangle(_inside(box.rect), fill=self._palette.background)
        x, y = self._middle(box.rect)
        half = self._metrics.navigation_bar * 0.25
        draw_glyph(self._draw, box.label, (x - half, y - half, x + half, y + half), colour)

    def _banner(self, box: Box) -> None:
        palette, sizes = self._palette, self._metrics
        self._draw.rounded_rectangle(
            _inside(box.rect), radius=sizes.margin / 2, fill=palette.surface, outline=palette.accent
        )
        left, middle, room = box.rect[0] + sizes.margin // 2, self._middle(box.rect)[1], box.rect[2] - box.rect[0]
        lines = (
            (box.label, sizes.font, -sizes.small_font * 0.6, palette.text),
            (box.below, sizes.small_font, sizes.font * 0.55, palette.faint),
        )
        for text, size_px, down_px, colour in lines:
            self._write(cut(text, size_px, room - sizes.margin), left, middle + down_px, size_px, colour)

    def _dialog(self, box: Box) -> None:
        dimmed = self.image.point(lambda value: value * (255 - DIM) // 255)
        self.image.paste(dimmed)
        self._draw.rounded_rectangle(_inside(box.rect), radius=self._metrics.margin, fill=self._palette.background)
        x = box.rect[0] + self._metrics.margin
        label, size = fitted(box.label, self._metrics.font, box.rect[2] - x - self._metrics.margin / 2)
        self._write(label, x, box.rect[1] + self._metrics.title / 2, size, self._palette.text)


def _inside(rect: Rect) -> Rect:
    """Pillow's rectangles include their right and bottom edge; ours do not."""
    return rect[0], rect[1], rect[2] - 1, rect[3] - 1
