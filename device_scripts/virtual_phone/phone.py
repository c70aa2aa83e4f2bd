"""The virtual phone: input in, frames and structure out, on virtual time. Speaks no ADB and knows no app by name.

Deterministic: the same seed and the same calls give the same pixels. What it shows, which activity is in front and
what commands ask of it are the three modules it is built on.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from device_scripts.virtual_phone.apps import LAUNCHER_PACKAGE
from device_scripts.virtual_phone.filesystem import FileNode
from device_scripts.virtual_phone.phone_screen import FRAME_MS, Node
from device_scripts.virtual_phone.phone_services import LATIN_IME, UIAUTOMATOR_IME, UNICODE_IME, PhoneServices
from device_scripts.virtual_phone.state import Activity, PhoneState, Table, Task
from device_scripts.virtual_phone.ui.boxes import Box
from device_scripts.virtual_phone.ui.keyboard import typed_by
from device_scripts.virtual_phone.ui.layout import content_height

KEY_HOME, KEY_BACK, KEY_POWER, KEY_SPACE, KEY_ENTER, KEY_DELETE, KEY_RECENTS, KEY_WAKEUP = (
    3,
    4,
    26,
    62,
    66,
    67,
    187,
    224,
)
KEY_DIGIT_0, KEY_LETTER_A = 7, 29
_Phone = TypeVar("_Phone", bound="Phone")
MEDIA_KEYS = (85, 86, 87, 88, 126, 127)
"""Play or pause, stop, next, previous, play, pause."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A phone's whole state, and the screen it was leaving if it was in a transition."""

    state_json: str
    files: dict[str, FileNode]
    leaving: bytes | None


class Phone(PhoneServices):
    """One phone. ``size`` is (width, height) in pixels in the natural rotation."""

    def __init__(
        self,
        size: tuple[int, int] = (128, 224),
        density_dpi: int = 160,
        seed: int = 0,
        android_release: str = "14",
        keyboards: Sequence[str] = (LATIN_IME, UNICODE_IME),
        apps: str = "basic",
    ) -> None:
        super().__init__(PhoneState(*size, density_dpi, seed, ime=LATIN_IME, app_set=apps), tuple(keyboards))
        self.android_release = android_release
        for app in self.app_set:
            app.defaults(self.state, random.Random(f"{app.package}/{seed}"))
        self.state.settings["secure"].update(default_input_method=LATIN_IME)
        self.state.settings["global"].update(window_animation_scale="1.0", device_provisioned="1")
        self.state.tasks = [Task(LAUNCHER_PACKAGE, [Activity(self.app_set.launcher.component())])]

    # --- input

    def tap(self, x_px: int, y_px: int) -> None:
        """Touch one point; on nothing clickable it does nothing."""
        box = self._clickable_at(x_px, y_px) if self.state.screen_on else None
        if box is None:
            return
        with_leaving = self._current_pixels()
        before = self._place()
        self._dispatch(box)
        self._changed(with_leaving, before)

    def swipe(self, x0_px: int, y0_px: int, x1_px: int, y1_px: int, duration_ms: int = 300) -> None:
        """Drag from one point to another; up and down scrolls the list, a still one is a tap."""
        self.advance(duration_ms)
        if abs(x1_px - x0_px) + abs(y1_px - y0_px) < 2 * self._metrics().margin // 3:
            self.tap(x0_px, y0_px)
            return
        leaving, before = self._current_pixels(), self._place()
        touched = self._clickable_at(x0_px, y0_px)
        if touched is not None and touched.role == "banner":
            self._app(touched.id.partition(":")[2]).notification_dismissed(self.state)
            self._changed(leaving, before)
            return
        direction = _direction(x1_px - x0_px, y1_px - y0_px)
        if self._app(self.state.tasks[-1].package).swiped(self, self.state.activity, direction):
            self._changed(leaving, before)
            return
        screen, frame = self._screen(), self._frame()
        activity = self.state.activity
        reach = content_height(screen, frame)
        activity.scroll_px = max(0, min(reach, min(reach, activity.scroll_px) + y0_px - y1_px))
        self._boxes = None

    def key(self, keycode: int) -> None:
        """Press a key by its Android key code; keys the phone has no use for do nothing."""
        leaving, before = self._current_pixels(), self._place()
        match keycode:
            case _ if keycode == KEY_HOME:
                self._home()
            case _ if keycode == KEY_BACK:
                self._back()
            case _ if keycode == KEY_ENTER:
                self._enter()
            case _ if keycode == KEY_DELETE:
                self._erase()
            case _ if keycode == KEY_SPACE:
                self.text(" ")
            case _ if keycode == KEY_RECENTS:
                self._previous_task()
            case _ if keycode == KEY_POWER:
                self.state.screen_on = not self.state.screen_on
            case _ if keycode == KEY_WAKEUP:
                self.state.screen_on = True
            case _ if keycode in MEDIA_KEYS:
                any(app.media_key(self, keycode) for app in self.app_set.apps)
            case _ if KEY_DIGIT_0 <= keycode < KEY_DIGIT_0 + 10:
                self.text(str(keycode - KEY_DIGIT_0))
            case _ if KEY_LETTER_A <= keycode < KEY_LETTER_A + 26:
                self.text(chr(ord("a") + keycode - KEY_LETTER_A))
        self._changed(leaving, before)

    def set_rotation(self, quarter_turns: int) -> None:
        """Turn the phone; a screen that was sliding in is there at once."""
        self.state.rotation = quarter_turns % 4
        self.state.transition_frames_left = 0
        self._boxes = None

    # --- snapshots and forks

    def fork(self: _Phone) -> _Phone:
        """Return an independent phone in the same state: the same input gives the same frames on both."""
        twin = copy.copy(self)
        twin.state = self.state.copy()
        return twin

    def snapshot(self) -> Snapshot:
        """Return everything there is to restore; it can be restored any number of times, on any phone."""
        return Snapshot(self.state.to_json(), self.files.snapshot(), self._leaving)

    def restore(self, snap: object) -> None:
        """Return to a snapshot."""
        assert isinstance(snap, Snapshot), f"got {type(snap).__name__}, expected a Snapshot"
        files = self.files
        files.restore(snap.files)
        self.state = PhoneState.from_json(snap.state_json)
        self.state.files = files
        self._leaving = snap.leaving
        self._boxes = None

    # --- inside

    def _back(self) -> None:
        if self.state.focused_field is not None:
            self.state.focused_field = None
        elif not self._app(self.state.tasks[-1].package).back(self, self.state.activity):
            self.leave()

    def _up(self) -> None:
        self.state.focused_field = None
        self._back()

    def _enter(self) -> None:
        field, activity = self.state.focused_field, self.state.activity
        if field is not None:
            self._app(self.state.tasks[-1].package).submitted(self, activity, field)

    def _erase(self) -> None:
        field, data = self.state.focused_field, self.state.activity.data
        if field is not None:
            data[f"field:{field}"] = data.get(f"field:{field}", "")[:-1]

    def _dispatch(self, box: Box) -> None:
        kind, _, name = box.id.partition(":")
        if kind == "nav":
            {"up": self._up, "back": self._back, "home": self._home, "recents": self._previous_task}[name]()
        elif kind == "banner":
            self._app(name).notification_tapped(self)
        elif kind == "key" and name == "enter":
            self._enter()
        elif kind == "key" and name == "del":
            self._erase()
        elif kind == "key":
            self.text(typed_by(name))
        else:
            self._app(self.state.tasks[-1].package).tapped(self, self.state.activity, box.id)


def _direction(x_px: int, y_px: int) -> str:
    """Return where the finger went; a movement that is as much up or down as sideways is up or down."""
    if abs(x_px) > abs(y_px):
        return "left" if x_px < 0 else "right"
    return "up" if y_px < 0 else "down"


__all__ = ["FRAME_MS", "LATIN_IME", "UIAUTOMATOR_IME", "UNICODE_IME", "Node", "Phone", "Snapshot", "Table"]
