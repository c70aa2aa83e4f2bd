"""The grammar of Qwen-VL's tool `mobile_use`, in per-mille or in pixels. Knows no model and no device.

    Thought: The search bar is at the top.
    <tool_call>
    {"name": "mobile_use", "arguments": {"action": "click", "coordinate": [447, 81]}}
    </tool_call>

Qwen3-VL counts from 0 to 999 on both axes, Qwen2.5-VL in pixels of the picture as its processor hands it on.
Arguments that a verb does not read are ignored, and so is text around the one call, as the authors' executors do.
The button Menu is the list of running apps: the tool says so itself.
"""

import json
from collections.abc import Callable, Mapping

from agent_runtime.actions.places import Space
from agent_runtime.actions.reading import field_of, json_at, no_words_for, seconds_of, text_of, without_marker
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

LONG_PRESS_SEC = 1
_OPENS, _CLOSES = "<tool_call>", "</tool_call>"
_BUTTONS = {"Back": Key.BACK, "Home": Key.HOME, "Menu": Key.RECENTS, "Enter": Key.ENTER}
_BUTTON_OF_KEY = {key: name for name, key in _BUTTONS.items()}
_KEYCODES = {"back": Key.BACK, "home": Key.HOME, "enter": Key.ENTER, "app_switch": Key.RECENTS}
_STATUSES = {"success": True, "failure": False}
Arguments = Mapping[str, object]


class MobileUseGrammar:
    """One call of `mobile_use` between its tags; see the module's docstring."""

    def __init__(self, name: str, space: Space) -> None:
        self.name = name
        self._space = space
        self.instruction = _instruction(space)
        self._readers: dict[str, Callable[[Arguments], Action]] = {
            "click": lambda arguments: Tap(*self._point(arguments, "coordinate")),
            "long_press": lambda arguments: LongPress(*self._point(arguments, "coordinate")),
            "swipe": lambda a: Swipe(*self._point(a, "coordinate"), *self._point(a, "coordinate2")),
            "type": lambda arguments: TypeText(text_of(field_of(arguments, "text"))),
            "answer": lambda arguments: Finish(True),
            "key": _key,
            "system_button": _system_button,
            "open": lambda arguments: OpenApp(text_of(field_of(arguments, "text"))),
            "wait": lambda arguments: Wait(seconds_of(field_of(arguments, "time"))),
            "terminate": _terminate,
        }

    def parse(self, utterance: str) -> Action:
        """Read the action; total: text outside the grammar gives ``Malformed`` with the reason."""
        try:
            arguments = _arguments(utterance)
        except ValueError as error:
            return Malformed(str(error))
        verb = arguments.get("action")
        if not isinstance(verb, str) or verb not in self._readers:
            return Malformed(f"unknown action {verb!r:.80}")
        try:
            return self._readers[verb](arguments)
        except ValueError as error:
            return Malformed(f"{verb}: {error}")

    def render(self, action: Action, thought: str = "") -> str:
        """Write the action so that ``parse`` gives it back to within half a unit of the coordinates.

        Raises:
            ValueError: the action is ``Malformed``, which has no text.
        """
        call = {"name": "mobile_use", "arguments": self._written(action)}
        text = json.dumps(call, ensure_ascii=False).replace("<", "\\u003c")  # typed text never looks like a tag
        return f"Thought: {without_marker(thought, _OPENS)}\n{_OPENS}\n{text}\n{_CLOSES}"

    def _point(self, arguments: Arguments, name: str) -> tuple[float, float]:
        return self._space.point(field_of(arguments, name))

    def _written(self, action: Action) -> dict[str, object]:
        match action:
            case Tap(x, y):
                return {"action": "click", "coordinate": self._space.whole(x, y)}
            case LongPress(x, y):
                return {"action": "long_press", "coordinate": self._space.whole(x, y), "time": LONG_PRESS_SEC}
            case Swipe(x0, y0, x1, y1):
                ends = {"coordinate": self._space.whole(x0, y0), "coordinate2": self._space.whole(x1, y1)}
                return {"action": "swipe", **ends}
            case TypeText(text):
                return {"action": "type", "text": text}
            case PressKey(key):
                return {"action": "system_button", "button": _BUTTON_OF_KEY[key]}
            case OpenApp(name):
                return {"action": "open", "text": name}
            case Wait(seconds):
                return {"action": "wait", "time": seconds}
            case Finish(succeeded):
                return {"action": "terminate", "status": "success" if succeeded else "failure"}
            case _:
                raise no_words_for(self.name, action)


def qwen3_mobile_use() -> MobileUseGrammar:
    """Return Qwen3-VL's grammar, whose coordinates run from 0 to 999."""
    return MobileUseGrammar("qwen-mobile-use", Space(999, 999))


def qwen25_mobile_use(image_size_px: tuple[int, int]) -> MobileUseGrammar:
    """Return Qwen2.5-VL's grammar for pictures of that (width, height)."""
    return MobileUseGrammar("qwen2.5-mobile-use", Space(*image_size_px))


def _instruction(space: Space) -> str:
    return (
        "You operate an Android phone through one function, mobile_use. Write a line that starts with Thought: and "
        f"says what to do, then one call: {_OPENS} on a line, on the next "
        '{"name": "mobile_use", "arguments": {"action": …}}, and '
        f"{_CLOSES} on the last. The actions and their arguments: click (coordinate) | long_press (coordinate, time) | "
        "swipe (coordinate, coordinate2) | type (text) | system_button (button: Back, Home, Menu or Enter) | "
        "open (text: the app's name) | wait (time, in seconds) | answer (text) | terminate (status: success or "
        f"failure). A coordinate is [x, y], x from 0 to {space.x_scale}, y from 0 to {space.y_scale}."
    )


def _arguments(utterance: str) -> Arguments:
    calls = utterance.count(_OPENS)
    if calls != 1:
        raise ValueError(f"{calls} tool calls, not one")
    start = utterance.index(_OPENS) + len(_OPENS)
    start += len(utterance[start:]) - len(utterance[start:].lstrip())
    call, end = json_at(utterance, start)
    rest = utterance[end:].lstrip()
    if rest and not rest.startswith(_CLOSES):
        raise ValueError(f"{rest[:40]!r} follows inside the tool call")
    if not isinstance(call, dict) or call.get("name") != "mobile_use" or not isinstance(call.get("arguments"), dict):
        raise ValueError("the tool call is not mobile_use with its arguments")
    arguments: dict[str, object] = call["arguments"]
    return arguments


def _system_button(arguments: Arguments) -> Action:
    button = field_of(arguments, "button")
    if not isinstance(button, str) or button not in _BUTTONS:
        raise ValueError(f"the button {button!r:.80} is none of {', '.join(_BUTTONS)}")
    return PressKey(_BUTTONS[button])


def _key(arguments: Arguments) -> Action:
    name = text_of(field_of(arguments, "text")).lower().removeprefix("keycode_")
    if name not in _KEYCODES:
        raise ValueError(f"the key {name!r:.80} is none of {', '.join(_KEYCODES)}")
    return PressKey(_KEYCODES[name])


def _terminate(arguments: Arguments) -> Action:
    status = field_of(arguments, "status")
    if not isinstance(status, str) or status not in _STATUSES:
        raise ValueError(f"the status {status!r:.80} is neither success nor failure")
    return Finish(_STATUSES[status])
