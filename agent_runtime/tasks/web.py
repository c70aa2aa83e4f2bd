"""Tasks in the browser: sites, the search engine, tabs; and what all tasks on the web share. Samples nothing."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar
from urllib.parse import parse_qsl, urlsplit

from agent_runtime.devices import Device
from agent_runtime.tasks import phone_apps, probes
from agent_runtime.tasks.base import Command, Params, ParamSpace, TaskTemplate

BROWSER = "com.android.browser"
TABS_URI = f"content://{BROWSER}/tabs"
HISTORY_URI = f"content://{BROWSER}/history"
ORDERS_URI = f"content://{BROWSER}/orders"
ENGINE = "findwell.example"
SITES = ("quibmart.example", "vendaro.example", "stallwood.example", "hobnook.example", "larkbasket.example")
PRODUCTS = (
    *("desk lamp", "wall clock", "bath towel", "office chair", "tea pot", "coffee mug", "frying pan", "water bottle"),
    *("running shoes", "rain coat", "wool hat", "umbrella", "camping tent", "travel bag", "headphones", "phone case"),
    *("keyboard", "mouse", "notebook", "board game"),
)
"""What the shops sell; every one has several of each, of different names and prices."""


@dataclass(frozen=True, slots=True)
class Page:
    """An address taken apart: ``path`` has no slashes at its ends."""

    site: str
    path: str
    asked: dict[str, str]

    @property
    def query(self) -> str:
        """What was searched for, in small letters and single spaces."""
        return words_of(self.asked.get("q", ""))

    def is_search(self, site: str, query: str) -> bool:
        """Whether these are a site's results for a query, on any of their pages and in any order."""
        return (self.site, self.path, self.query) == (site, "search", query)


def page_of(url: str) -> Page:
    """Return the page of an address."""
    parts = urlsplit(url)
    return Page(parts.netloc.removeprefix("www."), parts.path.strip("/"), dict(parse_qsl(parts.query)))


def words_of(text: str) -> str:
    """Return a text in small letters and single spaces."""
    return " ".join(text.lower().split())


def open_page(device: Device) -> Page:
    """Return the page in the open tab."""
    shown = [row.get("url", "") for row in probes.rows(device, TABS_URI) if row.get("active") == "1"]
    return page_of(shown[0] if shown else "")


class WebTask(TaskTemplate):
    """Starts with a new browser; once anything is ordered the task is lost, for no goal asks for it."""

    apps: tuple[str, ...] = ("Browser",)

    def prepare(self, device: Device, params: Params) -> list[Command]:
        undo = [command for label in self.apps for command in phone_apps.set_back(device, label)]
        phone_apps.go_home(device, self.apps)
        return undo

    def reached(self, device: Device, params: Params) -> bool:
        return not probes.rows(device, ORDERS_URI) and self.shows(device, params)

    @abstractmethod
    def shows(self, device: Device, params: Params) -> bool:
        """Say whether the browser's state is the one asked for, orders aside."""


class GoTask(WebTask):
    """Have a shop's first page open."""

    name = "web/go"
    goal_template = "Go to {site}"
    param_space: ClassVar[ParamSpace] = {"site": SITES}
    split_param = "site"
    optimal_steps = 5

    def shows(self, device: Device, params: Params) -> bool:
        page = open_page(device)
        return (page.site, page.path) == (params["site"], "")


class NewTabTask(GoTask):
    """Have a shop's first page open in a second tab; the first tab is where it was."""

    name = "web/new-tab"
    level = 2
    goal_template = "Open {site} in a new tab"
    optimal_steps = 7

    def prepare(self, device: Device, params: Params) -> list[Command]:
        undo = super().prepare(device, params)
        probes.run(device, ["am", "start", "-a", "android.intent.action.VIEW", "-d", f"https://{ENGINE}/"])
        probes.run(device, ["input", "keyevent", probes.HOME_KEYCODE])
        return undo

    def shows(self, device: Device, params: Params) -> bool:
        sites = sorted(page_of(row.get("url", "")).site for row in probes.rows(device, TABS_URI))
        return sites == sorted((ENGINE, params["site"])) and super().shows(device, params)


class FindTask(WebTask):
    """Have the search engine's results for a product open."""

    name = "web/find"
    goal_template = "Search the web for {product}"
    param_space: ClassVar[ParamSpace] = {"product": PRODUCTS}
    split_param = "product"
    optimal_steps = 5

    def shows(self, device: Device, params: Params) -> bool:
        return open_page(device).is_search(ENGINE, params["product"])


class FollowResultTask(WebTask):
    """Have a shop's results open that the search engine leads to; the engine was asked for them."""

    name = "web/follow"
    level = 2
    goal_template = "Search the web for {product} and open what {site} has"
    param_space: ClassVar[ParamSpace] = {"product": PRODUCTS, "site": SITES}
    split_param = "product"
    optimal_steps = 11

    def shows(self, device: Device, params: Params) -> bool:
        asked = any(
            page_of(row.get("url", "")).is_search(ENGINE, params["product"]) for row in probes.rows(device, HISTORY_URI)
        )
        return asked and open_page(device).is_search(params["site"], params["product"])
