"""The JSON grammar: one object that holds a thought and then the action. Knows no model and no device.

    {"thought":"Clock 250 312; Notes 750 312; goal Clock","action":"tap","x":250,"y":312}

Coordinates are whole per-milles of the screen, 0..999, as in Qwen3-VL's recordings. Keys outside the
action's own are refused, so that a slip of the model is seen and not guessed at.
"""

import json
from collections.abc import Callable, Mapping

from agent_runtime.actions.reading import MAX_WAIT_SEC as MAX_WAIT_SEC
from agent_runtime.actions.reading import seconds_of, text_of, whole_json
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

PER_MILLE = 1000


class JsonGrammar:
    """``{"thought": …, "action": …, …}``; see the module's docstring."""

    name = "json"
    instruction = (
        "You operate an Android phone. Answer with one JSON object and nothing else. "
        'Its first key is "thought": list what you see with positions, then say what to do. Then one of: '
        '"action":"tap","x":X,"y":Y | "action":"long_press","x":X,"y":Y | '
        '"action":"swipe","x":X,"y":Y,"x2":X,"y2":Y | '
        '"action":"type","text":"…" | "action":"press","key":"back|home|enter|recents" | '
        '"action":"open_app","app":"…" | "action":"wait","seconds":S | '
        '"action":"finish","status":"success|infeasible". X and Y run from 0 to 999.'
    )

    def parse(self, utterance: str) -> Action:
        """Read the action; total: text outside the grammar gives ``Malformed`` with the reason."""
        try:
            answer = whole_json(utterance.strip())
        except ValueError as error:
            return Malformed(f"not one JSON object: {error}")
        if not isinstance(answer, dict):
            return Malformed(f"a JSON {type(answer).__name__}, not an object")
        fields = {key: value for key, value in answer.items() if key not in ("thought", "action")}
        if not isinstance(answer.get("thought", ""), str):
            return Malformed("the thought is not a string")
        verb = answer.get("action")
        if not isinstance(verb, str) or verb not in _READERS:
            return Malformed(f"unknown action {verb!r}")
        keys, read = _READERS[verb]
        if set(fields) != keys:
            return Malformed(f"{verb} takes {sorted(keys)}, not {sorted(fields)}")
        try:
            return read(fields)
        except (ValueError, KeyError) as error:
            return Malformed(f"{verb}: {error}")

    def render(self, action: Action, thought: str = "") -> str:
        """Write the action so that ``parse`` gives it back to within half a per-mille.

        Raises:
            ValueError: the action is ``Malformed``, which has no text.
        """
        return json.dumps({"thought": thought, **_fields(action)}, ensure_ascii=False, separators=(",", ":"))


def _coordinate(value: object) -> float:
    """Per-mille (whole, 0..999) to the middle of that per-mille in [0, 1)."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < PER_MILLE:
        raise ValueError(f"the coordinate {value!r} is not a whole number from 0 to 999")
    return (value + 0.5) / PER_MILLE


def per_mille(x_norm: float) -> int:
    """Normalized coordinate in [0, 1) to whole per-mille 0..999."""
    return min(PER_MILLE - 1, max(0, int(x_norm * PER_MILLE)))


def _finish(value: object) -> Finish:
    if value not in ("success", "infeasible"):
        raise ValueError(f"the status {value!r} is neither success nor infeasible")
    return Finish(value == "success")


def _tap(fields: Mapping[str, object]) -> Action:
    return Tap(_coordinate(fields["x"]), _coordinate(fields["y"]))


def _long_press(fields: Mapping[str, object]) -> Action:
    return LongPress(_coordinate(fields["x"]), _coordinate(fields["y"]))


def _swipe(fields: Mapping[str, object]) -> Action:
    return Swipe(*(_coordinate(fields[key]) for key in ("x", "y", "x2", "y2")))


_Reader = Callable[[Mapping[str, object]], Action]
_READERS: dict[str, tuple[set[str], _Reader]] = {
    "tap": ({"x", "y"}, _tap),
    "long_press": ({"x", "y"}, _long_press),
    "swipe": ({"x", "y", "x2", "y2"}, _swipe),
    "type": ({"text"}, lambda fields: TypeText(text_of(fields["text"]))),
    "press": ({"key"}, lambda fields: PressKey(Key(fields["key"]))),
    "open_app": ({"app"}, lambda fields: OpenApp(text_of(fields["app"]))),
    "wait": ({"seconds"}, lambda fields: Wait(seconds_of(fields["seconds"]))),
    "finish": ({"status"}, lambda fields: _finish(fields["status"])),
}


def _fields(action: Action) -> dict[str, object]:
    match action:
        case Tap(x, y):
            return {"action": "tap", "x": per_mille(x), "y": per_mille(y)}
        case LongPress(x, y):
            return {"action": "long_press", "x": per_mille(x), "y": per_mille(y)}
        case Swipe(x0, y0, x1, y1):
            return {"action": "swipe", "x": per_mille(x0), "y": per_mille(y0), "x2": per_mille(x1), "y2": per_mille(y1)}
        case TypeText(text):
            return {"action": "type", "text": text}
        case PressKey(key):
            return {"action": "press", "key": key.value}
        case OpenApp(name):
            return {"action": "open_app", "app": name}
        case Wait(seconds):
            return {"action": "wait", "seconds": seconds}
        case Finish(succeeded):
            return {"action": "finish", "status": "success" if succeeded else "infeasible"}
        case Malformed(reason):
            raise ValueError(f"a malformed answer ({reason}) has no text in a grammar")
