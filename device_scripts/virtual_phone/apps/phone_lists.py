"""The settings' pages of what the phone has: Wi-Fi networks and apps. Holds no other setting."""

from __future__ import annotations

import random
from collections.abc import Sequence

from device_scripts.virtual_phone.apps.base import App, Host, field_text
from device_scripts.virtual_phone.language import Own
from device_scripts.virtual_phone.state import Activity, PhoneState, Table
from device_scripts.virtual_phone.ui.material import Action, Actions, Entry, Headline
from device_scripts.virtual_phone.ui.widgets import Button, Dialog, Field, Label, Screen, Widget

NETWORKS = "com.android.settings/wifi_networks"
APPS = "com.android.settings/apps"
SILENT = "com.android.settings/silent_apps"
"""The apps that may not notify."""
NEW_NETWORK = {"saved": "0", "connected": "0", "password": ""}
SSIDS = ("Home", "Cafe", "Library", "Guest", "Office", "Station")
MIN_PASSWORD = 8
"""Signs a WPA2 password has at least; any of that length is taken, and kept in the network's row."""
_BLUE, _GREY = (60, 110, 190), (120, 126, 138)


class NetworkPages:
    """The networks around: one at most is connected, and none while Wi-Fi is off."""

    def __init__(self, component: str) -> None:
        self._component = component

    def defaults(self, state: PhoneState, rng: random.Random) -> None:
        """Put four networks around the phone, which knows the first of them."""
        names = rng.sample(SSIDS, 4)
        state.tables[NETWORKS] = [
            {
                "_id": n,
                "ssid": name,
                "secured": int(n != 4),
                "saved": int(n == 1),
                "connected": int(n == 1),
                "password": "",
            }
            for n, name in enumerate(names, start=1)
        ]

    def lines(self, state: PhoneState) -> tuple[Widget, ...]:
        """Return the switch and, while it is on, the networks."""
        on = _is_wifi_on(state)
        rows = sorted(
            state.tables[NETWORKS], key=lambda row: (not row["connected"], not row["saved"], str(row["ssid"]))
        )
        found: tuple[Widget, ...] = tuple(
            Entry(f"network:{row['ssid']}", Own(row["ssid"]), _how(row), glyph="wifi", colour=_tint(row))
            for row in rows
        )
        return Entry("wifi", "Wi-Fi", checked=on), *(found if on else (Label("Wi-Fi is off"),))

    def query(self, state: PhoneState) -> Table:
        """Return the rows a probe reads."""
        on = _is_wifi_on(state)
        return [{**row, "connected": int(on and bool(row["connected"]))} for row in state.tables[NETWORKS]]

    def network(self, state: PhoneState, activity: Activity) -> Screen:
        """Return the page of one network."""
        row = _network(state, activity)
        if row is None:
            return Screen("Network", (Label("No longer there"),), up=True)
        problem = (Label(activity.data["problem"]),) if "problem" in activity.data else ()
        ask = (Field("password", "Password", field_text(activity, "password")), *problem)
        acts: tuple[Widget, ...] = (Button("forget", "Forget"),) if row["saved"] else ()
        if not row["connected"]:
            acts = (*(ask if row["secured"] and not row["saved"] else ()), Button("connect", "Connect"), *acts)
        return Screen("Network", (Headline(Own(row["ssid"]), _how(row)), *acts), up=True)

    def tapped(self, host: Host, activity: Activity, id: str) -> bool:
        """Handle a tap; False where it is on nothing of these pages."""
        kind, _, name = id.partition(":")
        state, row = host.state, _network(host.state, activity)
        match kind:
            case "wifi":
                state.settings["global"]["wifi_on"] = "0" if _is_wifi_on(state) else "1"
            case "network":
                host.open(self._component, {"network": name})
            case "password":
                host.focus("password")
            case "connect" if row is not None:
                _connect(host, activity, row)
            case "forget" if row is not None:
                row.update(saved=0, connected=0, password="")
                host.leave()
            case _:
                return False
        return True


def _is_wifi_on(state: PhoneState) -> bool:
    return state.settings["global"].get("wifi_on") == "1"


def _network(state: PhoneState, activity: Activity) -> dict[str, object] | None:
    return next((row for row in state.tables[NETWORKS] if row["ssid"] == activity.data.get("network")), None)


def _how(row: dict[str, object]) -> str:
    if row["connected"]:
        return "Connected"
    return "Saved" if row["saved"] else "Secured" if row["secured"] else "No password"


def _tint(row: dict[str, object]) -> tuple[int, int, int]:
    return _BLUE if row["connected"] else _GREY


def _connect(host: Host, activity: Activity, row: dict[str, object]) -> None:
    typed = field_text(activity, "password")
    if row["secured"] and not row["saved"]:
        if len(typed) < MIN_PASSWORD:
            activity.data["problem"] = "Too short"
            return
        row["password"] = typed
    for other in host.state.tables[NETWORKS]:
        other["connected"] = 0
    row.update(saved=1, connected=1)
    host.leave()


class AppPages:
    """Every app but the settings themselves: whether it may notify, ending it, its data, taking it off the phone."""

    def __init__(self, component: str, apps: Sequence[App]) -> None:
        self._component = component
        self._apps = tuple(apps)

    def defaults(self, state: PhoneState) -> None:
        """Let every app notify."""
        state.tables[SILENT] = []

    def there(self, state: PhoneState) -> list[App]:
        """Return the apps on the phone, by name."""
        installed = state.orders.get("installed", [])
        offered = [app for one in self._apps for app in one.offers if app.package in installed]
        return sorted([*self._apps, *offered], key=lambda app: app.label)

    def lines(self, state: PhoneState) -> tuple[Widget, ...]:
        """Return a line for each app."""
        return tuple(Entry(f"app:{a.package}", a.label, glyph=a.glyph, colour=a.colour) for a in self.there(state))

    def app(self, state: PhoneState, activity: Activity) -> Screen:
        """Return the page of one app."""
        app = self._app(state, activity)
        if app is None:
            return Screen("App info", (Label("No longer there"),), up=True)
        acts = [Action("launch", "Open", "play"), Action("ask:stop", "Force stop", "stop")]
        if app.package in state.orders.get("installed", []):
            acts.append(Action("ask:uninstall", "Uninstall", "bin"))
        switch = Entry("notify", "Notifications", checked=app.package not in _silent(state))
        questions = {"stop": "Stop it?", "clear": "Clear its data?", "uninstall": "Uninstall it?"}
        asked = activity.data.get("asked", "")
        dialog = Dialog(questions[asked], (Button("cancel", "Keep"), Button("do", "Yes"))) if asked else None
        body = (Headline(app.label, Own(app.package)), Actions(tuple(acts)), switch, Button("ask:clear", "Clear data"))
        return Screen("App info", body, dialog, up=True)

    def tapped(self, host: Host, activity: Activity, id: str) -> bool:
        """Handle a tap; False where it is on nothing of these pages."""
        kind, _, name = id.partition(":")
        app, silent = self._app(host.state, activity), host.state.tables[SILENT]
        match kind:
            case "app":
                host.open(self._component, {"app": name})
            case "launch" if app is not None:
                host.launch(app.package)
            case "notify" if app is not None:
                if app.package in _silent(host.state):
                    silent[:] = [row for row in silent if row["package"] != app.package]
                else:
                    silent.append(
                        {"_id": 1 + max((int(str(row["_id"])) for row in silent), default=0), "package": app.package}
                    )
            case "ask":
                activity.data["asked"] = name
            case "cancel":
                del activity.data["asked"]
            case "do" if app is not None:
                wish = activity.data.pop("asked")
                {"stop": host.force_stop, "clear": host.clear_package, "uninstall": host.uninstall}[wish](app.package)
            case _:
                return False
        return True

    def query(self, state: PhoneState) -> Table:
        """Return the rows a probe reads."""
        running = {task.package for task in state.tasks}
        return [
            {
                "_id": number,
                "package": app.package,
                "name": app.label,
                "running": int(app.package in running),
                "notifications": int(app.package not in _silent(state)),
            }
            for number, app in enumerate(self.there(state), start=1)
        ]

    def _app(self, state: PhoneState, activity: Activity) -> App | None:
        wanted = activity.data.get("app")
        return next((app for app in self.there(state) if app.package == wanted), None)


def _silent(state: PhoneState) -> set[object]:
    return {row["package"] for row in state.tables[SILENT]}
