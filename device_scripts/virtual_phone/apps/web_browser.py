"""The full set's browser: tabs, address bar, menu, and the sites of ``sites``. Holds no site's pages itself."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import ClassVar
from urllib.parse import urlsplit

from device_scripts.virtual_phone.apps import browser, web_memory
from device_scripts.virtual_phone.apps.base import App, Host, TableShape, field_text
from device_scripts.virtual_phone.apps.web_memory import CART, COOKIES, HISTORY, HOME, ORDERS, TABS
from device_scripts.virtual_phone.sites import ENGINE, SHOPS, shop_at, site_at
from device_scripts.virtual_phone.sites.base import Visit, WebPage
from device_scripts.virtual_phone.sites.catalogue import offers
from device_scripts.virtual_phone.sites.findwell import start_blocks, start_ground
from device_scripts.virtual_phone.sites.theme import indented
from device_scripts.virtual_phone.state import Activity, PhoneState, Table
from device_scripts.virtual_phone.ui.material import Entry
from device_scripts.virtual_phone.ui.theme import DARK, LIGHT
from device_scripts.virtual_phone.ui.web import Across, Gap, Input, Look, Press, Words
from device_scripts.virtual_phone.ui.widgets import Button, Label, Row, Screen, Web, Widget

PRODUCTS = "com.android.browser/products"
LISTING = "com.android.browser/listing"
_SHOWN_VISITS = 20


class WebBrowser(App):
    """Several tabs, each with the pages it can go back and forward to; on the home screen it looks like the other."""

    package = browser.Browser.package
    label = browser.Browser.label
    glyph = browser.Browser.glyph
    colour = browser.Browser.colour
    activities = browser.Browser.activities
    in_the_phones_words = False

    tables = (TABS, HISTORY, CART, COOKIES, ORDERS, PRODUCTS, LISTING)
    insertable: ClassVar[Mapping[str, TableShape]] = {
        CART: TableShape({"site": str, "sku": str, "name": str, "count": int})
    }

    def defaults(self, state: PhoneState, rng: random.Random) -> None:
        web_memory.forget_all(state)

    def screen(self, state: PhoneState, activity: Activity) -> Screen:
        match activity.data.get("view"):
            case "menu":
                return Screen("Menu", tuple(Row(id, label) for id, label in _menu(state)))
            case "tabs":
                return Screen("Tabs", _tabs(state))
            case "history":
                return Screen("History", _history(state))
        url = web_memory.url(state)
        header = (_bar(state, activity),)
        if urlsplit(url).netloc == "shop.example":
            page = browser.shop_screen(url, state.tables[CART], field_text(activity, "search"))
            return Screen(page.title, page.body, header=header)
        web_page = _page(_visit(state, activity))
        pinned = () if state.focused_field == "address" else web_page.pinned
        return Screen(
            web_page.title,
            tuple(Web(block) for block in web_page.blocks),
            web_page.popup,
            tuple(Web(block) for block in pinned),
            header=header,
            ground=web_page.ground,
        )

    def tapped(self, host: Host, activity: Activity, id: str) -> None:
        kind, _, name = id.partition(":")
        state = host.state
        match kind:
            case "address" | "search" | "q":
                host.focus(kind)
            case "submit":
                self.submitted(host, activity, name)
            case "go":
                _leave_field(host, activity)
                web_memory.visit(state, name)
            case "do":
                _leave_field(host, activity)
                web_memory.do(state, urlsplit(web_memory.url(state)).netloc, name)
            case "add" | "remove":
                name_shown = name.replace("-", " ")
                web_memory.change_cart(state, "shop.example", name, name_shown, 1 if kind == "add" else None)
            case "view":
                _leave_field(host, activity)
                activity.data["view"] = name
            case "tab":
                _leave_field(host, activity)
                web_memory.choose_tab(state, name)
            case "forward":
                _leave_field(host, activity)
                web_memory.step(state, 1)

    def submitted(self, host: Host, activity: Activity, field_id: str) -> None:
        text = " ".join(field_text(activity, field_id).split())
        url = web_memory.url(host.state)
        host.focus(None)
        if not text:
            return
        _leave_field(host, activity)
        site = site_at(urlsplit(url).netloc) or ENGINE
        match field_id:
            case "address":
                web_memory.visit(host.state, web_memory.address(text, ENGINE.search_address(text)))
            case "search":
                web_memory.visit(host.state, browser.search_address(text))
            case _:
                web_memory.visit(host.state, site.search_address(text))

    def back(self, host: Host, activity: Activity) -> bool:
        if activity.data.pop("view", None) is not None:
            return True
        if not web_memory.step(host.state, -1):
            return False
        _leave_field(host, activity)
        return True

    def view(self, host: Host, uri: str) -> bool:
        if not uri.startswith(("http://", "https://", "about:")):
            return False
        host.launch(self.package)
        _leave_field(host, host.state.activity)
        web_memory.visit(host.state, web_memory.address(uri, HOME))
        return True

    def query(self, state: PhoneState, path: str) -> Table:
        match path:
            case _ if path == TABS:
                return web_memory.tabs(state, lambda url: _page(Visit(url)).title)
            case _ if path == PRODUCTS:
                return _products()
            case _ if path == LISTING:
                return _listing(state)
        return state.tables[path]


def _leave_field(host: Host, activity: Activity) -> None:
    """Forget what the page before had in its fields and how far it was scrolled, and any view over it."""
    host.focus(None)
    activity.scroll_px = 0
    activity.data.clear()


def _visit(state: PhoneState, activity: Activity) -> Visit:
    url = web_memory.url(state)
    is_dark = state.settings["secure"].get("ui_night_mode") == "2"
    return web_memory.visit_of(state, url, {"q": field_text(activity, "q")}, is_dark)


def _page(visit: Visit) -> WebPage:
    host = urlsplit(visit.url).netloc
    site = site_at(host)
    if site is not None:
        return site.page(visit)
    theme = start_ground(visit)
    if visit.url == HOME:
        shop = indented(Press(f"go:{browser.SHOP}", "Shop", theme.mild))
        return WebPage("New tab", (*start_blocks(visit), Gap(), shop), theme.ground)
    lost = Words(f"This site cannot be reached: {host or visit.url}", theme.text)
    return WebPage(
        "Not found", (Gap(), indented(lost), indented(Words("Check the address.", theme.quiet))), theme.ground
    )


def _bar(state: PhoneState, activity: Activity) -> Web:
    """Return the address field with the buttons beside it, in the phone's colours."""
    palette = DARK if state.settings["secure"].get("ui_night_mode") == "2" else LIGHT
    url = web_memory.url(state)
    here = "" if url == HOME else url.removeprefix("https://").removesuffix("/")
    shown = field_text(activity, "address") if state.focused_field == "address" else here
    button = Look(fill=palette.surface, ink=palette.text, round=True)
    field = Input(
        "address", "Search or type address", shown, Look(fill=palette.background, edge=palette.line, round=True)
    )
    tabs = Press("view:tabs", str(len(state.tables[TABS])), button)
    return Web(Across((field, tabs, Press("view:menu", "...", button)), (6, 1, 1), Look(fill=palette.title)))


def _menu(state: PhoneState) -> list[tuple[str, str]]:
    forward = [("forward", "Forward")] if web_memory.can_go_forward(state) else []
    return [
        *forward,
        ("tab:new", "New tab"),
        (f"go:{HOME}", "Home page"),
        ("view:history", "History"),
        ("view:tabs", "Tabs"),
    ]


def _tabs(state: PhoneState) -> tuple[Widget, ...]:
    rows: list[Widget] = []
    for row in web_memory.tabs(state, lambda url: _page(Visit(url)).title):
        rows.append(Entry(f"tab:{row['_id']}", str(row["title"]), str(row["url"]), "open" if row["active"] else ""))
    return *rows, Button("tab:new", "New tab"), Button("tab:close", "Close open tab")


def _history(state: PhoneState) -> tuple[Widget, ...]:
    visits = [str(row["url"]) for row in reversed(state.tables[HISTORY]) if row["url"] != HOME][:_SHOWN_VISITS]
    if not visits:
        return (Label("Nothing yet"),)
    return tuple(Entry(f"go:{url}", _page(Visit(url)).title, url) for url in visits)


def _products() -> Table:
    return [
        {
            "_id": number,
            "site": host,
            "sku": offer.product.sku,
            "name": offer.product.name,
            "kind": offer.product.kind,
            "price_cents": offer.price_cents,
            "rating_tenths": offer.product.rating_tenths,
        }
        for number, (host, offer) in enumerate(((shop.host, o) for shop in SHOPS for o in offers(shop.host)), start=1)
    ]


def _listing(state: PhoneState) -> Table:
    """Return what the results page lists that the open tab shows or last went through."""
    for url in web_memory.way_here(state):
        shop = shop_at(urlsplit(url).netloc)
        listing = shop.listing(Visit(url)) if shop is not None else None
        if shop is not None and listing is not None:
            return [
                {
                    "_id": number,
                    "site": shop.host,
                    "page": entry.page,
                    "position": entry.position,
                    "sku": entry.offer.product.sku,
                    "sort": listing.sort,
                    "filters": " ".join(name for name, _ in listing.filters),
                    "price_cents": entry.offer.price_cents,
                    "query": web_memory.bare(listing.query),
                }
                for number, entry in enumerate(listing.entries, start=1)
            ]
    return []
