"""Weather: a list of cities, adding one, and its forecast, which follows from the city and the day alone."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import ClassVar

from device_scripts.virtual_phone.apps.base import App, Host, TableShape, field_text, front_activity
from device_scripts.virtual_phone.apps.dates import WEEKDAYS
from device_scripts.virtual_phone.language import Own, say
from device_scripts.virtual_phone.state import Activity, PhoneState, Table
from device_scripts.virtual_phone.ui.material import Action, Entry
from device_scripts.virtual_phone.ui.widgets import Button, Dialog, Field, Label, Row, Screen, Widget

CITIES = "org.example.weather/cities"
SHOWN = "org.example.weather/shown"
FORECAST = "org.example.weather/forecast"
UNIT = ("system", "temperature_unit")
"""Where the unit is kept: ``celsius`` or ``fahrenheit``."""
NAMES = (
    *("Oslo", "Lima", "Cairo", "Delhi", "Paris", "Tokyo", "Quito", "Rome", "Accra", "Seoul", "Perth", "Dublin"),
    *("Boston", "Hanoi", "Madrid", "Lagos"),
)
_SKIES = ("Sunny", "Cloudy", "Rain", "Windy", "Fog", "Showers")
_DAYS = 4


class Weather(App):
    """Cities, a search for more, and one page for each."""

    package = "org.example.weather"
    label = "Weather"
    glyph = "sun"
    colour = (54, 132, 200)
    activities = (".WeatherActivity", ".AddActivity", ".CityActivity")
    tables = (CITIES, SHOWN, FORECAST)
    insertable: ClassVar[Mapping[str, TableShape]] = {CITIES: TableShape({"name": str}, {"alert": int})}

    def defaults(self, state: PhoneState, rng: random.Random) -> None:
        state.tables[CITIES] = [
            {"_id": number, "name": name} for number, name in enumerate(rng.sample(NAMES, 2), start=1)
        ]
        state.settings.setdefault(UNIT[0], {})[UNIT[1]] = "celsius"

    def screen(self, state: PhoneState, activity: Activity) -> Screen:
        city = activity.data.get("city", "")
        match activity.component.partition("/")[2]:
            case ".AddActivity":
                typed = field_text(activity, "city")
                rows: tuple[Widget, ...] = tuple(Row(f"add:{name}", Own(name)) for name in _addable(state, typed))
                return Screen("Add city", (Field("city", "City", typed), *(rows or (Label("No such city"),))), up=True)
            case ".CityActivity":
                asked = Dialog("Remove it?", (Button("cancel", "Keep"), Button("confirm", "Yes")))
                return Screen(Own(city), _page(state, city), asked if "asked" in activity.data else None, up=True)
            case _:
                cities = tuple(
                    Entry(
                        f"city:{row['name']}",
                        Own(row["name"]),
                        detail=_now(state, str(row["name"])),
                        glyph="sun",
                        colour=self.colour,
                    )
                    for row in state.tables[CITIES]
                )
                return Screen("Weather", (*cities, _switch(state)), floating=Action("new", "Add city", "plus"))

    def initial_focus(self, activity: Activity) -> str | None:
        return "city" if activity.component.endswith(".AddActivity") else None

    def tapped(self, host: Host, activity: Activity, id: str) -> None:
        kind, _, name = id.partition(":")
        state = host.state
        match kind:
            case "new":
                host.open(self.component(".AddActivity"))
            case "city" if name:
                host.open(self.component(".CityActivity"), {"city": name})
            case "city":
                host.focus("city")
            case "add":
                self.insert(state, CITIES, {"name": name})
                host.leave()
            case "unit":
                state.settings[UNIT[0]][UNIT[1]] = "celsius" if _is_fahrenheit(state) else "fahrenheit"
            case "first":
                state.tables[CITIES].sort(key=lambda row: row["name"] != activity.data.get("city"))
            case "alert":
                row = _city(state, activity.data.get("city", ""))
                row["alert"] = 0 if row.get("alert") else 1
            case "remove":
                activity.data["asked"] = "1"
            case "cancel":
                del activity.data["asked"]
            case "confirm":
                city = activity.data.get("city", "")
                state.tables[CITIES] = [row for row in state.tables[CITIES] if row["name"] != city]
                host.leave()

    def submitted(self, host: Host, activity: Activity, field_id: str) -> None:
        host.focus(None)

    def back(self, host: Host, activity: Activity) -> bool:
        return activity.data.pop("asked", None) is not None

    def query(self, state: PhoneState, path: str) -> Table:
        if path == FORECAST:
            cities = (str(row["name"]) for row in state.tables[CITIES])
            return [
                {"name": city, **_day(city, _today(state) + timedelta(ahead))}
                for city in cities
                for ahead in range(_DAYS)
            ]
        if path == SHOWN:
            activity = front_activity(state, self.package)
            return [{"_id": 1, "name": activity.data["city"]}] if activity and "city" in activity.data else []
        return state.tables[path]


def _city(state: PhoneState, name: str) -> dict[str, object]:
    """Return a listed city; an empty one for a page whose city is not listed."""
    return next((row for row in state.tables[CITIES] if row["name"] == name), {})


def _switch(state: PhoneState) -> Entry:
    return Entry("unit", "Fahrenheit", checked=_is_fahrenheit(state))


def _is_fahrenheit(state: PhoneState) -> bool:
    return state.settings[UNIT[0]].get(UNIT[1]) == "fahrenheit"


def _addable(state: PhoneState, typed: str) -> list[str]:
    listed = {row["name"] for row in state.tables[CITIES]}
    return [name for name in sorted(NAMES) if name not in listed and name.lower().startswith(typed.strip().lower())]


def _today(state: PhoneState) -> datetime:
    return datetime.fromtimestamp(state.clock_ms // 1000, timezone.utc)


def _day(city: str, day: datetime) -> dict[str, object]:
    """Return the weather of a city on a day, in degrees Celsius."""
    warmth = random.Random(city).randint(2, 24)
    rng = random.Random(f"{city}/{day:%Y-%m-%d}")
    high = warmth + rng.randint(0, 5)
    return {"day": f"{day:%Y-%m-%d}", "sky": rng.choice(_SKIES), "high_c": high, "low_c": high - rng.randint(3, 8)}


def _degrees(state: PhoneState, celsius: object) -> str:
    value = int(str(celsius))
    return f"{round(value * 9 / 5 + 32)}°" if _is_fahrenheit(state) else f"{value}°"


def _now(state: PhoneState, city: str) -> str:
    return _degrees(state, _day(city, _today(state))["high_c"])


def _line(state: PhoneState, day: datetime, about: dict[str, object]) -> Own:
    """Return a day's weather in a line."""
    warm, cold = (_degrees(state, about[key]) for key in ("high_c", "low_c"))
    return Own(f"{say(state, WEEKDAYS[day.weekday()])} {say(state, str(about['sky']))} {warm} {cold}")


def _page(state: PhoneState, city: str) -> tuple[Widget, ...]:
    days = [(day := _today(state) + timedelta(ahead), _day(city, day)) for ahead in range(_DAYS)]
    today = days[0][1]
    lines = tuple(Label(_line(state, day, about)) for day, about in days)
    head = Label(Own(f"{say(state, str(today['sky']))}, {_degrees(state, today['high_c'])}"), large=True)
    alert = Entry("alert", "Rain alert", checked=bool(_city(state, city).get("alert")))
    return (head, *lines, Button("remove", "Remove city"), alert, Button("first", "Make first"))
