"""The kernel's input devices of the phone: a touch panel (multi-touch protocol B) and keys. Makes touches of events.

What `input tap` does goes past them, as on Android: only `sendevent`, which stands for a finger, writes here, and
`getevent` reads. Times are the phone's own clock. Source of codes and protocol: Linux, uapi/linux/input-event-codes.h
and Documentation/input/multi-touch-protocol.rst.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from device_scripts.virtual_phone.phone_api import PhoneLike

BUTTONS, TOUCH, KEYBOARD = "/dev/input/event0", "/dev/input/event1", "/dev/input/event2"
NAMES: Final = {BUTTONS: "gpio-keys", TOUCH: "virtio_input_multi_touch_1", KEYBOARD: "virtio_input_keyboard"}
AXIS_MAX: Final = 32767
EV_SYN, EV_KEY, EV_ABS = 0, 1, 3
SLOT, POSITION_X, POSITION_Y, TRACKING_ID = 0x2F, 0x35, 0x36, 0x39
AXES: Final = {SLOT: 9, POSITION_X: AXIS_MAX, POSITION_Y: AXIS_MAX, TRACKING_ID: 65535}
BTN_TOUCH: Final = 0x14A
_SHIFTS: Final = (42, 54)
_ROWS: Final = ((2, "1234567890-=", "!@#$%^&*()_+"), (16, "qwertyuiop[]", "QWERTYUIOP{}"),
                (30, "asdfghjkl;'`", "ASDFGHJKL:\"~"), (43, "\\zxcvbnm,./", "|ZXCVBNM<>?"), (57, " ", " "))  # fmt: skip
CHARACTERS: Final = {
    first + at: (plain, shifted)
    for first, low, high in _ROWS
    for at, (plain, shifted) in enumerate(zip(low, high, strict=True))
}
"""What a key writes, alone and with shift, on a US keyboard."""
ANDROID_KEYS: Final = {1: 4, 14: 67, 28: 66, 96: 66, 114: 25, 115: 24, 116: 26, 158: 4, 172: 3, 580: 187}
"""Linux key codes to Android's."""
_LONG_PRESS_MS: Final = 500
_KEPT: Final = 4096


@dataclass(frozen=True, slots=True)
class InputEvent:
    """One event as the kernel gives it out."""

    at_ms: int
    path: str
    kind: int
    code: int
    value: int


@dataclass(slots=True)
class _Contact:
    """A slot of the panel: where its finger is, or was last; a negative id is none."""

    tracking_id: int = -1
    x: int = 0
    y: int = 0


@dataclass
class InputDevices:
    """All devices of one phone, with the latest events. ``written`` counts all there ever were."""

    events: deque[InputEvent] = field(default_factory=lambda: deque(maxlen=_KEPT))
    written: int = 0
    _slots: dict[int, _Contact] = field(default_factory=dict)
    _slot: int = 0
    _shift: bool = False
    _began: tuple[int, int, int] | None = None
    """Where (raw) and when (ms) the touch that goes on began."""
    _last: tuple[int, int] = (0, 0)

    def send(self, phone: PhoneLike, path: str, kind: int, code: int, value: int) -> None:
        """Take one event; what was there before (the same value on an axis) is not told again, as the kernel does."""
        if kind == EV_ABS and path == TOUCH and not self._changes(code, value):
            return
        self.events.append(InputEvent(phone.clock_ms, path, kind, code, value))
        self.written += 1
        if path == TOUCH and kind == EV_SYN and code == 0:
            self._report(phone)
        elif path != TOUCH and kind == EV_KEY:
            self._key(phone, code, value)

    def since(self, seen: int) -> Iterator[InputEvent]:
        """Yield the events after the first ``seen``, of those that are kept."""
        missing = self.written - seen
        yield from list(self.events)[max(0, len(self.events) - missing) :]

    def _changes(self, code: int, value: int) -> bool:
        contact = self._slots.setdefault(self._slot, _Contact())
        if code == SLOT:
            changed, self._slot = value != self._slot, value
            return changed
        if code == TRACKING_ID:
            changed, contact.tracking_id = value != contact.tracking_id, value
            return changed
        if code == POSITION_X:
            changed, contact.x = value != contact.x, value
            return changed
        if code == POSITION_Y:
            changed, contact.y = value != contact.y, value
            return changed
        return True

    def _report(self, phone: PhoneLike) -> None:
        touching = [contact for contact in self._slots.values() if contact.tracking_id >= 0]
        if touching:
            self._last = touching[0].x, touching[0].y
            self._began = self._began or (*self._last, phone.clock_ms)
        elif self._began is not None:
            (x, y, at_ms), self._began = self._began, None
            _act(phone, _pixels(phone, x, y), _pixels(phone, *self._last), phone.clock_ms - at_ms)

    def _key(self, phone: PhoneLike, code: int, value: int) -> None:
        if code in _SHIFTS:
            self._shift = value != 0
        elif value and code in ANDROID_KEYS:
            phone.key(ANDROID_KEYS[code])
        elif value and code in CHARACTERS:
            phone.text(CHARACTERS[code][self._shift])


def _act(phone: PhoneLike, start_px: tuple[int, int], end_px: tuple[int, int], held_ms: int) -> None:
    if start_px == end_px and held_ms < _LONG_PRESS_MS:
        phone.tap(*start_px)
    else:
        phone.swipe(*start_px, *end_px, held_ms)


def _pixels(phone: PhoneLike, x: int, y: int) -> tuple[int, int]:
    """Return where a point of the panel lies on the screen as it is turned (Android's InputReader does it so)."""
    u, v = x / (AXIS_MAX + 1), y / (AXIS_MAX + 1)
    turned = {0: (u, v), 1: (v, 1 - u), 2: (1 - u, 1 - v), 3: (1 - v, u)}[phone.state.rotation % 4]
    width_px, height_px = phone.size
    return min(int(turned[0] * width_px), width_px - 1), min(int(turned[1] * height_px), height_px - 1)
