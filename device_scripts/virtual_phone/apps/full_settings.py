"""The full set's settings: pages within pages and a search over all of them. What is on them is in other modules."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import ClassVar

from device_scripts.virtual_phone.apps.base import App, Host, TableShape, field_text
from device_scripts.virtual_phone.apps.phone_lists import APPS, NETWORKS, NEW_NETWORK, SILENT, AppPages, NetworkPages
from device_scripts.virtual_phone.apps.setting_items import (
    Fact,
    Item,
    Link,
    Options,
    Slide,
    Words,
    defaults_of,
)
from device_scripts.virtual_phone.apps.setting_pages import ALL_APPS, PAGES, ROOT, STEADY_ON, TITLES, WIFI_NETWORKS
from device_scripts.virtual_phone.apps.settings import PAGES as BASIC_PAGES
from device_scripts.virtual_phone.apps.settings import Setting, Settings
from device_scripts.virtual_phone.language import Own, say
from device_scripts.virtual_phone.state import Activity, PhoneState, Table
from device_scripts.virtual_phone.ui.material import Choice, Entry, Level
from device_scripts.virtual_phone.ui.widgets import Beside, Button, Field, Label, Screen, Widget

_SUB = ".SubSettings"


class FullSettings(Settings):
    """The basic pages lead, with their switches on top, so that what was learned on them holds here as well."""

    activities = (".Settings", *(f".Settings${page}Activity" for page in PAGES), _SUB)
    tables = (NETWORKS, APPS, SILENT)
    insertable: ClassVar[Mapping[str, TableShape]] = {
        NETWORKS: TableShape({"ssid": str, "secured": int}),
        SILENT: TableShape({"package": str}),
    }

    def __init__(self, apps: Sequence[App]) -> None:
        self._networks = NetworkPages(self.component(_SUB))
        self._apps = AppPages(self.component(_SUB), apps)

    def defaults(self, state: PhoneState, rng: random.Random) -> None:
        super().defaults(state, rng)
        basic = {setting.key for settings in BASIC_PAGES.values() for setting in settings}
        for item in (item for items in PAGES.values() for item in items):
            if isinstance(item, Setting) and item.key not in basic:
                on = rng.random() < 0.5 or item.key in STEADY_ON
                state.settings.setdefault(item.namespace, {})[item.key] = item.on if on else item.off
            elif (default := defaults_of(item)) is not None and default[1] not in basic:
                state.settings.setdefault(default[0], {})[default[1]] = default[2]
        self._networks.defaults(state, rng)
        self._apps.defaults(state)

    def screen(self, state: PhoneState, activity: Activity) -> Screen:
        page, data = _page_of(activity), activity.data
        if "network" in data:
            return self._networks.network(state, activity)
        if "app" in data:
            return self._apps.app(state, activity)
        if page is None and "item" in data:
            return _choose(state, activity)
        if page is None:
            return _root(state, activity)
        lines = {WIFI_NETWORKS: self._networks.lines, ALL_APPS: self._apps.lines}.get(page)
        body = lines(state) if lines else _items(state, page)
        return Screen(TITLES[page], body, up=True)

    def initial_focus(self, activity: Activity) -> str | None:
        return "words" if isinstance(_item(activity), Words) else None

    def tapped(self, host: Host, activity: Activity, id: str) -> None:
        kind, _, name = id.partition(":")
        state = host.state
        if self._networks.tapped(host, activity, id) or self._apps.tapped(host, activity, id):
            return
        match kind:
            case "page":
                host.open(self.component(f".Settings${name}Activity"))
            case "search" | "words":
                host.focus(kind)
            case "found":
                page, _, label = name.partition(":")
                host.focus(None)
                self._go(host, page, label)
            case "open":
                self._go(host, _page_of(activity) or "", name)
            case "set":
                setting = _find(_page_of(activity) or "", name)
                if isinstance(setting, Setting):
                    wanted = setting.off if setting.is_on(state) else setting.on
                    state.settings[setting.namespace][setting.key] = wanted
            case "slide":
                label, _, step = name.partition(":")
                slide = _find(_page_of(activity) or "", label)
                if isinstance(slide, Slide):
                    state.settings[slide.namespace][slide.key] = slide.value_at(int(step))
            case "choose":
                item = _item(activity)
                if isinstance(item, Options):
                    state.settings[item.namespace][item.key] = name
            case "clear":
                activity.data["field:words"] = ""
                host.focus("words")
            case "save":
                self.submitted(host, activity, "words")

    def submitted(self, host: Host, activity: Activity, field_id: str) -> None:
        item = _item(activity)
        if field_id == "words" and isinstance(item, Words):
            text = field_text(activity, "words").strip()
            if text:
                host.state.settings[item.namespace][item.key] = text
            host.leave()
        else:
            host.focus(None)

    def back(self, host: Host, activity: Activity) -> bool:
        asked = activity.data.pop("asked", None)
        return asked is not None or activity.data.pop("field:search", None) is not None

    def query(self, state: PhoneState, path: str) -> Table:
        match path:
            case _ if path == APPS:
                return self._apps.query(state)
            case _ if path == NETWORKS:
                return self._networks.query(state)
            case _:
                return state.tables[path]

    def insert(self, state: PhoneState, path: str, values: dict[str, str]) -> None:
        """Put a network around the phone that it does not know yet, or silence an app."""
        super().insert(state, path, {**values, **NEW_NETWORK} if path == NETWORKS else values)

    def _go(self, host: Host, page: str, label: str) -> None:
        """Open the page of a setting: its own where it has one, else the one it stands on."""
        item = _find(page, label)
        if isinstance(item, Link):
            host.open(self.component(f".Settings${item.page}Activity"))
        elif isinstance(item, (Options, Words)):
            filled = {"field:words": item.value(host.state)} if isinstance(item, Words) else {}
            host.open(self.component(_SUB), {"page": page, "item": label, **filled})
        else:
            host.open(self.component(f".Settings${page}Activity"))


def _page_of(activity: Activity) -> str | None:
    _, _, name = activity.component.partition("$")
    page = name.removesuffix("Activity")
    return page if page in PAGES else None


def _find(page: str, label: str) -> Item | None:
    return next((item for item in PAGES.get(page, ROOT) if item.label == label), None)


def _item(activity: Activity) -> Item | None:
    """Return the setting that a page of its own is about."""
    return _find(activity.data.get("page", ""), activity.data["item"]) if "item" in activity.data else None


def _root(state: PhoneState, activity: Activity) -> Screen:
    typed = field_text(activity, "search")
    field = Field("search", "Search settings", typed)
    if typed.strip():
        return Screen("Settings", (field, *(_matches(state, typed) or (Label("Nothing found"),))))
    first = {link.page: link for link in ROOT}
    order = [*state.orders["settings"], *(page for page in first if page not in BASIC_PAGES)]
    return Screen("Settings", (field, *(_link(first[page]) for page in order)))


def _matches(state: PhoneState, typed: str) -> tuple[Widget, ...]:
    """Return a line for each setting with a word that begins as each of those that were typed does."""
    wanted, seen = typed.lower().split(), set()
    found: list[Widget] = []
    for page, items in (("", ROOT), *PAGES.items()):
        for item in items:
            words = f"{item.label} {say(state, item.label)}".lower().replace("-", " ").split()
            if item.label not in seen and all(any(word.startswith(one) for word in words) for one in wanted):
                seen.add(item.label)
                where = TITLES.get(page, "Settings")
                found.append(Entry(f"found:{page}:{item.label}", item.label, where))
    return tuple(found)


def _link(link: Link) -> Entry:
    return Entry(f"page:{link.page}", link.label, link.below, glyph=link.glyph, colour=link.colour)


def _items(state: PhoneState, page: str) -> tuple[Widget, ...]:
    """Return a page's lines; the basic page's switches are in each seed's own order, as there."""
    first = state.orders.get(f"settings/{page}", [])
    items = [*(item for label in first if (item := _find(page, label)) is not None)]
    return tuple(_line(state, item) for item in (*items, *(item for item in PAGES[page] if item.label not in first)))


def _line(state: PhoneState, item: Item) -> Widget:
    match item:
        case Setting():
            return Entry(f"set:{item.label}", item.label, checked=item.is_on(state))
        case Options():
            return Entry(f"open:{item.label}", item.label, item.chosen(state))
        case Words():
            return Entry(f"open:{item.label}", item.label, Own(item.value(state)))
        case Slide():
            return Level(f"slide:{item.label}", item.label, item.step(state), item.steps)
        case Fact():
            return Entry("", item.label, item.tell(state))
        case Link():
            return _link(item)


def _choose(state: PhoneState, activity: Activity) -> Screen:
    item = _item(activity)
    if isinstance(item, Options):
        now = item.value(state)
        lines = tuple(Choice(f"choose:{value}", label, value == now) for value, label in item.choices(state))
        return Screen(item.label, lines, up=True)
    if isinstance(item, Words):
        field = Field("words", item.label, field_text(activity, "words"))
        return Screen(item.label, (Beside((field, Button("clear", "x")), (4, 1)), Button("save", "Save")), up=True)
    return Screen("Settings", (Label("No longer there"),), up=True)
