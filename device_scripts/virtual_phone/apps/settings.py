"""Settings: four pages of switches, each bound to the system setting a real phone keeps it in."""

from __future__ import annotations

import random
from dataclasses import dataclass

from device_scripts.virtual_phone.apps.base import App, Host
from device_scripts.virtual_phone.state import Activity, PhoneState
from device_scripts.virtual_phone.ui.widgets import Row, Screen, SwitchRow


@dataclass(frozen=True, slots=True)
class Setting:
    """A switch and the values its setting takes."""

    label: str
    namespace: str
    key: str
    off: str = "0"
    on: str = "1"

    def is_on(self, state: PhoneState) -> bool:
        """Tell whether the setting has its on value."""
        return state.settings[self.namespace].get(self.key) == self.on


PAGES: dict[str, tuple[Setting, ...]] = {
    "Network": (
        Setting("Wi-Fi", "global", "wifi_on"),
        Setting("Bluetooth", "global", "bluetooth_on"),
        Setting("Airplane mode", "global", "airplane_mode_on"),
        Setting("NFC", "global", "nfc_on"),
    ),
    "Display": (
        Setting("Dark theme", "secure", "ui_night_mode", "1", "2"),
        Setting("Auto-rotate", "system", "accelerometer_rotation"),
        Setting("Adaptive light", "system", "screen_brightness_mode"),
        Setting("Large text", "system", "font_scale", "1.0", "1.3"),
    ),
    "Sound": (
        Setting("Do not disturb", "global", "zen_mode"),
        Setting("Vibrate", "system", "vibrate_when_ringing"),
        Setting("Touch sounds", "system", "sound_effects_enabled"),
    ),
    "System": (
        Setting("Location", "secure", "location_mode", "0", "3"),
        Setting("Battery saver", "global", "low_power"),
        Setting("Auto time", "global", "auto_time"),
    ),
}
_STEADY = ("ui_night_mode", "font_scale")
"""Settings that start off on every phone: they change how every screen looks."""


class Settings(App):
    """A page of pages, then switches."""

    package = "com.android.settings"
    label = "Settings"
    glyph = "gear"
    colour = (96, 108, 128)
    activities = (".Settings", *(f".Settings${page}Activity" for page in PAGES))

    def defaults(self, state: PhoneState, rng: random.Random) -> None:
        state.orders["settings"] = rng.sample(list(PAGES), len(PAGES))
        for page, settings in PAGES.items():
            state.orders[f"settings/{page}"] = [setting.label for setting in rng.sample(settings, len(settings))]
            for setting in settings:
                on = rng.random() < 0.5 and setting.key not in _STEADY
                state.settings.setdefault(setting.namespace, {})[setting.key] = setting.on if on else setting.off

    def screen(self, state: PhoneState, activity: Activity) -> Screen:
        page = _page_of(activity)
        if page is None:
            return Screen("Settings", tuple(Row(f"page:{name}", name) for name in state.orders["settings"]))
        settings = {setting.label: setting for setting in PAGES[page]}
        rows = [settings[label] for label in state.orders[f"settings/{page}"]]
        return Screen(page, tuple(SwitchRow(f"set:{row.label}", row.label, row.is_on(state)) for row in rows))

    def tapped(self, host: Host, activity: Activity, id: str) -> None:
        kind, _, name = id.partition(":")
        if kind == "page":
            host.open(self.component(f".Settings${name}Activity"))
            return
        page = _page_of(activity)
        assert page is not None, "switches stand on pages only"
        setting = next(setting for setting in PAGES[page] if setting.label == name)
        wanted = setting.off if setting.is_on(host.state) else setting.on
        host.state.settings[setting.namespace][setting.key] = wanted


def _page_of(activity: Activity) -> str | None:
    _, _, name = activity.component.partition("$")
    return name.removesuffix("Activity") or None
