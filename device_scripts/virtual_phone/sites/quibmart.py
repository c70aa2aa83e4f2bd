"""Quibmart: a list with pictures, the search box under its name, pages of results, links to sort and filter by."""

from __future__ import annotations

from device_scripts.virtual_phone.sites.base import Visit
from device_scripts.virtual_phone.sites.listing import SORTS, Listing
from device_scripts.virtual_phone.sites.shop import Shop
from device_scripts.virtual_phone.sites.theme import SiteTheme
from device_scripts.virtual_phone.ui.web import Across, Block, Words

_SHORT = {"": "Best match", "price": "Lowest price", "price-desc": "Highest price", "rating": "Best rated"}


class Quibmart(Shop):
    """Blue and square."""

    host = "quibmart.example"
    name = "Quibmart"
    about = "Everyday things at everyday prices"
    colours = SiteTheme(bar=(0, 84, 164), on_bar=(255, 255, 255), accent=(0, 84, 164), round=False)
    per_page = 3

    def controls(self, listing: Listing, visit: Visit, theme: SiteTheme) -> tuple[Block, ...]:
        links = [
            Words(
                f"[{_SHORT[sort]}]" if sort == listing.sort else _SHORT[sort], theme.link, f"go:{_sorted(visit, sort)}"
            )
            for sort in SORTS
        ]
        rows = [Across((one, other), (1, 1)) for one, other in zip(links[::2], links[1::2], strict=True)]
        return *rows, Across(tuple(self.filter_buttons(visit, theme)), (1, 1))


def _sorted(visit: Visit, sort: str) -> str:
    return visit.with_asked(sort=sort, page="")
