"""What the card games' apps share: the game as its number and moves, new games, and the row a probe reads.

The table ``<package>/game`` holds the game in play. `content insert … --bind number:i:N` deals game N, whose cards
depend on N alone. Columns of a query: ``number``, those of the game, ``reward`` of the last move, ``return`` (the sum
so far), ``done`` 0 or 1. What a player cannot see is not in it.
"""

from __future__ import annotations

import random
from abc import abstractmethod
from collections.abc import Iterable, Mapping
from functools import reduce
from typing import ClassVar, Generic, TypeVar

from device_scripts.virtual_phone.apps.base import App, Host, TableShape
from device_scripts.virtual_phone.cards.card import Card
from device_scripts.virtual_phone.cards.score import Score
from device_scripts.virtual_phone.state import Activity, PhoneState, Table
from device_scripts.virtual_phone.ui.widgets import Button, Label, PlayingCard, Screen, Widget

FACE_DOWN = PlayingCard("face down")
GAME_SHAPE = TableShape({"number": int})
_FIRST_GAMES = 1_000_000
_Game = TypeVar("_Game")


class CardGame(App, Generic[_Game]):
    """One game at a time. A new game is offered when it is over, and has the next number."""

    activities = (".MainActivity",)
    in_the_phones_words = False
    table: ClassVar[str]

    @abstractmethod
    def start(self, number: int) -> _Game:
        """Return the game of that number as it begins."""

    @abstractmethod
    def step(self, game: _Game, move: str) -> _Game:
        """Return the game after a move."""

    @abstractmethod
    def score(self, game: _Game) -> Score:
        """Return the game's score."""

    @abstractmethod
    def verdict(self, game: _Game) -> str:
        """Say in a word how a game that is over ended."""

    @abstractmethod
    def table_top(self, game: _Game) -> tuple[Widget, ...]:
        """Return what lies on the table."""

    @abstractmethod
    def controls(self) -> tuple[Widget, ...]:
        """Return the buttons of the moves; a button's id is ``move:`` and the move."""

    @abstractmethod
    def columns(self, game: _Game) -> Mapping[str, object]:
        """Return the game's own columns."""

    def defaults(self, state: PhoneState, rng: random.Random) -> None:
        _deal(state.tables, self.table, rng.randrange(_FIRST_GAMES, 2 * _FIRST_GAMES))

    def screen(self, state: PhoneState, activity: Activity) -> Screen:
        game = self._game(state)
        score = self.score(game)
        if not score.done:
            return Screen(self.label, (*self.table_top(game), *self.controls()))
        result = Label(f"{self.verdict(game)}: {score.total:+d}", large=True)
        return Screen(self.label, (*self.table_top(game), result, Button("new", "New game")))

    def tapped(self, host: Host, activity: Activity, id: str) -> None:
        kind, _, move = id.partition(":")
        row = host.state.tables[self.table][0]
        activity.scroll_px = 0
        if kind == "new":
            _deal(host.state.tables, self.table, int(str(row["number"])) + 1)
        elif kind == "move":
            row["moves"] = f"{row['moves']} {move}".strip()

    def query(self, state: PhoneState, path: str) -> Table:
        game = self._game(state)
        score = self.score(game)
        outcome = {"reward": score.reward, "return": score.total, "done": int(score.done)}
        return [{"_id": 1, "number": state.tables[self.table][0]["number"], **self.columns(game), **outcome}]

    def insert(self, state: PhoneState, path: str, values: dict[str, str]) -> None:
        """Deal the game of that number."""
        _deal(state.tables, self.table, int(values["number"]))

    def delete(self, state: PhoneState, path: str, row_id: int | None) -> None:
        """Deal the game in play again from its start: there is always one."""
        state.tables[self.table][0]["moves"] = ""

    def _game(self, state: PhoneState) -> _Game:
        row = state.tables[self.table][0]
        return reduce(self.step, str(row["moves"]).split(), self.start(int(str(row["number"]))))


def _deal(tables: dict[str, Table], table: str, number: int) -> None:
    tables[table] = [{"_id": 1, "number": number, "moves": ""}]


def faces(cards: Iterable[Card]) -> tuple[PlayingCard, ...]:
    """Return the cards face up."""
    return tuple(PlayingCard(card.name, card.corner, card.suit) for card in cards)


def codes(cards: Iterable[Card]) -> str:
    """Return the cards' codes, as in ``10S 4H``."""
    return " ".join(card.code for card in cards)
