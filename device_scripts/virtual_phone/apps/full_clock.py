"""The full set's clock: alarms to add, change and delete, a timer for any time, a stopwatch with laps."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import ClassVar

from device_scripts.virtual_phone.apps.base import App, Host, TableShape, field_text
from device_scripts.virtual_phone.apps.clock import ALARMS, STOPWATCH, TIMERS, Clock, elapsed_ms
from device_scripts.virtual_phone.apps.dates import WEEKDAYS, clock_words
from device_scripts.virtual_phone.language import Own, say
from device_scripts.virtual_phone.state import Activity, PhoneState, Table
from device_scripts.virtual_phone.ui.material import Action, Entry, Headline, NavigationBar, Section
from device_scripts.virtual_phone.ui.widgets import Beside, Button, Cell, CellGrid, Dialog, Field, Label, Screen, Widget

LAPS = "com.android.deskclock/laps"
_PLACES = (("Alarm", "bell"), ("Timer", "hourglass"), ("Stopwatch", "stopwatch"))
_DIGITS = (*"123456789", "Del", "0", "00")
_MAX_DIGITS = 6
_DEFAULT = {"hour": "8", "minutes": "0", "days": "0", "enabled": "1"}
_MINUTES = range(0, 60, 5)


class FullClock(Clock):
    """The tables are the basic clock's with more columns; ``daysofweek`` has bit 0 for Monday, as AOSP's clock has."""

    activities = (".DeskClock", ".AlarmActivity")
    tables = (ALARMS, STOPWATCH, TIMERS, LAPS)
    insertable: ClassVar[Mapping[str, TableShape]] = {
        ALARMS: TableShape({"hour": int, "minutes": int, "enabled": int}, {"daysofweek": int, "label": str}),
        TIMERS: TableShape({"minutes": int}),
    }
    clearable = (LAPS,)

    def defaults(self, state: PhoneState, rng: random.Random) -> None:
        super().defaults(state, rng)
        state.tables[LAPS] = []

    def screen(self, state: PhoneState, activity: Activity) -> Screen:
        if activity.component.endswith(".AlarmActivity"):
            return _editor(state, activity)
        place = activity.data.get("tab", _PLACES[0][0])
        bar = NavigationBar(tuple(Action(f"tab:{name}", name, glyph, name == place) for name, glyph in _PLACES))
        body, buttons = {"Alarm": _alarms, "Timer": _timer, "Stopwatch": _watch}[place](state, activity)
        new = Action("new", "Add alarm", "plus") if place == "Alarm" else None
        return Screen(place, body, footer=(*buttons, bar), floating=new)

    def tapped(self, host: Host, activity: Activity, id: str) -> None:
        kind, _, name = id.partition(":")
        state, data = host.state, activity.data
        match kind:
            case "new":
                host.open(self.component(".AlarmActivity"), dict(_DEFAULT))
            case "edit":
                row = next(row for row in state.tables[ALARMS] if row["_id"] == int(name))
                host.open(self.component(".AlarmActivity"), _filled(row))
            case "hour" | "minutes":
                data[kind] = name
            case "weekday":
                data["days"] = str(int(data.get("days", "0")) ^ 1 << int(name))
            case "label":
                host.focus("label")
            case "save":
                self._save(host, activity)
            case "delete":
                data["asked"] = "1"
            case "cancel":
                del data["asked"]
            case "confirm":
                self.delete(state, ALARMS, int(data["id"]))
                host.leave()
            case "digit":
                typed = data.get("typed", "")
                data["typed"] = typed[:-1] if name == "Del" else (typed + name).lstrip("0")[:_MAX_DIGITS]
            case "timer":
                _tap_timer(state, data, name)
            case "lap":
                laps = state.tables[LAPS]
                laps.append({"_id": len(laps) + 1, "lap": len(laps) + 1, "elapsed_ms": elapsed_ms(state)})
            case _:
                if id == "stopwatch:reset":
                    state.tables[LAPS] = []
                super().tapped(host, activity, id)

    def submitted(self, host: Host, activity: Activity, field_id: str) -> None:
        host.focus(None)

    def back(self, host: Host, activity: Activity) -> bool:
        return activity.data.pop("asked", None) is not None

    def query(self, state: PhoneState, path: str) -> Table:
        """Return the rows; a timer says what is left of it."""
        if path != TIMERS:
            return super().query(state, path)
        about = ("_id", "minutes", "running", "ends_ms")
        return [{**{key: row[key] for key in about}, "left_ms": left_ms(state, row)} for row in state.tables[TIMERS]]

    def insert(self, state: PhoneState, path: str, values: dict[str, str]) -> None:
        """Add an alarm, or start a timer in place of the one there is."""
        if path == TIMERS:
            _start(state, 60_000 * int(values["minutes"]))
            return
        App.insert(self, state, path, {"daysofweek": "0", "label": "", **values})

    def _save(self, host: Host, activity: Activity) -> None:
        data, state = {**_DEFAULT, **activity.data}, host.state
        row = {"hour": data["hour"], "minutes": data["minutes"], "enabled": "1", "daysofweek": data["days"]}
        if "id" in data:
            self.delete(state, ALARMS, int(data["id"]))
        self.insert(state, ALARMS, row)
        state.tables[ALARMS][-1]["label"] = field_text(activity, "label").strip()
        host.leave()


def left_ms(state: PhoneState, row: dict[str, object]) -> int:
    """Return what is left of a timer, in milliseconds."""
    held = row.get("held_ms")
    return int(str(held)) if held is not None else max(0, int(str(row["ends_ms"])) - state.clock_ms)


def _filled(row: dict[str, object]) -> dict[str, str]:
    about = {"id": str(row["_id"]), "hour": str(row["hour"]), "minutes": str(row["minutes"])}
    return {**about, "days": str(row.get("daysofweek", 0)), "field:label": str(row.get("label", ""))}


def _alarms(state: PhoneState, activity: Activity) -> tuple[tuple[Widget, ...], tuple[Widget, ...]]:
    rows = sorted(state.tables[ALARMS], key=lambda row: (int(str(row["hour"])), int(str(row["minutes"]))))
    lines = tuple(
        Entry(
            f"edit:{row['_id']}",
            Own(clock_words(state, 60 * int(str(row["hour"])) + int(str(row["minutes"])))),
            _about(state, row),
            checked=bool(row["enabled"]),
            switch_id=f"alarm:{row['_id']}",
            large=True,
        )
        for row in rows
    )
    return lines or (Label("No alarms"),), ()


def _about(state: PhoneState, row: dict[str, object]) -> str:
    """Say on which days an alarm rings, and what it is called."""
    days = int(str(row.get("daysofweek", 0)))
    names = [say(state, name) for bit, name in enumerate(WEEKDAYS) if days >> bit & 1]
    when = say(state, "Every day") if len(names) == len(WEEKDAYS) else ", ".join(names) or say(state, "Once")
    label = str(row.get("label", ""))
    return Own(f"{label}, {when}" if label else when)


def _editor(state: PhoneState, activity: Activity) -> Screen:
    data = activity.data
    hour, minutes = int(data.get("hour", "8")), int(data.get("minutes", "0"))
    choices = sorted({*_MINUTES, minutes})
    days = int(data.get("days", "0"))
    body = (
        Headline(Own(clock_words(state, 60 * hour + minutes))),
        Section("Hour"),
        CellGrid(tuple(Cell(f"hour:{n}", f"{n:02d}", n == hour) for n in range(24)), 6),
        Section("Minute"),
        CellGrid(tuple(Cell(f"minutes:{n}", f":{n:02d}", n == minutes) for n in choices), 6),
        Section("Repeat"),
        CellGrid(tuple(Cell(f"weekday:{n}", name[:2], bool(days >> n & 1)) for n, name in enumerate(WEEKDAYS)), 7),
        Field("label", "Label", field_text(activity, "label")),
    )
    asked = Dialog("Delete it?", (Button("cancel", "Keep"), Button("confirm", "Yes")))
    old = "id" in data
    actions = (*((Action("delete", "Delete", "bin"),) if old else ()), Action("save", "Save", "tick"))
    dialog = asked if "asked" in data else None
    return Screen("Edit alarm" if old else "New alarm", body, dialog, up=True, actions=actions)


def _tap_timer(state: PhoneState, data: dict[str, str], verb: str) -> None:
    row = state.tables[TIMERS][0] if state.tables[TIMERS] else None
    match verb:
        case "start" if row is None and (seconds := _seconds(data.get("typed", ""))):
            _start(state, 1000 * seconds)
            data["typed"] = ""
        case "pause" if row is not None:
            row.update(running=0, held_ms=left_ms(state, row))
        case "resume" if row is not None:
            row.update(running=1, ends_ms=state.clock_ms + left_ms(state, row), held_ms=None)
        case "more" if row is not None:
            left = left_ms(state, row) + 60_000
            row.update(ends_ms=state.clock_ms + left, held_ms=None if row["running"] else left)
        case "cancel":
            state.tables[TIMERS] = []


def _start(state: PhoneState, length_ms: int) -> None:
    row = {"_id": 1, "minutes": length_ms // 60_000, "running": 1, "ends_ms": state.clock_ms + length_ms}
    state.tables[TIMERS] = [{**row, "held_ms": None}]


def _seconds(typed: str) -> int:
    """Return the seconds of digits typed as hours, minutes and seconds from the right, as in 130 for 1:30."""
    number = int(typed or "0")
    return 3600 * (number // 10_000) + 60 * (number // 100 % 100) + number % 100


def _timer(state: PhoneState, activity: Activity) -> tuple[tuple[Widget, ...], tuple[Widget, ...]]:
    if not state.tables[TIMERS]:
        typed = activity.data.get("typed", "").zfill(_MAX_DIGITS)
        keys = CellGrid(tuple(Cell(f"digit:{digit}", digit) for digit in _DIGITS), 3, tall=True)
        shown = Own(f"{typed[:2]}h {typed[2:4]}m {typed[4:]}s")
        return (Headline(shown),), (keys, Button("timer:start", "Start"))
    row = state.tables[TIMERS][0]
    left_sec = -(-left_ms(state, row) // 1000)
    shown = Own(_clock(left_sec)) if left_sec else say(state, "Time is up")
    toggle = Button("timer:pause", "Pause") if row["running"] else Button("timer:resume", "Resume")
    acts: tuple[Widget, ...] = (Beside((toggle, Button("timer:cancel", "Cancel")), (1, 1)),) if left_sec else ()
    return (Headline(shown), Button("timer:more", "+1 min", quiet=True)), acts or (Button("timer:cancel", "Cancel"),)


def _clock(seconds: int) -> str:
    minutes = f"{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    return f"{seconds // 3600}:{minutes}" if seconds >= 3600 else minutes


def _watch(state: PhoneState, activity: Activity) -> tuple[tuple[Widget, ...], tuple[Widget, ...]]:
    running = bool(state.tables[STOPWATCH][0]["running"])
    toggle = Button("stopwatch:stop", "Stop") if running else Button("stopwatch:start", "Start")
    other = Button("lap", "Lap", quiet=True) if running else Button("stopwatch:reset", "Reset", quiet=True)
    laps = tuple(
        Entry(
            "", say(state, "Lap {number}", number=row["lap"]), detail=Own(_clock(int(str(row["elapsed_ms"])) // 1000))
        )
        for row in reversed(state.tables[LAPS])
    )
    head = Headline(Own(_clock(elapsed_ms(state) // 1000)))
    return (head, *laps), (Beside((toggle, other), (1, 1)),)
