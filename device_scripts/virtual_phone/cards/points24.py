"""Points24: four cards and a formula of all that makes 24. Rules of RL4VLM's ``gym_cards/Points24-v0``.

Cards are drawn evenly from ace to king; jack, queen and king count 10. Signs are + - * / and parentheses; a formula
of more than 20 tokens is too long (see ``formula_game`` for the moves and rewards). So the return is 10 without a
wrong move, and at worst -22: 21 invalid numbers, then one move more.

Unlike RL4VLM's code, which deals any four cards, a hand that has no solution is dealt again.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from fractions import Fraction
from functools import lru_cache
from itertools import permutations

from device_scripts.virtual_phone.cards import formula_game
from device_scripts.virtual_phone.cards.card import draw_card
from device_scripts.virtual_phone.cards.formula_game import FormulaGame, FormulaRules

RULES = FormulaRules(target=24, signs=("+", "-", "*", "/", "(", ")"), longest=20)
HAND_SIZE = 4


@lru_cache(maxsize=64)
def start(number: int) -> FormulaGame:
    """Return the game of that number as it begins; its hand can be solved."""
    rng = random.Random(f"Points24/{number}")
    while True:
        hand = tuple(draw_card(rng) for _ in range(HAND_SIZE))
        if is_solvable([card.value for card in hand]):
            return FormulaGame(hand)


def step(game: FormulaGame, move: str) -> FormulaGame:
    """Return the game after one move.

    Raises:
        ValueError: there is no such move, or the game is over.
    """
    return formula_game.step(RULES, game, move)


def is_solvable(numbers: Iterable[int]) -> bool:
    """Say whether all the numbers, each used once, make 24 with + - * / and parentheses."""
    return _reaches(tuple(sorted(Fraction(number) for number in numbers)))


@lru_cache(maxsize=4096)
def _reaches(numbers: tuple[Fraction, ...]) -> bool:
    """Join any two of the numbers in any way and go on with one number less."""
    if len(numbers) == 1:
        return numbers[0] == RULES.target
    for left, right in permutations(range(len(numbers)), 2):
        rest = [number for place, number in enumerate(numbers) if place not in (left, right)]
        if any(_reaches(tuple(sorted([*rest, joined]))) for joined in _joined(numbers[left], numbers[right])):
            return True
    return False


def _joined(left: Fraction, right: Fraction) -> list[Fraction]:
    results = [left + right, left - right, left * right]
    return [*results, left / right] if right else results
