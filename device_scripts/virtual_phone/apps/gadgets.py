"""The small apps the store offers: one value and one button that changes it."""

from __future__ import annotations

import random

from device_scripts.virtual_phone.apps.base import App, Host
from device_scripts.virtual_phone.state import Activity, PhoneState
from device_scripts.virtual_phone.ui.widgets import Button, Label, Screen

Colour = tuple[int, int, int]


class Gadget(App):
    """Shows one of its values and goes through them in an order of its own for every seed, or as they stand."""

    glyph = "cube"
    activities = (".MainActivity",)
    in_the_phones_words = False

    def __init__(
        self, label: str, about: str, colour: Colour, action: str, values: tuple[str, ...], *, shuffled: bool = True
    ) -> None:
        self.package = f"org.example.{label.lower()}"
        self.label = label
        self.about = about
        self.colour = colour
        self.tables = (f"{self.package}/value",)
        self._action = action
        self._values = values
        self._shuffled = shuffled

    def defaults(self, state: PhoneState, rng: random.Random) -> None:
        state.orders[self.package] = rng.sample(self._values, len(self._values)) if self._shuffled else [*self._values]
        state.tables[self.tables[0]] = [{"_id": 1, "value": state.orders[self.package][0], "turns": 0}]

    def screen(self, state: PhoneState, activity: Activity) -> Screen:
        value = str(state.tables[self.tables[0]][0]["value"])
        return Screen(self.label, (Label(value, large=True), Button("turn", self._action)))

    def tapped(self, host: Host, activity: Activity, id: str) -> None:
        row, order = host.state.tables[self.tables[0]][0], host.state.orders[self.package]
        row["turns"] = int(str(row["turns"])) + 1
        row["value"] = order[int(str(row["turns"])) % len(order)]


GADGETS: tuple[Gadget, ...] = (
    Gadget("Torch", "A light", (200, 150, 30), "Switch", ("Off", "On"), shuffled=False),
    Gadget("Dice", "Roll a dice", (170, 60, 60), "Roll", ("1", "2", "3", "4", "5", "6")),
    Gadget("Coin", "Heads or tails", (150, 120, 60), "Flip", ("Heads", "Tails", "Tails", "Heads", "Heads", "Tails")),
    Gadget("Recipes", "A dish a day", (60, 130, 70), "Next", ("Bean soup", "Fried rice", "Apple pie", "Pancakes")),
    Gadget("Yoga", "Pose by pose", (120, 80, 150), "Next", ("Tree", "Bridge", "Cobra", "Child", "Boat")),
    Gadget("Words", "Learn a word", (40, 110, 160), "Next", ("Brisk", "Candid", "Frugal", "Lucid", "Nimble")),
    Gadget("Stars", "Tonight's sky", (50, 60, 120), "Turn", ("Orion", "Lyra", "Cygnus", "Leo", "Draco")),
    Gadget("Quotes", "Old sayings", (110, 90, 80), "More", ("Less is more", "Look first", "Slow and steady")),
)
