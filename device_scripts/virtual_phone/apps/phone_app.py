"""The phone app: a keypad, the call log, the contacts' numbers and a call. Its log is that of Android's provider."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import ClassVar

from device_scripts.virtual_phone.apps.avatars import avatar_colour
from device_scripts.virtual_phone.apps.base import App, Host, TableShape
from device_scripts.virtual_phone.apps.contacts import PROVIDER_PACKAGE, name_of, phone_book
from device_scripts.virtual_phone.apps.dates import clock_words
from device_scripts.virtual_phone.language import Own, say
from device_scripts.virtual_phone.state import Activity, PhoneState, Table
from device_scripts.virtual_phone.ui.material import Action, Actions, Entry, Headline, NavigationBar
from device_scripts.virtual_phone.ui.widgets import Beside, Button, Cell, CellGrid, Dialog, Label, Screen, Widget

CALLS = "call_log/calls"
CALL = "com.android.dialer/call"
INCOMING_TYPE, OUTGOING_TYPE, MISSED_TYPE, REJECTED_TYPE = 1, 2, 3, 5
"""As in android.provider.CallLog.Calls."""
RINGS_MS = 2000
"""How long it rings until somebody answers."""
_KEYS = (*"123456789", "*", "0", "#")
_MAX_DIGITS = 20
_PLACES = (("Keypad", "keypad"), ("Recents", "recent"), ("Contacts", "person"))
_KINDS = {
    INCOMING_TYPE: ("Incoming", "incoming", (40, 120, 200)),
    OUTGOING_TYPE: ("Outgoing", "outgoing", (50, 140, 80)),
    MISSED_TYPE: ("Missed", "missed", (200, 60, 60)),
    REJECTED_TYPE: ("Declined", "missed", (120, 120, 130)),
}


class PhoneApp(App):
    """At most one call at a time; who is called answers after two seconds and never hangs up."""

    package = "com.android.dialer"
    provider_package = PROVIDER_PACKAGE
    label = "Phone"
    glyph = "handset"
    colour = (34, 130, 90)
    activities = (".DialtactsActivity", ".CallDetailsActivity", ".InCallActivity")
    tables = (CALLS, CALL)
    insertable: ClassVar[Mapping[str, TableShape]] = {
        CALLS: TableShape({"number": str, "type": int}, {"name": str, "date": int, "duration": int, "new": int}),
    }

    def defaults(self, state: PhoneState, rng: random.Random) -> None:
        state.tables[CALLS], state.tables[CALL] = [], []
        for hours in (30, 5):
            row = {"number": f"5550{rng.randint(300, 399)}", "type": rng.choice((INCOMING_TYPE, MISSED_TYPE))}
            seconds = rng.randint(20, 300) if row["type"] == INCOMING_TYPE else 0
            _log(state, {**row, "date": state.clock_ms - 3_600_000 * hours, "duration": seconds})

    def screen(self, state: PhoneState, activity: Activity) -> Screen:
        match activity.component.partition("/")[2]:
            case ".InCallActivity" if state.tables[CALL]:
                return _in_call(state)
            case ".CallDetailsActivity":
                return _details(state, activity)
            case _:
                place = activity.data.get("place", _PLACES[0][0])
                pad = _pad() if place == "Keypad" else ()
                bar = NavigationBar(tuple(Action(f"place:{n}", n, glyph, n == place) for n, glyph in _PLACES))
                body = {"Keypad": _keypad, "Recents": _recents, "Contacts": _people}[place](state, activity)
                back = (Button("return", "Return to call"),) if state.tables[CALL] else ()
                wipe = (Action("clear", "Clear call log", "bin"),) if place == "Recents" and state.tables[CALLS] else ()
                asked = Dialog("Clear it?", (Button("cancel", "Keep"), Button("wipe", "Yes")))
                dialog = asked if "asked" in activity.data else None
                return Screen("Phone", (*back, *body), dialog, footer=(*pad, bar), actions=wipe)

    def tapped(self, host: Host, activity: Activity, id: str) -> None:
        kind, _, name = id.partition(":")
        state, data = host.state, activity.data
        match kind:
            case "place":
                data["place"] = name
                activity.scroll_px = 0
            case "press":
                data["number"] = (data.get("number", "") + name)[:_MAX_DIGITS]
            case "erase":
                data["number"] = data.get("number", "")[:-1]
            case "call":
                self.call(host, name or data.get("number", ""))
            case "return":
                host.open(self.component(".InCallActivity"))
            case "show":
                host.open(self.component(".CallDetailsActivity"), {"number": name})
            case "mute" | "speaker" if state.tables[CALL]:
                row = state.tables[CALL][0]
                row[kind] = 0 if row[kind] else 1
            case "end" if state.tables[CALL]:
                hang_up(state)
                host.leave()
            case "clear" | "forget":
                data["asked"] = "1"
            case "cancel":
                del data["asked"]
            case "wipe":
                del data["asked"]
                state.tables[CALLS] = []
            case "confirm":
                state.tables[CALLS] = [row for row in state.tables[CALLS] if row["number"] != data.get("number")]
                host.leave()

    def call(self, host: Host, number: str) -> None:
        """Call a number, unless there is a call already; without a number nothing happens."""
        if not number.strip():
            return
        if not host.state.tables[CALL]:
            row = {"_id": 1, "number": number, "type": OUTGOING_TYPE, "started_ms": host.state.clock_ms}
            host.state.tables[CALL] = [{**row, "mute": 0, "speaker": 0}]
        if host.state.activity.component == self.component():
            host.state.activity.data.pop("number", None)  # the keypad is empty after a call
        host.open(self.component(".InCallActivity"))

    def back(self, host: Host, activity: Activity) -> bool:
        return activity.data.pop("asked", None) is not None

    def view(self, host: Host, uri: str) -> bool:
        """Show a ``tel:`` link's number on the keypad."""
        if not uri.startswith("tel:"):
            return False
        host.launch(self.package)
        host.open(self.component(), {"number": uri.removeprefix("tel:")[:_MAX_DIGITS]})
        return True

    def query(self, state: PhoneState, path: str) -> Table:
        if path == CALLS:
            return state.tables[CALLS]
        return [
            {
                "_id": 1,
                "number": row["number"],
                "name": name_of(state, str(row["number"])) or None,
                "state": "active" if _talked_ms(state) else "dialing",
                "mute": row["mute"],
                "speaker": row["speaker"],
            }
            for row in state.tables[CALL]
        ]

    def insert(self, state: PhoneState, path: str, values: dict[str, str]) -> None:
        numbers: dict[str, object] = {
            key: int(values[key]) for key in ("type", "date", "duration", "new") if key in values
        }
        _log(state, {**values, **numbers})


def _log(state: PhoneState, row: Mapping[str, object]) -> None:
    """Add a call to the log; what it does not say is filled in as Android does."""
    rows = state.tables[CALLS]
    number = str(row["number"])
    highest = max((int(str(one["_id"])) for one in rows), default=0)
    filled = {"_id": highest + 1, "number": number, "name": name_of(state, number) or None}
    about = {"date": state.clock_ms, "duration": 0, "new": int(row["type"] == MISSED_TYPE)}
    rows.append({**filled, **about, **row})


def _talked_ms(state: PhoneState) -> int:
    row = state.tables[CALL][0]
    return max(0, state.clock_ms - int(str(row["started_ms"])) - RINGS_MS)


def hang_up(state: PhoneState) -> None:
    """End the call and log it, with how long it lasted in seconds."""
    row = state.tables[CALL][0]
    about = {"number": row["number"], "type": row["type"], "date": row["started_ms"]}
    _log(state, {**about, "duration": _talked_ms(state) // 1000})
    state.tables[CALL] = []


def _called(state: PhoneState, number: str) -> Own:
    return Own(name_of(state, number) or number)


def _keypad(state: PhoneState, activity: Activity) -> tuple[Widget, ...]:
    number = activity.data.get("number", "")
    return (Headline(Own(number), Own(name_of(state, number))),)


def _pad() -> tuple[Widget, ...]:
    keys = CellGrid(tuple(Cell(f"press:{key}", key) for key in _KEYS), 3, tall=True)
    return keys, Beside((Button("call", "Call"), Button("erase", "Del")), (3, 1))


def _recents(state: PhoneState, activity: Activity) -> tuple[Widget, ...]:
    rows = sorted(state.tables[CALLS], key=lambda row: (int(str(row["date"])), int(str(row["_id"]))), reverse=True)
    return tuple(_call_line(state, row) for row in rows) or (Label("No calls"),)


def _call_line(state: PhoneState, row: dict[str, object], own_page: bool = True) -> Entry:
    kind, glyph, colour = _KINDS.get(int(str(row["type"])), _KINDS[INCOMING_TYPE])
    number = str(row["number"])
    at = Own(clock_words(state, int(str(row["date"])) // 60_000))
    if own_page:
        return Entry(f"show:{number}", _called(state, number), kind, at, glyph, colour)
    return Entry("", kind, _length(int(str(row["duration"]))), at, glyph, colour)


def _people(state: PhoneState, activity: Activity) -> tuple[Widget, ...]:
    people = sorted(phone_book(state), key=lambda one: one[0].lower())
    lines = tuple(Entry(f"show:{num}", Own(name), Own(num), colour=avatar_colour(name)) for name, num in people)
    return lines or (Label("No contacts"),)


def _details(state: PhoneState, activity: Activity) -> Screen:
    number = activity.data.get("number", "")
    rows = [row for row in reversed(state.tables[CALLS]) if row["number"] == number]
    lines: tuple[Widget, ...] = tuple(_call_line(state, row, own_page=False) for row in rows)
    name = name_of(state, number)
    head = Headline(Own(name or number), Own(number if name else ""))
    asked = Dialog("Delete it?", (Button("cancel", "Keep"), Button("confirm", "Yes")))
    body = (head, Button(f"call:{number}", "Call"), *lines)
    acts = (Action("forget", "Delete calls", "bin"),) if lines else ()
    return Screen("Call details", body, asked if "asked" in activity.data else None, up=True, actions=acts)


def _in_call(state: PhoneState) -> Screen:
    row = state.tables[CALL][0]
    number = str(row["number"])
    talked = _talked_ms(state)
    how = Own(_length(talked // 1000)) if talked else say(state, "Calling...")
    acts = (
        Action("mute", "Mute", "muted", bool(row["mute"])),
        Action("speaker", "Speaker", "speaker", bool(row["speaker"])),
    )
    return Screen("Call", (Headline(_called(state, number), how), Actions(acts)), footer=(Button("end", "End call"),))


def _length(seconds: int) -> Own:
    return Own(f"{seconds // 60}:{seconds % 60:02d}")
