"""Reads what AndroidWorld's checkpointer writes: a folder of `TASK_N.pkl.gz`, or one such file. Unpickles nothing.

A file is a gzipped pickle of a list of episodes; it is read as data (`inert_pickle.py`), so a foreign one runs nothing.
An episode has ``goal``, ``task_template``, ``instance_id``, ``is_successful`` and ``episode_data``, lists by name with
an entry a step. What these are called is the agent's own choice; known are those of AndroidWorld's agents:

    T3A     before_screenshot   before_element_list   action_output
    M3A     raw_screenshot      (no elements)         action_output    its picture has the chosen element marked
    SeeAct  screenshot          actionable_elements   action

An element's index stands for the middle of its box, as AndroidWorld taps it; without the elements' boxes it cannot be
placed, and the episode is refused. Of `input_text` only the text is imported, not its tap and Enter. An answer that
did nothing on the device (no action, an unknown one, an index beyond the elements) is left out, as is an `answer`
before the end. Episodes whose run failed (`exception_info`) are refused.
"""

import gzip
import json
import math
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from agent_runtime.actions import Action, Finish, Malformed, Swipe
from agent_runtime.actions.android_world import AndroidWorldGrammar, answer_fields
from agent_runtime.devices.numbers import whole_number
from agent_runtime.errors import UsageError
from agent_runtime.sessions.importers import inert_pickle
from agent_runtime.sessions.importers.arrays import number, picture_png
from agent_runtime.sessions.importers.demonstration import Demonstration, Refused, Shown, SizePx
from agent_runtime.sessions.importers.inert_pickle import Made

SUFFIX = ".pkl.gz"
_WHAT = "what AndroidWorld's checkpointer writes"
_SCREENS = ("before_screenshot", "raw_screenshot", "screenshot")
_ELEMENTS = ("before_element_list", "before_ui_elements", "actionable_elements", "ui_elements")
_ACTIONS = ("action_output_json", "action", "action_output")
_SIDES = ("x_min", "y_min", "x_max", "y_max")
_TOUCHES = ("click", "long_press")
_BELOW_ONE = math.nextafter(1.0, 0.0)
Fields = dict[str, str | int | float]


class _NothingDoneError(ValueError):
    """The agent's answer did nothing on the device."""


def read(source: Path, images: Path | None = None) -> Iterator[Demonstration | Refused]:
    """Yield the episodes in order of their files' names; the pictures are in the files.

    Raises:
        UsageError: there is no such file.
    """
    files = sorted(source.glob(f"*{SUFFIX}")) if source.is_dir() else [source]
    if not files or not files[0].is_file():
        raise UsageError(f"Got {source} without a file *{SUFFIX}, expected {_WHAT}: name a run's folder or a file.")
    for path in files:
        try:
            with gzip.open(path, "rb") as file:
                plain = inert_pickle.read(file)
            episodes = plain[0] if isinstance(plain, tuple) and plain else plain
            if not isinstance(episodes, list):
                raise ValueError("it holds no list of episodes")
        except (OSError, EOFError, zlib.error, ValueError) as error:
            yield Refused(f"Got {path} unusable ({error}), expected {_WHAT}: take it from a copy.")
            continue
        for place, episode in enumerate(episodes):
            try:
                yield _episode(path, episode)
            except ValueError as error:
                yield Refused(f"Got episode {place} of {path} unusable ({error}), expected {_WHAT}: leave it out.")


def _episode(path: Path, plain: object) -> Demonstration:
    if not isinstance(plain, dict):
        raise ValueError("it is no dictionary")
    if plain.get("exception_info") is not None:
        raise ValueError(f"its run failed: {_words(plain['exception_info']).strip().splitlines()[-1:]}")
    goal, data = plain.get("goal"), plain.get("episode_data")
    if not isinstance(goal, str) or not isinstance(data, dict):
        raise ValueError("it has no goal or no steps")
    steps = list(_steps({str(name): values for name, values in data.items() if isinstance(values, list)}))
    shown = [step for step in steps[:-1] if not isinstance(step.action, Finish)] + steps[-1:]
    if not shown:
        raise ValueError("none of its steps did anything")
    rate = number(plain.get("is_successful"))
    succeeded = None if rate is None or math.isnan(rate) else rate > 0.5
    task = _words(plain.get("task_template", path.name.removesuffix(SUFFIX)))
    name = f"{task}_{_words(plain.get('instance_id', 0))}"
    return Demonstration(f"android-world/{name}", goal, tuple(shown), succeeded)


def _words(value: object) -> str:
    """Return a text or a number as text; of anything else, which may be of any size once written out, its type."""
    return str(value) if isinstance(value, str | int | float) else type(value).__name__


def _steps(data: Mapping[str, Sequence[object]]) -> Iterator[Shown]:
    count = max((len(values) for values in data.values()), default=0)
    for place in range(count):
        step = {name: values[place] for name, values in data.items() if place < len(values)}
        try:
            png, size_px = picture_png(_first(step, _SCREENS, "a screenshot"))
            action, thought = _action(step, size_px)
        except _NothingDoneError:
            continue
        except ValueError as error:
            raise ValueError(f"step {place}: {error}") from error
        yield Shown(png, size_px, action, thought)


def _first(step: Mapping[str, object], names: Sequence[str], what: str) -> object:
    found = next((step[name] for name in names if step.get(name) is not None), None)
    if found is None:
        raise ValueError(f"it has none of {', '.join(names)}: {what} is missing")
    return found


def _action(step: Mapping[str, object], size_px: SizePx) -> tuple[Action, str]:
    told = next((step[name] for name in _ACTIONS if step.get(name) is not None), None)
    output = step.get("action_output")
    thought = output.partition("Action:")[0].removeprefix("Reason:").strip() if isinstance(output, str) else ""
    if isinstance(told, Made):
        fields = {str(key): value for key, value in told.state.items()} if isinstance(told.state, dict) else {}
    elif isinstance(told, str):
        try:
            fields = dict(answer_fields(told))
        except ValueError as error:
            raise _NothingDoneError from error
    else:
        raise _NothingDoneError
    plain = {key: value for key, value in fields.items() if isinstance(value, str | int | float)}
    return _placed(plain, step, size_px), thought


def _placed(fields: Fields, step: Mapping[str, object], size_px: SizePx) -> Action:
    kind = fields.get("action_type")
    if kind in (None, "unknown"):
        raise _NothingDoneError
    if kind == "input_text":
        fields.pop("index", None)
    if "index" in fields and kind in (*_TOUCHES, "scroll"):
        left, top, right, bottom = _box(step, fields.pop("index"), size_px)
        if kind == "scroll":
            return _scroll(fields.get("direction"), (left, top, right, bottom), size_px)
        fields |= {"x": int((left + right) / 2), "y": int((top + bottom) / 2)}
    action = AndroidWorldGrammar(size_px).parse(f"Action: {json.dumps(fields, ensure_ascii=False)}")
    if isinstance(action, Malformed):
        raise ValueError(action.reason)
    return action


def _box(step: Mapping[str, object], index: object, size_px: SizePx) -> tuple[float, float, float, float]:
    """Return (left, top, right, bottom) of an element in pixels, within the screen."""
    elements = next((step[name] for name in _ELEMENTS if isinstance(step.get(name), list)), None)
    if not isinstance(elements, list):
        raise ValueError("an index names an element, and the elements were not stored: it cannot be placed")
    if isinstance(index, str):
        index = whole_number(index)
    if not isinstance(index, int) or not 0 <= index < len(elements):
        raise _NothingDoneError
    element = elements[index]
    inner = element.attribute("ui_element") if isinstance(element, Made) else None
    shown = inner if isinstance(inner, Made) else element
    box = shown.attribute("bbox_pixels") if isinstance(shown, Made) else None
    sides = [number(box.attribute(side)) for side in _SIDES] if isinstance(box, Made) else []
    if len(sides) != 4 or any(side is None or not math.isfinite(side) for side in sides):
        raise _NothingDoneError  # AndroidWorld raises there, and does nothing
    left, top, right, bottom = (float(side or 0.0) for side in sides)
    return max(left, 0.0), max(top, 0.0), min(right, size_px[0]), min(bottom, size_px[1])


def _scroll(direction: object, box: tuple[float, float, float, float], size_px: SizePx) -> Action:
    """Return AndroidWorld's scroll of an element: from its middle to the side against the direction."""
    left, top, right, bottom = box
    x, y = (left + right) / 2, (top + bottom) / 2
    ends = {"down": (x, top), "up": (x, bottom), "right": (left, y), "left": (right, y)}
    if not isinstance(direction, str) or direction not in ends:
        raise _NothingDoneError
    points = [
        min(max(value / side, 0.0), _BELOW_ONE)
        for value, side in zip((x, y, *ends[direction]), 2 * size_px, strict=True)
    ]
    return Swipe(*points)
