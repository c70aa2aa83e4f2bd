"""AgentCPM-GUI's grammar: one compact JSON object. Knows no model and no device.

    {"thought":"The button is at the top right.","POINT":[729,69]}

Points are thousandths of the screen, 0..1000. What the keys say together is the action: POINT alone is a tap, with a
duration over ``TAP_MS`` a long press, with "to" a swipe (a point, or the finger's way); duration alone is a wait in
milliseconds. Keys outside the published schema are refused, and so are two actions at once.
"""

import json
from collections.abc import Mapping

from agent_runtime.actions.places import Space, stroke
from agent_runtime.actions.reading import no_words_for, seconds_of, text_of, whole_json
from agent_runtime.actions.vocabulary import (
    Action,
    Finish,
    Key,
    LongPress,
    Malformed,
    PressKey,
    Swipe,
    Tap,
    TypeText,
    Wait,
)

TAP_MS = 200
LONG_PRESS_MS = 1000
_SPACE = Space(1000, 1000)
_ACTS = ("POINT", "PRESS", "TYPE", "DEEP_LINK", "CLEAR")
_KEYS = {"HOME": Key.HOME, "BACK": Key.BACK, "ENTER": Key.ENTER, "APPSELECT": Key.RECENTS}
_NAME_OF_KEY = {key: name for name, key in _KEYS.items()}
_ENDS = {"finish": True, "satisfied": True, "impossible": False}
_GOES_ON = ("continue", "start")
Fields = Mapping[str, object]


class AgentCpmGrammar:
    """`{"thought": …, "POINT": …}`; see the module's docstring."""

    name = "agentcpm"
    instruction = (
        "You operate an Android phone. Answer with one compact JSON object and nothing else. Its first key is "
        '"thought", a string. Then one of: "POINT":[x,y] to tap | "POINT":[x,y],"duration":1000 to press long | '
        '"POINT":[x,y],"to":[x,y] to swipe, or "to":"up|down|left|right" | "TYPE":"…" | '
        '"PRESS":"HOME|BACK|ENTER|APPSELECT" | "duration":milliseconds to wait | '
        '"STATUS":"finish" or "STATUS":"impossible" to end. x and y run from 0 to 1000.'
    )

    def parse(self, utterance: str) -> Action:
        """Read the action; total: text outside the grammar gives ``Malformed`` with the reason."""
        try:
            answer = whole_json(utterance.strip())
            if not isinstance(answer, dict):
                return Malformed(f"a JSON {type(answer).__name__}, not an object")
            return _action(answer)
        except ValueError as error:
            return Malformed(str(error))

    def render(self, action: Action, thought: str = "") -> str:
        """Write the action so that ``parse`` gives it back to within half a per-mille and half a millisecond.

        Raises:
            ValueError: there are no words for ``Malformed`` and ``OpenApp``.
        """
        return json.dumps({"thought": thought, **_fields(action)}, ensure_ascii=False, separators=(",", ":"))


def _action(answer: Fields) -> Action:
    unknown = [key for key in answer if key not in ("thought", "to", "duration", "STATUS", *_ACTS)]
    if unknown:
        raise ValueError(f"unknown key {unknown[0]!r:.80}")
    acts = [key for key in _ACTS if key in answer]
    status = answer.get("STATUS", "continue")
    match acts, status:
        case [], str(end) if end in _ENDS:
            return Finish(_ENDS[end])
        case [], str(on) if on in _GOES_ON:
            if "to" in answer or "duration" not in answer:
                raise ValueError("no action")
            return Wait(_milliseconds(answer) / 1000)
        case [act], str(on) if on in _GOES_ON:
            return _act(act, answer)
        case [_], str(end) if end in _ENDS:
            raise ValueError(f"{acts[0]} and the status {end!r} at once")
        case [] | [_], _:
            raise ValueError(f"the status {status!r:.80} is for people")
        case _:
            raise ValueError(f"{' and '.join(acts)} at once")


def _act(act: str, answer: Fields) -> Action:
    if act != "POINT" and "to" in answer:
        raise ValueError(f'{act} with a "to"')
    match act:
        case "POINT":
            return _touch(answer)
        case "PRESS":
            key = answer["PRESS"]
            if not isinstance(key, str) or key not in _KEYS:
                raise ValueError(f"PRESS: the key {key!r:.80} is none of {', '.join(_KEYS)}")
            return PressKey(_KEYS[key])
        case "TYPE":
            return TypeText(text_of(answer["TYPE"]))
        case _:
            raise ValueError(f"{act} has no action here")


def _touch(answer: Fields) -> Action:
    x, y = _point(answer["POINT"])
    is_long = "duration" in answer and _milliseconds(answer) > TAP_MS
    match answer.get("to"):
        case None if "to" not in answer:
            return LongPress(x, y) if is_long else Tap(x, y)
        case str(way):
            return stroke(x, y, way)
        case end:
            return Swipe(x, y, *_point(end))


def _point(value: object) -> tuple[float, float]:
    if not isinstance(value, list) or len(value) != 2:
        raise ValueError(f"{value!r:.80} is not [x, y]")
    return _SPACE.point(value)


def _milliseconds(answer: Fields) -> int:
    duration = answer["duration"]
    if isinstance(duration, bool) or not isinstance(duration, int):
        raise ValueError(f"the duration {duration!r:.80} is not a whole number of milliseconds")
    seconds_of(duration / 1000 if abs(duration) < 1e9 else duration)
    return duration


def _fields(action: Action) -> dict[str, object]:
    match action:
        case Tap(x, y):
            return {"POINT": _SPACE.whole(x, y)}
        case LongPress(x, y):
            return {"POINT": _SPACE.whole(x, y), "duration": LONG_PRESS_MS}
        case Swipe(x0, y0, x1, y1):
            return {"POINT": _SPACE.whole(x0, y0), "to": _SPACE.whole(x1, y1)}
        case TypeText(text):
            return {"TYPE": text}
        case PressKey(key):
            return {"PRESS": _NAME_OF_KEY[key]}
        case Wait(seconds):
            return {"duration": round(seconds * 1000)}
        case Finish(succeeded):
            return {"STATUS": "finish" if succeeded else "impossible"}
        case _:
            raise no_words_for(AgentCpmGrammar.name, action)
