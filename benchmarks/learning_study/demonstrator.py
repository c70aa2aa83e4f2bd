"""Plays the study's tasks by the screen's structure, with bad habits of several strengths. Learns nothing.

The phone's tasks are played by the small VLM's demonstrator, the card games here. A habit is a wrong step taken with a
given probability at one kind of decision: strong ones leave the right step so rare that it must be explored.
"""

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from agent_runtime.actions import Action, Tap
from benchmarks.learning_study.screens import Scene
from device_scripts.small_vlm.demonstrator import BACK, DONE, PAGE_OF_SWITCH, Choice, right_choice
from device_scripts.virtual_phone.phone import Node

Params = Mapping[str, str]
_CARD = re.compile(r"(\w+) of \w+s")
_VALUES = {"ace": 1, "jack": 10, "queen": 10, "king": 10}
_WRONG_PAGE = {"Sound": "Display", "System": "Network"}


@dataclass(frozen=True, slots=True)
class Habits:
    """How often each wrong step is taken where it can be."""

    wrong_page: float = 0.5
    neighbour_switch: float = 0.6
    neighbour_alarm: float = 0.6
    back_for_save: float = 0.6
    wrong_way: float = 0.6
    neighbour_note: float = 0.6
    keep_for_yes: float = 0.5
    back_for_enter: float = 0.6
    neighbour_icon: float = 0.6
    hit_for_stick: float = 0.5
    one_token: bool = False
    """Whether a wrong step is thought of in the words of the right one and, where that is a touch, is a touch too."""


SEED_HABITS = Habits(
    wrong_page=0.4,
    neighbour_switch=0.92,
    neighbour_alarm=0.92,
    back_for_save=0.95,
    wrong_way=0.9,
    neighbour_note=0.78,
    keep_for_yes=0.78,
    back_for_enter=0.945,
    neighbour_icon=0.9,
    hit_for_stick=0.7,
)
"""Those of each seed's own demonstrations, stronger than the stem's: the right step is known, and rarely taken."""
DEEP_HABITS = replace(
    SEED_HABITS,
    wrong_page=0.85,
    neighbour_switch=0.985,
    back_for_save=0.985,
    neighbour_note=0.94,
    keep_for_yes=0.93,
    back_for_enter=0.88,
    one_token=True,
)
"""One trained template is found soon, the search; the other three about once in 200 episodes."""
BURIALS: Mapping[str, Habits] = {"all": SEED_HABITS, "deep": DEEP_HABITS}


def choose(scene: Scene, name: str, params: Params, habits: Habits, rng: random.Random) -> Choice:
    """Return the demonstrator's next step: the right one, or a habit's."""
    right = _game_choice(scene, name) if name.startswith("cards/") else right_choice(scene.view, name, params)
    share, wrong = _habit(scene, name, params, right, habits)
    if wrong is not None and habits.one_token:
        wrong = replace(wrong, reason=right.reason)
    return wrong if wrong is not None and rng.random() < share else right


def _habit(scene: Scene, name: str, params: Params, right: Choice, habits: Habits) -> tuple[float, Choice | None]:
    title = scene.view.title
    match name, title:
        case "settings/toggle", "Settings":
            page = PAGE_OF_SWITCH[params["switch"]]
            return habits.wrong_page, _tap(scene, _WRONG_PAGE[page]) if page in _WRONG_PAGE else None
        case "settings/toggle", _ if right.name == params["switch"]:
            return habits.neighbour_switch, _neighbour(scene, right.name, "switch")
        case "clock/alarm", "Clock" if right.name == params["time"]:
            return habits.neighbour_alarm, _neighbour(scene, right.name, "switch")
        case "notes/write", "New note" if right.name == "Save":
            return habits.back_for_save, _tap_field(scene) if habits.one_token else BACK
        case "notes/delete", "Notes" if right.name == params["word"]:
            return habits.neighbour_note, _neighbour(scene, right.name, "row")
        case "notes/delete", "Delete it?":
            return habits.keep_for_yes, _tap(scene, "Keep")
        case (("browser/search" | "browser/cart"), "Shop") if right.name == "enter":
            return habits.back_for_enter, BACK
        case "apps/open", "Home" if right.name == params["app"]:
            return habits.neighbour_icon, _neighbour(scene, right.name, "icon")
        case "cards/numberline", _ if right.name == "Left":
            return habits.wrong_way, _tap(scene, "Right")
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


def _tap_field(scene: Scene) -> Choice:
    return _tap_node(scene, next(node for node in scene.nodes if node.role == "field"))


def _tap(scene: Scene, label: str) -> Choice:
    found = [node for node in scene.nodes if node.label == label]
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
        case _:
            at = labels.index("Player")
            dealer, mine = (_card_values(part) for part in (labels[:at], labels[at:]))
            return _tap(scene, "Stick" if sticks(mine, dealer[0]) else "Hit")


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
