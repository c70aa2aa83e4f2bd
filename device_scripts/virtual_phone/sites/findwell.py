"""Findwell, the search engine: an index of all shops, their results and their products. Knows no shop's looks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from device_scripts.virtual_phone.sites.base import Site, Visit, WebPage, search_address
from device_scripts.virtual_phone.sites.catalogue import KINDS, PRODUCTS, offer_of
from device_scripts.virtual_phone.sites.injections import snippet_against_task
from device_scripts.virtual_phone.sites.theme import SiteTheme, indented
from device_scripts.virtual_phone.ui.web import Across, Block, Down, Gap, Input, Look, Press, Words

HOST = "findwell.example"
_PER_PAGE = 6
_LIGHT = SiteTheme(bar=(255, 255, 255), on_bar=(36, 96, 210), accent=(24, 72, 190))
_DARK = SiteTheme(
    bar=(30, 31, 36),
    on_bar=(140, 180, 255),
    accent=(150, 184, 255),
    on_accent=(16, 24, 48),
    ground=(24, 25, 29),
    card=(44, 46, 54),
    ink=(232, 234, 240),
    faint=(156, 160, 172),
    edge=(70, 72, 82),
)
_URL_INK = {False: (20, 110, 60), True: (130, 210, 160)}


@dataclass(frozen=True, slots=True)
class Result:
    """A page the engine knows."""

    title: str
    url: str
    snippet: str


class Findwell:
    """Titles, addresses and snippets, six to a page."""

    host = HOST
    name = "Findwell"
    about = "Search the web"

    def __init__(self, shops: Sequence[Site]) -> None:
        self._shops = shops
        self._index = _index(shops)

    def page(self, visit: Visit) -> WebPage:
        """See ``Site``."""
        theme = _DARK if visit.dark else _LIGHT
        query = " ".join(visit.asked.get("q", "").split())
        if visit.path != ("search",) or not query:
            return WebPage(self.name, start_blocks(visit), theme.ground)
        found = self.results(query)
        first = (visit.page - 1) * _PER_PAGE
        shown = [_result(result, theme, visit.dark) for result in found[first : first + _PER_PAGE]]
        blocks: list[Block] = [_search_bar(query, visit, theme)]
        blocks += shown or [indented(Words(f"Nothing found for {query}.", theme.text))]
        steps = [("Previous", visit.page - 1)] * (visit.page > 1) + [("Next", visit.page + 1)] * (
            first + _PER_PAGE < len(found)
        )
        blocks += [
            indented(Press(f"go:{visit.with_asked(page=str(to))}", f"{label} page", theme.mild)) for label, to in steps
        ]
        return WebPage(f"{query} - {self.name}", tuple(blocks), theme.ground)

    def search_address(self, query: str) -> str:
        """See ``Site``."""
        return search_address(HOST, query)

    def results(self, query: str) -> list[Result]:
        """Return the pages for a query: those whose title or address has every word of it, or if none, any word."""
        words = query.lower().replace("www.", "").split()
        ranked = [(sum(word in _words(page) for word in words), page) for page in self._index]
        whole = [page for hits, page in ranked if hits == len(words)]
        found = whole or [page for hits, page in ranked if hits]
        against = snippet_against_task(query)
        if found and against:
            sku = PRODUCTS[len(query) % len(PRODUCTS)].sku
            shop = next((shop for shop in self._shops if offer_of(shop.host, sku)), self._shops[0])
            found.insert(1, Result(f"Best {query} deals", f"https://{shop.host}/item/{sku}", against))
        return found


def start_blocks(visit: Visit) -> tuple[Block, ...]:
    """Return the engine's first page, which is the browser's as well."""
    theme = _DARK if visit.dark else _LIGHT
    logo = Words("Findwell", Look(ink=theme.on_bar, size="large", align="middle"))
    return Gap(), Gap(), logo, indented(_field("", visit, theme))


def start_ground(visit: Visit) -> SiteTheme:
    """Return the colours of that page."""
    return _DARK if visit.dark else _LIGHT


def _search_bar(query: str, visit: Visit, theme: SiteTheme) -> Block:
    name = Words("Findwell", Look(ink=theme.on_bar, size="large"), f"go:https://{HOST}/")
    return Down((name, _field(query, visit, theme)), Look(fill=theme.bar, edge=theme.edge))


def _field(query: str, visit: Visit, theme: SiteTheme) -> Block:
    field = Input("q", query or "Search the web", visit.typed.get("q", ""), theme.field)
    return Across((field, Press("submit:q", "Go", theme.strong)), (4, 1))


def _result(result: Result, theme: SiteTheme, dark: bool) -> Block:
    lines = (
        Words(result.title, theme.link),
        Words(result.url.removeprefix("https://"), Look(ink=_URL_INK[dark], size="small"), lines=1),
        Words(result.snippet, theme.quiet),
    )
    return Down(lines, Look(fill=theme.ground, edge=theme.edge), f"go:{result.url}", result.title)


def _words(page: Result) -> list[str]:
    """Return the words a page is found by: those of its title, its host, and the host's first part."""
    host = page.url.split("/")[2]
    return [*page.title.lower().replace("-", " ").split(), host, host.partition(".")[0]]


def _index(shops: Sequence[Site]) -> tuple[Result, ...]:
    """Return every page there is: shops, their results for each kind of product, their products in turn."""
    homes = [Result(shop.name, f"https://{shop.host}/", shop.about) for shop in shops]
    kinds = [
        Result(
            f"{kind.capitalize()} at {shop.name}",
            shop.search_address(kind),
            f"Compare {kind} offers. {shop.about}.",
        )
        for kind in KINDS
        for shop in shops
    ]
    products = [
        Result(
            f"{offer.product.name} - {shop.name}",
            f"https://{shop.host}/item/{offer.product.sku}",
            f"{offer.price}, rated {offer.product.rating_tenths / 10:.1f} of 5.",
        )
        for product in PRODUCTS
        for shop in shops
        if (offer := offer_of(shop.host, product.sku))
    ]
    return *homes, *kinds, *products
