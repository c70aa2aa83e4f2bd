"""The screen of EZPoints and Points24: the cards, the formula so far, and a key for every move. Knows no rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from device_scripts.virtual_phone.apps.card_game import CardGame, codes, faces
from device_scripts.virtual_phone.cards import formula_game
from device_scripts.virtual_phone.cards.formula_game import EQUALS, NUMBERS, FormulaGame, FormulaRules
from device_scripts.virtual_phone.cards.score import Score
from device_scripts.virtual_phone.ui.widgets import CardRow, Cell, CellGrid, Paragraph, Widget

_NUMBERS_IN_A_ROW = 5
_EMPTY = "Formula:"
_FORMULA_LINES = 2
"""Room for the longest formula on the narrowest screen, so that no key moves while one is written."""


class FormulaGameApp(CardGame[FormulaGame]):
    """Base of both."""

    rules: FormulaRules
    sign_rows: tuple[tuple[str, ...], ...]
    """The signs as they lie under the numbers, ``=`` among them."""

    def step(self, game: FormulaGame, move: str) -> FormulaGame:
        return formula_game.step(self.rules, game, move)

    def score(self, game: FormulaGame) -> Score:
        return game.score

    def verdict(self, game: FormulaGame) -> str:
        if len(game.formula) > self.rules.longest:
            return "Too long"
        return "Right" if game.score.reward > 0 else "Wrong"

    def table_top(self, game: FormulaGame) -> tuple[Widget, ...]:
        return CardRow(faces(game.hand)), Paragraph(" ".join(game.formula) or _EMPTY, _FORMULA_LINES)

    def controls(self) -> tuple[Widget, ...]:
        return _keys(NUMBERS, _NUMBERS_IN_A_ROW), *(_keys(row, len(row)) for row in self.sign_rows)

    def columns(self, game: FormulaGame) -> Mapping[str, object]:
        return {"hand": codes(game.hand), "formula": " ".join(game.formula)}


def _keys(moves: Sequence[str], columns: int) -> CellGrid:
    return CellGrid(tuple(Cell(f"move:{move}", move, selected=move == EQUALS) for move in moves), columns)
