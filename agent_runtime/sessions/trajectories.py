"""Recorded episodes as the trajectories a tuner takes, the same as the run sent. Sends and stores nothing."""

from dataclasses import replace

from agent_runtime.errors import SessionError
from agent_runtime.sessions.reader import screen_png
from agent_runtime.sessions.recording import RecordedEpisode, RecordedStep, Session
from agent_runtime.trajectory import Purpose, Screenshot, Step, Trajectory


def why_no_trajectory(session: Session, episode: RecordedEpisode) -> str:
    """Say why a recorded episode is no trajectory any more, or not yet; the empty text where it is one."""
    if session.info.redaction:
        return "it was redacted when it was recorded: what was seen and said is not in it"
    if episode.end is None:
        return "the recording was cut before the episode's end"
    return ""


def trajectory_of(session: Session, episode: RecordedEpisode) -> Trajectory:
    """Return the trajectory of a recorded episode: id, steps, gate's rulings and verdict are those of the run.

    One that was imported has the purpose DEMONSTRATE, whatever its line says: no policy acted in it.

    Raises:
        SessionError: it is none (see ``why_no_trajectory``), or a screen is not what was recorded.
    """
    start, end = episode.start, episode.end
    reason = why_no_trajectory(session, episode)
    if end is None or reason:
        raise SessionError(f"Got episode {episode.number} of {session.folder}, expected a whole one: {reason}.")
    return Trajectory(
        trajectory_id=start.trajectory_id,
        runtime_id=session.info.runtime_id,
        task_name=start.task_name,
        goal=start.goal,
        task_params=dict(start.task_params),
        purpose=start.purpose if session.info.imported is None else Purpose.DEMONSTRATE,
        seed=start.seed,
        step_limit=start.step_limit,
        verdict=end.verdict,
        void_reason=end.void_reason,
        reward=end.reward,
        steps=tuple(_step(session, step) for step in episode.steps),
        started_at_unix_sec=start.started_at_unix_sec,
        device_serial=session.info.device_serial,
        temperature=start.temperature,
        identity=session.info.identity,
    )


def renamed(trajectory: Trajectory, runtime_id: str) -> Trajectory:
    """Return the trajectory as another runtime's."""
    return replace(trajectory, runtime_id=runtime_id)


def _step(session: Session, step: RecordedStep) -> Step:
    return Step(
        step.index,
        step.prompt,
        Screenshot(screen_png(session, step), *step.picture_size_px, *step.device_size_px),
        step.decision,
        step.action,
        step.timings,
        step.gate,
        step.faults,
    )
