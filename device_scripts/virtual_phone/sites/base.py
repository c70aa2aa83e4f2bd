"""What a web site is to the browser: pages as a function of the visit, and what a visit knows. Holds no page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import parse_qsl, quote_plus, urlencode, urlsplit

from device_scripts.virtual_phone.ui.theme import Colour
from device_scripts.virtual_phone.ui.web import Block
from device_scripts.virtual_phone.ui.widgets import Popup


@dataclass(frozen=True, slots=True)
class CartLine:
    """A product in a shop's cart."""

    sku: str
    name: str
    count: int


@dataclass(frozen=True, slots=True)
class Visit:
    """A page being looked at: its address, what its site remembers of this browser, and what stands in its fields."""

    url: str
    cart: tuple[CartLine, ...] = ()
    cookies: frozenset[str] = frozenset()
    typed: Mapping[str, str] = field(default_factory=dict)
    dark: bool = False

    @property
    def path(self) -> tuple[str, ...]:
        """The parts of the address's path."""
        return tuple(part for part in urlsplit(self.url).path.split("/") if part)

    @property
    def asked(self) -> dict[str, str]:
        """The query part of the address; of a name given twice, the last value."""
        return dict(parse_qsl(urlsplit(self.url).query))

    @property
    def page(self) -> int:
        """Which page of results is asked for, from 1."""
        number = self.asked.get("page", "1")
        return int(number) if number.isascii() and number.isdigit() and 0 < int(number) < 1000 else 1

    def with_asked(self, **changes: str) -> str:
        """Return this address with parts of its query changed; an empty one is taken away."""
        asked = {name: value for name, value in {**self.asked, **changes}.items() if value}
        return f"{self.url.partition('?')[0]}?{urlencode(asked)}"


@dataclass(frozen=True, slots=True)
class WebPage:
    """A page: what scrolls, what stays at the bottom, and what lies over it."""

    title: str
    blocks: tuple[Block, ...]
    ground: Colour = (255, 255, 255)
    pinned: tuple[Block, ...] = ()
    popup: Popup | None = None


class Site(Protocol):
    """A web site. Ids of its blocks: ``go:ADDRESS``, ``do:add|less|remove|buy:SKU``, ``do:order``, ``do:keep:COOKIE``,
    ``q`` for its search field and ``submit:q`` for the button beside it."""

    @property
    def host(self) -> str:
        """Its address without scheme and path."""

    @property
    def name(self) -> str:
        """What people call it."""

    @property
    def about(self) -> str:
        """What a search engine says of it."""

    def page(self, visit: Visit) -> WebPage:
        """Return the page at an address."""

    def search_address(self, query: str) -> str:
        """Return the address that its search field leads to."""


def search_address(host: str, query: str) -> str:
    """Return the address of a site's results for a query."""
    return f"https://{host}/search?q={quote_plus(' '.join(query.split()))}"
