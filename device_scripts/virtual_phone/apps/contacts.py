"""Contacts: a list with search, one contact, an editor. Its rows are those of Android's contacts provider."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import ClassVar

from device_scripts.virtual_phone.apps.avatars import avatar_colour
from device_scripts.virtual_phone.apps.base import App, Host, TableShape, field_text, front_activity
from device_scripts.virtual_phone.language import Own
from device_scripts.virtual_phone.state import Activity, PhoneState, Table
from device_scripts.virtual_phone.ui.material import Action, Actions, Entry, Headline
from device_scripts.virtual_phone.ui.widgets import Beside, Button, Dialog, Field, Label, Screen, Widget

AUTHORITY = "com.android.contacts"
RAW = f"{AUTHORITY}/raw_contacts"
DATA = f"{AUTHORITY}/data"
CONTACTS = f"{AUTHORITY}/contacts"
PHONES = f"{AUTHORITY}/data/phones"
SHOWN = f"{AUTHORITY}/shown"
NAME_TYPE = "vnd.android.cursor.item/name"
PHONE_TYPE = "vnd.android.cursor.item/phone_v2"
PROVIDER_PACKAGE = "com.android.providers.contacts"
SEED_NAMES = ("Abel", "Dora", "Felix", "Gwen", "Hugo", "Ines", "Karl", "Lena")


class Contacts(App):
    """A contact has a name, a number and a star; raw contacts and contacts share their ids."""

    package = "com.android.contacts"
    provider_package = PROVIDER_PACKAGE
    label = "Contacts"
    glyph = "person"
    colour = (60, 110, 190)
    activities = (".PeopleActivity", ".EditorActivity", ".DetailActivity")
    tables = (RAW, DATA, CONTACTS, PHONES, SHOWN)
    insertable: ClassVar[Mapping[str, TableShape]] = {
        RAW: TableShape({}, {"account_name": str, "account_type": str, "starred": int}),
        DATA: TableShape({"raw_contact_id": int, "mimetype": str, "data1": str}, {"data2": int}),
    }

    def defaults(self, state: PhoneState, rng: random.Random) -> None:
        state.tables[RAW], state.tables[DATA] = [], []
        for name in rng.sample(SEED_NAMES, 2):
            _write(state, _new(state), name, f"5550{rng.randint(100, 199)}")

    def screen(self, state: PhoneState, activity: Activity) -> Screen:
        match activity.component.partition("/")[2]:
            case ".EditorActivity":
                name, number = (
                    Beside((Field(key, hint, field_text(activity, key)), Button(f"clear:{key}", "x")), (4, 1))
                    for key, hint in (("name", "Name"), ("number", "Number"))
                )
                title = "Edit contact" if "id" in activity.data else "New contact"
                return Screen(title, (name, number, Button("save", "Save")), up=True)
            case ".DetailActivity":
                return self._details(state, activity)
            case _:
                typed = field_text(activity, "search")
                rows = sorted(self.query(state, CONTACTS), key=lambda row: str(row["display_name"]).lower())
                found: tuple[Widget, ...] = tuple(
                    _line(row) for row in rows if typed.strip().lower() in str(row["display_name"]).lower()
                )
                body = (Field("search", "Search contacts", typed), *(found or (Label("No contacts"),)))
                return Screen("Contacts", body, floating=Action("new", "Add", "plus"))

    def _details(self, state: PhoneState, activity: Activity) -> Screen:
        row = self._contact(state, _shown(activity))
        number = _number(state, row)
        star = Action("star", "Remove star", "star-filled") if row["starred"] else Action("star", "Add star", "star")
        asked = Dialog("Delete it?", (Button("cancel", "Keep"), Button("confirm", "Yes")))
        call = (Actions((Action("call", "Call", "handset"), Action("text", "Text", "bubble"))),) if number else ()
        body = (Headline(Own(str(row["display_name"]))), Label(Own(number) or "No number"), *call)
        actions = (star, Action("edit", "Edit", "pencil"), Action("delete", "Delete", "bin"))
        return Screen("Contact", body, asked if "asked" in activity.data else None, up=True, actions=actions)

    def initial_focus(self, activity: Activity) -> str | None:
        return "name" if activity.component.endswith(".EditorActivity") and "id" not in activity.data else None

    def tapped(self, host: Host, activity: Activity, id: str) -> None:
        kind, _, name = id.partition(":")
        match kind:
            case "search" | "name" | "number":
                host.focus(kind)
            case "clear":
                activity.data[f"field:{name}"] = ""
                host.focus(name)
            case "call" | "text":
                scheme = {"call": "tel", "text": "sms"}[kind]
                host.view(f"{scheme}:{_number(host.state, self._contact(host.state, _shown(activity)))}")
            case "new":
                host.open(self.component(".EditorActivity"))
            case "contact":
                host.open(self.component(".DetailActivity"), {"id": name})
            case "edit":
                row = self._contact(host.state, _shown(activity))
                filled = {"field:name": str(row["display_name"]), "field:number": _number(host.state, row)}
                host.open(self.component(".EditorActivity"), {"id": str(_shown(activity)), **filled})
            case "save":
                self._save(host, activity)
            case "star":
                for raw in host.state.tables[RAW]:
                    if raw["_id"] == _shown(activity):
                        raw["starred"] = 0 if raw["starred"] else 1
            case "delete":
                activity.data["asked"] = "1"
            case "cancel":
                del activity.data["asked"]
            case "confirm":
                gone = _shown(activity)
                host.leave()
                self.delete(host.state, RAW, gone)

    def submitted(self, host: Host, activity: Activity, field_id: str) -> None:
        host.focus("number" if field_id == "name" else None)

    def back(self, host: Host, activity: Activity) -> bool:
        return activity.data.pop("asked", None) is not None

    def query(self, state: PhoneState, path: str) -> Table:
        names = {row["raw_contact_id"]: row["data1"] for row in state.tables[DATA] if row["mimetype"] == NAME_TYPE}
        phones = [row for row in state.tables[DATA] if row["mimetype"] == PHONE_TYPE]
        if path == PHONES:
            return [{**row, "display_name": names.get(row["raw_contact_id"])} for row in phones]
        if path == DATA:
            return state.tables[DATA]
        if path == SHOWN:
            activity = front_activity(state, self.package)
            shown = _shown(activity) if activity is not None else 0
            return [{"_id": shown, "display_name": names[shown]}] if shown in names else []
        owners = {row["raw_contact_id"] for row in phones}
        return [
            {
                "_id": row["_id"],
                "contact_id": row["_id"],
                "display_name": names.get(row["_id"], ""),
                "starred": row["starred"],
                "has_phone_number": int(row["_id"] in owners),
            }
            for row in state.tables[RAW]
        ]

    def insert(self, state: PhoneState, path: str, values: dict[str, str]) -> None:
        if path == RAW:
            starred = int(values.get("starred", "0"))
            state.tables[RAW].append({"_id": _next_id(state.tables[RAW]), "starred": starred})
            return
        owner = int(values["raw_contact_id"])
        _add_data(state, owner, values["mimetype"], values["data1"])

    def delete(self, state: PhoneState, path: str, row_id: int | None) -> None:
        super().delete(state, path, row_id)
        kept = {row["_id"] for row in state.tables[RAW]}
        state.tables[DATA] = [row for row in state.tables[DATA] if row["raw_contact_id"] in kept]
        for task in state.tasks:
            if task.package == self.package:  # the screens of a contact that is gone close
                task.activities[1:] = [one for one in task.activities[1:] if int(one.data.get("id", "0")) in {0, *kept}]

    def _contact(self, state: PhoneState, row_id: int) -> dict[str, object]:
        """Return a contact; an empty one for an id that is not there, as after a start from outside."""
        gone: dict[str, object] = {"_id": 0, "display_name": "", "starred": 0}
        return next((row for row in self.query(state, CONTACTS) if row["_id"] == row_id), gone)

    def _save(self, host: Host, activity: Activity) -> None:
        name, number = (field_text(activity, key).strip() for key in ("name", "number"))
        if name:
            row_id = _shown(activity) if "id" in activity.data else _new(host.state)
            _write(host.state, row_id, name, number)
        host.leave()


def _line(row: dict[str, object]) -> Entry:
    name = str(row["display_name"])
    star = "star-filled" if row["starred"] else ""
    return Entry(f"contact:{row['_id']}", Own(name), colour=avatar_colour(name), glyph=star)


def phone_book(state: PhoneState) -> list[tuple[str, str]]:
    """Return the name and the number of every contact that has both; nothing on a phone without contacts."""
    rows = state.tables.get(DATA, [])
    names = {row["raw_contact_id"]: str(row["data1"]) for row in rows if row["mimetype"] == NAME_TYPE}
    numbers = [(row["raw_contact_id"], str(row["data1"])) for row in rows if row["mimetype"] == PHONE_TYPE]
    return [(names[owner], number) for owner, number in numbers if owner in names]


def name_of(state: PhoneState, number: str) -> str:
    """Return the name of the contact with that number, empty where there is none."""
    return next((name for name, theirs in phone_book(state) if theirs == number), "")


def _shown(activity: Activity) -> int:
    return int(activity.data.get("id", "0"))


def _next_id(rows: Table) -> int:
    return 1 + max((int(str(row["_id"])) for row in rows), default=0)


def _new(state: PhoneState) -> int:
    row_id = _next_id(state.tables[RAW])
    state.tables[RAW].append({"_id": row_id, "starred": 0})
    return row_id


def _write(state: PhoneState, row_id: int, name: str, number: str) -> None:
    state.tables[DATA] = [row for row in state.tables[DATA] if row["raw_contact_id"] != row_id]
    _add_data(state, row_id, NAME_TYPE, name)
    if number:
        _add_data(state, row_id, PHONE_TYPE, number)


def _add_data(state: PhoneState, owner: int, mimetype: str, value: str) -> None:
    row = {"_id": _next_id(state.tables[DATA]), "raw_contact_id": owner, "contact_id": owner}
    state.tables[DATA].append({**row, "mimetype": mimetype, "data1": value})


def _number(state: PhoneState, contact: dict[str, object]) -> str:
    numbers = (
        str(row["data1"])
        for row in state.tables[DATA]
        if row["raw_contact_id"] == contact["_id"] and row["mimetype"] == PHONE_TYPE
    )
    return next(numbers, "")
