"""Follows a person on a phone: each thing done becomes an action on the screen as it was before it. Writes no file.

What no action stands for, and what was done on a screen that was not seen at rest, ends the following with a reason:
the steps after it would not lead where they led.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from agent_runtime.actions import Action, PressKey, Tap, TypeText
from agent_runtime.devices import Device
from agent_runtime.devices.clock import tries
from agent_runtime.devices.getevent import TouchPanel, input_event
from agent_runtime.devices.touches import Happening, InputTracker, KeyChange, Lost, Touch, TouchBegan
from agent_runtime.sessions.demonstrating import typed_text
from agent_runtime.sessions.demonstrating.events import EventLines
from agent_runtime.sessions.demonstrating.gestures import LONG_PRESS_SEC, NoActionError, Screen, action_of
from agent_runtime.sessions.demonstrating.looking import Looker, View

END_KEY = "KEY_VOLUMEDOWN"
_PAUSE_SEC = 0.03
"""Between two looks, unless something is done."""
Emit = Callable[[View, Action], None]


@dataclass
class _Typing:
    """Taps on a keyboard on the screen since ``before`` was in the field; ``covered`` of them led to ``after``."""

    before: str | None
    taps: list[tuple[View | None, Action]] = field(default_factory=list)
    after: str | None = None
    covered: int = 0


@dataclass
class Demonstrator:
    """``emit`` takes each action with the view before it; ``ready`` is called when the screen came to rest.

    ``noticed`` is called with each touch and key, also one that waits to be told as text.
    """

    device: Device
    lines: EventLines
    panels: Sequence[TouchPanel]
    slop_px: float
    emit: Emit
    ready: Callable[[], None] = lambda: None
    noticed: Callable[[], None] = lambda: None
    long_press_sec: float = LONG_PRESS_SEC
    broken: str = ""
    """Why the demonstration cannot go on; empty while it can."""
    ended: bool = False
    """Whether the person pressed the key that ends it."""
    _since_sec: float = 0.0
    """When the last thing done was over, by the host's clock."""
    _began_sec: float = 0.0
    _shift: bool = False
    _caps_lock: bool = False
    _keys: tuple[View, str] | None = None
    """What was typed on keys so far, and the view before it."""
    _typing: _Typing | None = None

    def __post_init__(self) -> None:
        self._looker = Looker(self.device)
        self._tracker = InputTracker({panel.path: panel for panel in self.panels})

    def run(self, should_stop: Callable[[], bool]) -> View | None:
        """Follow until asked to stop, the person ends it, or it is broken; return the last view, None where unknown.

        Raises:
            DeviceError: the device does not answer any more.
        """
        while not (should_stop() or self.ended or self.broken):
            self._take_events()
            if not self._tracker.is_touched:
                self._look()
            self.lines.wait(_PAUSE_SEC)
        return None if self.broken else self._finish()

    def _finish(self) -> View | None:
        """Let the screen rest once more, and tell what is still held back."""
        for _ in tries(self.device.clock, 2 * self._looker.deadline_sec):
            if self._looker.view_between(self._since_sec, self.device.clock.monotonic()) is not None:
                break
            self._look()
        self._tell_pending()
        return self._looker.view_between(self._since_sec, self.device.clock.monotonic())

    def _look(self) -> None:
        if not self._looker.look():
            return
        text = self._looker.read_field()
        if text is not None and not self.lines.is_waiting:  # else something was done while it was read
            self._looker.note_field(text)
            self._note_field(text)
        self.ready()

    def _note_field(self, text: str) -> None:
        """Learn what the taps on the keyboard typed; text that cannot come of typing ends what was typed so far."""
        run = self._typing
        if run is None or run.before is None or text == (run.before if run.after is None else run.after):
            return
        if typed_text.gained(run.before, text) is not None:
            run.after, run.covered = text, len(run.taps)
        elif run.covered:
            self._tell_pending()

    def _take_events(self) -> None:
        for arrived_sec, line in self.lines.take():
            event = input_event(line)
            for happening in () if event is None else self._tracker.take(event):
                if self.broken or self.ended:
                    return
                try:
                    self._happened(happening, arrived_sec)
                except NoActionError as error:
                    self._tell_pending()
                    self.broken = f"{error} was made, which no action stands for"

    def _happened(self, happening: Happening, arrived_sec: float) -> None:
        match happening:
            case TouchBegan():
                self._began_sec = arrived_sec
            case Touch():
                self._touched(happening)
                self._done(arrived_sec)
            case KeyChange():
                self._key(happening, arrived_sec)
            case Lost():
                self.broken = "what a finger did is not known, because the device did not tell all of it"

    def _done(self, arrived_sec: float) -> None:
        self._since_sec = arrived_sec
        self._looker.touched()
        self.noticed()

    def _touched(self, touch: Touch) -> None:
        view = self._looker.view_between(self._since_sec, self._began_sec)
        shown = view or (self._looker.view_between(0.0, self._began_sec) if self._typing else None) or self._of_typing()
        if shown is None:
            return self._too_fast()
        action = action_of(touch, self._screen(shown))
        if isinstance(action, Tap) and shown.on_keyboard(action.x_norm, action.y_norm):
            if self._typing is None:
                self._tell_pending()
                self._typing = _Typing(shown.field_text)
            self._typing.taps.append((view, action))
            return None
        self._tell_pending()
        return self._too_fast() if view is None else self._emit(view, action)

    def _of_typing(self) -> View | None:
        """Return the view before the first tap on the keyboard, which stays where it is while somebody types."""
        return self._typing.taps[0][0] if self._typing is not None else None

    def _key(self, key: KeyChange, arrived_sec: float) -> None:
        if key.code in typed_text.SHIFTS:
            self._shift = key.is_down
        if not key.is_down or key.code in typed_text.SHIFTS:
            return
        if key.code == END_KEY:
            self.ended = True
            return
        if key.code == typed_text.CAPS_LOCK:
            self._caps_lock = not self._caps_lock
            return
        view = self._looker.view_between(self._since_sec, arrived_sec)
        written = typed_text.character(key.code, shift=self._shift, caps_lock=self._caps_lock)
        if written is not None or key.code == typed_text.BACKSPACE:
            self._type(view, key.code, written)
        elif key.code in typed_text.KEYS:
            self._tell_pending()
            if view is None:
                self._too_fast()
            else:
                self._emit(view, PressKey(typed_text.KEYS[key.code]))
        else:
            raise NoActionError(f"a press of {key.code}")
        self._done(arrived_sec)

    def _type(self, view: View | None, code: str, written: str | None) -> None:
        if self._typing is not None:
            self._tell_pending()
        if self._keys is None:
            if written is None:
                raise NoActionError(f"a press of {code}")
            if view is None:
                return self._too_fast()
            self._keys = view, written
            return None
        before, text = self._keys
        if written is None and not text:
            raise NoActionError(f"a press of {code}")
        self._keys = before, text[:-1] if written is None else text + written
        return None

    def _tell_pending(self) -> None:
        """Tell what was typed: as text where it is known, else as the taps it took."""
        keys, run = self._keys, self._typing
        self._keys = self._typing = None
        if keys is not None and keys[1]:
            self._emit(keys[0], TypeText(keys[1]))
        if run is None:
            return None
        text = None if run.before is None or run.after is None else typed_text.gained(run.before, run.after)
        first = run.taps[0][0]
        if text is not None and first is not None:
            self._emit(first, TypeText(text))
        for view, action in run.taps[run.covered if text is not None else 0 :]:
            if view is None:
                return self._too_fast()
            self._emit(view, action)
        return None

    def _emit(self, view: View, action: Action) -> None:
        if not self.broken:
            self.emit(view, action)

    def _too_fast(self) -> None:
        self.broken = self.broken or "something was done before the screen was seen at rest"

    def _screen(self, view: View) -> Screen:
        size_px = view.frame.width_px, view.frame.height_px
        return Screen(view.quarter_turns, size_px, self.slop_px, self.long_press_sec)
