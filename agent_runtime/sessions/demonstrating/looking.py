"""Looks at a phone while somebody uses it, and keeps what it looked like at rest. Acts on nothing.

A view counts for an action only where it was seen after the action before, and before the next finger was down. The
first one after an action is of the screen at rest; what changes by itself later, such as a clock, is seen as it is.
"""

import re
from collections import deque
from dataclasses import dataclass, field, replace

from agent_runtime.devices import Device
from agent_runtime.devices.base import Frame
from agent_runtime.devices.hierarchy import visible_nodes
from agent_runtime.devices.parsers import focused_field
from agent_runtime.devices.windows import INPUT_METHOD, Rect, windows_of
from agent_runtime.errors import DeviceError

SETTLE_DEADLINE_SEC = 3.0
"""A screen that never rests counts as it is after so long."""
REST_SEC = 0.15
"""So long nothing may have moved: what a tap sets going may begin a few frames after it."""
_VIEWPORT = re.compile(r"DisplayViewport\{([^}]*)\}")
_ORIENTATION = re.compile(r"\borientation=(\d)")
_SEEN_KEPT = 8


@dataclass(frozen=True, slots=True)
class View:
    """The screen at rest, from ``since_sec`` of the host's clock on."""

    frame: Frame
    since_sec: float
    quarter_turns: int = 0
    keyboard: tuple[Rect, ...] = ()
    """Where the keyboard takes touches, in pixels; nothing where none is shown."""
    field_text: str | None = None
    """What the focused text field holds; None where none has the focus, it hides its text, or was not read in time."""

    def on_keyboard(self, x_norm: float, y_norm: float) -> bool:
        """Whether that point is on the keyboard."""
        x_px, y_px = x_norm * self.frame.width_px, y_norm * self.frame.height_px
        return any(left <= x_px < right and top <= y_px < bottom for left, top, right, bottom in self.keyboard)


@dataclass
class Looker:
    """Call ``look`` while nothing touches the screen, and ``touched`` when something did."""

    device: Device
    deadline_sec: float = SETTLE_DEADLINE_SEC
    _seen: deque[tuple[float, View]] = field(default_factory=lambda: deque(maxlen=_SEEN_KEPT))
    """When it was seen, and the view."""
    _last: Frame | None = None
    _same_since_sec: float = 0.0
    _moving_since_sec: float = 0.0
    _rests: bool = False
    _rested: bool = False
    """Whether it was at rest at least once since it was touched."""

    def touched(self) -> None:
        """What was seen so far is of before."""
        self._last, self._rests, self._rested = None, False, False

    def look(self) -> bool:
        """Look once; return whether the screen came to rest with that.

        Raises:
            DeviceError: the device does not answer.
        """
        begun_sec = self.device.clock.monotonic()
        frame, last = self.device.observe(), self._last
        self._last = frame
        if last is None:
            self._moving_since_sec = self._same_since_sec = begun_sec
            return False
        if frame != last:
            self._changed(frame, begun_sec)
        waited_sec, moved_sec = begun_sec - self._same_since_sec, begun_sec - self._moving_since_sec
        if self._rests or (waited_sec < REST_SEC and moved_sec < self.deadline_sec):
            return False
        self._rests = True
        self._note_view(frame, self._same_since_sec)
        return True

    def _changed(self, frame: Frame, begun_sec: float) -> None:
        """The screen is another one now: it is to come to rest again, but what is seen counts once it had rested."""
        self._same_since_sec = begun_sec
        if not self._rested:
            return
        if self._rests:
            self._moving_since_sec, self._rests = begun_sec, False
        view = self._seen[-1][1]
        if (view.frame.width_px, view.frame.height_px) == (frame.width_px, frame.height_px):
            changed = replace(view, frame=frame, since_sec=begun_sec)
            self._seen.append((self.device.clock.monotonic(), changed))

    def read_field(self) -> str | None:
        """Return what the focused field holds, where a keyboard is shown; on a phone this takes a second.

        None where no keyboard is shown, no field has the focus, it hides its text, or the device tells nothing of it.
        """
        view = self._seen[-1][1] if self._seen else None
        if view is None or not view.keyboard:
            return None
        try:
            nodes = visible_nodes(self.device.shell, self.device.serial)
        except DeviceError:
            return None
        hides = any(node.get("focused") == "true" and node.get("password") == "true" for node in nodes)
        return None if hides else focused_field(nodes)

    def note_field(self, text: str) -> None:
        """Keep with the newest view what its field held."""
        at_sec, view = self._seen[-1]
        self._seen[-1] = at_sec, replace(view, field_text=text)

    def view_between(self, after_sec: float, before_sec: float) -> View | None:
        """Return what was seen last before the one moment, if that was after the other."""
        view = next((view for at_sec, view in reversed(self._seen) if at_sec <= before_sec), None)
        return view if view is not None and after_sec <= view.since_sec else None

    def _note_view(self, frame: Frame, since_sec: float) -> None:
        seen_sec = self.device.clock.monotonic()
        windows = windows_of(self.device.shell(["dumpsys", "window"]).stdout)
        shown = windows.shown if windows is not None else ()
        areas = tuple(area for window in shown if window.kind == INPUT_METHOD for area in window.areas or ())
        turns = quarter_turns(self.device.shell(["dumpsys", "display"]).stdout)
        self._rested = True
        self._seen.append((seen_sec, View(frame, since_sec, turns, areas)))


def quarter_turns(dump: str) -> int:
    """Return how display 0 is turned, in quarter turns, by what `dumpsys display` printed; 0 where it does not say."""
    viewports = [found[1] for found in _VIEWPORT.finditer(dump) if "valid=true" in found[1]]
    told = (_ORIENTATION.search(viewport) for viewport in viewports if "displayId=0" in viewport)
    return next((int(found[1]) % 4 for found in told if found), 0)
