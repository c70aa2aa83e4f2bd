"""Blackjack: the dealer's cards, one's own, hit and stick. Its rules are in ``cards.blackjack``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from device_scripts.virtual_phone.apps.base import TableShape
from device_scripts.virtual_phone.apps.card_game import FACE_DOWN, GAME_SHAPE, CardGame, codes, faces
from device_scripts.virtual_phone.cards import blackjack
from device_scripts.virtual_phone.cards.blackjack import Blackjack
from device_scripts.virtual_phone.cards.score import Score
from device_scripts.virtual_phone.ui.widgets import Beside, Button, CardRow, Label, Widget

_VERDICTS = {1: "Won", 0: "Draw", -1: "Lost"}


class BlackjackApp(CardGame[Blackjack]):
    """The sums are the player's to read from the cards, as in the published game's picture."""

    package = "org.example.blackjack"
    label = "Blackjack"
    glyph = "spade"
    colour = (28, 100, 62)
    table: ClassVar[str] = "org.example.blackjack/game"
    tables = (table,)
    insertable: ClassVar[Mapping[str, TableShape]] = {table: GAME_SHAPE}

    def start(self, number: int) -> Blackjack:
        return blackjack.start(number)

    def step(self, game: Blackjack, move: str) -> Blackjack:
        return blackjack.step(game, move)

    def score(self, game: Blackjack) -> Score:
        return game.score

    def verdict(self, game: Blackjack) -> str:
        return _VERDICTS[game.score.total]

    def table_top(self, game: Blackjack) -> tuple[Widget, ...]:
        dealer = faces(game.dealer) if game.score.done else (*faces(game.dealer[:1]), FACE_DOWN)
        return Label("Dealer"), CardRow(dealer), Label("Player"), CardRow(faces(game.player))

    def controls(self) -> tuple[Widget, ...]:
        return (Beside((Button("move:hit", "Hit"), Button("move:stick", "Stick")), (1, 1)),)

    def columns(self, game: Blackjack) -> Mapping[str, object]:
        dealer = codes(game.dealer) if game.score.done else f"{codes(game.dealer[:1])} ?"
        return {"player": codes(game.player), "dealer": dealer}
