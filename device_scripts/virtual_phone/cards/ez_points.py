"""EZPoints: two cards and a formula of both that makes 12. Rules of RL4VLM's ``gym_cards/EZPoints-v0``.

The first card is drawn evenly from 2 to king; jack, queen and king count 10. The second is what is missing to 12:
half the time by multiplication where the first divides 12, else by addition. The two are swapped half the time.
Signs are + and *; a formula of more than 5 tokens is too long (see ``formula_game`` for the moves and
rewards). So the return is 10 without a wrong move, and at worst -7: six invalid numbers, then one move more.
"""

from __future__ import annotations

import random

from device_scripts.virtual_phone.cards import formula_game
from device_scripts.virtual_phone.cards.card import HIGHEST_RANK, SUITS, Card
from device_scripts.virtual_phone.cards.formula_game import FormulaGame, FormulaRules

RULES = FormulaRules(target=12, signs=("+", "*"), longest=5)


def start(number: int) -> FormulaGame:
    """Return the game of that number as it begins."""
    rng = random.Random(f"EZPoints/{number}")
    first = Card(rng.randint(2, HIGHEST_RANK), rng.choice(SUITS))
    by_product = RULES.target % first.value == 0 and rng.random() < 0.5
    missing = RULES.target // first.value if by_product else RULES.target - first.value
    second = Card(missing, rng.choice(SUITS))
    return FormulaGame((first, second) if rng.random() < 0.5 else (second, first))


def step(game: FormulaGame, move: str) -> FormulaGame:
    """Return the game after one move.

    Raises:
        ValueError: there is no such move, or the game is over.
    """
    return formula_game.step(RULES, game, move)
