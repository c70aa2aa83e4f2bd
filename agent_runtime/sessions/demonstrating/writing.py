"""Writes what a person shows as a session of one episode, step by step as it is done. Follows nobody.

It stands as an imported one does: no policy decided.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from agent_runtime.actions import Action, Finish
from agent_runtime.devices import Device
from agent_runtime.observe import screenshot_of
from agent_runtime.sessions.demonstrating.looking import View
from agent_runtime.sessions.recording import Origin, Redaction
from agent_runtime.sessions.start import RunOf, accept_own, start_recording
from agent_runtime.sessions.without_policy import NOBODY, UNSAID, ended, start_of, step_of
from agent_runtime.sessions.writer import Recorder
from agent_runtime.trajectory import EpisodeStart, Step, Verdict

KIND = "demonstration"
MAX_STEPS = 256
"""What a tuner takes of one episode (tuner/ingest/validate.py)."""


@dataclass
class DemonstrationWriter:
    """One episode of a session that is open; ``told`` is called with each step that was written."""

    recorder: Recorder
    start: EpisodeStart
    serial: str
    told: Callable[[Step], None] = lambda step: None
    steps: list[Step] = field(default_factory=list)

    @property
    def is_full(self) -> bool:
        """Whether only the announcement of the end has room."""
        return len(self.steps) >= MAX_STEPS - 1

    def add(self, view: View, action: Action) -> None:
        """Write a step; what fails is told when the episode ends."""
        step = step_of(len(self.steps), screenshot_of(view.frame, None), action)
        self.steps.append(step)
        self.recorder.step_taken(step)
        self.told(step)

    def end(self, succeeded: bool | None, last: View | None, broken: str) -> Verdict:
        """Write the end: announced on the last screen where the goal was reached, void where that is not known.

        Raises:
            SessionError: something could not be written, now or earlier.
        """
        reason = broken or (UNSAID if succeeded is None else "")
        if succeeded and not reason and last is None:
            reason = "the last screen was not seen at rest"
        verdict = Verdict.VOID if reason else Verdict.SUCCESS if succeeded else Verdict.FAILURE
        if verdict is Verdict.SUCCESS and last is not None:
            self.add(last, Finish(True))
        self.recorder.episode_ended(ended(self.start, self.steps, verdict, reason, self.serial))
        self.recorder.close()
        return verdict


def start_demonstration(
    folder: Path,
    device: Device,
    goal: str,
    name: str,
    redaction: Redaction,
    told: Callable[[Step], None] = lambda step: None,
) -> DemonstrationWriter:
    """Open a session and its one episode.

    Raises:
        DeviceError: the device does not answer.
        SessionError: there is something in the folder, or it cannot be written.
    """
    origin = Origin(KIND, device.serial)
    recorder = start_recording(
        folder, device, NOBODY, RunOf(f"import/{KIND}", 0, 0.0), redaction, origin, accept_own(folder)
    )
    start = start_of(uuid.uuid4().hex, name, goal, MAX_STEPS)
    recorder.episode_started(start)
    return DemonstrationWriter(recorder, start, device.serial, told)
