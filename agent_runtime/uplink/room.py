"""Hands episodes over to the link, and where there is no room waits for it and says so. Stores nothing itself.

Whoever collects is kept waiting here, so nothing more is collected meanwhile; the episode it came with is kept.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from coso.v1 import trajectory_pb2

from agent_runtime.uplink.spool import SpoolFullError

LOOK_SEC = 1.0
"""How often a disk that refused is asked again; room in the spool is noticed at once."""


class Link(Protocol):
    """What takes episodes: `agent_runtime.uplink.client.TunerLink`, or a fake of it."""

    @property
    def refusal(self) -> str:
        """Why the tuner will not have this runtime; empty where it will."""

    def submit(self, trajectory: trajectory_pb2.Trajectory) -> None:
        """Make a trajectory durable; raises ``SpoolFullError`` or ``OSError``."""

    def wait_for_change(self, timeout_sec: float) -> None:
        """Return when something left the spool, after so long at the latest."""


def submit_when_there_is_room(
    link: Link, trajectory: trajectory_pb2.Trajectory, note: Callable[[str], None], gives_up: Callable[[], bool]
) -> None:
    """Hand a trajectory over, as soon as there is room for it; ``gives_up`` ends the waiting.

    Raises:
        SpoolFullError, OSError: there was no room when it was given up, or the tuner refused for good.
        UsageError: there never will be: it is larger than the whole spool may be.
    """
    has_waited = False
    while True:
        try:
            link.submit(trajectory)
        except (SpoolFullError, OSError) as error:
            if gives_up() or link.refusal:
                raise
            if not has_waited:
                told = f"Got {error} when writing to the spool, expected room: free some."
                note(f"{error if isinstance(error, SpoolFullError) else told} Nothing is collected until there is.")
            has_waited = True
            link.wait_for_change(LOOK_SEC)
            continue
        if has_waited:
            note("There is room again: collecting goes on.")
        return
