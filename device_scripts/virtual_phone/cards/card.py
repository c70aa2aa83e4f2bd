"""Playing cards and drawing them from a deck without end. Knows no game."""

from __future__ import annotations

import random
from dataclasses import dataclass

SUITS = ("spade", "heart", "diamond", "club")
HIGHEST_RANK = 13
_LETTERS = {1: "A", 11: "J", 12: "Q", 13: "K"}
_NAMES = {1: "ace", 11: "jack", 12: "queen", 13: "king"}
_FACE_VALUE = 10


@dataclass(frozen=True, slots=True)
class Card:
    """One card; ``rank`` 1 is an ace, 11 to 13 are jack, queen and king."""

    rank: int
    suit: str

    @property
    def value(self) -> int:
        """What it counts in a sum: its rank, 10 for jack, queen and king, 1 for an ace."""
        return min(self.rank, _FACE_VALUE)

    @property
    def corner(self) -> str:
        """What stands in its corner: A, 2 to 10, J, Q or K."""
        return _LETTERS.get(self.rank, str(self.rank))

    @property
    def code(self) -> str:
        """Its corner and the first letter of its suit, as in ``10S``."""
        return self.corner + self.suit[0].upper()

    @property
    def name(self) -> str:
        """Its name in words, as in ``queen of hearts``."""
        return f"{_NAMES.get(self.rank, str(self.rank))} of {self.suit}s"


def draw_card(rng: random.Random) -> Card:
    """Return any of the 52 cards, each as likely as the others, whatever was drawn before."""
    return Card(rng.randint(1, HIGHEST_RANK), rng.choice(SUITS))
