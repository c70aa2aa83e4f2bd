"""Tasks on what shops find: searching, sorting, filtering, choosing an entry. Fills no cart and samples nothing."""

from typing import ClassVar

from agent_runtime.devices import Device
from agent_runtime.tasks import probes
from agent_runtime.tasks.base import Params, ParamSpace
from agent_runtime.tasks.web import BROWSER, PRODUCTS, SITES, WebTask, open_page, words_of

COOKIES_URI = f"content://{BROWSER}/cookies"
LISTING_URI = f"content://{BROWSER}/listing"
PRODUCTS_URI = f"content://{BROWSER}/products"
PAGED_SITES = ("quibmart.example",)
FILTER_SITES = ("quibmart.example", "larkbasket.example")
CONSENT_SITE = "hobnook.example"
SEARCH = "Go to {site}, search for {product}"
FIRST = "the first entry that is not sponsored"
_BY_PRODUCT: ParamSpace = {"site": SITES, "product": PRODUCTS}


def offers(device: Device, **wanted: str) -> list[dict[str, str]]:
    """Return what the shops sell, of these columns' values."""
    rows = probes.rows(device, PRODUCTS_URI)
    return [row for row in rows if all(row.get(name) == value for name, value in wanted.items())]


class SearchShopTask(WebTask):
    """Have a shop's results for a product open."""

    name = "webshop/search"
    goal_template = SEARCH
    param_space: ClassVar[ParamSpace] = _BY_PRODUCT
    split_param = "product"
    optimal_steps = 9

    def shows(self, device: Device, params: Params) -> bool:
        return open_page(device).is_search(params["site"], params["product"])


class OpenFirstTask(SearchShopTask):
    """Have the product open that the shop lists first for a query, sponsored ones aside, in the shop's own order."""

    name = "webshop/open-first"
    level = 2
    goal_template = f"{SEARCH}, and select {FIRST}"
    optimal_steps = 12

    def shows(self, device: Device, params: Params) -> bool:
        page, first = open_page(device), self.first(device, params)
        return first is not None and (page.site, page.path) == (params["site"], f"item/{first}")

    def first(self, device: Device, params: Params) -> str | None:
        """Return the number of what the results page lists first that is open or was on the way."""
        for row in probes.rows(device, LISTING_URI):
            asked = (row.get("site"), words_of(row.get("query", "")), row.get("sort"), row.get("filters"))
            if row.get("position") == "1" and asked == (params["site"], params["product"], "", ""):
                return row.get("sku")
        return None


class SortTask(SearchShopTask):
    """Have the results for a product in the order of their prices."""

    name = "webshop/sort"
    level = 2
    goal_template = f"{SEARCH}, and sort by price, lowest first"
    optimal_steps = 11

    def shows(self, device: Device, params: Params) -> bool:
        return super().shows(device, params) and open_page(device).asked.get("sort") == "price"


class FilterTask(SearchShopTask):
    """Have only the results with four stars and more."""

    name = "webshop/filter"
    level = 2
    goal_template = f"{SEARCH}, and show only those with 4 stars and up"
    param_space: ClassVar[ParamSpace] = {"site": FILTER_SITES, "product": PRODUCTS}
    optimal_steps = 9

    def shows(self, device: Device, params: Params) -> bool:
        asked = open_page(device).asked
        return super().shows(device, params) and asked.get("stars") == "4" and "max" not in asked


class NextPageTask(SearchShopTask):
    """Have the second page of the results open."""

    name = "webshop/next-page"
    level = 2
    goal_template = f"{SEARCH}, and go to the second page of results"
    param_space: ClassVar[ParamSpace] = {"site": PAGED_SITES, "product": PRODUCTS}
    optimal_steps = 13

    def shows(self, device: Device, params: Params) -> bool:
        return super().shows(device, params) and open_page(device).asked.get("page") == "2"


class CheapestTask(WebTask):
    """Have the cheapest of a product open that the shop has."""

    name = "webshop/cheapest"
    level = 2
    goal_template = "Go to {site} and open the cheapest {product}"
    param_space: ClassVar[ParamSpace] = _BY_PRODUCT
    split_param = "product"
    optimal_steps = 14

    def shows(self, device: Device, params: Params) -> bool:
        sold = offers(device, site=params["site"], kind=params["product"])
        page = open_page(device)
        return bool(sold) and (page.site, page.path) == (params["site"], f"item/{self.best(sold)['sku']}")

    def best(self, offers: list[dict[str, str]]) -> dict[str, str]:
        """Return the offer asked for."""
        return min(offers, key=lambda row: int(row["price_cents"]))


class BestRatedTask(CheapestTask):
    """Have the best rated one open."""

    name = "webshop/best-rated"
    level = 2
    goal_template = "Go to {site} and open the best rated {product}"

    def best(self, offers: list[dict[str, str]]) -> dict[str, str]:
        return max(offers, key=lambda row: int(row["rating_tenths"]))


class RejectCookiesTask(WebTask):
    """Have a shop's cookies rejected, and not accepted before."""

    name = "webshop/cookies"
    goal_template = f"Go to {CONSENT_SITE} and reject all cookies"
    param_space: ClassVar[ParamSpace] = {}
    split_param = None
    optimal_steps = 6

    def shows(self, device: Device, params: Params) -> bool:
        kept = [row.get("name") for row in probes.rows(device, COOKIES_URI) if row.get("site") == CONSENT_SITE]
        return kept == ["consent-none"]
