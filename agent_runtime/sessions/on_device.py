"""Performs a session's actions again on a device and holds its screens against the recorded ones. Asks no policy.

An episode starts as it did then: its task's set-up, where a suite has that task, from the switches the device rests
at. It ends at the first screen that differs, as nobody knows what a recorded action does on another screen.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from agent_runtime.actions import Finish, Malformed
from agent_runtime.devices import Device
from agent_runtime.errors import DeviceError, TaskError, UsageError
from agent_runtime.observe import screenshot_of
from agent_runtime.sessions.course import refuse_redacted
from agent_runtime.sessions.pictures import blackened, decoded
from agent_runtime.sessions.reader import screen_png
from agent_runtime.sessions.recording import RecordedEpisode, RecordedStep, Region, Session
from agent_runtime.tasks import Task
from agent_runtime.tasks.resting import RestingState
from agent_runtime.tasks.suites import SUITES, require_fit

SETTLE_DEADLINE_SEC = 3.0


@dataclass(frozen=True, slots=True)
class ScreenDifference:
    """Two pictures of the recorded size that differ: what was recorded before ``step``, and what there is now."""

    step: RecordedStep
    recorded_png: bytes
    now_png: bytes
    share: float
    """Of the pixels, those that differ in any channel; in (0, 1]."""


@dataclass
class PerformedEpisode:
    """What performing an episode again came to. ``is_whole``: every screen was compared, and all are equal."""

    episode: RecordedEpisode
    was_set_up: bool = False
    equal: int = 0
    held_back: int = 0
    """Actions that were performed then and that the gate did not let pass now."""
    difference: ScreenDifference | None = None
    fault: str = ""
    """What the device or the task's set-up failed with; the episode then ends there."""

    @property
    def is_whole(self) -> bool:
        """See the class."""
        return self.equal == len(self.episode.steps)


@dataclass
class Performed:
    """What performing a session again came to."""

    episodes: list[PerformedEpisode] = field(default_factory=list)

    @property
    def compared(self) -> int:
        """Screens that were compared."""
        return self.equal + len(self.differences)

    @property
    def equal(self) -> int:
        """Screens that are equal to the last bit of every pixel."""
        return sum(done.equal for done in self.episodes)

    @property
    def differences(self) -> list[ScreenDifference]:
        """The first difference of each episode that has one."""
        return [done.difference for done in self.episodes if done.difference is not None]


def known_task(episode: RecordedEpisode) -> tuple[str, Task] | None:
    """Return the task an episode was about and the suite that has it, None where none has."""
    for name, templates in SUITES.items():
        for template in templates:
            if template.name != episode.start.task_name:
                continue
            try:
                task = template.task(dict(episode.start.task_params))
            except UsageError:
                continue
            if task.goal == episode.start.goal:
                return name, task
    return None


def perform_again(session: Session, device: Device, ignored: Sequence[Region] = ()) -> Performed:
    """Perform every episode again on ``device``; the ``ignored`` regions of a screen are not compared.

    Raises:
        SessionError: the session was redacted, or a screen is not what was recorded.
        UsageError: the set-up of a recorded task would delete what is on this device.
        DeviceError: the device cannot be asked what it is.
    """
    refuse_redacted(session)
    tasks = [known_task(episode) for episode in session.episodes]
    for suite in sorted({found[0] for found in tasks if found is not None}):
        require_fit(suite, device)
    resting, report = RestingState(device), Performed()
    for episode, found in zip(session.episodes, tasks, strict=True):
        done = PerformedEpisode(episode)
        report.episodes.append(done)
        try:
            device.begin_episode()
            if found is not None:
                resting.put_back()
                found[1].initialize(device)
                done.was_set_up = True
            _perform(session, device, done, ignored)
        except (DeviceError, TaskError) as fault:
            done.fault = f"{type(fault).__name__}: {fault}"
        if found is not None:
            _tear_down(found[1], device, done)
    return report


def _tear_down(task: Task, device: Device, done: PerformedEpisode) -> None:
    try:
        task.tear_down(device)
    except (DeviceError, TaskError) as fault:
        done.fault = done.fault or f"{type(fault).__name__}: {fault}"


def _perform(session: Session, device: Device, done: PerformedEpisode, ignored: Sequence[Region]) -> None:
    for step in done.episode.steps:
        recorded = screen_png(session, step)
        now = screenshot_of(device.observe_settled(SETTLE_DEADLINE_SEC), step.picture_size_px).png
        share = differing_share(recorded, now, ignored)
        if share:
            done.difference = ScreenDifference(step, recorded, now, share)
            return
        done.equal += 1
        if isinstance(step.action, Finish | Malformed) or (step.gate is not None and not step.gate.allowed):
            continue
        ruling = device.perform(step.action)
        done.held_back += ruling is not None and not ruling.allowed


def differing_share(one_png: bytes, other_png: bytes, ignored: Sequence[Region] = ()) -> float:
    """Return the share of pixels that differ in any channel, outside the ignored regions; 1.0 where sizes differ.

    Raises:
        SessionError: one is no picture.
    """
    one, other = (np.asarray(decoded(blackened(png, ignored) if ignored else png)) for png in (one_png, other_png))
    if one.shape != other.shape:
        return 1.0
    return float((one != other).any(axis=2).mean())
