"""Pictures of every app in every look, for people to look through: sheets of screens side by side. Judges nothing.

`python -m device_scripts.virtual_phone.contact_sheet --output DIR` writes a PNG for each look: compact and 1080x2400,
light and dark, three densities, both languages, small and large text. Each app's first screen is followed by a few
that taps drawn by the seed lead to.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from PIL import Image

from device_scripts.virtual_phone.phone import Phone

_TAPS: Final = 2
_COLUMNS: Final = 10
_GAP_PX: Final = 6
_THUMB_WIDTH_PX: Final = 216
_LEFT_OUT: Final = ("navigation", "key", "tab", "place")


class Look(NamedTuple):
    """How a phone is set up: pixels, dots per inch, light or dark, locale, font scale."""

    size_px: tuple[int, int]
    density_dpi: int
    dark: bool
    locale: str
    font_scale: str

    @property
    def name(self) -> str:
        """The name of its file, without the ending."""
        width, height = self.size_px
        theme = "dark" if self.dark else "light"
        return f"{width}x{height}-{self.density_dpi}dpi-{theme}-{self.locale}-{self.font_scale}"


COMPACT: Final = (128, 224)
TALL: Final = (1080, 2400)
LOOKS: Final = (
    Look(COMPACT, 160, False, "en-US", "1.0"),
    Look(COMPACT, 160, True, "nl-NL", "1.3"),
    Look(TALL, 420, False, "en-US", "1.0"),
    Look(TALL, 420, True, "nl-NL", "1.3"),
    Look(TALL, 560, False, "nl-NL", "1.3"),
    Look(TALL, 320, True, "en-US", "0.85"),
)


def screens(look: Look, seed: int = 0) -> Iterator[Image.Image]:
    """Yield settled screens of every app of the full set, RGB."""
    rng, phone = random.Random(seed), Phone(look.size_px, look.density_dpi, seed, apps="full")
    phone.settings_put("system", "font_scale", look.font_scale)
    phone.settings_put("system", "system_locales", look.locale)
    phone.settings_put("secure", "ui_night_mode", "2" if look.dark else "1")
    yield _settled(phone)
    for app in phone.app_set.apps:
        phone.start_activity(app.package)
        yield _settled(phone)
        for _ in range(_TAPS):
            left, top, right, bottom = rng.choice(
                [node.bounds for node in phone.nodes() if node.clickable and node.role not in _LEFT_OUT]
                or [(0, 0, 1, 1)]
            )
            phone.tap((left + right) // 2, (top + bottom) // 2)
            yield _settled(phone)


def sheet(look: Look, seed: int = 0) -> Image.Image:
    """Return the screens of a look side by side, large ones made smaller."""
    width = min(look.size_px[0], _THUMB_WIDTH_PX)
    height = look.size_px[1] * width // look.size_px[0]
    shots = [shot.resize((width, height), Image.Resampling.LANCZOS) for shot in screens(look, seed)]
    rows = -(-len(shots) // _COLUMNS)
    picture = Image.new("RGB", (_COLUMNS * (width + _GAP_PX), rows * (height + _GAP_PX)), (255, 0, 255))
    for number, shot in enumerate(shots):
        row, column = divmod(number, _COLUMNS)
        picture.paste(shot, (column * (width + _GAP_PX), row * (height + _GAP_PX)))
    return picture


def _settled(phone: Phone) -> Image.Image:
    while not phone.settled():
        phone.frame_bytes()
    return phone.frame().convert("RGB")


def main() -> int:
    """Write the sheets and return the exit code."""
    parser = argparse.ArgumentParser(description="Draw every app of the virtual phone in every look.")
    parser.add_argument("--output", type=Path, required=True, metavar="DIR")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    for look in LOOKS:
        path = options.output / f"{look.name}.png"
        sheet(look, options.seed).save(path)
        print(path, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
