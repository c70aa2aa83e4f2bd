"""Suites of templates, and how tasks are drawn from them or read from a file. Runs nothing."""

import itertools
import json
import random
from collections.abc import Sequence
from pathlib import Path

from agent_runtime.devices import Device
from agent_runtime.errors import UsageError
from agent_runtime.tasks import maps, more_apps, music, probes, stored_files, weather
from agent_runtime.tasks.apps import CartTask, DeleteNoteTask, SearchTask, WriteNoteTask
from agent_runtime.tasks.base import Split, Task, TaskTemplate
from agent_runtime.tasks.cards import CARD_TEMPLATES
from agent_runtime.tasks.contacts import CONTACTS_TEMPLATES
from agent_runtime.tasks.messages import MESSAGES_TEMPLATES
from agent_runtime.tasks.system import AlarmTask, OpenAppTask, StopwatchTask, ToggleTask

SUITES: dict[str, tuple[TaskTemplate, ...]] = {
    "general": (
        OpenAppTask(),
        ToggleTask(),
        AlarmTask(),
        StopwatchTask(),
        WriteNoteTask(),
        DeleteNoteTask(),
        SearchTask(),
        CartTask(),
    ),
    "cards": CARD_TEMPLATES,
    "phone": (*CONTACTS_TEMPLATES, *MESSAGES_TEMPLATES),
    "apps": (
        more_apps.AddTask(),
        more_apps.MultiplyTask(),
        stored_files.OpenFileTask(),
        stored_files.DeleteFileTask(),
        stored_files.RenameFileTask(),
        stored_files.NewFolderTask(),
        stored_files.TakePictureTask(),
        stored_files.TakePicturesTask(),
        stored_files.ShowPictureTask(),
        stored_files.FavouritePictureTask(),
        stored_files.DeletePictureTask(),
        maps.ShowPlaceTask(),
        maps.SavePlaceTask(),
        maps.DirectionsTask(),
        music.PlaySongTask(),
        music.PauseMusicTask(),
        music.NextSongTask(),
        music.AddToPlaylistTask(),
        music.DropFromPlaylistTask(),
        weather.AddCityTask(),
        weather.ShowForecastTask(),
        weather.RemoveCityTask(),
        weather.TemperatureUnitTask(),
        more_apps.InstallTask(),
        more_apps.InstallAndOpenTask(),
        more_apps.UninstallTask(),
    ),
}
VIRTUAL_PHONE_SUITES = frozenset(("apps", "cards", "phone"))
"""Suites whose set-ups clear apps and delete files: on a real phone those would be somebody's messages and pictures."""
_MAX_FILE_BYTES = 4 << 20


def suite_named(name: str) -> list[TaskTemplate]:
    """Return a suite's templates.

    Raises:
        UsageError: there is no such suite.
    """
    if name not in SUITES:
        raise UsageError(f"Got the suite {name!r}, expected one of {', '.join(sorted(SUITES))}: choose one of these.")
    return list(SUITES[name])


def require_fit(name: str, device: Device) -> None:
    """Refuse a suite that would destroy data on any phone but a virtual one.

    Raises:
        UsageError: the suite is one of those, and the device does not say that it is a virtual phone.
        DeviceError: the device is gone.
    """
    if name in VIRTUAL_PHONE_SUITES and not probes.is_virtual_phone(device):
        raise UsageError(
            f"Got the suite {name} for {device.serial}, expected a virtual phone for it: its tasks clear apps and "
            "delete messages, contacts and pictures; take --suite general."
        )


def sample_task(suite: Sequence[TaskTemplate], split: Split, rng: random.Random) -> Task:
    """Draw a template that has tasks in that split, then one of its tasks, each evenly."""
    return rng.choice(rng.choice([tasks for template in suite if (tasks := template.instances(split))]))


def held_tasks(suite: Sequence[TaskTemplate], count: int, seed: int) -> list[Task]:
    """Return ``count`` held tasks, the same for the same seed, spread evenly over the templates.

    Tasks repeat only when there are fewer than ``count``.
    """
    rng = random.Random(seed)
    piles = [rng.sample(tasks, len(tasks)) for template in suite if (tasks := template.instances("held"))]
    in_turn = [task for row in itertools.zip_longest(*piles) for task in row if task is not None]
    return list(itertools.islice(itertools.cycle(in_turn), count))


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
