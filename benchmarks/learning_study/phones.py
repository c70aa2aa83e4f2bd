"""A phone inside this process as a ``Device``, set back to a snapshot in no time. Speaks no adb and learns nothing."""

import random
import shlex

from agent_runtime.actions import Action, Key, LongPress, PressKey, Swipe, Tap, TypeText
from agent_runtime.devices import Device
from agent_runtime.devices.base import Frame, ShellResult
from device_scripts.virtual_phone.device import build_device
from device_scripts.virtual_phone.phone import KEY_BACK, KEY_ENTER, KEY_HOME, KEY_RECENTS, Phone, Snapshot
from device_scripts.virtual_phone.shell.commands import COMMANDS
from device_scripts.virtual_phone.shell.interpreter import Shell, Streams

SCREEN_SIZE_PX = (128, 224)
DENSITY_DPI = 160
VARIANTS = 4
"""Phones, each with its own alarms, notes and so on, that episodes start from."""
_KEYCODES = {Key.BACK: KEY_BACK, Key.HOME: KEY_HOME, Key.ENTER: KEY_ENTER, Key.RECENTS: KEY_RECENTS}


class InProcessPhone(Device):
    """One virtual phone behind the runtime's own interface, so that the runtime's tasks can set it up and probe it."""

    def __init__(self, serial: str) -> None:
        self.serial = serial
        self.phone = Phone(SCREEN_SIZE_PX, DENSITY_DPI)
        self._device = build_device(self.phone, serial)

    def begin(self, start: Snapshot) -> None:
        """Go back to a snapshot, which may be another phone's."""
        self.phone.restore(start)

    def screen_size_px(self) -> tuple[int, int]:
        return self.phone.size

    def observe(self) -> Frame:
        return Frame(self.phone.frame_bytes(), *self.phone.size)

    def settle(self) -> None:
        """Let the running transition end."""
        while not self.phone.settled():
            self.phone.frame()

    def perform(self, action: Action) -> None:
        width, height = self.phone.size
        match action:
            case Tap(x, y) | LongPress(x, y):  # the virtual phone knows no long press
                self.phone.tap(int(x * width), int(y * height))
            case Swipe(x0, y0, x1, y1):
                self.phone.swipe(int(x0 * width), int(y0 * height), int(x1 * width), int(y1 * height))
            case TypeText(text):
                self.phone.text(text)
            case PressKey(key):
                self.phone.key(_KEYCODES[key])

    def shell(self, args: list[str] | tuple[str, ...]) -> ShellResult:  # type: ignore[override]
        written: list[bytes] = []
        shell = Shell(self._device, COMMANDS)
        status = shell.run_to_end(shlex.join(args), Streams(b"", written.append, written.append))
        return ShellResult(b"".join(written).decode(), status)

    def close(self) -> None:
        """Nothing is held."""


def starts() -> dict[str, list[Snapshot]]:
    """Return the states that episodes start from, by the name of the set of apps."""
    found: dict[str, list[Snapshot]] = {}
    for apps in ("basic", "full"):
        for variant in range(VARIANTS):
            phone = Phone(SCREEN_SIZE_PX, DENSITY_DPI, seed=variant, apps=apps)
            build_device(phone, "study")
            phone.advance(60_000 * random.Random(variant).randrange(600))
            found.setdefault(apps, []).append(phone.snapshot())
    return found
