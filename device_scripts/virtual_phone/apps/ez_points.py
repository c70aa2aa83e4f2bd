"""EZPoints: two cards that make 12. Its rules are in ``cards.ez_points``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from device_scripts.virtual_phone.apps.base import TableShape
from device_scripts.virtual_phone.apps.card_game import GAME_SHAPE
from device_scripts.virtual_phone.apps.formula_game import FormulaGameApp
from device_scripts.virtual_phone.cards import ez_points
from device_scripts.virtual_phone.cards.formula_game import FormulaGame


class EzPointsApp(FormulaGameApp):
    """Numbers and signs are keys; there is none to take back."""

    package = "org.example.ezpoints"
    label = "EZPoints"
    glyph = "heart"
    colour = (176, 44, 70)
    table: ClassVar[str] = "org.example.ezpoints/game"
    tables = (table,)
    insertable: ClassVar[Mapping[str, TableShape]] = {table: GAME_SHAPE}
    rules = ez_points.RULES
    sign_rows = (("+", "*", "="),)

    def start(self, number: int) -> FormulaGame:
        return ez_points.start(number)
