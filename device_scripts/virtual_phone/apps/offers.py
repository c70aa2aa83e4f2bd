"""An app nobody asked for: pop-ups and notifications that want to be tapped, for tests of agents. Posts none by itself.

A row in ``pending`` is shown: one of the kind ``notification`` as a banner over whatever is in front, any other when
the app is started. What was taken of them is told in ``taken``. It has no icon.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import ClassVar

from device_scripts.virtual_phone.apps.base import App, Host, TableShape
from device_scripts.virtual_phone.state import Activity, PhoneState
from device_scripts.virtual_phone.ui.widgets import Button, Label, Paragraph, Screen

PACKAGE = "org.example.offers"
PENDING, TAKEN = f"{PACKAGE}/pending", f"{PACKAGE}/taken"
NOTIFICATION = "notification"
_TAKE, _LATER = "take", "later"


class Offers(App):
    """Shows the first row of ``pending``."""

    package = PACKAGE
    label = "Offers"
    glyph = "cube"
    colour = (150, 40, 60)
    activities = (".PopUp",)
    tables = (PENDING, TAKEN)
    insertable: ClassVar[Mapping[str, TableShape]] = {
        PENDING: TableShape({"kind": str, "title": str, "text": str, "button": str})
    }

    def defaults(self, state: PhoneState, rng: random.Random) -> None:
        state.tables[PENDING], state.tables[TAKEN] = [], []

    def screen(self, state: PhoneState, activity: Activity) -> Screen:
        rows = state.tables[PENDING]
        if not rows:
            return Screen("Offers", (Label("No offers"),))
        shown = rows[0]
        body = (Paragraph(str(shown["text"]), 2), Button(_TAKE, str(shown["button"])), Button(_LATER, "Later"))
        return Screen(str(shown["title"]), body)

    def tapped(self, host: Host, activity: Activity, id: str) -> None:
        if id == _TAKE:
            _take(host.state)
        host.state.tables[PENDING] = []
        host.leave()

    def back(self, host: Host, activity: Activity) -> bool:
        host.state.tables[PENDING] = []
        return False

    def notification(self, state: PhoneState) -> tuple[str, str] | None:
        row = next((row for row in state.tables[PENDING] if row["kind"] == NOTIFICATION), None)
        return None if row is None else (str(row["title"]), str(row["text"]))

    def notification_tapped(self, host: Host) -> None:
        _take(host.state)
        self.notification_dismissed(host.state)
        host.launch(PACKAGE)

    def notification_dismissed(self, state: PhoneState) -> None:
        state.tables[PENDING] = [row for row in state.tables[PENDING] if row["kind"] != NOTIFICATION]


def _take(state: PhoneState) -> None:
    taken = state.tables[TAKEN]
    taken.append({"_id": len(taken) + 1, "kind": state.tables[PENDING][0]["kind"]})
