"""Reads AndroidControl episodes from JSON lines, as X-PLUG's MobileAgent writes them. Writes nothing, fetches nothing.

SOURCE has one object a line: ``goal``, ``is_successful`` and ``steps``, each with its ``action_content`` (the words of
Qwen's mobile_use; coordinates are pixels of the screenshot, as floats) and the path of its ``screenshot``.
AndroidControl itself has one action fewer than screenshots: a last step without an action is left out. Its ``type`` is
a tap on the field, the text and Enter in one; only the text is told, so only the text is imported.

A scroll of AndroidControl names what shall come into view. MobileAgent wrote "down" as a stroke downwards, which leads
up: its own checks call up and down wrong in these files, left and right sound (UI-S1/evaluation/qwenvl_utils.py at
05cb90d), so vertical strokes are turned round here.
"""

import json
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from agent_runtime.actions import Action, Malformed, Swipe
from agent_runtime.actions.mobile_use import qwen25_mobile_use
from agent_runtime.errors import UsageError
from agent_runtime.sessions.fields import Fields
from agent_runtime.sessions.importers.demonstration import (
    Demonstration,
    Refused,
    Shown,
    SizePx,
    json_in,
    picture_size_px,
    text_of_file,
)

_WHAT = "JSON lines with goal, is_successful and steps"
_ACTION = "action_content"


def read(source: Path, images: Path | None = None) -> Iterator[Demonstration | Refused]:
    """Yield the episodes in order; pictures are looked for by their names in ``images``, else at the paths told.

    Raises:
        UsageError: the file holds no episode.
    """
    lines = [line for line in text_of_file(source, _WHAT).split("\n") if line.strip()]
    if not lines:
        raise UsageError(f"Got {source} without a line, expected {_WHAT}: name such a file.")
    for number, line in enumerate(lines, start=1):
        try:
            yield _episode(source, number, line, images)
        except UsageError as error:
            yield Refused(str(error))


def action_of(content: object, size_px: SizePx) -> Action:
    """Return the action of an ``action_content`` on a screenshot of that (width, height); a scroll as the finger goes.

    Raises:
        ValueError: it is none.
    """
    call = json.dumps({"name": "mobile_use", "arguments": content}, ensure_ascii=False).replace("<", "\\u003c")
    action = qwen25_mobile_use(size_px).parse(f"<tool_call>{call}</tool_call>")
    if isinstance(action, Malformed):
        raise ValueError(f"{_ACTION}: {action.reason}")
    if isinstance(action, Swipe) and abs(action.y1_norm - action.y0_norm) >= abs(action.x1_norm - action.x0_norm):
        return Swipe(action.x1_norm, action.y1_norm, action.x0_norm, action.y0_norm)
    return action


def _episode(source: Path, number: int, line: str, images: Path | None) -> Demonstration:
    where = f"line {number} of {source}"
    plain = json_in(line, where, _WHAT)
    try:
        fields = Fields(plain)
        goal, succeeded = fields.text("goal"), fields.truth("is_successful")
        steps = list(fields.each("steps", Fields))
        if steps and (not steps[-1].has(_ACTION) or steps[-1].any_of(_ACTION) is None):
            steps.pop()
        if not steps:
            raise ValueError("it has no step with an action")
        shown = [_shown(step, where, source.parent, images) for step in steps]
    except ValueError as error:
        raise UsageError(f"Got {where} unusable ({error}), expected {_WHAT}: correct or remove it.") from error
    first = PurePosixPath(steps[0].text("screenshot")).stem
    return Demonstration(f"android-control/{first.rpartition('_')[0] or number}", goal, tuple(shown), succeeded)


def _shown(step: Fields, where: str, base: Path, images: Path | None) -> Shown:
    told = step.text("screenshot")
    picture = base / told if images is None else images / PurePosixPath(told).name
    if not picture.is_file():
        ask = "name the folder they are in with --images" if images is None else "put it there"
        raise UsageError(f"Got {where} whose screenshot {picture} is not there, expected its pictures: {ask}.")
    size_px = picture_size_px(picture)
    return Shown(picture, size_px, action_of(step.any_of(_ACTION), size_px))
