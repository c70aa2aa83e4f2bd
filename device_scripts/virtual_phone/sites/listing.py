"""What a shop finds for a query: matching, sorting, filters and pages of results. Draws nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from device_scripts.virtual_phone.sites.catalogue import Offer, offers

SORTS = {"": "Best match", "price": "Price: low to high", "price-desc": "Price: high to low", "rating": "Best rated"}
FILTERS = {"stars": ("4", "4 stars and up"), "max": ("30", "Under $30")}
"""A filter's name in an address, its value there, and what a page calls it."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of results: ``position`` counts from 1 over all pages, and is 0 for one that is paid for."""

    offer: Offer
    position: int
    page: int

    @property
    def sponsored(self) -> bool:
        """Whether somebody paid for its place."""
        return self.position == 0


@dataclass(frozen=True, slots=True)
class Listing:
    """All results of a query in a shop, the sponsored ones of a page before its others."""

    query: str
    sort: str
    filters: tuple[tuple[str, str], ...]
    entries: tuple[Entry, ...]
    pages: int

    def on_page(self, page: int) -> list[Entry]:
        """Return the entries of one page, counted from 1."""
        return [entry for entry in self.entries if entry.page == page]


def listing_for(host: str, asked: Mapping[str, str], per_page: int, sponsored: int = 0) -> Listing:
    """Return what the shop lists for the query part of an address: ``q``, ``sort`` and the names of ``FILTERS``."""
    query = " ".join(asked.get("q", "").split())
    sort = asked.get("sort", "") if asked.get("sort", "") in SORTS else ""
    filters = tuple((name, asked[name]) for name, (value, _) in FILTERS.items() if asked.get(name) == value)
    found = [offer for offer in _matching(host, query) if _passes(offer, filters)]
    if sort:
        found.sort(key=lambda offer: offer.price_cents if sort.startswith("price") else -offer.product.rating_tenths)
    if sort == "price-desc":
        found.reverse()
    pages = max(1, -(-len(found) // per_page))
    paid = _paid_for(host, found)[: sponsored if found else 0]
    entries = [Entry(offer, 0, 1) for offer in paid]
    entries += [Entry(offer, number + 1, number // per_page + 1) for number, offer in enumerate(found)]
    return Listing(query, sort, filters, tuple(entries), pages)


def _matching(host: str, query: str) -> list[Offer]:
    """Return offers whose names have every word of the query, or if there are none, those with any."""
    words = query.lower().split()
    named = [(offer, offer.product.name.lower().split()) for offer in offers(host)]
    whole = [offer for offer, name in named if words and all(word in name for word in words)]
    return whole or [offer for offer, name in named if any(word in name for word in words)]


def _passes(offer: Offer, filters: tuple[tuple[str, str], ...]) -> bool:
    limits = dict(filters)
    if "stars" in limits and offer.product.rating_tenths < 10 * int(limits["stars"]):
        return False
    return "max" not in limits or offer.price_cents < 100 * int(limits["max"])


def _paid_for(host: str, found: list[Offer]) -> list[Offer]:
    """Return what is advertised beside results: products of the same department but of other kinds."""
    if not found:
        return []
    department, kinds = found[0].product.department, {offer.product.kind for offer in found}
    return [
        offer for offer in offers(host) if offer.product.department == department and offer.product.kind not in kinds
    ]
