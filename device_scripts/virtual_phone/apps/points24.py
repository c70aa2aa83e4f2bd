"""Points24: four cards that make 24. Its rules are in ``cards.points24``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from device_scripts.virtual_phone.apps.base import TableShape
from device_scripts.virtual_phone.apps.card_game import GAME_SHAPE
from device_scripts.virtual_phone.apps.formula_game import FormulaGameApp
from device_scripts.virtual_phone.cards import points24
from device_scripts.virtual_phone.cards.formula_game import FormulaGame


class Points24App(FormulaGameApp):
    """Numbers and signs are keys; there is none to take back."""

    package = "org.example.points24"
    label = "Points24"
    glyph = "diamond"
    colour = (30, 110, 160)
    table: ClassVar[str] = "org.example.points24/game"
    tables = (table,)
    insertable: ClassVar[Mapping[str, TableShape]] = {table: GAME_SHAPE}
    rules = points24.RULES
    sign_rows = (("+", "-", "*", "/"), ("(", ")", "="))

    def start(self, number: int) -> FormulaGame:
        return points24.start(number)
