"""AndroidWorld's JSON grammar, as its agents M3A and T3A write it, in pixels. Knows no model and no device.

    Reason: The note is open, so I go back.
    Action: {"action_type": "navigate_back"}

The object may be JSON or a Python dictionary. A place is x and y in pixels of the picture; an `index` names a mark that
AndroidWorld draws into its screenshots and that our pictures do not have, so it is refused. `scroll` names the side
that shall come into view; `swipe` goes the finger's way up and down but against it left and right, as AndroidWorld
does it. `input_text` enters its text where the focus is: no tap before it, no Enter after it.
"""

import json
from collections.abc import Callable, Mapping

from agent_runtime.actions.calls import literal_object_at
from agent_runtime.actions.places import AGAINST, Space, scroll, stroke, way_of
from agent_runtime.actions.reading import (
    after_line_marker,
    field_of,
    json_at,
    no_words_for,
    text_of,
    without_marker,
)
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

WAIT_SEC = 1.0
_MARKER = "Action:"
_MIDDLE = (0.5, 0.5)
_FINGER_OF_SWIPE = {"up": "up", "down": "down", "left": "right", "right": "left"}
_KEYS = {"keyboard_enter": Key.ENTER, "navigate_home": Key.HOME, "navigate_back": Key.BACK}
_TYPE_OF_KEY = {key: name for name, key in _KEYS.items()}
_STATUSES = {"complete": True, "infeasible": False}
Fields = Mapping[str, object]


class AndroidWorldGrammar:
    """`Reason: …` and `Action: {"action_type": …}` for pictures of one size; see the module's docstring."""

    name = "android-world"

    def __init__(self, image_size_px: tuple[int, int]) -> None:
        self._space = Space(*image_size_px)
        self.instruction = _instruction(*image_size_px)
        self._readers: dict[str, Callable[[Fields], Action]] = {
            "click": lambda fields: Tap(*self._place(fields)),
            "long_press": lambda fields: LongPress(*self._place(fields)),
            "input_text": _input_text,
            "scroll": _scroll,
            "swipe": _swipe,
            "open_app": lambda fields: OpenApp(text_of(field_of(fields, "app_name"))),
            "wait": lambda fields: Wait(WAIT_SEC),
            "answer": lambda fields: Finish(True),
            "status": _status,
        }

    def parse(self, utterance: str) -> Action:
        """Read the action; total: text outside the grammar gives ``Malformed`` with the reason."""
        try:
            fields = answer_fields(utterance)
        except ValueError as error:
            return Malformed(str(error))
        kind = fields.get("action_type")
        if isinstance(kind, str) and kind in _KEYS:
            return PressKey(_KEYS[kind])
        if not isinstance(kind, str) or kind not in self._readers:
            return Malformed(f"unknown action type {kind!r:.80}")
        try:
            return self._readers[kind](fields)
        except ValueError as error:
            return Malformed(f"{kind}: {error}")

    def render(self, action: Action, thought: str = "") -> str:
        """Write the action so that ``parse`` gives it back to within half a pixel.

        Raises:
            ValueError: there are no words for ``Malformed``, for the key of running apps, for a swipe that is no
                scroll from the middle, and for a wait of another length than ``WAIT_SEC``.
        """
        text = json.dumps(self._written(action), ensure_ascii=False)
        return f"Reason: {without_marker(thought, _MARKER)}\n{_MARKER} {text}"

    def _place(self, fields: Fields) -> tuple[float, float]:
        _refuse_index(fields)
        return self._space.point([field_of(fields, "x"), field_of(fields, "y")])

    def _written(self, action: Action) -> dict[str, object]:
        match action:
            case Tap(x, y):
                return {"action_type": "click", **self._xy(x, y)}
            case LongPress(x, y):
                return {"action_type": "long_press", **self._xy(x, y)}
            case Swipe(x, y) if (x, y) == _MIDDLE and (way := way_of(action)) is not None:
                return {"action_type": "scroll", "direction": AGAINST[way]}
            case TypeText(text):
                return {"action_type": "input_text", "text": text}
            case OpenApp(name):
                return {"action_type": "open_app", "app_name": name}
            case PressKey(key) if key in _TYPE_OF_KEY:
                return {"action_type": _TYPE_OF_KEY[key]}
            case Wait(seconds) if seconds == WAIT_SEC:
                return {"action_type": "wait"}
            case Finish(succeeded):
                return {"action_type": "status", "goal_status": "complete" if succeeded else "infeasible"}
            case _:
                raise no_words_for(self.name, action)

    def _xy(self, x_norm: float, y_norm: float) -> dict[str, int]:
        return dict(zip(("x", "y"), self._space.whole(x_norm, y_norm), strict=True))


def _instruction(width_px: int, height_px: int) -> str:
    return (
        "You operate an Android phone. Answer in two lines: Reason: why you do it. Then Action: with one JSON object: "
        '{"action_type": "click", "x": X, "y": Y} | {"action_type": "long_press", "x": X, "y": Y} | '
        '{"action_type": "input_text", "text": "…"} | {"action_type": "scroll", "direction": "up|down|left|right"} | '
        '{"action_type": "open_app", "app_name": "…"} | {"action_type": "keyboard_enter"} | '
        '{"action_type": "navigate_home"} | {"action_type": "navigate_back"} | {"action_type": "wait"} | '
        '{"action_type": "status", "goal_status": "complete|infeasible"}. '
        f"X and Y are pixels of the picture, which is {width_px} wide and {height_px} high."
    )


def answer_fields(utterance: str) -> Fields:
    """Return the object of an answer; raises ValueError where there is none, or something follows it."""
    marked = after_line_marker(utterance, _MARKER)
    text = utterance if marked is None else marked
    start = text.find("{")
    if start < 0:
        raise ValueError("no object")
    try:
        fields, end = json_at(text, start)
    except ValueError:
        fields, end = literal_object_at(text, start)
    rest = text[end:].strip().strip("`")
    if rest:
        raise ValueError(f"{rest[:40]!r} follows the object")
    if not isinstance(fields, dict):
        raise ValueError("no object")
    return fields


def _refuse_index(fields: Fields) -> None:
    if fields.get("index") is not None:
        raise ValueError("an index names a mark that the picture does not have")


def _input_text(fields: Fields) -> Action:
    _refuse_index(fields)
    return TypeText(text_of(field_of(fields, "text")))


def _scroll(fields: Fields) -> Action:
    _refuse_index(fields)
    return scroll(*_MIDDLE, field_of(fields, "direction"))


def _swipe(fields: Fields) -> Action:
    direction = field_of(fields, "direction")
    if not isinstance(direction, str) or direction not in _FINGER_OF_SWIPE:
        raise ValueError(f"{direction!r:.80} is not up, down, left or right")
    return stroke(*_MIDDLE, _FINGER_OF_SWIPE[direction])


def _status(fields: Fields) -> Action:
    status = field_of(fields, "goal_status")
    if not isinstance(status, str) or status not in _STATUSES:
        raise ValueError(f"the status {status!r:.80} is neither complete nor infeasible")
    return Finish(_STATUSES[status])
