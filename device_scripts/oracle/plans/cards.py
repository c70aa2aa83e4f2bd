"""Plans for the four card games: they read the cards on the screen, work out what to do and tap."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import permutations

from agent_runtime.actions import Action
from agent_runtime.errors import PolicyError
from agent_runtime.tasks.base import Params
from device_scripts.oracle.hands import Hands
from device_scripts.oracle.steps import Plan, Step, paged_to

_CARD = re.compile(r"(\w+) of \w+s")
_VALUES = {"ace": 1, "jack": 10, "queen": 10, "king": 10}
_ADDS, _BINDS, _ALONE = 0, 1, 2
Term = tuple[Fraction, str, int]
"""A value, its formula, and how closely that binds."""


def card_value(label: str) -> int | None:
    """Return what a card counts, None where the label is no card's."""
    found = _CARD.fullmatch(label)
    return None if found is None else _VALUES.get(found[1]) or int(found[1])


def solution(numbers: Sequence[int], target: int, signs: str) -> list[str] | None:
    """Return the tokens of a formula of all the numbers that has the target's value."""
    found = _solve([(Fraction(number), str(number), _ALONE) for number in numbers], target, signs)
    return found.split() if found is not None else None


def _solve(terms: list[Term], target: int, signs: str) -> str | None:
    if len(terms) == 1:
        return terms[0][1] if terms[0][0] == target else None
    for left, right in permutations(range(len(terms)), 2):
        rest = [term for place, term in enumerate(terms) if place not in (left, right)]
        for sign in signs:
            joined = _join(terms[left], sign, terms[right])
            found = None if joined is None else _solve([*rest, joined], target, signs)
            if found is not None:
                return found
    return None


def _join(left: Term, sign: str, right: Term) -> Term | None:
    (a, left_text, left_bind), (b, right_text, right_bind) = left, right
    if sign == "/" and b == 0:
        return None
    value = {"+": lambda: a + b, "-": lambda: a - b, "*": lambda: a * b, "/": lambda: a / b}[sign]()
    bind = _ADDS if sign in "+-" else _BINDS
    first = f"( {left_text} )" if left_bind < bind else left_text
    last = f"( {right_text} )" if right_bind < bind or (right_bind == bind and sign in "-/") else right_text
    return value, f"{first} {sign} {last}", bind


def sticks(mine: Sequence[int], dealer: int) -> bool:
    """Basic strategy without doubling or splitting: say whether to stick, from the cards' values; an ace is 1."""
    soft = 1 in mine and sum(mine) + 10 <= 21
    total = sum(mine) + (10 if soft else 0)
    if soft:
        return total >= 19 or (total == 18 and 2 <= dealer <= 8)
    return total >= 17 or (total >= 13 and 2 <= dealer <= 6) or (total == 12 and 4 <= dealer <= 6)


def _number_line(hands: Hands, words: Params) -> Iterator[Action]:
    while "New game" not in (shown := hands.labels()):
        target, current = (
            int(label.rpartition(" ")[2]) for label in shown if label.startswith(("Target: ", "Current: "))
        )
        yield hands.tap("Right" if current < target else "Left")


def _formula(target: int, signs: str) -> Step:
    def step(hands: Hands, words: Params) -> Iterator[Action]:
        numbers = [value for label in hands.labels() if (value := card_value(label)) is not None]
        tokens = solution(numbers, target, signs)
        if tokens is None:
            raise PolicyError(f"Got the cards {numbers}, expected some that make {target}: deal another game.")
        yield from hands.taps(*tokens, "=")

    return step


def _blackjack(hands: Hands, words: Params) -> Iterator[Action]:
    while "New game" not in (shown := hands.labels()):
        at = shown.index("Player")
        dealer, mine = ([v for label in part if (v := card_value(label))] for part in (shown[:at], shown[at:]))
        yield hands.tap("Stick" if sticks(mine, dealer[0]) else "Hit")


CARD_PLANS: dict[str, Plan] = {
    "cards/numberline": [paged_to("NumberLine"), _number_line],
    "cards/ezpoints": [paged_to("EZPoints"), _formula(12, "+*")],
    "cards/points24": [paged_to("Points24"), _formula(24, "+-*/")],
    "cards/blackjack": [paged_to("Blackjack"), _blackjack],
}
GAMES_OF_CHANCE = frozenset(("cards/blackjack",))
"""Templates whose tasks the best plan does not always solve."""
