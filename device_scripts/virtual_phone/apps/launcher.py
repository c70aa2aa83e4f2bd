"""The home screen: a wallpaper and the apps' icons, in an order of its own for every seed."""

from __future__ import annotations

import random
from collections.abc import Sequence

from device_scripts.virtual_phone.apps.base import App, Host
from device_scripts.virtual_phone.state import Activity, PhoneState
from device_scripts.virtual_phone.ui.widgets import Icon, IconGrid, Screen

LAUNCHER_PACKAGE = "com.android.launcher3"


class Launcher(App):
    """Shows the icons of the apps it is given."""

    package = LAUNCHER_PACKAGE
    label = "Home"
    glyph = "home"
    colour = (80, 80, 80)
    activities = (".Launcher",)

    def __init__(self, apps: Sequence[App]) -> None:
        self._built_in = [app.package for app in apps]
        self._apps = {app.package: app for one in apps for app in (one, *one.offers)}

    def defaults(self, state: PhoneState, rng: random.Random) -> None:
        order = list(self._built_in)
        rng.shuffle(order)
        state.orders["launcher"] = order

    def screen(self, state: PhoneState, activity: Activity) -> Screen:
        apps = [self._apps[package] for package in (*state.orders["launcher"], *state.orders.get("installed", []))]
        return Screen("Home", (IconGrid(tuple(Icon(app.package, app.label, app.glyph, app.colour) for app in apps)),))

    def tapped(self, host: Host, activity: Activity, id: str) -> None:
        host.launch(id)

    def back(self, host: Host, activity: Activity) -> bool:
        return True
