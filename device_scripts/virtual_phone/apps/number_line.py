"""NumberLine: two numbers and two buttons. Its rules are in ``cards.number_line``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from device_scripts.virtual_phone.apps.base import TableShape
from device_scripts.virtual_phone.apps.card_game import GAME_SHAPE, CardGame
from device_scripts.virtual_phone.cards import number_line
from device_scripts.virtual_phone.cards.number_line import NumberLine
from device_scripts.virtual_phone.cards.score import Score
from device_scripts.virtual_phone.ui.widgets import Beside, Button, Label, Widget


class NumberLineApp(CardGame[NumberLine]):
    """Shows the target and the current number, as the published game's picture does."""

    package = "org.example.numberline"
    label = "NumberLine"
    glyph = "scale"
    colour = (112, 84, 170)
    table: ClassVar[str] = "org.example.numberline/game"
    tables = (table,)
    insertable: ClassVar[Mapping[str, TableShape]] = {table: GAME_SHAPE}

    def start(self, number: int) -> NumberLine:
        return number_line.start(number)

    def step(self, game: NumberLine, move: str) -> NumberLine:
        return number_line.step(game, move)

    def score(self, game: NumberLine) -> Score:
        return game.score

    def verdict(self, game: NumberLine) -> str:
        return "Reached" if game.position == game.target else "Too many moves"

    def table_top(self, game: NumberLine) -> tuple[Widget, ...]:
        return Label(f"Target: {game.target}", large=True), Label(f"Current: {game.position}", large=True)

    def controls(self) -> tuple[Widget, ...]:
        return (Beside((Button("move:left", "Left"), Button("move:right", "Right")), (1, 1)),)

    def columns(self, game: NumberLine) -> Mapping[str, object]:
        return {"target": game.target, "position": game.position, "moves": game.moves_made}
