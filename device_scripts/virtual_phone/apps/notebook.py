"""The full set's Notes: search, order, editing, copies, pins and an archive besides what the basic one has."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import ClassVar

from device_scripts.virtual_phone.apps.base import Host, TableShape, field_text, front_activity
from device_scripts.virtual_phone.apps.notes import NOTES, Notes
from device_scripts.virtual_phone.language import Own
from device_scripts.virtual_phone.state import Activity, PhoneState, Table
from device_scripts.virtual_phone.ui.widgets import Beside, Button, Dialog, Field, Grid, Label, Row, Screen, Tab, Tabs

SHOWN = "org.example.notes/shown"
ORDER = "org.example.notes/order"
_TABS = ("All", "Archive")
_ORDER = "notes"
_Row = dict[str, object]


class Notebook(Notes):
    """Every note is one line of text, may be pinned to the top, and may be in the archive."""

    tables = (NOTES, SHOWN, ORDER)
    insertable: ClassVar[Mapping[str, TableShape]] = {
        NOTES: TableShape({"text": str}, {"pinned": int, "archived": int})
    }

    def defaults(self, state: PhoneState, rng: random.Random) -> None:
        super().defaults(state, rng)
        state.orders[_ORDER] = []

    def screen(self, state: PhoneState, activity: Activity) -> Screen:
        match activity.component.partition("/")[2]:
            case ".EditActivity":
                field = Field("note", "Write here", field_text(activity, "note"))
                title = "Edit note" if "id" in activity.data else "New note"
                return Screen(title, (field, Beside((Button("save", "Save"), Button("erase", "Clear")), (1, 1))))
            case ".ViewActivity":
                asked = Dialog("Delete it?", (Button("cancel", "Keep"), Button("confirm", "Yes")))
                asked_now = asked if "asked" in activity.data else None
                return Screen("Note", _page(_note(state, activity)), asked_now, up=True)
            case _:
                return Screen("Notes", (*_head(state, activity), *_rows(state, activity)))

    def tapped(self, host: Host, activity: Activity, id: str) -> None:
        kind, _, name = id.partition(":")
        row = _note(host.state, activity)
        match kind:
            case "tab":
                activity.data["tab"] = name
            case "search":
                host.focus("search")
            case "order":
                host.state.orders[_ORDER] = [] if _by_name(host.state) else ["name"]
            case "edit":
                data = {"id": str(row["_id"]), "field:note": str(row["text"])}
                host.open(self.component(".EditActivity"), data)
            case "erase":
                activity.data["field:note"] = ""
                host.focus("note")
            case "save" if "id" in activity.data:
                row["text"] = field_text(activity, "note").strip() or row["text"]
                host.leave()
            case "pinned" | "archived":
                row[kind] = 0 if row.get(kind) else 1
            case "copy" if row["text"]:
                self.insert(host.state, NOTES, {"text": str(row["text"])})
                host.leave()
            case _:
                super().tapped(host, activity, id)

    def submitted(self, host: Host, activity: Activity, field_id: str) -> None:
        host.focus(None)

    def query(self, state: PhoneState, path: str) -> Table:
        if path == ORDER:
            return [{"_id": 1, "by": "name" if _by_name(state) else "age"}]
        if path == SHOWN:
            activity = front_activity(state, self.package)
            return (
                [_note(state, activity)]
                if activity is not None and activity.component.endswith(".ViewActivity")
                else []
            )
        return [{"pinned": 0, "archived": 0, **row} for row in state.tables[NOTES]]


def _note(state: PhoneState, activity: Activity) -> _Row:
    """Return the note an activity is about; an empty one where it is about none, or that one is gone."""
    row_id = int(activity.data.get("id", "0"))
    return next((row for row in state.tables[NOTES] if row["_id"] == row_id), {"_id": 0, "text": ""})


def _by_name(state: PhoneState) -> bool:
    return bool(state.orders.get(_ORDER))


def _head(state: PhoneState, activity: Activity) -> tuple[Tabs, Beside, Button]:
    selected = activity.data.get("tab", _TABS[0])
    search = Field("search", "Search", field_text(activity, "search"))
    return (
        Tabs(tuple(Tab(f"tab:{name}", name, name == selected) for name in _TABS)),
        Beside((search, Button("new", "New")), (2, 1)),
        Button("order", "Sort by age" if _by_name(state) else "Sort by name", quiet=True),
    )


def _rows(state: PhoneState, activity: Activity) -> tuple[Row, ...]:
    archived = activity.data.get("tab", _TABS[0]) == _TABS[1]
    wanted = field_text(activity, "search").strip().lower()
    rows = [
        row
        for row in state.tables[NOTES]
        if bool(row.get("archived")) == archived and wanted in str(row["text"]).lower()
    ]
    if _by_name(state):
        rows.sort(key=lambda row: str(row["text"]).lower())
    rows.sort(key=lambda row: not row.get("pinned"))
    return tuple(Row(f"note:{row['_id']}", Own(row["text"]), "pinned" if row.get("pinned") else "") for row in rows)


def _page(row: _Row) -> tuple[Label | Grid, ...]:
    pin = "Unpin" if row.get("pinned") else "Pin"
    put_away = "Restore" if row.get("archived") else "Archive"
    acts = (("edit", "Edit"), ("delete", "Delete"), ("pinned", pin), ("archived", put_away), ("copy", "Copy"))
    return Label(Own(row["text"]), large=True), Grid(2, tuple(Button(id, label) for id, label in acts))
