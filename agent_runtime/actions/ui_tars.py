"""UI-TARS' grammar, in per-mille (1.0) or in pixels (1.5). Knows no model and no device.

    Thought: The field is at the top.
    Action: click(start_box='<|box_start|>(381,153)<|box_end|>')

A place is `(x,y)`, a box of four numbers (its middle counts), or `<point>x y</point>`, with or without the box
tokens, which a tokenizer may leave out. `scroll` names the side whose content shall come into view, so the finger
goes against it. Typed text may end in a line end, which submits it: on a phone that is the key Enter.
"""

import re
from collections.abc import Callable, Mapping

from agent_runtime.actions.calls import fields_of, quoted, verb_of
from agent_runtime.actions.places import Space, scroll
from agent_runtime.actions.reading import after_line_marker, field_of, no_words_for, text_of, without_marker
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

WAIT_SEC = 5.0
_MARKER = "Action:"
_TOKENS = re.compile(r"<\|box_(?:start|end)\|>|</?(?:point|bbox)>")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?", re.ASCII)
_PLACE = re.compile(rf"[\s(\[]*{_NUMBER.pattern}(?:[\s,]+{_NUMBER.pattern})*[\s)\]]*", re.ASCII)
_HOTKEYS = {"enter": Key.ENTER, "back": Key.BACK, "home": Key.HOME}
_STARTS, _ENDS = ("start_box", "point", "start_point"), ("end_box", "end_point")
Fields = Mapping[str, object]


class UiTarsGrammar:
    """`Thought: …` and `Action: …`; see the module's docstring."""

    def __init__(self, name: str, space: Space) -> None:
        self.name = name
        self._space = space
        self.instruction = _instruction(space)
        self._readers: dict[str, Callable[[Fields], Action]] = {
            "click": lambda fields: Tap(*self._place(fields, _STARTS)),
            "long_press": lambda fields: LongPress(*self._place(fields, _STARTS)),
            "drag": self._from_to,
            "swipe": self._from_to,
            "scroll": self._scroll,
            "type": lambda fields: TypeText(text_of(field_of(fields, "content"))),
            "open_app": lambda fields: OpenApp(text_of(field_of(fields, "app_name"))),
            "press_home": lambda fields: PressKey(Key.HOME),
            "press_back": lambda fields: PressKey(Key.BACK),
            "press_enter": lambda fields: PressKey(Key.ENTER),
            "hotkey": _hotkey,
            "wait": lambda fields: Wait(WAIT_SEC),
            "finished": lambda fields: Finish(True),
        }

    def parse(self, utterance: str) -> Action:
        """Read the action; total: text outside the grammar gives ``Malformed`` with the reason."""
        verb = ""
        try:
            call = _call_in(utterance)
            verb = verb_of(call)
            if verb not in self._readers:
                return Malformed(f"unknown action {verb!r:.80}")
            return self._readers[verb](fields_of(call))
        except ValueError as error:
            return Malformed(f"{verb[:40]}: {error}" if verb else str(error))

    def render(self, action: Action, thought: str = "") -> str:
        """Write the action so that ``parse`` gives it back to within half a unit of the coordinates.

        Raises:
            ValueError: there are no words for ``Malformed``, for giving up, for the key of running apps, and for a
                wait of another length than ``WAIT_SEC``.
        """
        return f"Thought: {without_marker(thought, _MARKER)}\n{_MARKER} {self._written(action)}"

    def _place(self, fields: Fields, names: tuple[str, ...]) -> tuple[float, float]:
        given = [name for name in names if fields.get(name) not in (None, "")]
        if not given:
            raise ValueError(f"no {names[0]}")
        value = fields[given[0]]
        return self._space.point(_numbers(value) if isinstance(value, str) else value)

    def _from_to(self, fields: Fields) -> Action:
        return Swipe(*self._place(fields, _STARTS), *self._place(fields, _ENDS))

    def _scroll(self, fields: Fields) -> Action:
        if any(fields.get(name) for name in _ENDS):
            return self._from_to(fields)
        is_placed = any(fields.get(name) for name in _STARTS)
        x, y = self._place(fields, _STARTS) if is_placed else (0.5, 0.5)
        return scroll(x, y, field_of(fields, "direction"))

    def _written(self, action: Action) -> str:
        match action:
            case Tap(x, y):
                return f"click(start_box='{self._box(x, y)}')"
            case LongPress(x, y):
                return f"long_press(start_box='{self._box(x, y)}')"
            case Swipe(x0, y0, x1, y1):
                return f"drag(start_box='{self._box(x0, y0)}', end_box='{self._box(x1, y1)}')"
            case TypeText(text):
                return f"type(content={quoted(text)})"
            case OpenApp(name):
                return f"open_app(app_name={quoted(name)})"
            case PressKey(Key.HOME):
                return "press_home()"
            case PressKey(Key.BACK):
                return "press_back()"
            case PressKey(Key.ENTER):
                return "hotkey(key='enter')"
            case Wait(seconds) if seconds == WAIT_SEC:
                return "wait()"
            case Finish(True):
                return "finished(content='done')"
            case _:
                raise no_words_for(self.name, action)

    def _box(self, x_norm: float, y_norm: float) -> str:
        x, y = self._space.whole(x_norm, y_norm)
        return f"<|box_start|>({x},{y})<|box_end|>"


def ui_tars() -> UiTarsGrammar:
    """Return UI-TARS 1.0's grammar, whose coordinates run from 0 to 1000."""
    return UiTarsGrammar("ui-tars", Space(1000, 1000))


def ui_tars_15(image_size_px: tuple[int, int]) -> UiTarsGrammar:
    """Return UI-TARS 1.5's grammar for pictures of that (width, height)."""
    return UiTarsGrammar("ui-tars-1.5", Space(*image_size_px))


def _instruction(space: Space) -> str:
    box = "'<|box_start|>(x,y)<|box_end|>'"
    return (
        "You operate an Android phone. Answer in two lines: Thought: what you see and what to do next. Then Action: "
        f"with one of: click(start_box={box}) | long_press(start_box={box}) | drag(start_box={box}, end_box={box}) | "
        f"scroll(start_box={box}, direction='up|down|left|right') | type(content='…'), a \\n at its end submits it | "
        "open_app(app_name='…') | press_home() | press_back() | hotkey(key='enter') | wait() | finished(content='…'). "
        f"x runs from 0 to {space.x_scale}, y from 0 to {space.y_scale}."
    )


def _call_in(utterance: str) -> str:
    """Return what follows the marker, or all of a text that has neither marker nor thought."""
    marked = after_line_marker(utterance, _MARKER)
    if marked is None and utterance.lstrip().startswith("Thought:"):
        marked = utterance.rpartition(_MARKER)[2]
    return (utterance if marked is None else marked).strip()


def _numbers(text: str) -> list[float]:
    plain = _TOKENS.sub(" ", text)
    if _PLACE.fullmatch(plain) is None:
        raise ValueError(f"{text!r:.80} is no place")
    return [float(number) for number in _NUMBER.findall(plain)]


def _hotkey(fields: Fields) -> Action:
    name = fields.get("key", fields.get("hotkey"))
    if not isinstance(name, str) or name.strip().lower() not in _HOTKEYS:
        raise ValueError(f"the key {name!r:.80} is none of {', '.join(_HOTKEYS)}")
    return PressKey(_HOTKEYS[name.strip().lower()])
