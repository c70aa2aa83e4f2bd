"""Blackjack: nearer to 21 than the dealer without going over. Rules of RL4VLM's ``gym_cards/Blackjack-v0``.

These are Gymnasium's Blackjack with its arguments' defaults, ``natural=False, sab=False`` (Sutton and Barto, example
5.1; gymnasium.farama.org/environments/toy_text/blackjack): an endless deck; two cards each, one of the dealer's face
down; jack, queen and king count 10, an ace 11 where that does not pass 21, else 1. ``hit`` takes a card, and over 21
loses. ``stick`` lets the dealer draw below 17, and the higher sum wins; over 21 counts 0. Reward: 1 for a win, 0 for a
draw, -1 for a loss, and a natural pays no more. Gymnasium's registered ``Blackjack-v1`` sets ``sab=True``, by which
a natural also beats a 21 of three cards; RL4VLM does not, and neither does this.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from device_scripts.virtual_phone.cards.card import Card, draw_card
from device_scripts.virtual_phone.cards.score import NO_SCORE, Score, refuse_move

MOVES = ("hit", "stick")
BEST_SUM = 21
DEALER_STANDS_AT = 17
_ACE_BONUS = 10


@dataclass(frozen=True, slots=True)
class Blackjack:
    """A game as it stands; ``dealer[1]`` is face down until the game is over."""

    number: int
    player: tuple[Card, ...]
    dealer: tuple[Card, ...]
    score: Score = NO_SCORE


def start(number: int) -> Blackjack:
    """Return the game of that number as it begins."""
    dealt = [_card(number, place) for place in range(4)]
    return Blackjack(number, player=tuple(dealt[:2]), dealer=tuple(dealt[2:]))


def step(game: Blackjack, move: str) -> Blackjack:
    """Return the game after one move.

    Raises:
        ValueError: there is no such move, or the game is over.
    """
    refuse_move(move, MOVES, game.score)
    if move == "hit":
        player = (*game.player, _next_card(game.number, game.player, game.dealer))
        bust = hand_sum(player) > BEST_SUM
        return replace(game, player=player, score=game.score.after(-1 if bust else 0, done=bust))
    dealer = game.dealer
    while hand_sum(dealer) < DEALER_STANDS_AT:
        dealer = (*dealer, _next_card(game.number, game.player, dealer))
    mine, theirs = _points(game.player), _points(dealer)
    return replace(game, dealer=dealer, score=game.score.after((mine > theirs) - (mine < theirs), done=True))


def hand_sum(hand: Sequence[Card]) -> int:
    """Return the sum of a hand, with one ace as 11 where that does not pass 21."""
    return sum(card.value for card in hand) + (_ACE_BONUS if has_usable_ace(hand) else 0)


def has_usable_ace(hand: Sequence[Card]) -> bool:
    """Say whether an ace of the hand counts 11."""
    return any(card.rank == 1 for card in hand) and sum(card.value for card in hand) + _ACE_BONUS <= BEST_SUM


def _points(hand: Sequence[Card]) -> int:
    return found if (found := hand_sum(hand)) <= BEST_SUM else 0


def _next_card(number: int, player: Sequence[Card], dealer: Sequence[Card]) -> Card:
    return _card(number, len(player) + len(dealer))


def _card(number: int, place: int) -> Card:
    """Return the card at a place of the game's deck, which does not end."""
    return draw_card(random.Random(f"Blackjack/{number}/{place}"))
