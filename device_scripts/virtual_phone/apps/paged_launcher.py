"""The full set's home screen: pages of icons side by side, and a drawer of all apps with a search above it."""

from __future__ import annotations

import random
from collections.abc import Sequence

from device_scripts.virtual_phone.apps.base import App, Host, field_text
from device_scripts.virtual_phone.apps.launcher import Launcher
from device_scripts.virtual_phone.language import say
from device_scripts.virtual_phone.state import Activity, PhoneState
from device_scripts.virtual_phone.ui.theme import metrics_for
from device_scripts.virtual_phone.ui.widgets import Field, Icon, IconGrid, Label, PageDots, Screen, Widget

SEARCH = "search"
_DRAWER, _PAGE = "drawer", "page"
_ROWS_REGULAR, _ROWS_COMPACT = 4, 2


class PagedLauncher(Launcher):
    """The first page holds the basic apps as the basic launcher does; the rest follow, each group on pages of its own
    in an order of each seed's, and installed apps last."""

    def __init__(self, first: Sequence[App], *groups: Sequence[App]) -> None:
        super().__init__((*first, *(app for group in groups for app in group)))
        self._orders = {"launcher": [app.package for app in first]}
        self._orders |= {f"launcher/{n}": [app.package for app in group] for n, group in enumerate(groups, start=1)}

    def defaults(self, state: PhoneState, rng: random.Random) -> None:
        for name, packages in self._orders.items():
            state.orders[name] = list(packages)
            rng.shuffle(state.orders[name])

    def screen(self, state: PhoneState, activity: Activity) -> Screen:
        if _DRAWER in activity.data:
            return self._drawer(state, activity)
        pages = self._pages(state)
        page = _page(activity)
        body = (IconGrid(tuple(self._icon(package) for package in pages[page])),)
        return Screen("Home", body, footer=(PageDots(page, len(pages)),))

    def tapped(self, host: Host, activity: Activity, id: str) -> None:
        if id == SEARCH:
            host.focus(SEARCH)
        elif id in self._apps:
            _close(host, activity)
            host.launch(id)

    def submitted(self, host: Host, activity: Activity, field_id: str) -> None:
        """Start the first app found, as the real launcher does."""
        found = self._found(host.state, activity)
        if field_text(activity, SEARCH).strip() and found:
            self.tapped(host, activity, found[0].package)

    def swiped(self, host: Host, activity: Activity, direction: str) -> bool:
        last = len(self._pages(host.state)) - 1
        match direction:
            case "left" | "right" if _DRAWER not in activity.data:
                step = 1 if direction == "left" else -1
                activity.data[_PAGE] = str(min(last, max(0, _page(activity) + step)))
            case "up" if _DRAWER not in activity.data:
                activity.data[_DRAWER] = "1"
                activity.scroll_px = 0
            case "down" if _DRAWER in activity.data and activity.scroll_px == 0:
                _close(host, activity)
            case _:
                return _DRAWER not in activity.data
        return True

    def home(self, host: Host, activity: Activity, in_front: bool) -> None:
        """Close the drawer; with it closed and the launcher in front, go to the first page."""
        if in_front and _DRAWER not in activity.data:
            activity.data[_PAGE] = "0"
        _close(host, activity)

    def back(self, host: Host, activity: Activity) -> bool:
        _close(host, activity)
        return True

    def _pages(self, state: PhoneState) -> list[list[str]]:
        columns = metrics_for(min(state.width_px, state.height_px), state.shown_density_dpi, 1.0).columns
        size = columns * (_ROWS_COMPACT if columns == 2 else _ROWS_REGULAR)
        groups = [*(state.orders[name] for name in self._orders), state.orders.get("installed", [])]
        return [icons[at : at + size] for icons in groups for at in range(0, len(icons), size)]

    def _drawer(self, state: PhoneState, activity: Activity) -> Screen:
        found = self._found(state, activity)
        icons = IconGrid(tuple(self._icon(app.package) for app in found), whole=True)
        field = Field(SEARCH, "Search apps", field_text(activity, SEARCH))
        shown: Widget = icons if found else Label("No apps found")
        return Screen("Apps", (field, shown))

    def _found(self, state: PhoneState, activity: Activity) -> list[App]:
        """Return the apps with a word that begins as the search does, by name."""
        wanted = field_text(activity, SEARCH).strip().lower()
        there = {*self._built_in, *state.orders.get("installed", [])}
        named = sorted((str(say(state, app.label)), package) for package, app in self._apps.items() if package in there)
        found = [package for name, package in named if any(word.startswith(wanted) for word in name.lower().split())]
        return [self._apps[package] for package in found]

    def _icon(self, package: str) -> Icon:
        app = self._apps[package]
        return Icon(app.package, app.label, app.glyph, app.colour)


def _page(activity: Activity) -> int:
    return int(activity.data.get(_PAGE, "0"))


def _close(host: Host, activity: Activity) -> None:
    activity.data.pop(_DRAWER, None)
    activity.data.pop(f"field:{SEARCH}", None)
    activity.scroll_px = 0
    host.focus(None)
