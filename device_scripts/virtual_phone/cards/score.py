"""What every game's state has: the last reward, the return so far, and whether the game is over. Knows no game."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Score:
    """``reward`` is that of the last move, ``total`` the sum of all, the return."""

    reward: int = 0
    total: int = 0
    done: bool = False

    def after(self, reward: int, *, done: bool) -> Score:
        """Return the score after one more move."""
        return Score(reward, self.total + reward, done)

    @property
    def won(self) -> bool:
        """Whether the game is over with a return above 0, which is what RL4VLM counts as a success."""
        return self.done and self.total > 0


NO_SCORE = Score()
"""That of a game that begins."""


def refuse_move(move: str, moves: tuple[str, ...], score: Score) -> None:
    """Raise ValueError for a move that the game does not have, or one after its end."""
    if move not in moves:
        raise ValueError(f"Got the move {move!r}, expected one of {' '.join(moves)}.")
    if score.done:
        raise ValueError(f"Got the move {move!r} after the end of the game, expected none: start a new one.")
