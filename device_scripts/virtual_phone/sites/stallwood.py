"""Stallwood: one large card under the other, search and cart at the bottom, and a newsletter that asks to be read."""

from __future__ import annotations

from device_scripts.virtual_phone.sites.base import Visit
from device_scripts.virtual_phone.sites.listing import Entry
from device_scripts.virtual_phone.sites.shop import Shop
from device_scripts.virtual_phone.sites.theme import SiteTheme
from device_scripts.virtual_phone.ui.web import Across, Block, Down, Drawing, Input, Look, Press, Words
from device_scripts.virtual_phone.ui.widgets import Popup

_ASKED = "newsletter-asked"


class Stallwood(Shop):
    """Green, with round cards."""

    host = "stallwood.example"
    name = "Stallwood"
    about = "Well made goods from small makers"
    colours = SiteTheme(
        bar=(34, 92, 66), on_bar=(240, 248, 240), accent=(34, 112, 76), ground=(243, 246, 240), card=(255, 255, 255)
    )
    cart_word = "bag"

    def top(self, visit: Visit, theme: SiteTheme) -> Block:
        name = Words(self.name, Look(ink=theme.on_bar, size="large", align="middle"), self.link())
        return Down((name,), Look(fill=theme.bar))

    def pinned(self, visit: Visit, theme: SiteTheme) -> tuple[Block, ...]:
        hint = visit.asked.get("q", "") if visit.path == ("search",) else ""
        field = Input("q", hint or "Search goods", visit.typed.get("q", ""), theme.field)
        count = sum(line.count for line in visit.cart)
        return (Across((field, Press(self.link("cart"), f"Bag {count}", theme.strong)), (5, 3), Look(fill=theme.bar)),)

    def entry(self, entry: Entry, theme: SiteTheme) -> Block:
        product = entry.offer.product
        facts = Across(
            (
                Words(entry.offer.price, theme.link),
                Words(f"{product.rating_tenths / 10:.1f} of 5", Look(ink=theme.faint, align="right")),
            ),
            (1, 1),
        )
        blocks = (Drawing(product.drawing, product.tint, product.name, 0.32), Words(product.name, theme.text), facts)
        return Down(blocks, theme.panel, self.item_link(entry), product.name)

    def popup(self, visit: Visit, theme: SiteTheme) -> Popup | None:
        if visit.path != ("search",) or _ASKED in visit.cookies:
            return None
        buttons = Across(
            (
                Press(f"do:keep:{_ASKED}", "Sign up", theme.strong),
                Press(f"do:keep:{_ASKED}", "No thanks", theme.mild),
            ),
            (1, 1),
        )
        words = Words("Our newsletter: ten percent off your first order.", theme.text)
        return Popup("Newsletter", Down((words, buttons)), theme.panel)
