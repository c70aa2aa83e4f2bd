"""What a virtual phone shows: its state as boxes, pictures and elements, on virtual time. Takes no input.

Time is virtual: reading a frame advances it by one frame (16 ms), so a transition is over after a few reads, and
nothing ever sleeps.
"""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image

from device_scripts.virtual_phone.apps import APP_SETS, LAUNCHER_PACKAGE, App, AppSet
from device_scripts.virtual_phone.apps.dates import clock_words
from device_scripts.virtual_phone.errors import PhoneError
from device_scripts.virtual_phone.filesystem import DeviceFiles
from device_scripts.virtual_phone.language import translated
from device_scripts.virtual_phone.state import Battery, PhoneState
from device_scripts.virtual_phone.transition import TRANSITION_FRAMES, transition_frame
from device_scripts.virtual_phone.ui.boxes import Box, Frame
from device_scripts.virtual_phone.ui.layout import content_height, place
from device_scripts.virtual_phone.ui.redraw import Drawn, Shown, draw_frame
from device_scripts.virtual_phone.ui.theme import DARK, LIGHT, Metrics, Palette, metrics_for
from device_scripts.virtual_phone.ui.widgets import Screen

FRAME_MS = 16
SYSTEM_ROLES = ("status", "navigation", "banner")
"""What lies in windows of the system's own, above the app's."""


@dataclass(frozen=True, slots=True)
class Node:
    """One visible element; ``bounds`` is (left, top, right, bottom) in pixels."""

    role: str
    label: str
    text: str
    bounds: tuple[int, int, int, int]
    clickable: bool
    checked: bool | None
    focused: bool
    scrollable: bool
    resource_id: str
    package: str


class PhoneScreen:
    """A phone's state and what it looks like."""

    def __init__(self, state: PhoneState) -> None:
        self.state = state
        self._leaving: bytes | None = None
        self._boxes: tuple[Box, ...] | None = None
        self._boxes_of = (-1, -1)
        self._drawn: Drawn | None = None
        """The last screen that was drawn, so that drawing it again costs nothing and the next one little."""

    # --- what it is

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels in the current rotation."""
        state = self.state
        natural = (state.width_px, state.height_px)
        return natural if state.rotation % 2 == 0 else (natural[1], natural[0])

    @property
    def density_dpi(self) -> int:
        """Dots per inch, as everything is drawn."""
        return self.state.shown_density_dpi

    @property
    def clock_ms(self) -> int:
        """Virtual time, milliseconds since 1970."""
        return self.state.clock_ms

    @property
    def rotation(self) -> int:
        """Quarter turns, 0..3."""
        return self.state.rotation

    @property
    def files(self) -> DeviceFiles:
        """The files on it."""
        return self.state.files

    @property
    def battery(self) -> Battery:
        """The battery's state."""
        return self.state.battery

    @property
    def screen_on(self) -> bool:
        """Whether the display is lit."""
        return self.state.screen_on

    @property
    def app_set(self) -> AppSet:
        """The apps it has; part of its state."""
        return APP_SETS[self.state.app_set]

    # --- time and frames

    def advance(self, ms: int) -> None:
        """Let virtual time pass."""
        self.state.clock_ms += ms

    def frame(self) -> Image.Image:
        """Return the next frame, RGBA, and advance time by ``FRAME_MS``."""
        return Image.frombytes("RGBA", self.size, self.frame_bytes())

    def frame_bytes(self) -> bytes:
        """Return the next frame as raw RGBA_8888 rows, and advance time by ``FRAME_MS``."""
        self.advance(FRAME_MS)
        state = self.state
        if not state.screen_on:
            return bytes((0, 0, 0, 255)) * (self.size[0] * self.size[1])
        new = self._current_pixels()
        if state.transition_frames_left == 0 or self._leaving is None:
            return new
        frame = transition_frame(self._leaving, new, self.size, state.transition_frames_left)
        state.transition_frames_left -= 1
        return frame

    def settled(self) -> bool:
        """Tell whether the next frame shows the final screen."""
        return self.state.transition_frames_left == 0

    def nodes(self) -> list[Node]:
        """Return the visible elements of the final screen, the topmost last."""
        package = self.state.tasks[-1].package
        scrollable = content_height(self._screen(), self._frame()) > 0
        return [
            Node(
                role=box.role,
                label=box.label,
                text=box.text or box.label,
                bounds=box.rect,
                clickable=box.clickable and not self._under_dialog(box),
                checked=box.checked,
                focused=box.focused,
                scrollable=scrollable and box.role in ("row", "switch", "entry", "choice", "bubble", "page"),
                resource_id=f"{package}:id/{box.id.partition(':')[0]}" if box.id else "",
                package="com.android.systemui" if box.role in SYSTEM_ROLES else package,
            )
            for box in self._place()
        ]

    # --- inside

    def _installed(self) -> list[str]:
        return self.state.orders.get("installed", [])

    def _app(self, package: str) -> App:
        app = self.app_set.app(package, self._installed())
        if app is None:
            raise PhoneError(f"Activity not started, unable to resolve package {package}")
        return app

    def _changed(self, leaving: bytes, before: tuple[Box, ...]) -> None:
        """Start a transition when another screen than ``before`` shows, told by its title or its dialog."""
        self._boxes = None
        if _identity(before) != _identity(self._place()):
            self._leaving = leaving
            self.state.transition_frames_left = TRANSITION_FRAMES

    def _clickable_at(self, x_px: int, y_px: int) -> Box | None:
        for box in reversed(self._place()):
            left, top, right, bottom = box.rect
            if left <= x_px < right and top <= y_px < bottom and (box.clickable or box.role in ("dialog", "status")):
                return box if box.clickable and not self._under_dialog(box) else None
        return None

    def _under_dialog(self, box: Box) -> bool:
        boxes = self._place()
        dialogs = [index for index, other in enumerate(boxes) if other.role == "dialog"]
        return bool(dialogs) and box.role != "navigation" and boxes.index(box) < dialogs[0]

    def _metrics(self) -> Metrics:
        scale = float(self.state.settings["system"].get("font_scale", "1.0"))
        return metrics_for(min(self.state.width_px, self.state.height_px), self.density_dpi, scale)

    def _palette(self) -> Palette:
        return DARK if self.state.settings["secure"].get("ui_night_mode") == "2" else LIGHT

    def _screen(self) -> Screen:
        app = self._app(self.state.tasks[-1].package)
        screen = app.screen(self.state, self.state.activity)
        return translated(screen, self.state) if app.in_the_phones_words else screen

    def _frame(self) -> Frame:
        percent_shown = self.state.settings["system"].get("status_bar_show_battery_percent") != "0"
        return Frame(
            *self.size,
            metrics=self._metrics(),
            focused_field=self.state.focused_field,
            scroll_px=self.state.activity.scroll_px,
            clock=clock_words(self.state, self.state.clock_ms // 60_000),
            battery_percent=self.state.battery.level if percent_shown else None,
            launcher=self.state.tasks[-1].package == LAUNCHER_PACKAGE,
            banner=self._banner(),
        )

    def _banner(self) -> tuple[str, str, str] | None:
        found = ((app.package, app.notification(self.state)) for app in self.app_set.apps)
        return next(((package, *shown) for package, shown in found if shown is not None), None)

    def _place(self) -> tuple[Box, ...]:
        version = (self.state.clock_ms // 1000, self.state.files.changes)
        if self._boxes is None or self._boxes_of != version:
            self._boxes, self._boxes_of = place(self._screen(), self._frame()), version
        return self._boxes

    def _current_pixels(self) -> bytes:
        """Return the final screen's RGBA rows, the same object for the same screen."""
        launcher = self.state.tasks[-1].package == LAUNCHER_PACKAGE
        shown = Shown(self._place(), self.size, self._metrics(), self._palette(), launcher)
        if self._drawn is None or self._drawn.shown != shown:
            self._drawn = draw_frame(shown, self._drawn)
        return self._drawn.pixels


def _identity(boxes: tuple[Box, ...]) -> tuple[str, ...]:
    return tuple(box.label for box in boxes if box.role in ("title", "dialog", "pages")) + tuple(
        box.role for box in boxes if box.role == "icon"
    )
