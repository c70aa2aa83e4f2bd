"""A recorded episode as a device and a task, for the same loop that ran it. Runs nothing.

run_episode(replay_device(session, episode), policy, grammar, recorded_task(episode), config)
"""

from functools import partial
from typing import ClassVar

from agent_runtime.devices import Device
from agent_runtime.devices.replay import ReplayDevice, Station
from agent_runtime.errors import SessionError
from agent_runtime.sessions.reader import screen_png
from agent_runtime.sessions.recording import RecordedEpisode, Session
from agent_runtime.tasks import Task, TaskTemplate
from agent_runtime.tasks.base import Command, Params, ParamSpace
from agent_runtime.trajectory import Verdict


def replay_device(session: Session, episode: RecordedEpisode) -> ReplayDevice:
    """Return a device that takes the episode's course; screens are read as they are shown.

    Raises:
        SessionError: the session was redacted, so its course is not known.
    """
    refuse_redacted(session)
    stations = [Station(partial(screen_png, session, step), step.action) for step in episode.steps]
    return ReplayDevice(session.info.device_serial, stations)


def recorded_task(episode: RecordedEpisode) -> Task:
    """Return the task the episode was about: nothing to set up, and its probe says what it said then."""
    return Task(_RecordedTemplate(episode), dict(episode.start.task_params))


def refuse_redacted(session: Session) -> None:
    """Raise ``SessionError`` for a session that was redacted."""
    if session.info.redaction:
        raise SessionError(
            f"Got {session.folder}, which was redacted when it was recorded, expected a whole session: what the policy "
            "saw and said is not in it, so it cannot be replayed exactly."
        )


def refuse_inexact(session: Session) -> None:
    """Raise ``SessionError`` for a session that holds no decisions to repeat: it was redacted, or imported."""
    refuse_redacted(session)
    if session.info.imported is not None:
        raise SessionError(
            f"Got {session.folder}, which was imported ({session.info.imported.kind}), expected a recorded run: no "
            "policy decided in it, so nothing can be replayed exactly; hold a policy against it with --against."
        )


class _RecordedTemplate(TaskTemplate):
    """Stands for whatever template the episode's task was of."""

    param_space: ClassVar[ParamSpace] = {}
    split_param = None

    def __init__(self, episode: RecordedEpisode) -> None:
        self.name = episode.start.task_name
        self.goal_template = episode.start.goal.replace("{", "{{").replace("}", "}}")
        self.optimal_steps = max(1, len(episode.steps))
        self._limit = episode.start.step_limit
        self._reached = episode.end is not None and episode.end.verdict is Verdict.SUCCESS

    @property
    def step_limit(self) -> int:
        return self._limit

    def prepare(self, device: Device, params: Params) -> list[Command]:
        return []

    def reached(self, device: Device, params: Params) -> bool:
        return self._reached
