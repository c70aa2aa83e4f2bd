"""The calendar: a month, a day, an event, and a page to write one. Its rows are those of Android's provider."""

from __future__ import annotations

import random
from calendar import monthrange
from collections.abc import Mapping
from datetime import date, datetime, timedelta, timezone
from typing import ClassVar

from device_scripts.virtual_phone.apps.base import App, Host, TableShape, field_text
from device_scripts.virtual_phone.apps.dates import WEEKDAYS, at_ms, clock_words, day_words, month_words, today
from device_scripts.virtual_phone.errors import PhoneError
from device_scripts.virtual_phone.language import Own
from device_scripts.virtual_phone.state import Activity, PhoneState
from device_scripts.virtual_phone.ui.material import Action, Entry, Headline, Section
from device_scripts.virtual_phone.ui.widgets import (
    Beside,
    Button,
    Cell,
    CellGrid,
    Dialog,
    Field,
    Label,
    Screen,
    Widget,
)

EVENTS = "com.android.calendar/events"
SEED_TITLES = ("Dentist", "Gym", "Choir", "Book club", "Haircut", "Parents")
_COLOURS = ((60, 110, 190), (170, 90, 60), (80, 130, 80), (140, 80, 150))
_HOUR_MS = 3_600_000
_DAY_MS = 24 * _HOUR_MS
_FIRST_HOUR = 9
_LAST_MS = at_ms(date(2100, 1, 1), 0)


class CalendarApp(App):
    """Events last an hour or the whole day; all times are UTC, as the phone's clock is."""

    package = "com.android.calendar"
    provider_package = "com.android.providers.calendar"
    label = "Calendar"
    glyph = "calendar"
    colour = (190, 80, 60)
    activities = (".AllInOneActivity", ".DayActivity", ".EventInfoActivity", ".EditEventActivity")
    tables = (EVENTS,)
    insertable: ClassVar[Mapping[str, TableShape]] = {
        EVENTS: TableShape(
            {"title": str, "dtstart": int},
            {"dtend": int, "allDay": int, "calendar_id": int, "eventTimezone": str},
        )
    }

    def defaults(self, state: PhoneState, rng: random.Random) -> None:
        state.tables[EVENTS] = []
        for title in rng.sample(SEED_TITLES, 2):
            _add(state, title, today(state) + timedelta(rng.randint(1, 9)), rng.randint(8, 19), all_day=False)

    def screen(self, state: PhoneState, activity: Activity) -> Screen:
        match activity.component.partition("/")[2]:
            case ".EditEventActivity":
                return _editor(state, activity)
            case ".EventInfoActivity":
                return _event(state, activity)
            case ".DayActivity":
                shown = _day(state, activity)
                turn = (Action("day:-1", "Previous day", "left"), Action("day:1", "Next day", "right"))
                lines = _lines(state, shown) or (Label("No events"),)
                new = Action("new", "New event", "plus")
                return Screen(day_words(state, shown), lines, up=True, actions=turn, floating=new)
            case _:
                shown = _day(state, activity).replace(day=1)
                turn = (Action("month:-1", "Previous month", "left"), Action("month:1", "Next month", "right"))
                events = _lines(state, today(state))
                after = (Section("Today"), *events) if events else ()
                new = Action("new", "New event", "plus")
                return Screen(month_words(state, shown), (*_month(state, shown), *after), actions=turn, floating=new)

    def initial_focus(self, activity: Activity) -> str | None:
        return "title" if activity.component.endswith(".EditEventActivity") and "id" not in activity.data else None

    def tapped(self, host: Host, activity: Activity, id: str) -> None:
        kind, _, name = id.partition(":")
        state, data = host.state, activity.data
        match kind:
            case "month":
                first = _day(state, activity).replace(day=1)
                data["day"] = str((first + timedelta(31 if name == "1" else -1)).replace(day=1))
            case "date":
                host.open(self.component(".DayActivity"), {"day": name})
            case "day":
                data["day"] = str(_day(state, activity) + timedelta(int(name)))
                activity.scroll_px = 0
            case "event":
                host.open(self.component(".EventInfoActivity"), {"id": name})
            case "new":
                shown = _day(state, activity) if activity.component.endswith(".DayActivity") else today(state)
                host.open(self.component(".EditEventActivity"), {"day": str(shown), "hour": str(_FIRST_HOUR)})
            case "edit" if (row := _row(state, activity)) is not None:
                host.open(self.component(".EditEventActivity"), _filled(row))
            case "title":
                host.focus("title")
            case "hour":
                data["hour"] = name
            case "allday":
                data["allday"] = "" if data.get("allday") else "1"
            case "save":
                self._save(host, activity)
            case "delete":
                data["asked"] = "1"
            case "cancel":
                del data["asked"]
            case "confirm":
                self.delete(state, EVENTS, int(data["id"]))
                host.leave()

    def submitted(self, host: Host, activity: Activity, field_id: str) -> None:
        host.focus(None)

    def swiped(self, host: Host, activity: Activity, direction: str) -> bool:
        """Turn months and days sideways, as the arrows do."""
        kind = {".AllInOneActivity": "month", ".DayActivity": "day"}.get(activity.component.partition("/")[2])
        if kind is None or direction not in ("left", "right"):
            return False
        self.tapped(host, activity, f"{kind}:{1 if direction == 'left' else -1}")
        return True

    def back(self, host: Host, activity: Activity) -> bool:
        return activity.data.pop("asked", None) is not None

    def insert(self, state: PhoneState, path: str, values: dict[str, str]) -> None:
        start, all_day = int(values["dtstart"]), int(values.get("allDay", "0"))
        end = int(values.get("dtend", start + (_DAY_MS if all_day else _HOUR_MS)))
        if not 0 <= start <= end <= _LAST_MS:
            raise PhoneError(
                f"Got an event from {start} to {end}, expected milliseconds since 1970 in order: correct it."
            )
        about = {"calendar_id": int(values.get("calendar_id", "1")), "title": values["title"], "dtstart": start}
        zone = values.get("eventTimezone", "UTC")
        row_id = 1 + max((int(str(row["_id"])) for row in state.tables[EVENTS]), default=0)
        state.tables[EVENTS].append({"_id": row_id, **about, "dtend": end, "allDay": all_day, "eventTimezone": zone})

    def _save(self, host: Host, activity: Activity) -> None:
        data, state = activity.data, host.state
        title, all_day = field_text(activity, "title").strip(), bool(data.get("allday"))
        day, hour = _day(state, activity), int(data.get("hour", _FIRST_HOUR))
        row = _row(state, activity)
        if row is None:
            _add(state, title, day, hour, all_day)
        else:
            row.update(title=title, **_span(day, hour, all_day))
        host.leave()


def _span(day: date, hour: int, all_day: bool) -> dict[str, int]:
    start = at_ms(day, 0 if all_day else hour)
    return {"dtstart": start, "dtend": start + (_DAY_MS if all_day else _HOUR_MS), "allDay": int(all_day)}


def _add(state: PhoneState, title: str, day: date, hour: int, all_day: bool) -> None:
    span = {key: str(value) for key, value in _span(day, hour, all_day).items()}
    CalendarApp().insert(state, EVENTS, {"title": title, **span})


def _day(state: PhoneState, activity: Activity) -> date:
    return date.fromisoformat(activity.data["day"]) if "day" in activity.data else today(state)


def _start(row: dict[str, object]) -> datetime:
    return datetime.fromtimestamp(int(str(row["dtstart"])) / 1000, timezone.utc)


def _row(state: PhoneState, activity: Activity) -> dict[str, object] | None:
    """Return the event an activity is about, None for a new one and for one that is gone."""
    wanted = int(activity.data.get("id", "0"))
    return next((row for row in state.tables[EVENTS] if row["_id"] == wanted), None)


def _filled(row: dict[str, object]) -> dict[str, str]:
    """Return what the editor starts with for an event that is there."""
    start = _start(row)
    hour = _FIRST_HOUR if row["allDay"] else start.hour
    about = {"id": str(row["_id"]), "field:title": str(row["title"]), "day": str(start.date()), "hour": str(hour)}
    return {**about, "allday": "1" if row["allDay"] else ""}


def _on(state: PhoneState, day: date) -> list[dict[str, object]]:
    rows = [row for row in state.tables[EVENTS] if _start(row).date() == day]
    return sorted(rows, key=lambda row: (not row["allDay"], int(str(row["dtstart"]))))


def _when(state: PhoneState, row: dict[str, object]) -> str:
    if row["allDay"]:
        return "All day"
    start, minutes = _start(row), (int(str(row["dtend"])) - int(str(row["dtstart"]))) // 60_000
    first, last = (one.hour * 60 + one.minute for one in (start, start + timedelta(minutes=minutes)))
    return Own(f"{clock_words(state, first)} - {clock_words(state, last)}")


def _title(row: dict[str, object]) -> str:
    return Own(row["title"]) if row["title"] else "No title"


def _lines(state: PhoneState, day: date) -> tuple[Widget, ...]:
    return tuple(
        Entry(f"event:{row['_id']}", _title(row), _when(state, row), glyph="calendar", colour=_colour(row))
        for row in _on(state, day)
    )


def _colour(row: dict[str, object]) -> tuple[int, int, int]:
    return _COLOURS[int(str(row["_id"])) % len(_COLOURS)]


def _month(state: PhoneState, first: date) -> tuple[Widget, ...]:
    """Return the month's weeks, which begin on Mondays."""
    busy = {_start(row).date() for row in state.tables[EVENTS]}
    days = [first.replace(day=day) for day in range(1, monthrange(first.year, first.month)[1] + 1)]
    empty = tuple(Cell("", "") for _ in range(first.weekday()))
    cells = tuple(Cell(f"date:{day}", str(day.day), day == today(state), day in busy) for day in days)
    return CellGrid(tuple(Cell("", name[:2]) for name in WEEKDAYS), 7), CellGrid(
        (*empty, *cells), 7, tall=True, plain=True
    )


def _event(state: PhoneState, activity: Activity) -> Screen:
    row = _row(state, activity)
    if row is None:
        return Screen("Event", (Label("No longer there"),), up=True)
    body = (
        Headline(_title(row), day_words(state, _start(row).date())),
        Entry("", _when(state, row), glyph="recent", colour=_colour(row)),
    )
    asked = Dialog("Delete it?", (Button("cancel", "Keep"), Button("confirm", "Yes")))
    actions = (Action("edit", "Edit", "pencil"), Action("delete", "Delete", "bin"))
    return Screen("Event", body, asked if "asked" in activity.data else None, up=True, actions=actions)


def _editor(state: PhoneState, activity: Activity) -> Screen:
    data, day = activity.data, _day(state, activity)
    earlier, later = Button("day:-1", "<", quiet=True), Button("day:1", ">", quiet=True)
    turn = Beside((earlier, Button("day:0", day_words(state, day), quiet=True), later), (1, 3, 1))
    hour = int(data.get("hour", _FIRST_HOUR))
    hours = CellGrid(tuple(Cell(f"hour:{n}", f"{n:02d}:00", n == hour) for n in range(24)), 4)
    all_day = bool(data.get("allday"))
    pick: tuple[Widget, ...] = () if all_day else (hours,)
    body = (
        Field("title", "Title", field_text(activity, "title")),
        turn,
        Entry("allday", "All day", checked=all_day),
        *pick,
    )
    title = "Edit event" if "id" in data else "New event"
    return Screen(title, body, up=True, actions=(Action("save", "Save", "tick"),))
