"""What every app of the phone offers and may ask for. Holds no screen.

An app is stateless: ``screen`` is a pure function of the phone's state, and the handlers change that state
through a ``Host``. A new app is a new file with one subclass and one line in ``apps/__init__.py``.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Protocol

from device_scripts.virtual_phone.state import Activity, PhoneState, Table
from device_scripts.virtual_phone.ui.widgets import Screen


class Host(Protocol):
    """What an app may ask of the phone it runs on."""

    state: PhoneState

    def open(self, component: str, data: dict[str, str] | None = None) -> None:
        """Push an activity onto the front task."""

    def leave(self) -> None:
        """Pop the visible activity, as the back key does."""

    def focus(self, field_id: str | None) -> None:
        """Give the keyboard to a field, or take it away."""

    def launch(self, package: str) -> None:
        """Bring another app to the front."""

    def view(self, uri: str) -> None:
        """Open a link in the app that has a use for it; PhoneError when none does."""

    def force_stop(self, package: str) -> None:
        """End an app: its tasks are gone, its data stays."""

    def clear_package(self, package: str) -> None:
        """End an app and put its data back to how the phone came."""

    def install(self, package: str) -> None:
        """Add an app that another one offers; PhoneError when none does."""

    def uninstall(self, package: str) -> None:
        """Take an installed app off the phone again; PhoneError when it is not one."""


@dataclass(frozen=True, slots=True)
class TableShape:
    """What a row that is inserted from outside must and may hold: a column's name to ``int`` or ``str``."""

    required: Mapping[str, type]
    optional: Mapping[str, type] = field(default_factory=dict)


class App:
    """Base of all apps; subclasses fill in what they have."""

    package: str
    label: str
    glyph: str
    colour: tuple[int, int, int]
    activities: tuple[str, ...]
    """Short component names, the first one for the launcher."""

    tables: tuple[str, ...] = ()
    """Content paths it serves, as ``authority/path``."""

    insertable: ClassVar[Mapping[str, TableShape]] = {}
    """Those of ``tables`` that take rows from outside; their rows can be deleted from outside as well."""

    clearable: tuple[str, ...] = ()
    """Further ones whose rows can be deleted from outside."""

    provider_package: str = ""
    """The package that keeps the app's data where it is not the app itself: clearing it resets the tables."""

    in_the_phones_words: ClassVar[bool] = True
    """Whether its words follow the phone's language; pages of the web and games have their own."""

    offers: tuple[App, ...] = ()
    """Apps that are on the phone only once they are installed."""

    def component(self, short: str | None = None) -> str:
        """Return the full component name, ``package/.Activity``."""
        return f"{self.package}/{short or self.activities[0]}"

    def defaults(self, state: PhoneState, rng: random.Random) -> None:
        """Fill the app's settings, tables and orders for a new phone, or after its data was cleared."""

    def screen(self, state: PhoneState, activity: Activity) -> Screen:
        """Return what the activity shows."""
        raise LookupError(f"{self.label} has no screen for {activity.component}")

    def initial_focus(self, activity: Activity) -> str | None:
        """Return the field that has the keyboard when the activity opens."""
        return None

    def tapped(self, host: Host, activity: Activity, id: str) -> None:
        """Handle a tap on the widget of that id."""

    def submitted(self, host: Host, activity: Activity, field_id: str) -> None:
        """Handle the enter key in a field."""

    def swiped(self, host: Host, activity: Activity, direction: str) -> bool:
        """Handle a swipe of the finger to ``left``, ``right``, ``up`` or ``down``; False leaves it to scrolling."""
        return False

    def home(self, host: Host, activity: Activity, in_front: bool) -> None:
        """Handle the home key, on the launcher only; ``in_front``: it was on top already."""

    def back(self, host: Host, activity: Activity) -> bool:
        """Handle the back key within the activity; False leaves it to the phone."""
        return False

    def media_key(self, host: Host, keycode: int) -> bool:
        """Handle a media key, whichever app is in front; False when it is none of this app's."""
        return False

    def view(self, host: Host, uri: str) -> bool:
        """Open a link; False when it is none of this app's."""
        return False

    def query(self, state: PhoneState, path: str) -> Table:
        """Return the rows of one of ``tables``."""
        return state.tables[path]

    def insert(self, state: PhoneState, path: str, values: dict[str, str]) -> None:
        """Add a row, numbered after the highest there is; whole numbers are stored as such."""
        rows = state.tables[path]
        highest = max((number for row in rows if isinstance(number := row.get("_id"), int)), default=0)
        rows.append({"_id": highest + 1, **{key: _plain(value) for key, value in values.items()}})

    def delete(self, state: PhoneState, path: str, row_id: int | None) -> None:
        """Remove one row, or all."""
        rows = state.tables[path]
        rows[:] = [row for row in rows if row_id is not None and row["_id"] != row_id]


def _plain(value: str) -> object:
    return int(value) if re.fullmatch(r"-?[0-9]{1,18}", value) else value


def field_text(activity: Activity, field_id: str) -> str:
    """Return what stands in a field."""
    return activity.data.get(f"field:{field_id}", "")


def front_activity(state: PhoneState, package: str) -> Activity | None:
    """Return what an app shows or would show when it comes back to the front, None when it does not run."""
    return next((task.activities[-1] for task in state.tasks if task.package == package), None)
