"""Whether an action may reach the device: a pure function of rules, action and what is known. Reads no device."""

from collections.abc import Iterable

from agent_runtime.actions.ruling import ALLOWED, CHANGED, Ruling
from agent_runtime.actions.vocabulary import (
    Action,
    Finish,
    Key,
    LongPress,
    Malformed,
    OpenApp,
    PressKey,
    Swipe,
    Tap,
    TypeText,
    Wait,
)
from agent_runtime.devices.windows import INPUT_METHOD, Window
from agent_runtime.gate import elements as on_screen
from agent_runtime.gate import words
from agent_runtime.gate.elements import Element
from agent_runtime.gate.rules import BUDGET, TEXT, VERB, WINDOW, Facts, GateRules, Spent
from agent_runtime.gate.typed_text import secret_in

_SYSTEM = frozenset(("com.android.systemui", "android"))
_HARMLESS = frozenset(("STATUS_BAR", "NAVIGATION_BAR", "NAVIGATION_BAR_PANEL", "WALLPAPER"))
"""Kinds of the system's windows that take touches and only lead away, or lie below."""
_LEAVING = (PressKey(Key.BACK), PressKey(Key.HOME))
"""What leads away from any window is never held back, or an agent could not leave one it must not touch."""
_QUOTED_LENGTH = 40
_UNKNOWN = "the elements on the screen are not those of the window in focus"


def is_touch(action: Action) -> bool:
    """Whether a finger goes down."""
    return isinstance(action, Tap | LongPress | Swipe)


def is_still(action: Action) -> bool:
    """Whether nothing is sent to the device."""
    return isinstance(action, Finish | Malformed | Wait)


def submits(action: Action) -> bool:
    """Whether it presses Enter, which does what a form's button does."""
    return action == PressKey(Key.ENTER) or (
        isinstance(action, TypeText) and any(mark in action.text for mark in "\n\t")
    )


def needs_windows(action: Action, rules: GateRules) -> bool:
    """Whether the rules need to know the windows."""
    return rules.read_windows and not is_still(action) and action not in _LEAVING and not isinstance(action, OpenApp)


def needs_elements(action: Action, rules: GateRules) -> bool:
    """Whether the rules need to know the elements on the screen, which takes time to read."""
    by_verbs = rules.has_words and (is_touch(action) or submits(action))
    return by_verbs or (bool(rules.secrets) and isinstance(action, TypeText))


def rule_on(action: Action, rules: GateRules, facts: Facts, spent: Spent) -> Ruling:
    """Return the ruling of the first rule that objects, or that the action is allowed."""
    if is_still(action):
        return ALLOWED
    objections = (_budget(action, rules, spent), _window(action, rules, facts), _text(action, rules, facts, spent))
    return next(filter(None, objections), None) or _verb(action, rules, facts) or ALLOWED


def points_px(action: Action, size_px: tuple[int, int]) -> list[tuple[int, int]]:
    """Return where a touch goes down, and where it is lifted, in the pixels the device is sent."""
    width_px, height_px = size_px
    match action:
        case Tap(x, y) | LongPress(x, y):
            return [(int(x * width_px), int(y * height_px))]
        case Swipe(x0, y0, x1, y1):
            return [(int(x0 * width_px), int(y0 * height_px)), (int(x1 * width_px), int(y1 * height_px))]
    return []


def _denied(rule: str, reason: str) -> Ruling:
    return Ruling(False, rule, reason)


def _budget(action: Action, rules: GateRules, spent: Spent) -> Ruling | None:
    if rules.steps is not None and spent.steps >= rules.steps:
        return _denied(BUDGET, f"the episode's {rules.steps} actions are spent")
    if rules.taps is not None and is_touch(action) and spent.taps >= rules.taps:
        return _denied(BUDGET, f"the episode's {rules.taps} touches are spent")
    return None


def _window(action: Action, rules: GateRules, facts: Facts) -> Ruling | None:
    if isinstance(action, OpenApp):
        return _opened(rules, facts)
    if not needs_windows(action, rules):
        return None
    focus = facts.windows.focus if facts.windows is not None else None
    if focus is None:
        return _denied(CHANGED, "no window has the focus")
    if facts.looked_at != (focus.token, focus.title):
        return _denied(CHANGED, "another window has the focus than when the policy looked")
    outside = _outside(focus, rules)
    if outside is not None:
        return _denied(WINDOW, f"{outside} has the focus and is not allowed")
    return next(
        filter(None, (_touched(point, focus, rules, facts) for point in points_px(action, facts.size_px))), None
    )


def _opened(rules: GateRules, facts: Facts) -> Ruling | None:
    if rules.packages is None or facts.opens in rules.packages:
        return None
    return _denied(WINDOW, f"{facts.opens or 'an app that is not installed'} is not allowed")


def _outside(window: Window, rules: GateRules) -> str | None:
    return None if rules.packages is None else min(window.packages - rules.packages, default=None)


def _touched(point: tuple[int, int], focus: Window, rules: GateRules, facts: Facts) -> Ruling | None:
    """Look at the windows there from the top down to the one in focus; the elements known are that one's alone."""
    for window in facts.windows.shown if facts.windows is not None else ():
        if not window.covers(*point):
            continue
        if window == focus:
            return None
        if window.kind == INPUT_METHOD:
            return _denied(TEXT, "what keys of the keyboard type cannot be read")
        if window.package in _SYSTEM and (window.kind in _HARMLESS or not window.takes_touches):
            continue
        if window.package in _SYSTEM:
            return _denied(WINDOW, "a window of the system's lies over it, such as a notification, and cannot be read")
        outside = _outside(window, rules)
        if outside is not None:
            return _denied(WINDOW, f"a window of {outside} lies over it")
        if window.takes_touches:
            return _denied(WINDOW, f"a window of {window.package} would take the touch, which is not the one in focus")
    return _denied(CHANGED, "the window in focus does not lie there")


def _text(action: Action, rules: GateRules, facts: Facts, spent: Spent) -> Ruling | None:
    if not isinstance(action, TypeText) or not rules.secrets:
        return None
    if not _are_known(facts):
        return _denied(CHANGED, _UNKNOWN)
    moves_on = any(mark in action.text.rstrip("\n\t") for mark in "\n\t")
    fields = [each for each in facts.elements if (each.is_field or each.is_password) and (each.is_focused or moves_on)]
    kinds = (secret_in(action.text, spent.typed, each, rules.secrets) for each in (*fields, None))
    kind = next(filter(None, kinds), None)
    return None if kind is None else _denied(TEXT, f"it looks like a {kind.replace('_', '-')}, or goes into its field")


def _are_known(facts: Facts) -> bool:
    """Whether there are elements, and they are those of the window in focus where the windows are known."""
    if facts.windows is None or not facts.elements:
        return bool(facts.elements)
    focus = facts.windows.focus
    return focus is not None and {element.package for element in facts.elements} <= focus.packages


def _verb(action: Action, rules: GateRules, facts: Facts) -> Ruling | None:
    if not rules.has_words or not (is_touch(action) or submits(action)):
        return None
    if facts.language.partition("-")[0].lower() not in words.LANGUAGES and not rules.words:
        return _denied(VERB, f"no words are known in the device's language ({facts.language or 'not told'})")
    if not _are_known(facts):
        return _denied(CHANGED, _UNKNOWN)
    if submits(action):
        found = _named(facts.elements, rules, with_fields=False)
        return None if found is None else _denied(VERB, f"Enter may do what the screen offers: {found}")
    points = points_px(action, facts.size_px)
    concerned = (
        on_screen.along(points[0], points[1], facts.elements)
        if isinstance(action, Swipe)
        else on_screen.under(*points[0], facts.elements)
    )
    found = _named(concerned, rules)
    if found is None and any(words.agrees(said) for element in concerned for said in element.says):
        found = _named(facts.elements, rules, with_fields=False)
    return None if found is None else _denied(VERB, found)


def _named(elements: Iterable[Element], rules: GateRules, *, with_fields: bool = True) -> str | None:
    """Return how the first element names a denied verb; a field's own text only where fields count."""
    for element in elements:
        verb = words.verb_in_id(element.resource_id, rules.verbs, rules.words)
        if verb is not None:
            return f"an element's id says {verb}"
        for said in element.says if with_fields or not element.is_field else ():
            verb = words.verb_in(said, rules.verbs, rules.words)
            if verb is not None:
                return f"{said[:_QUOTED_LENGTH]!r} says {verb}"
    return None
