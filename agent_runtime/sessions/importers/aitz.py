"""Reads Android-in-the-Zoo episodes (AitW's, a folder of JSON and PNGs each). Writes nothing and asks no network.

SOURCE is an episode's folder, or a folder of such. Its JSON file is a list with an object a step: ``instruction`` (the
goal), ``image_path`` (its last part names a PNG beside the file), ``result_action_type``, ``result_action_text``,
``result_touch_yx`` and ``result_lift_yx``; ``coat_action_think`` is taken for the thought where it stands. Points are
[y, x] from 0 to 1, -1 where there is none. A dual point whose ends are at most 0.04 apart is a tap, else a swipe.
"""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from agent_runtime.actions import Action, Finish, Key, PressKey, Swipe, Tap, TypeText
from agent_runtime.actions.reading import text_of, whole_json
from agent_runtime.errors import UsageError
from agent_runtime.sessions.fields import Fields
from agent_runtime.sessions.importers.demonstration import (
    Demonstration,
    Refused,
    Shown,
    json_of,
    picture_size_px,
    said_by_the_last,
)
from agent_runtime.sessions.matching import AITW_TAP_ENDS_NORM

_WHAT = "an AitZ episode's list of steps"
_TYPE, _DUAL_POINT, _COMPLETE, _IMPOSSIBLE = 3, 4, 10, 11
_KEYS = {5: Key.BACK, 6: Key.HOME, 7: Key.ENTER}
_BELOW_ONE = math.nextafter(1.0, 0.0)


def read(source: Path, images: Path | None = None) -> Iterator[Demonstration | Refused]:
    """Yield the episodes in order of their files' names; pictures come from ``images`` where it is given.

    Raises:
        UsageError: there is no episode.
    """
    files = sorted(source.glob("*.json")) or sorted(source.glob("*/*.json"))
    if not files:
        raise UsageError(
            f"Got {source} without a JSON file, expected an AitZ episode's folder, or a folder of such: name one."
        )
    for path in files:
        try:
            yield _episode(path, images if images is not None else path.parent)
        except UsageError as error:
            yield Refused(str(error))


def action_of(step: Fields) -> Action:
    """Return a step's action.

    Raises:
        ValueError: it is none of AitW's.
    """
    kind = step.whole("result_action_type")
    if kind in _KEYS:
        return PressKey(_KEYS[kind])
    match kind:
        case int() if kind == _TYPE:
            return TypeText(text_of(step.text("result_action_text")))
        case int() if kind == _DUAL_POINT:
            return _gesture(_point(step, "result_touch_yx"), _point(step, "result_lift_yx"))
        case int() if kind in (_COMPLETE, _IMPOSSIBLE):
            return Finish(kind == _COMPLETE)
        case _:
            raise ValueError(f"result_action_type is {kind}, not 3, 4, 5, 6, 7, 10 or 11")


def _episode(path: Path, images: Path) -> Demonstration:
    plain = json_of(path, _WHAT)
    if not isinstance(plain, list) or not plain:
        raise UsageError(f"Got {path} that holds no list of steps, expected {_WHAT}: name such a file.")
    goals: set[str] = set()
    steps: list[Shown] = []
    for number, item in enumerate(plain):
        try:
            fields = Fields(item)
            if fields.whole("step_id") != number:
                raise ValueError(f"step_id is {fields.whole('step_id')}, not {number}: a step is missing or moved")
            goals.add(fields.text("instruction"))
            action = action_of(fields)
            name = PurePosixPath(fields.text("image_path")).name
            thought = fields.text("coat_action_think") if fields.has("coat_action_think") else ""
        except ValueError as error:
            raise UsageError(
                f"Got step {number} of {path} unusable ({error}), expected {_WHAT}: correct it."
            ) from error
        picture = images / name
        steps.append(Shown(picture, picture_size_px(picture), action, thought))
    if len(goals) != 1:
        raise UsageError(f"Got {len(goals)} instructions in {path}, expected one goal an episode: split the file.")
    return Demonstration(path.stem, goals.pop(), tuple(steps), said_by_the_last([step.action for step in steps]))


def _gesture(touch: tuple[float, float], lift: tuple[float, float]) -> Action:
    if math.dist(touch, lift) <= AITW_TAP_ENDS_NORM:
        return Tap(*touch)
    return Swipe(*touch, *lift)


def _point(step: Fields, name: str) -> tuple[float, float]:
    """Return (x, y) of a field that holds [y, x], as a list or as its text."""
    told = step.any_of(name)
    values = whole_json(told) if isinstance(told, str) else told
    if not isinstance(values, Sequence) or isinstance(values, str) or len(values) != 2:
        raise ValueError(f"{name} is {told!r:.80}, not [y, x]")
    y, x = (_part(name, value) for value in values)
    return x, y


def _part(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0.0 <= value <= 1.0:
        raise ValueError(f"{name} holds {value!r:.80}, not a number from 0 to 1")
    return min(float(value), _BELOW_ONE)
