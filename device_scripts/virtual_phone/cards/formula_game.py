"""What EZPoints and Points24 share: a formula of cards, written token by token. Deals no hand.

A move writes a number or a sign; a number that is not on an unused card costs -1 and takes a blank place in the
formula. ``=`` ends the game: reward 10 for the target with every card used, -1 for anything else. When a formula is
too long, the next move costs -1 and cuts the game off.

Unlike RL4VLM's code, which joins the tokens and lets Python evaluate them in floating point: values are exact (so
8/(3-8/3) is 24), two numbers side by side are no longer number, and ``**`` and ``//`` are no signs; they have no
value, which costs -1. Blanks are passed over, as there. Its README ends a game at the first invalid number; this
follows its code, which goes on.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

from device_scripts.virtual_phone.cards.card import Card
from device_scripts.virtual_phone.cards.formula import value_of
from device_scripts.virtual_phone.cards.score import NO_SCORE, Score, refuse_move

BLANK = "_"
EQUALS = "="
NUMBERS = tuple(str(number) for number in range(1, 11))
WIN_REWARD, BAD_REWARD = 10, -1


@dataclass(frozen=True, slots=True)
class FormulaRules:
    """``longest``: tokens a formula may have and be moved on from; one more and the next move ends the game."""

    target: int
    signs: tuple[str, ...]
    longest: int

    @property
    def moves(self) -> tuple[str, ...]:
        """Every move there is, ``=`` last."""
        return (*NUMBERS, *self.signs, EQUALS)

    @property
    def lowest_return(self) -> int:
        """The return of nothing but invalid numbers: one for each place, then the move that cuts off."""
        return BAD_REWARD * (self.longest + 2)


@dataclass(frozen=True, slots=True)
class FormulaGame:
    """A game as it stands; ``formula`` without the ``=``, with ``_`` for a blank."""

    hand: tuple[Card, ...]
    formula: tuple[str, ...] = ()
    score: Score = NO_SCORE

    @property
    def used(self) -> tuple[str, ...]:
        """The numbers in the formula."""
        return tuple(token for token in self.formula if token in NUMBERS)


def step(rules: FormulaRules, game: FormulaGame, move: str) -> FormulaGame:
    """Return the game after one move.

    Raises:
        ValueError: there is no such move, or the game is over.
    """
    refuse_move(move, rules.moves, game.score)
    if len(game.formula) > rules.longest:
        return replace(game, score=game.score.after(BAD_REWARD, done=True))
    if move == EQUALS:
        right = len(game.used) == len(game.hand) and _value(game) == rules.target
        return replace(game, score=game.score.after(WIN_REWARD if right else BAD_REWARD, done=True))
    held = Counter(str(card.value) for card in game.hand)
    if move in NUMBERS and Counter(game.used)[move] >= held[move]:
        return replace(game, formula=(*game.formula, BLANK), score=game.score.after(BAD_REWARD, done=False))
    return replace(game, formula=(*game.formula, move), score=game.score.after(0, done=False))


def _value(game: FormulaGame) -> object:
    return value_of([token for token in game.formula if token != BLANK])
