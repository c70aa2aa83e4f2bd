"""The app store: a catalogue of small apps, each with its page; an installed one is on the phone like any other."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import ClassVar

from device_scripts.virtual_phone.apps.base import App, Host, TableShape, field_text
from device_scripts.virtual_phone.apps.gadgets import GADGETS
from device_scripts.virtual_phone.language import Own, say
from device_scripts.virtual_phone.state import Activity, PhoneState, Table
from device_scripts.virtual_phone.ui.material import Entry
from device_scripts.virtual_phone.ui.widgets import Button, Dialog, Field, Grid, Label, Screen, Widget

APPS_TABLE = "com.android.vending/apps"
RATINGS = "com.android.vending/ratings"
WISHES = "com.android.vending/wishes"
_STARS = ("1", "2", "3", "4", "5")


class Store(App):
    """A list to search, and a page for each app."""

    package = "com.android.vending"
    label = "Store"
    glyph = "bag"
    colour = (90, 130, 50)
    activities = (".AssetBrowserActivity", ".DetailsActivity")
    tables = (APPS_TABLE, RATINGS, WISHES)
    insertable: ClassVar[Mapping[str, TableShape]] = {WISHES: TableShape({"package": str})}
    offers = GADGETS

    def defaults(self, state: PhoneState, rng: random.Random) -> None:
        state.tables[RATINGS], state.tables[WISHES] = [], []
        state.orders["store"] = [app.package for app in rng.sample(GADGETS, len(GADGETS))]

    def screen(self, state: PhoneState, activity: Activity) -> Screen:
        if activity.component.endswith(".DetailsActivity"):
            return _details(state, activity)
        typed = field_text(activity, "search")
        apps = [_BY_PACKAGE[package] for package in state.orders["store"]]
        found = [app for app in apps if typed.strip().lower() in app.label.lower()]
        rows: tuple[Widget, ...] = tuple(
            Entry(
                f"app:{app.package}",
                Own(app.label),
                detail="installed" if _is_installed(state, app.package) else "free",
                glyph=app.glyph,
                colour=app.colour,
            )
            for app in found
        )
        return Screen("Store", (Field("search", "Search apps", typed), *(rows or (Label("Nothing found"),))))

    def tapped(self, host: Host, activity: Activity, id: str) -> None:
        kind, _, name = id.partition(":")
        package = activity.data.get("package", "")
        match kind:
            case "search":
                host.focus("search")
            case "app":
                activity.data.pop("field:search", None)
                host.open(self.component(".DetailsActivity"), {"package": name})
            case "install":
                host.install(package)
            case "open":
                host.launch(package)
            case "rate":
                rated = [row for row in host.state.tables[RATINGS] if row["package"] != package]
                host.state.tables[RATINGS] = [*rated, {"_id": len(rated) + 1, "package": package, "stars": int(name)}]
            case "wish":
                self.insert(host.state, WISHES, {"package": package})
            case "unwish":
                host.state.tables[WISHES] = [row for row in host.state.tables[WISHES] if row["package"] != package]
            case "uninstall":
                activity.data["asked"] = "1"
            case "cancel":
                del activity.data["asked"]
            case "confirm":
                del activity.data["asked"]
                host.uninstall(package)

    def submitted(self, host: Host, activity: Activity, field_id: str) -> None:
        host.focus(None)

    def back(self, host: Host, activity: Activity) -> bool:
        asked = activity.data.pop("asked", None)
        return asked is not None or activity.data.pop("field:search", None) is not None

    def query(self, state: PhoneState, path: str) -> Table:
        if path != APPS_TABLE:
            return state.tables[path]
        return [
            {
                "_id": number,
                "package": app.package,
                "name": app.label,
                "installed": int(_is_installed(state, app.package)),
            }
            for number, app in enumerate(GADGETS, start=1)
        ]


_BY_PACKAGE = {app.package: app for app in GADGETS}


def _is_installed(state: PhoneState, package: str) -> bool:
    return package in state.orders.get("installed", [])


def _details(state: PhoneState, activity: Activity) -> Screen:
    app = _BY_PACKAGE.get(activity.data.get("package", ""))
    if app is None:
        return Screen("App", (Label("No longer there"),), up=True)
    wished = any(row["package"] == app.package for row in state.tables[WISHES])
    wish = Button("unwish", "Off wishes") if wished else Button("wish", "Wish")
    acts: tuple[Widget, ...] = (Grid(2, (Button("install", "Install"), wish)),)
    asked = None
    if _is_installed(state, app.package):
        stars = Grid(5, tuple(Button(f"rate:{number}", number, quiet=True) for number in _STARS))
        given = next((row["stars"] for row in state.tables[RATINGS] if row["package"] == app.package), None)
        said = Label("Rate it" if given is None else say(state, "Your rating: {stars}", stars=given))
        acts = (Grid(2, (Button("open", "Open"), Button("uninstall", "Uninstall"))), said, stars)
        if "asked" in activity.data:
            asked = Dialog("Uninstall it?", (Button("cancel", "Keep"), Button("confirm", "Yes")))
    return Screen("App", (Label(Own(app.label), large=True), Label(Own(app.about)), *acts), asked, up=True)
