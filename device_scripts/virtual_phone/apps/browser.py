"""The browser and one shop: search, results, item, cart. Every page is a function of its address."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar
from urllib.parse import parse_qs, quote, unquote, urlsplit

from device_scripts.virtual_phone.apps.base import App, Host, TableShape, field_text
from device_scripts.virtual_phone.state import Activity, PhoneState, Table
from device_scripts.virtual_phone.ui.widgets import Button, Field, Label, Row, Screen, Widget

TABS = "com.android.browser/tabs"
HISTORY = "com.android.browser/history"
CART = "com.android.browser/cart"
HOME = "about:home"
SHOP = "https://shop.example/"


@dataclass(frozen=True, slots=True)
class Product:
    """Something the shop sells."""

    name: str
    price_usd: int

    @property
    def sku(self) -> str:
        """Its number in addresses and in the cart."""
        return self.name.replace(" ", "-")


PRODUCTS = tuple(
    Product(name, price)
    for name, price in (
        ("desk lamp", 24),
        ("floor lamp", 60),
        ("red shoes", 45),
        ("blue shoes", 48),
        ("blue mug", 8),
        ("green mug", 9),
        ("tea pot", 21),
        ("tea cup", 6),
        ("green tent", 90),
        ("small tent", 70),
        ("wool hat", 15),
        ("sun hat", 18),
        ("book bag", 32),
        ("rain coat", 55),
        ("hand soap", 4),
        ("bath towel", 12),
    )
)


class Browser(App):
    """One tab with a history."""

    package = "com.android.browser"
    in_the_phones_words = False
    label = "Browser"
    glyph = "globe"
    colour = (40, 130, 70)
    activities = (".BrowserActivity",)
    tables = (TABS, HISTORY, CART)
    insertable: ClassVar[Mapping[str, TableShape]] = {CART: TableShape({"sku": str, "name": str, "count": int})}

    def defaults(self, state: PhoneState, rng: random.Random) -> None:
        state.tables[HISTORY] = [{"_id": 1, "url": HOME}]
        state.tables[CART] = []

    def screen(self, state: PhoneState, activity: Activity) -> Screen:
        address = urlsplit(_url(state))
        if address.scheme == "about":
            typed = field_text(activity, "address")
            return Screen("Browser", (Field("address", "Web address", typed), Row("go:" + SHOP, "Shop")))
        if address.netloc != "shop.example":
            return Screen("Not found", (Label("No such page"),))
        return shop_screen(_url(state), state.tables[CART], field_text(activity, "search"))

    def tapped(self, host: Host, activity: Activity, id: str) -> None:
        kind, _, name = id.partition(":")
        match kind:
            case "go":
                host.focus(None)
                _visit(host.state, activity, name)
            case "address" | "search":
                host.focus(kind)
            case "add":
                product = _BY_SKU[name]
                self.insert(host.state, CART, {"sku": product.sku, "name": product.name, "count": "1"})
            case "remove":
                rows = host.state.tables[CART]
                rows[:] = [row for row in rows if row["sku"] != name]

    def submitted(self, host: Host, activity: Activity, field_id: str) -> None:
        text = field_text(activity, field_id).strip()
        host.focus(None)
        if text and field_id == "search":
            _visit(host.state, activity, search_address(text))
        elif text:
            _visit(host.state, activity, SHOP if "shop" in text else f"https://{quote(text)}/")

    def back(self, host: Host, activity: Activity) -> bool:
        history = host.state.tables[HISTORY]
        if len(history) == 1:
            return False
        history.pop()
        _forget_fields(activity)
        return True

    def view(self, host: Host, uri: str) -> bool:
        if urlsplit(uri).scheme not in ("http", "https", "about"):
            return False
        host.launch(self.package)
        _visit(host.state, host.state.activity, uri)
        return True

    def query(self, state: PhoneState, path: str) -> Table:
        if path != TABS:
            return state.tables[path]
        url = _url(state)
        return [{"_id": 1, "url": url, "title": unquote(urlsplit(url).path.strip("/") or "home")}]


_BY_SKU = {product.sku: product for product in PRODUCTS}
_CART_BUTTON = Button(f"go:{SHOP}cart", "Cart")


def search_address(text: str) -> str:
    """Return the address of the shop's results."""
    return f"{SHOP}search?q={quote(text)}"


def shop_screen(url: str, cart: Table, typed: str) -> Screen:
    """Return the shop's page at an address; ``typed`` stands in its search field."""
    address = urlsplit(url)
    match address.path.strip("/").split("/"):
        case [""]:
            return Screen("Shop", (Field("search", "Search shop", typed), _CART_BUTTON))
        case ["search"]:
            query = parse_qs(address.query).get("q", [""])[0]
            return Screen(f"Find: {query}", (*_results(query), _CART_BUTTON))
        case ["item", sku] if sku in _BY_SKU:
            return Screen("Item", _item(_BY_SKU[sku], any(row["sku"] == sku for row in cart)))
        case ["cart"]:
            return Screen("Cart", _cart(cart))
        case _:
            return Screen("Not found", (Label("No such page"),))


def matching(query: str) -> list[Product]:
    """Products that have every word of the query, then those with any, in the catalogue's order."""
    words = set(query.lower().split())
    whole = [product for product in PRODUCTS if words <= set(product.name.split())]
    some = [product for product in PRODUCTS if words & set(product.name.split()) and product not in whole]
    return whole + some


def _url(state: PhoneState) -> str:
    return str(state.tables[HISTORY][-1]["url"])


def _visit(state: PhoneState, activity: Activity, url: str) -> None:
    history = state.tables[HISTORY]
    history.append({"_id": len(history) + 1, "url": url})
    activity.scroll_px = 0
    _forget_fields(activity)


def _forget_fields(activity: Activity) -> None:
    for key in [key for key in activity.data if key.startswith("field:")]:
        del activity.data[key]


def _results(query: str) -> tuple[Widget, ...]:
    found = matching(query)[:4]
    if not found:
        return (Label("No results"),)
    return tuple(Row(f"go:{SHOP}item/{found_.sku}", found_.name, f"${found_.price_usd}") for found_ in found)


def _item(product: Product, in_cart: bool) -> tuple[Widget, ...]:
    buy: Widget = Label("In your cart") if in_cart else Button(f"add:{product.sku}", "Add to cart")
    return Label(product.name, large=True), Label(f"${product.price_usd}"), buy, _CART_BUTTON


def _cart(rows: Table) -> tuple[Widget, ...]:
    if not rows:
        return (Label("Nothing here yet"),)
    return tuple(Row(f"remove:{row['sku']}", str(row["name"]), "remove") for row in rows)
