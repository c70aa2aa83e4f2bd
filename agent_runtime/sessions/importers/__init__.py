"""Importers: recordings that others made, one module a kind of source. They read; nothing here writes a session.

Each has ``read(source, images)``, which yields for every episode a ``Demonstration`` or, where it cannot be had, a
``Refused`` with the sentence that says why. `agent_runtime.sessions.importing` writes what they yield.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

from agent_runtime.sessions.importers import aitw, aitz, android_control, android_world, folder
from agent_runtime.sessions.importers.demonstration import Demonstration, Refused, Shown

Read = Callable[[Path, Path | None], Iterator[Demonstration | Refused]]
IMPORTERS: dict[str, Read] = {
    "aitw": aitw.read,
    "aitz": aitz.read,
    "android-control": android_control.read,
    "android-world": android_world.read,
    "folder": folder.read,
}
"""By the name `agent-runtime import` takes."""

__all__ = ["IMPORTERS", "Demonstration", "Read", "Refused", "Shown"]
