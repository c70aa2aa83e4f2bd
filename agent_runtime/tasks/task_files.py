"""Reads tasks from a JSON file. Draws none and knows no suite by name."""

import json
from collections.abc import Sequence
from pathlib import Path

from agent_runtime.errors import UsageError
from agent_runtime.tasks.base import Task, TaskTemplate

_MAX_FILE_BYTES = 4 << 20


def tasks_from_file(path: Path, suite: Sequence[TaskTemplate]) -> list[Task]:
    """Return the tasks of a JSON file: a list of objects with ``name`` and ``params``, as in
    ``[{"name": "notes/write", "params": {"word": "milk"}}]``.

    Raises:
        UsageError: it cannot be read, is not of that form, or names what the suite has not.
    """
    templates = {template.name: template for template in suite}
    entries = _entries(path)
    tasks = []
    for number, entry in enumerate(entries, start=1):
        if not isinstance(entry, dict) or set(entry) != {"name", "params"} or not isinstance(entry["params"], dict):
            raise UsageError(
                f"Got entry {number} of {path} as {json.dumps(entry)[:80]}, expected an object with name and params: "
                "correct it."
            )
        if not isinstance(entry["name"], str) or entry["name"] not in templates:
            raise UsageError(
                f"Got the task {entry['name']!r} as entry {number} of {path}, expected one of "
                f"{', '.join(templates)}: correct it."
            )
        tasks.append(templates[entry["name"]].task(entry["params"]))
    return tasks


def _entries(path: Path) -> list[object]:
    try:
        if path.stat().st_size > _MAX_FILE_BYTES:
            raise UsageError(f"Got {path} with over {_MAX_FILE_BYTES} bytes, expected a list of tasks: shorten it.")
        entries = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(
            f"Got no tasks from {path} ({error}), expected a JSON list: correct the path or the file."
        ) from error
    if not isinstance(entries, list) or not entries:
        raise UsageError(f"Got {path} without a list of at least one task, expected one: correct the file.")
    return entries
