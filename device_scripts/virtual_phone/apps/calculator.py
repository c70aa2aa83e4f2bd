"""The calculator: exact arithmetic on what is typed by its keys, and a log of what was worked out."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import ClassVar

from device_scripts.virtual_phone.apps.base import App, Host, TableShape
from device_scripts.virtual_phone.language import Own
from device_scripts.virtual_phone.state import Activity, PhoneState
from device_scripts.virtual_phone.ui.widgets import Button, Grid, Label, Screen, Widget

HISTORY = "com.android.calculator2/history"
_LAYOUT = ("C", "Del", "Log", "/", "7", "8", "9", "x", "4", "5", "6", "-", "1", "2", "3", "+", "0", ".", "%", "=")
_OPERATORS = "/x-+"
_NUMBER = re.compile(r"\d+\.?\d*|\.\d+")
_MAX_SIGNS = 40
_DIGITS = 10
_KEPT = 8


class Calculator(App):
    """Keys and a log."""

    package = "com.android.calculator2"
    label = "Calculator"
    glyph = "calculator"
    colour = (70, 84, 110)
    activities = (".Calculator", ".HistoryActivity")
    tables = (HISTORY,)
    insertable: ClassVar[Mapping[str, TableShape]] = {HISTORY: TableShape({"expression": str, "result": str})}

    def defaults(self, state: PhoneState, rng: random.Random) -> None:
        state.tables[HISTORY] = []

    def screen(self, state: PhoneState, activity: Activity) -> Screen:
        if activity.component.endswith(".HistoryActivity"):
            done = [
                Label(Own(f"{row['expression']} = {row['result']}")) for row in reversed(state.tables[HISTORY][-_KEPT:])
            ]
            body: tuple[Widget, ...] = (Button("clear", "Clear log"), *done) if done else (Label("Nothing yet"),)
            return Screen("Log", body, up=True)
        keys = tuple(Button(f"press:{sign}", sign, quiet=sign.isdigit() or sign in ".%") for sign in _LAYOUT)
        shown = Label(activity.data.get("shown") or "0", large=True)
        return Screen("Calculator", (shown,), footer=(Grid(4, keys, tall=True),))

    def tapped(self, host: Host, activity: Activity, id: str) -> None:
        kind, _, sign = id.partition(":")
        if kind == "clear":
            host.state.tables[HISTORY] = []
            return
        shown = activity.data.get("shown", "")
        if "answer" in activity.data and sign not in ("Log", *_OPERATORS, "%"):
            shown = ""
        if sign != "Log":
            activity.data.pop("answer", None)
        match sign:
            case "Log":
                host.open(self.component(".HistoryActivity"))
                return
            case "C":
                shown = ""
            case "Del":
                shown = shown[:-1]
            case "=":
                self._work_out(host.state, activity)
                return
            case _:
                shown = ("" if shown == "Error" else shown) + sign
        activity.data["shown"] = shown[:_MAX_SIGNS]

    def _work_out(self, state: PhoneState, activity: Activity) -> None:
        expression = activity.data.get("shown", "")
        if not expression:
            return
        value = value_of(expression)
        result = "Error" if value is None else written(value)
        if value is not None:
            self.insert(state, HISTORY, {"expression": expression})
            state.tables[HISTORY][-1]["result"] = result
        activity.data.update(shown=result, answer="1")


def value_of(expression: str) -> Fraction | None:
    """Return what an expression of numbers, ``/x-+`` and ``%`` comes to, None where that is not defined."""
    rest, minus = expression, expression.startswith("-")
    rest = rest[1:] if minus else rest
    total, term, operator = Fraction(0), Fraction(0), "-" if minus else "+"
    while True:
        number = _NUMBER.match(rest)
        if number is None:
            return None
        value, rest = Fraction(Decimal(number[0])), rest[number.end() :]
        while rest.startswith("%"):
            value, rest = value / 100, rest[1:]
        if operator == "/" and value == 0:
            return None
        if operator in "x/":
            term = term * value if operator == "x" else term / value
        else:
            total, term = total + term, value if operator == "+" else -value
        if not rest:
            return total + term
        operator, rest = rest[0], rest[1:]
        if operator not in _OPERATORS:
            return None


def written(value: Fraction) -> str:
    """Return a number to ten digits, without needless noughts."""
    with localcontext() as context:
        context.prec = _DIGITS
        number = Decimal(value.numerator) / Decimal(value.denominator)
        return format(number.normalize(), "f" if -_DIGITS < number.adjusted() < _DIGITS else "E")
