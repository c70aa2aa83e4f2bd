"""A phone inside this process, set back to a snapshot in no time. Speaks no adb and learns nothing."""

import random

from device_scripts.in_process import InProcessDevice
from device_scripts.virtual_phone.device import build_device
from device_scripts.virtual_phone.phone import Phone, Snapshot

SCREEN_SIZE_PX = (128, 224)
DENSITY_DPI = 160
VARIANTS = 4
"""Phones, each with its own alarms, notes and so on, that episodes start from."""


class StudyPhone(InProcessDevice):
    """The in-process device, with what the study needs besides."""

    def __init__(self, serial: str) -> None:
        super().__init__(build_device(Phone(SCREEN_SIZE_PX, DENSITY_DPI), serial))

    def begin(self, start: Snapshot) -> None:
        """Go back to a snapshot, which may be another phone's."""
        self.phone.restore(start)

    def settle(self) -> None:
        """Let the running transition end."""
        while not self.phone.settled():
            self.phone.frame()


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
