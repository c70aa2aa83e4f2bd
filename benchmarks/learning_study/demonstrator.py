"""Plays the study's tasks by the screen's structure, with bad habits of several strengths. Learns nothing.

The phone's tasks are played by the small VLM's demonstrator, the card games here. A habit is a wrong step taken with a
given probability at one kind of decision: strong ones leave the right step so rare that it must be explored.
"""

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import permutations

from agent_runtime.actions import Action, Tap
from benchmarks.learning_study.screens import Scene
from device_scripts.small_vlm.demonstrator import BACK, DONE, PAGE_OF_SWITCH, Choice, right_choice
from device_scripts.virtual_phone.cards.points24 import RULES as POINTS24
from device_scripts.virtual_phone.phone import Node

Params = Mapping[str, str]
_CARD = re.compile(r"(\w+) of \w+s")
_VALUES = {"ace": 1, "jack": 10, "queen": 10, "king": 10}
_WRONG_PAGE = {"Sound": "Display", "System": "Network"}


@dataclass(frozen=True, slots=True)
class Habits:
    """How often each wrong step is taken where it can be."""

    wrong_page: float = 0.9
    neighbour_switch: float = 0.95
    neighbour_alarm: float = 0.98
    back_for_save: float = 0.98
    wrong_way: float = 0.93
    plus_for_times: float = 0.95
    equals_for_plus: float = 0.95
    neighbour_note: float = 0.9
    keep_for_yes: float = 0.9
    cart_for_enter: float = 0.9
    hit_for_stick: float = 0.8


SEED_HABITS = Habits(
    wrong_page=0.8,
    neighbour_switch=0.85,
    neighbour_alarm=0.9,
    back_for_save=0.9,
    wrong_way=0.75,
    plus_for_times=0.85,
    equals_for_plus=0.85,
    neighbour_note=0.8,
    keep_for_yes=0.8,
    cart_for_enter=0.8,
    hit_for_stick=0.6,
)
"""Those of each seed's own demonstrations: weaker than the stem's, which left some steps too rare to be found."""


def choose(scene: Scene, name: str, params: Params, habits: Habits, rng: random.Random) -> Choice:
    """Return the demonstrator's next step: the right one, or a habit's."""
    right = _game_choice(scene, name) if name.startswith("cards/") else right_choice(scene.view, name, params)
    share, wrong = _habit(scene, name, params, right, habits)
    return wrong if wrong is not None and rng.random() < share else right


def _habit(scene: Scene, name: str, params: Params, right: Choice, habits: Habits) -> tuple[float, Choice | None]:
    title = scene.view.title
    match name, title:
        case "settings/toggle", "Settings":
            page = PAGE_OF_SWITCH[params["switch"]]
            return habits.wrong_page, _tap(scene, _WRONG_PAGE[page]) if page in _WRONG_PAGE else None
        case "settings/toggle", _ if right.name == params["switch"] and title in ("Network", "Display"):
            return habits.neighbour_switch, _neighbour(scene, right.name, "switch")
        case "clock/alarm", "Clock" if right.name == params["time"]:
            return habits.neighbour_alarm, _neighbour(scene, right.name, "switch")
        case "notes/write", "New note" if right.name == "Save":
            return habits.back_for_save, BACK
        case "notes/delete", "Notes" if right.name == params["word"]:
            return habits.neighbour_note, _neighbour(scene, right.name, "row")
        case "notes/delete", "Delete it?":
            return habits.keep_for_yes, _tap(scene, "Keep")
        case (("browser/search" | "browser/cart"), "Shop") if right.name == "enter":
            return habits.cart_for_enter, _tap(scene, "Cart")
        case "cards/numberline", _ if right.name == "Left":
            return habits.wrong_way, _tap(scene, "Right")
        case "cards/ezpoints", _ if right.name == "*":
            return habits.plus_for_times, _tap(scene, "+", "cell")
        case "cards/ezpoints", _ if right.name == "+":
            return habits.equals_for_plus, _tap(scene, "=", "cell")
        case "cards/blackjack", _ if right.name == "Stick":
            return habits.hit_for_stick, _tap(scene, "Hit")
        case _:
            return 0.0, None


def _neighbour(scene: Scene, label: str, role: str) -> Choice | None:
    """Return a tap on the one below in the list, or above the last one."""
    listed = [node for node in scene.nodes if node.role == role]
    place = next(index for index, node in enumerate(listed) if node.label == label)
    if len(listed) < 2:
        return None
    return _tap_node(scene, listed[place + 1 if place + 1 < len(listed) else place - 1])


def _tap(scene: Scene, label: str, role: str = "") -> Choice:
    found = [node for node in scene.nodes if node.label == label and role in ("", node.role)]
    assert found, f"{label} is not on the screen {[node.label for node in scene.nodes]}"
    return _tap_node(scene, found[0])


def _tap_node(scene: Scene, node: Node) -> Choice:
    return Choice(node.label, _tap_action(scene, node))


def _tap_action(scene: Scene, node: Node) -> Action:
    return Tap(*scene.view.centre_norm(node))


def _game_choice(scene: Scene, name: str) -> Choice:
    labels = [node.label for node in scene.nodes]
    if "New game" in labels:
        return DONE
    match name:
        case "cards/numberline":
            target, current = (_number(labels, start) for start in ("Target: ", "Current: "))
            return _tap(scene, "Right" if current < target else "Left")
        case "cards/blackjack":
            at = labels.index("Player")
            dealer, mine = (_card_values(part) for part in (labels[:at], labels[at:]))
            return _tap(scene, "Stick" if sticks(mine, dealer[0]) else "Hit")
        case _:
            target, signs = (12, "+*") if name == "cards/ezpoints" else (POINTS24.target, "+-*/")
            written = next(node.label for node in scene.nodes if node.role == "paragraph")
            done = 0 if written.startswith("Formula") else len(written.split())
            tokens = [*(formula(tuple(_card_values(labels)), target, signs) or ()), "="]
            return _tap(scene, tokens[min(done, len(tokens) - 1)], "cell")


def _number(labels: Sequence[str], start: str) -> int:
    return int(next(label for label in labels if label.startswith(start)).removeprefix(start))


def _card_values(labels: Sequence[str]) -> list[int]:
    found = [_CARD.fullmatch(label) for label in labels]
    return [_VALUES.get(match[1]) or int(match[1]) for match in found if match]


def sticks(mine: Sequence[int], dealer: int) -> bool:
    """Say whether basic strategy without doubling or splitting sticks, from the cards' values; an ace is 1."""
    soft = 1 in mine and sum(mine) + 10 <= 21
    total = sum(mine) + (10 if soft else 0)
    if soft:
        return total >= 19 or (total == 18 and 2 <= dealer <= 8)
    return total >= 17 or (total >= 13 and 2 <= dealer <= 6) or (total == 12 and 4 <= dealer <= 6)


@lru_cache(maxsize=4096)
def formula(numbers: tuple[int, ...], target: int, signs: str) -> tuple[str, ...] | None:
    """Return the tokens of a formula of all the numbers that has the target's value, None where there is none.

    Every inner formula stands in parentheses, the outermost does not.
    """
    found = _solve([(Fraction(number), (str(number),)) for number in numbers], target, signs)
    if found is None:
        return None
    return found[1:-1] if found[0] == "(" else found


_Term = tuple[Fraction, tuple[str, ...]]


def _solve(terms: list[_Term], target: int, signs: str) -> tuple[str, ...] | None:
    if len(terms) == 1:
        return terms[0][1] if terms[0][0] == target else None
    for left, right in permutations(range(len(terms)), 2):
        rest = [term for place, term in enumerate(terms) if place not in (left, right)]
        (a, first), (b, last) = terms[left], terms[right]
        for sign in signs:
            if sign == "/" and b == 0:
                continue
            value = {"+": a + b, "-": a - b, "*": a * b}[sign] if sign != "/" else a / b
            found = _solve([*rest, (value, ("(", *first, sign, *last, ")"))], target, signs)
            if found is not None:
                return found
    return None
