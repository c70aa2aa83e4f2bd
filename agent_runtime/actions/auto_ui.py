"""Auto-UI's grammar, as DigiRL and CoSo use it. Knows no model and no device.

    Action Plan: [DUAL_POINT, STATUS_TASK_COMPLETE] ; Action Decision: "action_type": "DUAL_POINT",
    "touch_point": "[0.73, 0.21]", "lift_point": "[0.73, 0.21]", "typed_text": ""

Points are [y, x] in [0, 1]; a lift within ``TAP_RADIUS_NORM`` of the touch is a tap, as in Android in the
Wild. The typed text is the last field and runs to the quote that ends the utterance, so commas, colons
and quotes inside it come through. The grammar has no verb for
opening an app, for waiting, for a long press and for the key of running apps.
"""

import math
import re

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

TAP_RADIUS_NORM = 0.04
_DECISION = re.compile(
    r'Action Decision:\s*"action_type":\s*"(?P<type>[^"]*)",\s*"touch_point":\s*"(?P<touch>[^"]*)",\s*'
    r'"lift_point":\s*"(?P<lift>[^"]*)",\s*"typed_text":\s*"(?P<text>.*)"\s*\Z',
    re.DOTALL,
)
_NUMBER = r"\s*(-?\d+(?:\.\d*)?)\s*"
_POINT = re.compile(rf"\[{_NUMBER},{_NUMBER}\]\Z")
_NOWHERE = "[-1.0, -1.0]"
_KEYS = {"PRESS_BACK": Key.BACK, "PRESS_HOME": Key.HOME, "PRESS_ENTER": Key.ENTER}
_TYPE_OF_KEY = {key: name for name, key in _KEYS.items()}


class AutoUiGrammar:
    """``Action Plan: … ; Action Decision: …``; see the module's docstring."""

    name = "auto-ui"
    instruction = (
        "You operate an Android phone. Answer with: Action Plan: [the action types to come] ; Action Decision: "
        '"action_type": "DUAL_POINT|TYPE|PRESS_BACK|PRESS_HOME|PRESS_ENTER|STATUS_TASK_COMPLETE|'
        'STATUS_TASK_IMPOSSIBLE", "touch_point": "[y, x]", "lift_point": "[y, x]", "typed_text": "…". '
        "Points run from 0 to 1, or are [-1.0, -1.0] where the action has none."
    )

    def parse(self, utterance: str) -> Action:
        """Read the action; total: text outside the grammar gives ``Malformed`` with the reason."""
        decision = _DECISION.search(utterance)
        if decision is None:
            return Malformed("no Action Decision with its four fields in order")
        match decision["type"].upper():
            case "DUAL_POINT":
                return _dual_point(decision["touch"], decision["lift"])
            case "TYPE":
                return _type_text(decision["text"])
            case "PRESS_BACK" | "PRESS_HOME" | "PRESS_ENTER" as pressed:
                return PressKey(_KEYS[pressed])
            case "STATUS_TASK_COMPLETE":
                return Finish(True)
            case "STATUS_TASK_IMPOSSIBLE":
                return Finish(False)
            case other:
                return Malformed(f"unknown action type {other!r}")

    def render(self, action: Action, thought: str = "") -> str:
        """Write the action so that ``parse`` gives it back to within 0.0001 of a coordinate.

        Raises:
            ValueError: the grammar has no verb for it, or it is ``Malformed``.
        """
        kind, touch, lift, text = _parts(action)
        plan = thought or f"[{kind}]"
        return (
            f'Action Plan: {plan} ; Action Decision: "action_type": "{kind}", "touch_point": "{touch}", '
            f'"lift_point": "{lift}", "typed_text": "{text}"'
        )


def _dual_point(touch_text: str, lift_text: str) -> Action:
    touch, lift = _POINT.match(touch_text.strip()), _POINT.match(lift_text.strip())
    if touch is None or lift is None:
        return Malformed(f"the points {touch_text!r} and {lift_text!r} are not [y, x]")
    y0, x0, y1, x1 = (float(number) for number in (*touch.groups(), *lift.groups()))
    if not all(0.0 <= value <= 1.0 for value in (y0, x0, y1, x1)):
        return Malformed("a point lies outside the screen")
    y0, x0, y1, x1 = (min(value, math.nextafter(1.0, 0.0)) for value in (y0, x0, y1, x1))
    if math.hypot(y1 - y0, x1 - x0) <= TAP_RADIUS_NORM:
        return Tap(x0, y0)
    return Swipe(x0, y0, x1, y1)


def _type_text(text: str) -> Action:
    try:
        text.encode()
    except UnicodeEncodeError as error:  # a lone surrogate is no text
        return Malformed(f"TYPE: {error}")
    return TypeText(text) if text else Malformed("TYPE without a text")


def _point(x_norm: float, y_norm: float) -> str:
    return f"[{y_norm:.4f}, {x_norm:.4f}]"


def _parts(action: Action) -> tuple[str, str, str, str]:
    """Return action type, touch point, lift point and typed text as they are written."""
    match action:
        case Tap(x, y):
            return "DUAL_POINT", _point(x, y), _point(x, y), ""
        case Swipe(x0, y0, x1, y1):
            return "DUAL_POINT", _point(x0, y0), _point(x1, y1), ""
        case TypeText(text):
            return "TYPE", _NOWHERE, _NOWHERE, text
        case PressKey(key) if key in _TYPE_OF_KEY:
            return _TYPE_OF_KEY[key], _NOWHERE, _NOWHERE, ""
        case Finish(succeeded):
            return ("STATUS_TASK_COMPLETE" if succeeded else "STATUS_TASK_IMPOSSIBLE"), _NOWHERE, _NOWHERE, ""
        case PressKey() | LongPress() | OpenApp() | Wait() | Malformed():
            raise ValueError(f"Auto-UI's grammar has no text for {type(action).__name__}")
