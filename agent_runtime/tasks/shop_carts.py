"""Tasks on the shops' carts and on single products: adding, removing, comparing, prices. Samples nothing."""

from itertools import combinations
from typing import ClassVar

from agent_runtime.devices import Device
from agent_runtime.tasks import probes
from agent_runtime.tasks.apps import NOTES_URI
from agent_runtime.tasks.base import Command, Params, ParamSpace
from agent_runtime.tasks.shop_results import FIRST, SEARCH, OpenFirstTask, offers
from agent_runtime.tasks.web import BROWSER, SITES, WebTask, open_page

CART_URI = f"content://{BROWSER}/cart"
ITEMS = (
    *("Luvena Ember desk lamp", "Velkra Grove wall clock", "Nimbrel Arc bath towel", "Ombry Indigo office chair"),
    *("Nimbrel Kite tea pot", "Nimbrel Ember coffee mug", "Kestola Kite frying pan", "Quenby Lumen water bottle"),
    *("Dorvik Copper running shoes", "Dorvik Arc rain coat", "Nimbrel Halo wool hat", "Haldo Drift umbrella"),
    *("Velkra Halo camping tent", "Ombry Arc travel bag", "Quenby Drift headphones", "Ombry Ember phone case"),
    *("Velkra Kite keyboard", "Ombry Breeze mouse", "Nimbrel Juno notebook", "Quenby Kite board game"),
)
"""One of each product that every shop has."""
_BY_ITEM: ParamSpace = {"site": SITES, "item": ITEMS}


def sku_of(item: str) -> str:
    """Return a product's number."""
    return item.lower().replace(" ", "-")


def other_item(item: str) -> str:
    """Return the product that is in the cart besides this one, where there are two at the start."""
    return ITEMS[ITEMS.index(item) - 1]


def _cart(device: Device) -> list[tuple[str | None, ...]]:
    return [(row.get("site"), row.get("sku"), row.get("count")) for row in probes.rows(device, CART_URI)]


class AddFirstTask(OpenFirstTask):
    """Have that product, once, and nothing else in the cart."""

    name = "webshop/add-first"
    level = 3
    goal_template = f"{SEARCH}, and add {FIRST} to the cart"
    optimal_steps = 14

    def shows(self, device: Device, params: Params) -> bool:
        first = self.first(device, params)
        return first is not None and _cart(device) == [(params["site"], first, "1")]


class OpenItemTask(WebTask):
    """Have the page of a product open."""

    name = "webshop/open-item"
    goal_template = "Go to {site} and open the page of the {item}"
    param_space: ClassVar[ParamSpace] = _BY_ITEM
    split_param = "item"
    optimal_steps = 10

    def shows(self, device: Device, params: Params) -> bool:
        page = open_page(device)
        return (page.site, page.path) == (params["site"], f"item/{sku_of(params['item'])}")


class AddItemTask(OpenItemTask):
    """Have a product, once, and nothing else in a shop's cart."""

    name = "webshop/add-item"
    level = 2
    goal_template = "Put the {item} in the cart at {site}"
    count: ClassVar[int] = 1
    optimal_steps = 12

    def shows(self, device: Device, params: Params) -> bool:
        return _cart(device) == [(params["site"], sku_of(params["item"]), str(self.count))]


class AddTwoTask(AddItemTask):
    """Have it twice."""

    name = "webshop/add-two"
    level = 3
    goal_template = "Put two of the {item} in the cart at {site}"
    count = 2
    optimal_steps = 14


class CheckOutTask(AddItemTask):
    """Have a product in the cart and the check-out open; nothing is ordered."""

    name = "webshop/check-out"
    level = 3
    goal_template = "Put the {item} in the cart at {site} and go to the check-out, but order nothing"
    optimal_steps = 14

    def shows(self, device: Device, params: Params) -> bool:
        page = open_page(device)
        return super().shows(device, params) and (page.site, page.path) == (params["site"], "checkout")


class RemoveTask(OpenItemTask):
    """Have one of two products gone from a shop's cart."""

    name = "webshop/remove"
    level = 1
    goal_template = "Remove the {item} from the cart at {site}"
    optimal_steps = 8

    def prepare(self, device: Device, params: Params) -> list[Command]:
        undo = super().prepare(device, params)
        for item in (other_item(params["item"]), params["item"]):
            row: dict[str, str | int] = {"site": params["site"], "sku": sku_of(item), "name": item, "count": 1}
            probes.insert(device, CART_URI, row)
        return undo

    def shows(self, device: Device, params: Params) -> bool:
        return _cart(device) == [(params["site"], sku_of(other_item(params["item"])), "1")]


class EmptyCartTask(RemoveTask):
    """Have nothing in a shop's cart, where two products are at the start."""

    name = "webshop/empty"
    level = 1
    goal_template = "Empty the cart at {site}, where the {item} is"
    optimal_steps = 8

    def shows(self, device: Device, params: Params) -> bool:
        return _cart(device) == []


class CompareTask(AddItemTask):
    """Have a product in the cart of that of two shops where it costs less."""

    name = "webshop/compare"
    level = 3
    goal_template = "Put the {item} in the cart where it costs less, at {shops}"
    param_space: ClassVar[ParamSpace] = {
        "item": ITEMS,
        "shops": tuple(f"{one} or {other}" for one, other in combinations(SITES, 2)),
    }
    optimal_steps = 29

    def shows(self, device: Device, params: Params) -> bool:
        item, shops = params["item"], params["shops"].split(" or ")
        sold = [row for row in offers(device, name=item) if row["site"] in shops]
        lowest = min((int(row["price_cents"]) for row in sold), default=0)
        where = [row["site"] for row in sold if int(row["price_cents"]) == lowest]
        return _cart(device) in [[(site, sku_of(item), "1")] for site in where]


class NotePriceTask(OpenItemTask):
    """Have a note that says what a product costs in a shop."""

    name = "webshop/price"
    apps = ("Browser", "Notes")
    level = 2
    goal_template = "Write a note saying what the {item} costs at {site}, as in $12.34"
    optimal_steps = 15

    def prepare(self, device: Device, params: Params) -> list[Command]:
        undo = super().prepare(device, params)
        for row in probes.rows(device, NOTES_URI):
            if row.get("text", "").startswith("$"):
                probes.delete(device, NOTES_URI, row["_id"])
        return undo

    def shows(self, device: Device, params: Params) -> bool:
        sold = offers(device, site=params["site"], name=params["item"])
        price = f"{int(sold[0]['price_cents']) / 100:.2f}" if sold else ""
        notes = [row.get("text", "").strip().removeprefix("$") for row in probes.rows(device, NOTES_URI)]
        return bool(price) and price in notes
