"""Larkbasket: pictures at the right, the search box at the end of the bar, buttons to sort and filter by."""

from __future__ import annotations

from device_scripts.virtual_phone.sites import shop_pages
from device_scripts.virtual_phone.sites.base import Visit
from device_scripts.virtual_phone.sites.listing import Entry, Listing
from device_scripts.virtual_phone.sites.shop import Shop
from device_scripts.virtual_phone.sites.theme import SiteTheme
from device_scripts.virtual_phone.ui.web import Across, Block, Down, Drawing, Look, Words


class Larkbasket(Shop):
    """Purple; dark where the phone is."""

    host = "larkbasket.example"
    name = "Larkbasket"
    about = "Find it, sort it, take it home"
    colours = SiteTheme(
        bar=(88, 52, 140), on_bar=(255, 246, 220), accent=(112, 60, 170), ground=(252, 250, 255), card=(242, 236, 250)
    )
    dark_colours = SiteTheme(
        bar=(52, 34, 84),
        on_bar=(255, 246, 220),
        accent=(190, 150, 250),
        on_accent=(30, 12, 56),
        ground=(20, 17, 26),
        card=(42, 36, 54),
        ink=(238, 234, 246),
        faint=(168, 160, 182),
        edge=(74, 66, 92),
    )

    def top(self, visit: Visit, theme: SiteTheme) -> Block:
        return Down((self.search_field(visit, theme), self.bar(visit, theme)), Look(fill=theme.bar))

    def controls(self, listing: Listing, visit: Visit, theme: SiteTheme) -> tuple[Block, ...]:
        return *super().controls(listing, visit, theme), Across(tuple(self.filter_buttons(visit, theme)), (1, 1))

    def entry(self, entry: Entry, theme: SiteTheme) -> Block:
        product = entry.offer.product
        words = Down((Words(product.name, theme.text), Words(entry.offer.price, theme.link)))
        row = Across((words, Drawing(product.drawing, product.tint, product.name)), (3, 1))
        return Down(
            (row, Words(shop_pages.stars(product), theme.quiet)), theme.panel, self.item_link(entry), product.name
        )
