"""The clock: alarms with switches, a stopwatch and a timer, all on virtual time."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import ClassVar

from device_scripts.virtual_phone.apps.base import App, Host, TableShape
from device_scripts.virtual_phone.state import Activity, PhoneState, Table
from device_scripts.virtual_phone.ui.widgets import Button, Label, Screen, SwitchRow, Tab, Tabs, Widget

ALARMS = "com.android.deskclock/alarms"
STOPWATCH = "com.android.deskclock/stopwatch"
TIMERS = "com.android.deskclock/timers"
TIMER_MINUTES = (1, 5, 10)
_TABS = ("Alarm", "Stopwatch", "Timer")


class Clock(App):
    """Three tabs in one activity."""

    package = "com.android.deskclock"
    label = "Clock"
    glyph = "clock"
    colour = (30, 120, 130)
    activities: tuple[str, ...] = (".DeskClock",)
    tables: tuple[str, ...] = (ALARMS, STOPWATCH, TIMERS)
    insertable: ClassVar[Mapping[str, TableShape]] = {ALARMS: TableShape({"hour": int, "minutes": int, "enabled": int})}
    clearable: tuple[str, ...] = (TIMERS,)

    def defaults(self, state: PhoneState, rng: random.Random) -> None:
        half_hours = rng.sample(range(12, 20), 4)
        state.tables[ALARMS] = [
            {"_id": number, "hour": half // 2, "minutes": 30 * (half % 2), "enabled": rng.randint(0, 1)}
            for number, half in enumerate(half_hours, start=1)
        ]
        state.tables[STOPWATCH] = [{"running": 0, "elapsed_ms": 0, "started_ms": 0}]
        state.tables[TIMERS] = []

    def screen(self, state: PhoneState, activity: Activity) -> Screen:
        selected = activity.data.get("tab", _TABS[0])
        tabs = Tabs(tuple(Tab(f"tab:{name}", name, name == selected) for name in _TABS))
        bodies = {"Alarm": self._alarms, "Stopwatch": self._stopwatch, "Timer": self._timer}
        return Screen("Clock", (tabs, *bodies[selected](state)))

    def tapped(self, host: Host, activity: Activity, id: str) -> None:
        kind, _, name = id.partition(":")
        match kind:
            case "tab":
                activity.data["tab"] = name
                activity.scroll_px = 0
            case "alarm":
                row = next(row for row in host.state.tables[ALARMS] if row["_id"] == int(name))
                row["enabled"] = 0 if row["enabled"] else 1
            case "stopwatch":
                _tap_stopwatch(host.state, name)
            case "timer" if name == "cancel":
                host.state.tables[TIMERS] = []
            case "timer":
                ends_ms = host.state.clock_ms + 60_000 * int(name)
                host.state.tables[TIMERS] = [{"_id": 1, "minutes": int(name), "running": 1, "ends_ms": ends_ms}]

    def query(self, state: PhoneState, path: str) -> Table:
        if path != STOPWATCH:
            return state.tables[path]
        return [{"running": state.tables[STOPWATCH][0]["running"], "elapsed_ms": elapsed_ms(state)}]

    def _alarms(self, state: PhoneState) -> tuple[Widget, ...]:
        rows = sorted(state.tables[ALARMS], key=lambda row: (_number(row, "hour"), _number(row, "minutes")))
        return tuple(
            SwitchRow(
                f"alarm:{row['_id']}",
                f"{_number(row, 'hour'):02d}:{_number(row, 'minutes'):02d}",
                bool(row.get("enabled", 0)),
            )
            for row in rows
        )

    def _stopwatch(self, state: PhoneState) -> tuple[Widget, ...]:
        seconds = elapsed_ms(state) // 1000
        running = bool(state.tables[STOPWATCH][0]["running"])
        toggle = Button("stopwatch:stop", "Stop") if running else Button("stopwatch:start", "Start")
        return Label(f"{seconds // 60:02d}:{seconds % 60:02d}", large=True), toggle, Button("stopwatch:reset", "Reset")

    def _timer(self, state: PhoneState) -> tuple[Widget, ...]:
        if not state.tables[TIMERS]:
            return tuple(Button(f"timer:{minutes}", f"{minutes} min") for minutes in TIMER_MINUTES)
        left_sec = max(0, _number(state.tables[TIMERS][0], "ends_ms") - state.clock_ms) // 1000
        text = f"{left_sec // 60:02d}:{left_sec % 60:02d}" if left_sec else "Time is up"
        return Label(text, large=True), Button("timer:cancel", "Cancel")


def elapsed_ms(state: PhoneState) -> int:
    """Return what the stopwatch shows, in milliseconds."""
    watch = state.tables[STOPWATCH][0]
    running_ms = state.clock_ms - _number(watch, "started_ms") if watch["running"] else 0
    return _number(watch, "elapsed_ms") + running_ms


def _tap_stopwatch(state: PhoneState, verb: str) -> None:
    watch = state.tables[STOPWATCH][0]
    match verb:
        case "start":
            watch.update(running=1, started_ms=state.clock_ms)
        case "stop":
            watch.update(running=0, elapsed_ms=elapsed_ms(state))
        case "reset":
            watch.update(running=0, elapsed_ms=0)


def _number(row: dict[str, object], key: str) -> int:
    value = row.get(key, 0)
    return value if isinstance(value, int) else 0
