"""Maps of one small town: search, a place's page, saved places, the way to a place and following it."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from device_scripts.virtual_phone.apps.base import App, Host, TableShape, field_text, front_activity
from device_scripts.virtual_phone.errors import PhoneError
from device_scripts.virtual_phone.language import Own, say
from device_scripts.virtual_phone.state import Activity, PhoneState, Table
from device_scripts.virtual_phone.ui.material import Entry
from device_scripts.virtual_phone.ui.pictures import street_map
from device_scripts.virtual_phone.ui.widgets import Button, Field, Grid, Label, Picture, Screen, Tab, Tabs, Widget

SAVED = "org.example.maps/saved"
SHOWN = "org.example.maps/shown"
NAVIGATION = "org.example.maps/navigation"
LABELS = "org.example.maps/labels"
TOWN = "Town"


@dataclass(frozen=True, slots=True)
class Place:
    """Somewhere to go, ``metres`` from where the phone is."""

    name: str
    kind: str
    street: str
    metres: int


PLACES = tuple(
    Place(*place)
    for place in (
        ("Blue Cafe", "cafe", "Mill Lane", 350),
        ("Corner Cafe", "cafe", "High Street", 1200),
        ("Old Mill", "museum", "Mill Lane", 900),
        ("Art House", "museum", "Park Road", 2100),
        ("Green Park", "park", "Park Road", 1600),
        ("Rose Garden", "park", "Church Row", 2800),
        ("Town Hall", "office", "High Street", 800),
        ("Post Office", "office", "Station Way", 1500),
        ("Main Station", "station", "Station Way", 1900),
        ("Bus Station", "station", "Bridge Street", 2400),
        ("City Bank", "bank", "High Street", 700),
        ("River Bank", "bank", "Bridge Street", 3200),
        ("Book Shop", "shop", "Church Row", 1100),
        ("Shoe Shop", "shop", "Bridge Street", 2600),
        ("Grand Hotel", "hotel", "Park Road", 3600),
        ("Lake Hotel", "hotel", "Lake View", 5200),
    )
)
_METRES_A_MINUTE = {"Car": 500, "Bus": 300, "Walk": 80}
_WAITING_MINUTES = {"Car": 2, "Bus": 6, "Walk": 0}
_BY_NAME = {place.name: place for place in PLACES}
_SET = (Button("label:home", "Set home"), Button("label:work", "Set work"))


class Maps(App):
    """A map with a search field, place pages and directions."""

    package = "org.example.maps"
    label = "Maps"
    glyph = "pin"
    colour = (40, 150, 110)
    activities = (".MapsActivity", ".PlaceActivity", ".DirectionsActivity")
    tables = (SAVED, SHOWN, NAVIGATION, LABELS)
    insertable: ClassVar[Mapping[str, TableShape]] = {
        SAVED: TableShape({"place": str}),
        LABELS: TableShape({"label": str, "place": str}),
        NAVIGATION: TableShape({"place": str, "mode": str}),
    }

    def defaults(self, state: PhoneState, rng: random.Random) -> None:
        state.tables[SAVED] = [{"_id": 1, "place": rng.choice(PLACES).name}]
        state.tables[NAVIGATION] = []
        state.tables[LABELS] = []

    def screen(self, state: PhoneState, activity: Activity) -> Screen:
        place = _BY_NAME.get(activity.data.get("place", ""))
        if place is None:
            return Screen("Maps", self._home(state, activity))
        if activity.component.endswith(".DirectionsActivity"):
            way = _directions(state, place, activity.data.get("mode", "Car"))
            return Screen(say(state, "To {place}", place=place.name), way, up=True)
        saved = any(row["place"] == place.name for row in state.tables[SAVED])
        keep = Button("unsave", "Unsave") if saved else Button("save", "Save")
        body = (
            Picture("", "Map", street_map(place.name)),
            Label(Own(place.name), large=True),
            Label(Own(f"{say(state, place.kind)}, {place.street}")),
            Grid(2, (Button("directions", "Route"), keep, *_SET)),
        )
        return Screen("Place", body, up=True)

    def tapped(self, host: Host, activity: Activity, id: str) -> None:
        kind, _, name = id.partition(":")
        place, state = activity.data.get("place", ""), host.state
        match kind:
            case "search":
                host.focus("search")
            case "place":
                activity.data.pop("field:search", None)
                host.open(self.component(".PlaceActivity"), {"place": name})
            case "directions":
                host.open(self.component(".DirectionsActivity"), {"place": place})
            case "save":
                self.insert(state, SAVED, {"place": place})
            case "unsave":
                state.tables[SAVED] = [row for row in state.tables[SAVED] if row["place"] != place]
            case "label":
                state.tables[LABELS] = [row for row in state.tables[LABELS] if row["label"] != name]
                super().insert(state, LABELS, {"label": name, "place": place})
            case "go":
                named = next(str(row["place"]) for row in state.tables[LABELS] if row["label"] == name)
                host.open(self.component(".DirectionsActivity"), {"place": named})
            case "mode":
                activity.data["mode"] = name
            case "start":
                mode = activity.data.get("mode", "Car")
                row = {"_id": 1, "place": place, "mode": mode.lower(), "started_ms": state.clock_ms}
                state.tables[NAVIGATION] = [row]
            case "stop":
                state.tables[NAVIGATION] = []

    def submitted(self, host: Host, activity: Activity, field_id: str) -> None:
        host.focus(None)

    def back(self, host: Host, activity: Activity) -> bool:
        return activity.data.pop("field:search", None) is not None

    def query(self, state: PhoneState, path: str) -> Table:
        if path != SHOWN:
            return state.tables[path]
        activity = front_activity(state, self.package)
        return [{"_id": 1, "place": activity.data["place"]}] if activity and "place" in activity.data else []

    def insert(self, state: PhoneState, path: str, values: dict[str, str]) -> None:
        if values["place"] not in _BY_NAME:
            raise PhoneError(f"Got the place {values['place']!r}, expected one of the town's: it is not on the map.")
        super().insert(state, path, values)

    def _home(self, state: PhoneState, activity: Activity) -> tuple[Widget, ...]:
        typed = field_text(activity, "search")
        field = Field("search", "Search maps", typed)
        if typed.strip():
            found = matching(typed)
            rows = tuple(_line(place.name, _distance(place.metres)) for place in found)
            return (field, *(rows or (Label("Nothing found"),)))
        saved = tuple(_line(str(row["place"]), "saved") for row in state.tables[SAVED])
        going = tuple(
            Label(say(state, "On the way to {place}", place=row["place"])) for row in state.tables[NAVIGATION]
        )
        labels = tuple(Button(f"go:{row['label']}", f"To {row['label']}") for row in state.tables[LABELS])
        ways = (Grid(2, labels),) if labels else ()
        return (field, *going, *ways, Picture("", "Map", street_map(TOWN)), *saved)


def _line(name: str, detail: str) -> Entry:
    return Entry(f"place:{name}", Own(name), detail=detail, glyph="pin", colour=Maps.colour)


def matching(typed: str) -> list[Place]:
    """Return the places whose name or kind has every word that was typed, or its beginning, the nearest first."""
    words = typed.lower().split()
    found = [
        place
        for place in PLACES
        if all(any(part.startswith(word) for part in (*place.name.lower().split(), place.kind)) for word in words)
    ]
    return sorted(found, key=lambda place: place.metres)


def _distance(metres: int) -> Own:
    return Own(f"{metres} m" if metres < 1000 else f"{metres / 1000:.1f} km")


def _directions(state: PhoneState, place: Place, mode: str) -> tuple[Widget, ...]:
    tabs = Tabs(tuple(Tab(f"mode:{name}", name, name == mode) for name in _METRES_A_MINUTE))
    minutes = _WAITING_MINUTES[mode] + -(-place.metres // _METRES_A_MINUTE[mode])
    going = any(row["place"] == place.name and row["mode"] == mode.lower() for row in state.tables[NAVIGATION])
    act = Button("stop", "Stop") if going else Button("start", "Start")
    how_long = Label(Own(f"{minutes} min, {_distance(place.metres)}"), large=True)
    return (
        tabs,
        how_long,
        act,
        Picture("", "Map", street_map(place.name, route=True)),
        Label(say(state, "by {street}", street=place.street)),
    )
