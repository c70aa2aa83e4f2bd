"""Plays the virtual phone's tasks by looking at the screen, with a few bad habits. Knows no model and no adb.

The small VLM learns from this demonstrator, bad habits included: at four kinds of decision it takes the wrong
way in ``HABIT_RATE`` of the cases, so that a greedy small VLM fails there, a sampled one sometimes succeeds,
and tuning has something to do. Without habits the demonstrator is an oracle.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from agent_runtime.actions import Action, Finish, Key, PressKey, Tap, TypeText
from device_scripts.small_vlm.view import View
from device_scripts.virtual_phone.apps.settings import PAGES
from device_scripts.virtual_phone.phone import Node

HABIT_RATE = 0.6
Params = Mapping[str, str]

PAGE_OF_SWITCH = {setting.label: page for page, settings in PAGES.items() for setting in settings}
_WRONG_PAGE = {"Sound": "Display", "System": "Network"}
_TITLES = {
    "Settings": ("Settings", *PAGES),
    "Clock": ("Clock",),
    "Notes": ("Notes", "New note", "Note", "Delete it?"),
    "Browser": ("Browser", "Shop", "Item", "Cart", "Not found"),
}


@dataclass(frozen=True)
class Choice:
    """What to do next: ``name`` says it in the thought, after ``reason`` where there is one; ``action`` does it."""

    name: str
    action: Action
    reason: str = ""


DONE = Choice("done", Finish(True))
BACK = Choice("back", PressKey(Key.BACK))
HOME = Choice("home", PressKey(Key.HOME))
ENTER = Choice("enter", PressKey(Key.ENTER))


def right_choice(view: View, task_name: str, params: Params) -> Choice:
    """Return the next step towards the goal, from the screen alone."""
    return _PLANS[task_name](view, params)


def habit(view: View, task_name: str, params: Params) -> Choice | None:
    """Return the wrong step the demonstrator is given to at this point, or None where it has no bad habit."""
    match task_name, view.title:
        case "settings/toggle", "Settings":
            page = PAGE_OF_SWITCH[params["switch"]]
            return _tap(view, _WRONG_PAGE[page]) if page in _WRONG_PAGE else None
        case "notes/delete", "Delete it?":
            return _tap(view, "Keep")
        case "browser/search" | "browser/cart", "Shop" if _typed(view) == params["product"]:
            return _tap(view, "Cart")
        case _:
            return None


def _tap(view: View, label: str) -> Choice:
    node = view.find(label)
    assert node is not None, f"{label} is not on the screen {view.listing()}"
    return Choice(label, Tap(*view.centre_norm(node)))


def _typed(view: View) -> str:
    field = view.field()
    return field.text if field is not None and field.text != field.label else ""


def _fill(view: View, text: str, then: Choice) -> Choice:
    """Bring the text into the screen's field, then do ``then``."""
    field, typed = view.field(), _typed(view)
    if typed == text:
        return then
    if typed:
        return BACK
    if view.has_keyboard:
        return Choice(f"type {text}", TypeText(text))
    assert field is not None, f"no field on {view.listing()}"
    return Choice("field", Tap(*view.centre_norm(field)))


def _set(view: View, switch: Node, wanted: str) -> Choice:
    """Bring a switch in sight into the state wanted; wish and state side by side are easily compared."""
    seen = "on" if switch.checked else "off"
    choice = DONE if seen == wanted else _tap(view, switch.label)
    return replace(choice, reason=f"want {wanted}, is {seen}")


def _inside(view: View, app: str) -> bool:
    return view.title in _TITLES[app] or (app == "Browser" and view.title.startswith("Find:"))


def _from_elsewhere(view: View, app: str) -> Choice:
    return _tap(view, app) if view.title == "Home" else HOME


def _open(view: View, params: Params) -> Choice:
    return DONE if _inside(view, params["app"]) else _from_elsewhere(view, params["app"])


def _toggle(view: View, params: Params) -> Choice:
    switch = view.find(params["switch"])
    if switch is not None:
        return _set(view, switch, params["state"])
    if view.title == "Settings":
        return _tap(view, PAGE_OF_SWITCH[params["switch"]])
    return BACK if view.title in PAGES else _from_elsewhere(view, "Settings")


def _alarm(view: View, params: Params) -> Choice:
    if view.title != "Clock":
        return _from_elsewhere(view, "Clock")
    alarm = view.find(params["time"])
    if alarm is None:
        return _tap(view, "Alarm")
    return _set(view, alarm, params["state"])


def _stopwatch(view: View, params: Params) -> Choice:
    if view.title != "Clock":
        return _from_elsewhere(view, "Clock")
    if view.find("Stop") is not None:
        return DONE
    return _tap(view, "Start" if view.find("Start") is not None else "Stopwatch")


def _write_note(view: View, params: Params) -> Choice:
    match view.title:
        case "New note":
            return _fill(view, params["word"], _tap(view, "Save"))
        case "Notes":
            return DONE if view.find(params["word"]) is not None else _tap(view, "New")
        case "Note":
            return BACK
        case "Delete it?":
            return _tap(view, "Keep")
        case _:
            return _from_elsewhere(view, "Notes")


def _delete_note(view: View, params: Params) -> Choice:
    match view.title:
        case "Notes":
            return _tap(view, params["word"]) if view.find(params["word"]) is not None else DONE
        case "Note":
            return _tap(view, "Delete") if view.find(params["word"]) is not None else BACK
        case "Delete it?":
            return _tap(view, "Yes")
        case "New note":
            return BACK
        case _:
            return _from_elsewhere(view, "Notes")


def _search(view: View, params: Params) -> Choice:
    if view.title == f"Find: {params['product']}":
        return DONE
    match view.title:
        case "Browser":
            return _tap(view, "Shop")
        case "Shop":
            return _fill(view, params["product"], ENTER)
        case _ if _inside(view, "Browser"):
            return BACK
        case _:
            return _from_elsewhere(view, "Browser")


def _cart(view: View, params: Params) -> Choice:
    product = params["product"]
    here = view.find(product) is not None
    match view.title:
        case "Item" if here and view.find("In your cart") is not None:
            return DONE
        case "Item" if here:
            return _tap(view, "Add to cart")
        case "Cart" if here:
            return DONE
        case _ if view.title.startswith("Find:") and here:
            return _tap(view, product)
        case _:
            return BACK if view.title == f"Find: {product}" else _search(view, params)


_PLANS: dict[str, Callable[[View, Params], Choice]] = {
    "apps/open": _open,
    "settings/toggle": _toggle,
    "clock/alarm": _alarm,
    "clock/stopwatch": _stopwatch,
    "notes/write": _write_note,
    "notes/delete": _delete_note,
    "browser/search": _search,
    "browser/cart": _cart,
}
