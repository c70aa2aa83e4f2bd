"""Messages: conversations by number, one conversation, a new message. Its rows are those of Android's SMS provider."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import ClassVar

from device_scripts.virtual_phone.apps.avatars import avatar_colour
from device_scripts.virtual_phone.apps.base import App, Host, TableShape, field_text, front_activity
from device_scripts.virtual_phone.apps.contacts import name_of
from device_scripts.virtual_phone.language import Own
from device_scripts.virtual_phone.state import Activity, PhoneState, Table
from device_scripts.virtual_phone.ui.material import Action, Entry
from device_scripts.virtual_phone.ui.widgets import Beside, Bubble, Button, Dialog, Field, Label, Screen, Widget

SMS, INBOX, SENT = "sms", "sms/inbox", "sms/sent"
SHOWN = "com.android.messaging/shown"
RECEIVED_TYPE, SENT_TYPE = 1, 2
SEED_TEXTS = ("see you", "call me", "thanks", "on my way")
_END_PX = 1_000_000
_SHAPE = TableShape({"address": str, "body": str}, {"type": int, "read": int, "date": int})


class Messages(App):
    """Every conversation has one number; nobody answers."""

    package = "com.android.messaging"
    provider_package = "com.android.providers.telephony"
    label = "Messages"
    glyph = "bubble"
    colour = (70, 140, 90)
    activities = (".ConversationListActivity", ".ConversationActivity", ".NewMessageActivity")
    tables = (SMS, INBOX, SENT, SHOWN)
    insertable: ClassVar[Mapping[str, TableShape]] = {SMS: _SHAPE, INBOX: _SHAPE, SENT: _SHAPE}

    def defaults(self, state: PhoneState, rng: random.Random) -> None:
        state.tables[SMS] = []
        for text in rng.sample(SEED_TEXTS, 2):
            _add(state, f"5550{rng.randint(200, 299)}", text, RECEIVED_TYPE, read=1)

    def screen(self, state: PhoneState, activity: Activity) -> Screen:
        match activity.component.partition("/")[2]:
            case ".ConversationActivity":
                return _conversation(state, activity)
            case ".NewMessageActivity":
                to, text = (field_text(activity, key) for key in ("to", "text"))
                return Screen("New message", (Field("to", "To", to), Field("text", "Message", text), _SEND), up=True)
            case _:
                typed = field_text(activity, "search")
                found: tuple[Widget, ...] = tuple(_line(state, row) for row in _found(state, typed))
                body = (Field("search", "Search messages", typed), *(found or (Label("No messages"),)))
                return Screen("Messages", body, floating=Action("new", "New message", "pencil"))

    def initial_focus(self, activity: Activity) -> str | None:
        return "to" if activity.component.endswith(".NewMessageActivity") else None

    def tapped(self, host: Host, activity: Activity, id: str) -> None:
        kind, _, address = id.partition(":")
        match kind:
            case "search" | "to" | "text":
                host.focus(kind)
            case "new":
                host.open(self.component(".NewMessageActivity"))
            case "open":
                self._show(host, address)
            case "send":
                self._send(host, activity)
            case "delete":
                activity.data["asked"] = "1"
            case "cancel":
                del activity.data["asked"]
            case "confirm":
                rows = host.state.tables[SMS]
                rows[:] = [row for row in rows if row["address"] != activity.data.get("address")]
                host.leave()

    def submitted(self, host: Host, activity: Activity, field_id: str) -> None:
        host.focus(None)

    def back(self, host: Host, activity: Activity) -> bool:
        return activity.data.pop("asked", None) is not None

    def view(self, host: Host, uri: str) -> bool:
        """Show the conversation with an ``sms:`` link's number."""
        if not uri.startswith("sms:"):
            return False
        host.launch(self.package)
        self._show(host, uri.removeprefix("sms:"))
        return True

    def query(self, state: PhoneState, path: str) -> Table:
        if path == SHOWN:
            activity = front_activity(state, self.package)
            address = activity.data.get("address") if activity is not None else None
            return [{"_id": 1, "address": address}] if address else []
        kind = {INBOX: RECEIVED_TYPE, SENT: SENT_TYPE}.get(path)
        return [row for row in state.tables[SMS] if kind is None or row["type"] == kind]

    def insert(self, state: PhoneState, path: str, values: dict[str, str]) -> None:
        kind = SENT_TYPE if path == SENT else int(values.get("type", RECEIVED_TYPE))
        read = int(values.get("read", kind == SENT_TYPE))
        _add(state, values["address"], values["body"], kind, read)

    def delete(self, state: PhoneState, path: str, row_id: int | None) -> None:
        gone = [row["_id"] for row in self.query(state, path) if row_id in (None, row["_id"])]
        state.tables[SMS] = [row for row in state.tables[SMS] if row["_id"] not in gone]

    def _show(self, host: Host, address: str) -> None:
        for row in host.state.tables[SMS]:
            if row["address"] == address:
                row["read"] = 1
        host.open(self.component(".ConversationActivity"), {"address": address})

    def _send(self, host: Host, activity: Activity) -> None:
        new = activity.component.endswith(".NewMessageActivity")
        address = field_text(activity, "to").strip() if new else activity.data.get("address", "")
        text = field_text(activity, "text").strip()
        if not (address and text):
            return
        _add(host.state, address, text, SENT_TYPE, read=1)
        if new:
            host.leave()
            self._show(host, address)
        else:
            activity.data["field:text"] = ""
            activity.scroll_px = _END_PX


_SEND = Button("send", "Send")


def _conversation(state: PhoneState, activity: Activity) -> Screen:
    address = activity.data.get("address", "")
    rows = [row for row in state.tables[SMS] if row["address"] == address]
    bubbles = tuple(Bubble(Own(str(row["body"])), row["type"] == SENT_TYPE) for row in rows)
    field = Field("text", "Message", field_text(activity, "text"))
    asked = Dialog("Delete it?", (Button("cancel", "Keep"), Button("confirm", "Yes")))
    title, wipe = Own(name_of(state, address) or address), (Action("delete", "Delete all", "bin"),)
    footer = (Beside((field, _SEND), (2, 1)),)
    return Screen(title, bubbles, asked if "asked" in activity.data else None, footer, up=True, actions=wipe)


def _found(state: PhoneState, typed: str) -> Table:
    """Return the last message of each number, or the last that has what was typed in it; the newest first."""
    wanted = typed.strip().lower()
    latest = {
        str(row["address"]): row
        for row in state.tables[SMS]
        if any(wanted in part.lower() for part in (*map(str, (row["address"], row["body"])), _named(state, row)))
    }
    return sorted(latest.values(), key=lambda row: int(str(row["_id"])), reverse=True)


def _named(state: PhoneState, row: dict[str, object]) -> str:
    return name_of(state, str(row["address"])) or str(row["address"])


def _line(state: PhoneState, row: dict[str, object]) -> Entry:
    name, new = _named(state, row), "" if row["read"] else "new"
    colour = avatar_colour(name)
    glyph = "person" if name == row["address"] else ""
    return Entry(f"open:{row['address']}", Own(name), Own(str(row["body"])), new, glyph, colour)


def _add(state: PhoneState, address: str, body: str, kind: int, read: int) -> None:
    rows = state.tables[SMS]
    row_id = 1 + max((int(str(row["_id"])) for row in rows), default=0)
    thread = next((row["thread_id"] for row in rows if row["address"] == address), row_id)
    about = {"_id": row_id, "thread_id": thread, "address": address, "date": state.clock_ms}
    rows.append({**about, "read": read, "type": kind, "body": body})
