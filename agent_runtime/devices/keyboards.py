"""Types text beyond ASCII through a keyboard app that listens to broadcasts. Opens no stream and types no ASCII.

`input text` knows ASCII only. Two keyboard apps type anything they are sent in base64: uiautomator2's, which answers
whether it typed, and ADBKeyBoard, which does not, so that the focused field is read before and after. The text goes
to that app's package alone, as any other app could listen to such a broadcast. Where another keyboard came into use
meanwhile, or the app is being replaced, it is put to use again; what the field shows not to have come is sent again.
"""

import base64
import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agent_runtime.devices import parsers
from agent_runtime.devices.clock import HOST_CLOCK, Clock, tries
from agent_runtime.devices.hierarchy import Shell, visible_nodes
from agent_runtime.errors import DeviceError, KeyboardLostError

DEADLINE_SEC = 5.0
"""How long a keyboard is waited for to come up, and then for its text to show."""
TAKEN = -1
_LOSSES = 3
"""How often a keyboard may go out of use under one text."""
_PART = re.compile(r"[\n\t]|[^\x00-\x1f\x7f]{1,500}")
_KEY_OF_CONTROL = {"\n": "66", "\t": "61"}
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Keyboard:
    """A keyboard app: its id, the broadcast it listens to, and whether its answer says that it typed."""

    ime: str
    action: str
    extra: str
    answers: bool

    def broadcast(self, text: str) -> list[str]:
        """Return the command that has it type the text."""
        encoded = base64.b64encode(text.encode("utf-8", "replace")).decode()
        package = self.ime.partition("/")[0]
        return ["am", "broadcast", "-a", self.action, "-p", package, "--es", self.extra, encoded]


UIAUTOMATOR = Keyboard("com.github.uiautomator/.AdbKeyboard", "ADB_KEYBOARD_INPUT_TEXT", "text", answers=True)
ADBKEYBOARD = Keyboard("com.android.adbkeyboard/.AdbIME", "ADB_INPUT_B64", "msg", answers=False)
KEYBOARDS = (UIAUTOMATOR, ADBKEYBOARD)
"""The best one first."""


def parts_of(text: str) -> list[str]:
    """Return the text in parts of up to 500 characters; line ends and tabs stand alone, other controls are left out."""
    return _PART.findall(text)


class UnicodeTyper:
    """Types on one device. ``ask`` may run a command twice, ``once`` never does and gives what it printed.

    ``on_lost`` is called when the keyboard went out of use under a text and was put to use again.
    """

    def __init__(
        self,
        serial: str,
        ask: Shell,
        once: Callable[[Sequence[str]], str],
        clock: Clock = HOST_CLOCK,
        on_lost: Callable[[], None] = lambda: None,
    ) -> None:
        self._serial = serial
        self._ask = ask
        self._once = once
        self._clock = clock
        self._on_lost = on_lost
        self.deadline_sec = DEADLINE_SEC

    def type_text(self, text: str) -> None:
        """Type into the field that has the focus; without one the text is lost, as ASCII is.

        The keyboard that was in use before is in use again afterwards, unless it is gone.

        Raises:
            KeyboardLostError: no such keyboard app, or it goes out of use again and again.
            DeviceError: the text did not arrive.
        """
        before = self._current()
        keyboard = self._take_up(before)
        try:
            for part in parts_of(text):
                if part in _KEY_OF_CONTROL:
                    self._once(["input", "keyevent", _KEY_OF_CONTROL[part]])
                else:
                    keyboard = self._type_part(keyboard, part)
        finally:
            if before not in (None, keyboard.ime) and before in self.installed():
                self._use(before)

    def installed(self) -> list[str]:
        """Return the ids of every keyboard app on the device, in use or not."""
        return self._ask(["ime", "list", "-a", "-s"]).stdout.split()

    def _current(self) -> str | None:
        return parsers.settings_value(self._ask(["settings", "get", "secure", "default_input_method"]).stdout)

    def _take_up(self, current: str | None) -> Keyboard:
        """Put a keyboard to use, the one in use if it is one; an app that is being replaced is waited for."""
        for keyboard in KEYBOARDS:
            if keyboard.ime == current:
                return keyboard
        said = ""
        for number, _ in enumerate(tries(self._clock, self.deadline_sec)):
            installed = self.installed()
            for keyboard in KEYBOARDS:
                if keyboard.ime in installed:
                    self._ask(["ime", "enable", keyboard.ime])
                    said = self._ask(["ime", "set", keyboard.ime]).stdout
                    if self._current() == keyboard.ime:
                        self._wait_until_bound(keyboard)
                        if number:
                            self._on_lost()
                        return keyboard
        if said:
            raise self._not_switched(keyboard.ime, said)
        raise KeyboardLostError(
            f"Got text beyond ASCII while {self._serial} has only the keyboards {', '.join(installed) or 'none'}, "
            f"expected {UIAUTOMATOR.ime} or {ADBKEYBOARD.ime}: install it (package com.android.adbkeyboard), "
            "for example with device_scripts/prepare_device.sh --ime-apk FILE."
        )

    def _use(self, ime: str | None) -> None:
        """Make it the keyboard in use; the exit status differs between releases, the setting does not."""
        said = self._ask(["ime", "set", ime or ""]).stdout
        if self._current() != ime:
            raise self._not_switched(ime, said)

    def _not_switched(self, ime: str | None, said: str) -> KeyboardLostError:
        return KeyboardLostError(
            f"{self._serial} does not switch to the keyboard {ime} ({' '.join(said.split())[:120]}), expected it "
            f"to: run `adb -s {self._serial} shell ime set {ime}` and see what it says."
        )

    def _wait_until_bound(self, keyboard: Keyboard) -> None:
        """Wait for the field's connection to the new keyboard: what is sent before is lost without a word."""
        in_use = re.compile(rf"\bmCur(?:Method)?Id={re.escape(keyboard.ime)}(?!\S)")
        for _ in tries(self._clock, self.deadline_sec):
            state = self._ask(["dumpsys", "input_method"]).stdout
            if "mBoundToMethod=" not in state or ("mBoundToMethod=true" in state and in_use.search(state)):
                return

    def _type_part(self, keyboard: Keyboard, part: str) -> Keyboard:
        """Type a part and return the keyboard that did: another one may have had to be put to use."""
        for _ in range(_LOSSES):
            before = None if keyboard.answers else self._field()
            has_come = self._is_taken(keyboard, part) if keyboard.answers else self._is_shown(keyboard, part, before)
            if has_come:
                return keyboard
            if self._current() == keyboard.ime:
                raise self._not_arrived(keyboard)
            has_answered = keyboard.answers
            keyboard = self._take_up(self._current())
            self._on_lost()
            if not has_answered and self._field() != before:
                return keyboard
        raise KeyboardLostError(
            f"{keyboard.ime} of {self._serial} went out of use {_LOSSES} times under one text, expected it to stay: "
            "see which app switches keyboards."
        )

    def _is_taken(self, keyboard: Keyboard, part: str) -> bool:
        """Send until the keyboard says that it typed; one that did not may be asked again, nothing is typed twice."""
        for _ in tries(self._clock, self.deadline_sec):
            if parsers.broadcast_result(self._once(keyboard.broadcast(part))) == TAKEN:
                return True
            if self._field() is None:
                return self._has_no_field()
            if self._current() != keyboard.ime:
                return False
        return False

    def _is_shown(self, keyboard: Keyboard, part: str, before: str | None) -> bool:
        """Send once and see that the field's text changed: this keyboard answers the same when nobody took it."""
        self._once(keyboard.broadcast(part))
        if before is None:
            return self._has_no_field()
        for _ in tries(self._clock, self.deadline_sec):
            if self._field() != before:
                return True
            if self._current() != keyboard.ime:
                return False
        return False

    def _has_no_field(self) -> bool:
        _LOG.info("no text field of %s has the focus: the text was lost", self._serial)
        return True

    def _field(self) -> str | None:
        return parsers.focused_field(visible_nodes(self._ask, self._serial))

    def _not_arrived(self, keyboard: Keyboard) -> DeviceError:
        return DeviceError(
            f"Got no effect of text sent to the keyboard {keyboard.ime} of {self._serial} within "
            f"{self.deadline_sec:g} s, expected it in the field: see that the field takes letters, and that "
            "`adb shell settings get secure show_ime_with_hard_keyboard` is 1."
        )
