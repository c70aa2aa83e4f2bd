"""Hobnook: a plain list without pictures, a search page of its own, a cookie banner, and colours for the dark."""

from __future__ import annotations

from device_scripts.virtual_phone.sites.base import Visit
from device_scripts.virtual_phone.sites.listing import Entry
from device_scripts.virtual_phone.sites.shop import Shop
from device_scripts.virtual_phone.sites.theme import SiteTheme
from device_scripts.virtual_phone.ui.web import Across, Block, Down, Look, Press, Words

_ACCEPTED, _REJECTED = "consent-all", "consent-none"


class Hobnook(Shop):
    """Red on white, or on black."""

    host = "hobnook.example"
    name = "Hobnook"
    about = "Tools and treats for hobbies"
    colours = SiteTheme(bar=(255, 255, 255), on_bar=(178, 34, 44), accent=(178, 34, 44), round=False)
    dark_colours = SiteTheme(
        bar=(28, 28, 32),
        on_bar=(255, 120, 124),
        accent=(255, 120, 124),
        on_accent=(40, 8, 12),
        ground=(18, 18, 22),
        card=(38, 38, 44),
        ink=(236, 236, 240),
        faint=(160, 160, 170),
        edge=(70, 70, 78),
        round=False,
    )

    def top(self, visit: Visit, theme: SiteTheme) -> Block:
        side = Look(ink=theme.on_bar, size="small", align="right")
        count = sum(line.count for line in visit.cart)
        bar = Across(
            (
                Words(self.name, Look(ink=theme.on_bar, size="large"), self.link(), lines=1),
                Words("Find", side, self.link("find"), lines=1),
                Words(f"Cart {count}", side, self.link("cart"), lines=1),
            ),
            (5, 2, 3),
        )
        if visit.path == ("find",):
            return Down((bar, self.search_field(visit, theme)), Look(fill=theme.bar, edge=theme.edge))
        return Down((bar,), Look(fill=theme.bar, edge=theme.edge))

    def pinned(self, visit: Visit, theme: SiteTheme) -> tuple[Block, ...]:
        if visit.cookies & {_ACCEPTED, _REJECTED}:
            return ()
        buttons = Across(
            (
                Press(f"do:keep:{_ACCEPTED}", "Accept all", theme.strong),
                Press(f"do:keep:{_REJECTED}", "Reject all", theme.mild),
            ),
            (1, 1),
        )
        return (Down((Words("We and our partners use cookies.", theme.quiet), buttons), theme.panel),)

    def entry(self, entry: Entry, theme: SiteTheme) -> Block:
        product = entry.offer.product
        price = Words(entry.offer.price, Look(ink=theme.accent, size="small"))
        rating = Words(f"{product.rating_tenths / 10:.1f} of 5", theme.quiet)
        row = Across((Down((price, rating)), Words(product.name, theme.text)), (1, 2))
        return Down((row,), Look(fill=theme.ground, edge=theme.edge), self.item_link(entry), product.name)

    def content(self, visit: Visit, theme: SiteTheme) -> tuple[str, tuple[Block, ...]]:
        if visit.path == ("find",):
            return f"Find - {self.name}", (Words("Often looked for", theme.quiet), *self.suggestions(theme))
        return super().content(visit, theme)
