"""CogAgent's grammar. Knows no model and no device.

    Status: The mail list is open. [[0, 2, 998, 905]]
    Action: Click the 'Mark all as read' button.
    Grounded Operation: CLICK(box=[[219,186,311,207]], element_type='Clickable text', element_info='Mark all')
    <<一般操作>>

Boxes are per-milles of the screen, 000..999; what counts is the middle. A scroll goes the finger's way, as in the
authors' client for phones (their client for desktops turns the wheel, which shows the other side). `TYPE` enters
its text where the focus is: its box is not tapped, and no Enter follows; both are steps of their own here.
"""

import re
from collections.abc import Callable, Mapping

from agent_runtime.actions.calls import fields_of, quoted, verb_of
from agent_runtime.actions.places import Space, stroke, way_of
from agent_runtime.actions.reading import after_line_marker, field_of, no_words_for, text_of, without_marker
from agent_runtime.actions.vocabulary import (
    Action,
    Finish,
    Key,
    Malformed,
    OpenApp,
    PressKey,
    Swipe,
    Tap,
    TypeText,
)

_MARKER = "Grounded Operation:"
_SPACE = Space(1000, 1000)
_LARGEST = 999
_VARIABLE = re.compile(r"__CogName_\w+__")
_NOTHING = (None, "", "None")
Fields = Mapping[str, object]


class CogAgentGrammar:
    """`Action: …` and `Grounded Operation: …`; see the module's docstring."""

    name = "cogagent"
    instruction = (
        "You operate an Android phone. Answer in two lines: Action: what to do next and where. Then Grounded "
        "Operation: with one of: CLICK(box=[[a,b,c,d]]) | TYPE(box=[[a,b,c,d]], text='…') | "
        "SCROLL_UP(box=[[a,b,c,d]]) and likewise SCROLL_DOWN, SCROLL_LEFT, SCROLL_RIGHT, the way the finger goes | "
        "KEY_PRESS(key='Return') | LAUNCH(app='…', url='None') | END(). A box is left, top, right and bottom in "
        "thousandths of the screen, three digits each."
    )

    def parse(self, utterance: str) -> Action:
        """Read the action; total: text outside the grammar gives ``Malformed`` with the reason."""
        verb = ""
        try:
            operation = after_line_marker(utterance, _MARKER)
            if operation is None:
                return Malformed("no Grounded Operation")
            call = _without_sensitivity(operation.strip())
            verb = "END" if call == "END" else verb_of(call)
            if verb not in _READERS:
                return Malformed(f"unknown operation {verb!r:.80}")
            return _READERS[verb]({} if call == "END" else fields_of(call))
        except ValueError as error:
            return Malformed(f"{verb[:40]}: {error}" if verb else str(error))

    def render(self, action: Action, thought: str = "") -> str:
        """Write the action so that ``parse`` gives it back to within a per-mille.

        Raises:
            ValueError: the operations know taps, texts, Enter, apps, the end, and swipes of a scroll's length.
        """
        return f"Action: {without_marker(thought, _MARKER)}\n{_MARKER} {_written(action)}"


def _without_sensitivity(operation: str) -> str:
    """Drop the mark `<<…>>` that says whether an operation is sensitive."""
    return operation.rpartition("<<")[0].rstrip() if operation.endswith(">>") else operation


def _middle(fields: Fields) -> tuple[float, float]:
    box = field_of(fields, "box")
    return _SPACE.point(box[0] if isinstance(box, list) and len(box) == 1 else box)


def _text(fields: Fields, name: str) -> str:
    text = text_of(field_of(fields, name))
    if _VARIABLE.search(text):
        raise ValueError(f"{text!r:.80} names a variable, and nothing is kept in one here")
    return text


def _key_press(fields: Fields) -> Action:
    key = field_of(fields, "key")
    if key not in ("Return", "Enter"):
        raise ValueError(f"the key {key!r:.80} is not Return")
    return PressKey(Key.ENTER)


def _launch(fields: Fields) -> Action:
    url, app = fields.get("url"), fields.get("app")
    if url not in _NOTHING:
        raise ValueError(f"the address {url!r:.80} is no app")
    if app in _NOTHING:
        raise ValueError("no app")
    return OpenApp(_text(fields, "app"))


def _scroll_reader(way: str) -> Callable[[Fields], Action]:
    return lambda fields: stroke(*_middle(fields), way)


_WAYS = {"up": "SCROLL_UP", "down": "SCROLL_DOWN", "left": "SCROLL_LEFT", "right": "SCROLL_RIGHT"}
_READERS: dict[str, Callable[[Fields], Action]] = {
    "CLICK": lambda fields: Tap(*_middle(fields)),
    "TYPE": lambda fields: TypeText(_text(fields, "text")),
    "KEY_PRESS": _key_press,
    "LAUNCH": _launch,
    "END": lambda fields: Finish(True),
    **{verb: _scroll_reader(way) for way, verb in _WAYS.items()},
}


def _box(x_norm: float, y_norm: float) -> str:
    x, y = (min(_LARGEST, whole) for whole in _SPACE.whole(x_norm, y_norm))
    return f"box=[[{x:03d},{y:03d},{x:03d},{y:03d}]]"


def _written(action: Action) -> str:
    match action:
        case Tap(x, y):
            return f"CLICK({_box(x, y)}, element_type='element')"
        case Swipe(x, y) if (way := way_of(action)) is not None:
            return f"{_WAYS[way]}({_box(x, y)}, element_type='scroll', step_count=5)"
        case TypeText(text) if not _VARIABLE.search(text):
            return f"TYPE({_box(0.5, 0.5)}, text={quoted(text)})"
        case PressKey(Key.ENTER):
            return "KEY_PRESS(key='Return')"
        case OpenApp(name) if name not in _NOTHING and not _VARIABLE.search(name):
            return f"LAUNCH(app={quoted(name)}, url='None')"
        case Finish(True):
            return "END()"
        case _:
            raise no_words_for(CogAgentGrammar.name, action)
