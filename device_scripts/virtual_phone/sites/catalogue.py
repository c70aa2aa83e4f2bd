"""What the shops sell: one table of invented products, and what of it a shop carries at what price. Draws nothing."""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import lru_cache

from device_scripts.virtual_phone.ui.theme import Colour

_MODELS = 6
_CARRIED = 5
"""Products there are of each kind, and how many of them a shop carries; the first is carried by every shop."""

_KINDS: tuple[tuple[str, str, str, int], ...] = (
    ("desk lamp", "home", "lamp", 2900),
    ("wall clock", "home", "clock", 2400),
    ("bath towel", "home", "towel", 1500),
    ("office chair", "home", "chair", 11900),
    ("tea pot", "kitchen", "pot", 2600),
    ("coffee mug", "kitchen", "mug", 1100),
    ("frying pan", "kitchen", "pan", 3300),
    ("water bottle", "kitchen", "bottle", 1700),
    ("running shoes", "clothes", "shoes", 7400),
    ("rain coat", "clothes", "coat", 5600),
    ("wool hat", "clothes", "hat", 1900),
    ("umbrella", "clothes", "umbrella", 2100),
    ("camping tent", "outdoor", "tent", 12900),
    ("travel bag", "outdoor", "bag", 6300),
    ("headphones", "tech", "headphones", 8200),
    ("phone case", "tech", "phone", 1600),
    ("keyboard", "tech", "keyboard", 5200),
    ("mouse", "tech", "mouse", 2700),
    ("notebook", "paper", "book", 900),
    ("board game", "paper", "game", 3400),
)
"""Name, department, drawing in ``ui.wares``, and a usual price in cents."""
_BRANDS = ("Velkra", "Ombry", "Tandri", "Kestola", "Luvena", "Parvoo", "Nimbrel", "Dorvik", "Haldo", "Quenby")
_LINES = ("Arc", "Breeze", "Copper", "Drift", "Ember", "Fable", "Grove", "Halo", "Indigo", "Juno", "Kite", "Lumen")
_TINTS: tuple[Colour, ...] = (
    (196, 74, 62),
    (54, 110, 180),
    (64, 140, 90),
    (206, 150, 46),
    (124, 84, 160),
    (80, 96, 110),
)


@dataclass(frozen=True, slots=True)
class Product:
    """Something that is sold; ``rating_tenths`` is out of 50."""

    name: str
    kind: str
    department: str
    drawing: str
    tint: Colour
    usual_cents: int
    rating_tenths: int
    reviews: int

    @property
    def sku(self) -> str:
        """Its number in addresses and carts."""
        return self.name.lower().replace(" ", "-")


@dataclass(frozen=True, slots=True)
class Offer:
    """A product in a shop, at the shop's price."""

    product: Product
    price_cents: int

    @property
    def price(self) -> str:
        """The price as it is written."""
        return dollars(self.price_cents)


def dollars(cents: int) -> str:
    """Return an amount as it is written."""
    return f"${cents // 100}.{cents % 100:02d}"


def _made(number: int, kind: str, department: str, drawing: str, usual_cents: int) -> list[Product]:
    rng = random.Random(kind)
    brands, lines = rng.sample(_BRANDS, _MODELS), rng.sample(_LINES, _MODELS)
    ratings = rng.sample(range(31, 50), _MODELS)
    return [
        Product(
            f"{brands[model]} {lines[model]} {kind}",
            kind,
            department,
            drawing,
            _TINTS[(number + model) % len(_TINTS)],
            round(usual_cents * (0.7 + 0.13 * model)),
            ratings[model],
            rng.randrange(12, 2400),
        )
        for model in range(_MODELS)
    ]


KINDS = tuple(kind for kind, *_ in _KINDS)
PRODUCTS = tuple(product for number, row in enumerate(_KINDS) for product in _made(number, *row))
DEPARTMENTS = tuple(dict.fromkeys(product.department for product in PRODUCTS))


@lru_cache(maxsize=16)
def offers(host: str) -> tuple[Offer, ...]:
    """Return what the shop of that host carries, in its own order: five products of each kind, no two at one price."""
    rng = random.Random(f"shop {host}")
    carried: list[Offer] = []
    for start in range(0, len(PRODUCTS), _MODELS):
        first, *others = PRODUCTS[start : start + _MODELS]
        taken: dict[int, Product] = {}
        for product in (first, *rng.sample(others, _CARRIED - 1)):
            cents = round(product.usual_cents * rng.uniform(0.9, 1.15) / 100) * 100 - rng.choice((1, 5, 51))
            while cents in taken:
                cents += 100
            taken[cents] = product
        carried += [Offer(product, cents) for cents, product in taken.items()]
    rng.shuffle(carried)
    return tuple(carried)


def offer_of(host: str, sku: str) -> Offer | None:
    """Return a shop's offer by its number, None where the shop does not carry it."""
    return next((offer for offer in offers(host) if offer.product.sku == sku), None)
