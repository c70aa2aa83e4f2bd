"""Reads a plain folder: screenshots NNN.png and an actions.json. Writes nothing and guesses nothing.

``actions.json`` is one object: ``goal`` (a text) and ``steps``, a list with one object a screenshot, in the project's
JSON grammar (`agent_runtime.actions.json_grammar`): step 0 was taken on ``000.png``, step 1 on ``001.png`` and so on.
``name`` may name the task and ``succeeded`` say whether the goal was reached; without it the last action does, if it is
``finish``. A screenshot after the last action may lie there and is not imported.

    {"goal": "Open Notes", "steps": [{"thought": "It is top right.", "action": "tap", "x": 750, "y": 312},
                                     {"action": "finish", "status": "success"}]}
"""

import json
from collections.abc import Iterator
from pathlib import Path

from agent_runtime.actions import Action, Malformed, grammar_named
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

ACTIONS_NAME = "actions.json"
_WHAT = 'an object with "goal" and "steps"'


def read(source: Path, images: Path | None = None) -> Iterator[Demonstration | Refused]:
    """Yield the folder's one episode; pictures come from ``images`` where it is given.

    Raises:
        UsageError: the folder holds no such episode.
    """
    path = source / ACTIONS_NAME
    plain = json_of(path, _WHAT)
    pictures = images if images is not None else source
    try:
        fields = Fields(plain)
        goal, steps = fields.text("goal"), fields.each("steps", _object)
        if not steps:
            raise ValueError("steps is empty")
        actions = [_action(number, step) for number, step in enumerate(steps)]
        name = fields.text("name") if fields.has("name") else source.resolve().name
        succeeded = fields.truth("succeeded") if fields.has("succeeded") else said_by_the_last(actions)
    except ValueError as error:
        raise UsageError(f"Got {path} unusable ({error}), expected {_WHAT}: correct it.") from error
    shown = []
    for number, (action, step) in enumerate(zip(actions, steps, strict=True)):
        picture = pictures / f"{number:03d}.png"
        thought = step.get("thought", "")
        shown.append(Shown(picture, picture_size_px(picture), action, thought if isinstance(thought, str) else ""))
    yield Demonstration(name, goal, tuple(shown), succeeded)


def _action(number: int, step: dict[str, object]) -> Action:
    action = grammar_named("json").parse(json.dumps(step))
    if isinstance(action, Malformed):
        raise ValueError(f"step {number}: {action.reason}")
    return action


def _object(value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise ValueError(f"{value!r:.80} is no action's object")
    return value
