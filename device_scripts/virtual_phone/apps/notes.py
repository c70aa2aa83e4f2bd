"""Notes: a list, an editor that starts with the keyboard up, and a viewer that asks before it deletes."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import ClassVar

from device_scripts.virtual_phone.apps.base import App, Host, TableShape, field_text
from device_scripts.virtual_phone.language import Own
from device_scripts.virtual_phone.state import Activity, PhoneState
from device_scripts.virtual_phone.ui.widgets import Button, Dialog, Field, Label, Row, Screen

NOTES = "org.example.notes/notes"
SEED_WORDS = ("bank", "garden", "train", "doctor", "letter", "paint", "oven", "bike")


class Notes(App):
    """Every note is one line of text."""

    package = "org.example.notes"
    label = "Notes"
    glyph = "note"
    colour = (214, 142, 28)
    activities = (".MainActivity", ".EditActivity", ".ViewActivity")
    tables: tuple[str, ...] = (NOTES,)
    insertable: ClassVar[Mapping[str, TableShape]] = {NOTES: TableShape({"text": str})}

    def defaults(self, state: PhoneState, rng: random.Random) -> None:
        words = rng.sample(SEED_WORDS, 2)
        state.tables[NOTES] = [{"_id": number, "text": word} for number, word in enumerate(words, start=1)]

    def screen(self, state: PhoneState, activity: Activity) -> Screen:
        match activity.component.partition("/")[2]:
            case ".EditActivity":
                body = (Field("note", "Write here", field_text(activity, "note")), Button("save", "Save"))
                return Screen("New note", body)
            case ".ViewActivity":
                asked = Dialog("Delete it?", (Button("cancel", "Keep"), Button("confirm", "Yes")))
                body_view = (Label(Own(activity.data.get("text", "")), large=True), Button("delete", "Delete"))
                return Screen("Note", body_view, asked if "asked" in activity.data else None)
            case _:
                notes = tuple(Row(f"note:{row['_id']}", Own(row["text"])) for row in state.tables[NOTES])
                return Screen("Notes", (Button("new", "New"), *notes))

    def initial_focus(self, activity: Activity) -> str | None:
        return "note" if activity.component.endswith(".EditActivity") else None

    def tapped(self, host: Host, activity: Activity, id: str) -> None:
        kind, _, name = id.partition(":")
        match kind:
            case "new":
                host.open(self.component(".EditActivity"))
            case "note" if name:
                row = next(row for row in host.state.tables[NOTES] if row["_id"] == int(name))
                host.open(self.component(".ViewActivity"), {"id": name, "text": str(row["text"])})
            case "note":
                host.focus("note")
            case "save":
                self._save(host, activity)
            case "delete":
                activity.data["asked"] = "1"
            case "cancel":
                del activity.data["asked"]
            case "confirm":
                self.delete(host.state, NOTES, int(activity.data.get("id", "0")))
                host.leave()

    def back(self, host: Host, activity: Activity) -> bool:
        return activity.data.pop("asked", None) is not None

    def _save(self, host: Host, activity: Activity) -> None:
        text = field_text(activity, "note").strip()
        if text:
            self.insert(host.state, NOTES, {"text": text})
        host.leave()
