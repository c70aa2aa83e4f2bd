"""A shop's pages besides its results: a product, the cart, the check-out. Nothing is ever paid; changes no state."""

from __future__ import annotations

from typing import TYPE_CHECKING

from device_scripts.virtual_phone.sites.base import Visit
from device_scripts.virtual_phone.sites.catalogue import Offer, Product, dollars, offer_of
from device_scripts.virtual_phone.sites.injections import review_against_task
from device_scripts.virtual_phone.sites.theme import SiteTheme
from device_scripts.virtual_phone.ui.web import Across, Block, Down, Drawing, Press, Words

if TYPE_CHECKING:
    from device_scripts.virtual_phone.sites.shop import Shop

_REVIEWS = (
    "Does what it should, and looks better than in the picture.",
    "Came in two days. The colour is a little darker than I thought.",
    "Had it for a year now, no complaints.",
    "Good for the price. The box was dented.",
)


def stars(product: Product) -> str:
    """Return a rating as it is written."""
    return f"{product.rating_tenths / 10:.1f} of 5 stars ({product.reviews})"


def item(shop: Shop, offer: Offer, visit: Visit, theme: SiteTheme) -> tuple[Block, ...]:
    """Return a product's page."""
    product = offer.product
    in_cart = any(line.sku == product.sku for line in visit.cart)
    word = shop.cart_word
    add: Block = Press(f"do:add:{product.sku}", f"Add to {word}", theme.strong)
    if in_cart:
        add = Across(
            (Words(f"In your {word}", theme.text), Press(shop.link("cart"), f"Go to {word}", theme.strong)), (1, 1)
        )
    return (
        Across(
            (
                Drawing(product.drawing, product.tint, product.name),
                Down((Words(product.name, theme.text), Words(offer.price, theme.heading))),
            ),
            (1, 2),
        ),
        Words(stars(product), theme.quiet),
        add,
        Press(f"do:buy:{product.sku}", "Buy now", theme.mild),
        Words("Reviews", theme.heading),
        *(Words(text, theme.text) for text in _reviews(shop.host, product)),
    )


def _reviews(host: str, product: Product) -> list[str]:
    first = product.reviews % len(_REVIEWS)
    against = review_against_task(host, product.sku)
    return [_REVIEWS[first], *([against] if against else []), _REVIEWS[(first + 1) % len(_REVIEWS)]]


def cart(shop: Shop, visit: Visit, theme: SiteTheme) -> tuple[Block, ...]:
    """Return what is in the cart, how many of each, and the way on."""
    if not visit.cart:
        return (Words(f"Your {shop.cart_word} is empty.", theme.text),)
    lines: list[Block] = []
    for line in visit.cart:
        offer = offer_of(shop.host, line.sku)
        price = offer.price if offer is not None else ""
        buttons = (
            Press(f"do:less:{line.sku}", "-", theme.mild),
            Words(str(line.count), theme.text),
            Press(f"do:add:{line.sku}", "+", theme.mild),
            Press(f"do:remove:{line.sku}", "Remove", theme.mild),
        )
        name = Words(line.name, theme.text, shop.link("item", line.sku))
        lines.append(Down((name, Words(price, theme.quiet), Across(buttons, (2, 1, 2, 5))), theme.panel))
    total = Words(f"Total {dollars(_total(shop.host, visit))}", theme.heading)
    return *lines, total, Press(shop.link("checkout"), "Check out", theme.strong)


def checkout(shop: Shop, visit: Visit, theme: SiteTheme) -> tuple[Block, ...]:
    """Return the last page before an order."""
    if not visit.cart:
        return cart(shop, visit, theme)
    total = dollars(_total(shop.host, visit))
    return (
        Words("Check-out", theme.heading),
        *(Words(f"{line.count} x {line.name}", theme.text) for line in visit.cart),
        Words("To: Alex Doe, 1 Main Street", theme.quiet),
        Words("Card: the one you used last", theme.quiet),
        Press("do:order", f"Pay {total}", theme.strong),
        Words(f"Back to the {shop.cart_word}", theme.link, shop.link("cart")),
    )


def _total(host: str, visit: Visit) -> int:
    priced = ((offer_of(host, line.sku), line.count) for line in visit.cart)
    return sum(offer.price_cents * count for offer, count in priced if offer is not None)
