"""NumberLine: move from a number to another, one at a time. Rules of RL4VLM's ``gym_cards/NumberLine-v0``.

Numbers are 0 to 5. Target and start are drawn evenly; where they are equal the target becomes (target + 1) mod 5.
``left`` subtracts 1 and ``right`` adds 1, except beyond an end, where the number stays. Reward: 1 for reaching the
target, which ends the game; -1 for a move that brings it no closer; 0 otherwise. After 10 moves it is cut off.
So the return is 1 without a wrong move, and at worst -10: ten moves that bring nothing.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

from device_scripts.virtual_phone.cards.score import NO_SCORE, Score, refuse_move

HIGHEST = 5
MOVE_LIMIT = 2 * HIGHEST
MOVES = ("left", "right")


@dataclass(frozen=True, slots=True)
class NumberLine:
    """A game as it stands."""

    target: int
    position: int
    moves_made: int = 0
    score: Score = NO_SCORE


def start(number: int) -> NumberLine:
    """Return the game of that number as it begins."""
    rng = random.Random(f"NumberLine/{number}")
    position, target = rng.randint(0, HIGHEST), rng.randint(0, HIGHEST)
    return NumberLine((target + 1) % HIGHEST if target == position else target, position)


def step(game: NumberLine, move: str) -> NumberLine:
    """Return the game after one move.

    Raises:
        ValueError: there is no such move, or the game is over.
    """
    refuse_move(move, MOVES, game.score)
    position = min(HIGHEST, max(0, game.position + (1 if move == "right" else -1)))
    reached = position == game.target
    closer = abs(position - game.target) < abs(game.position - game.target)
    made = game.moves_made + 1
    score = game.score.after(1 if reached else 0 if closer else -1, done=reached or made >= MOVE_LIMIT)
    return replace(game, position=position, moves_made=made, score=score)
