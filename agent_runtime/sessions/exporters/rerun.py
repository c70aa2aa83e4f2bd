"""Writes a session as a Rerun recording (`.rrd`), to scrub through in its viewer. Starts no viewer.

Needs rerun-sdk, the extra ``rerun``. Steps of all episodes follow each other on the timeline ``step``; ``episode``
says which they are of. Entities: ``screen`` (the PNG as it was seen), ``screen/touch``, ``screen/swipe``, ``action``,
``utterance``, ``goal``, ``verdict``, ``policy/log_prob`` (the answer's sum, in nats), ``timings/observe_ms`` and so on.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from agent_runtime.actions import Action, LongPress, Swipe, Tap
from agent_runtime.sessions.reader import screen_png
from agent_runtime.sessions.recording import RecordedEpisode, RecordedStep, Session

APPLICATION_ID = "agent-runtime session"
_MARK_RADIUS = 0.045


def write_rerun(session: Session, path: Path) -> int:
    """Write the recording; return how many steps it has.

    Raises:
        ImportError: rerun-sdk is not installed.
        SessionError: a screen is not what was recorded.
    """
    import rerun

    first = session.episodes[0].start.trajectory_id if session.episodes else session.info.runtime_id
    stream = rerun.RecordingStream(APPLICATION_ID, recording_id=first)
    stream.save(path)
    place = 0
    for episode in session.episodes:
        stream.set_time("episode", sequence=episode.number)
        for step in episode.steps:
            stream.set_time("step", sequence=place)
            if step.index == 0:
                stream.log("goal", rerun.TextDocument(_clean(episode.start.goal)))
            _log_step(rerun, stream, session, step)
            place += 1
        _log_end(rerun, stream, episode)
    stream.flush()
    stream.disconnect()
    return place


def touch_points_px(action: Action, size_px: Sequence[int]) -> list[tuple[float, float]]:
    """Return where an action touches the picture: one point, two for a swipe, none for all else."""
    width_px, height_px = size_px
    match action:
        case Tap(x, y) | LongPress(x, y):
            return [(x * width_px, y * height_px)]
        case Swipe(x0, y0, x1, y1):
            return [(x0 * width_px, y0 * height_px), (x1 * width_px, y1 * height_px)]
        case _:
            return []


def _log_step(rerun: Any, stream: Any, session: Session, step: RecordedStep) -> None:
    stream.log("screen", rerun.EncodedImage(contents=screen_png(session, step), media_type="image/png"))
    points = touch_points_px(step.action, step.picture_size_px)
    radius_px = _MARK_RADIUS * step.picture_size_px[0]
    nothing = rerun.Clear(recursive=False)  # else the last step's touch would stay on
    stream.log("screen/touch", rerun.Points2D(points, radii=radius_px) if len(points) == 1 else nothing)
    stream.log("screen/swipe", rerun.LineStrips2D([points], radii=radius_px / 3) if len(points) == 2 else nothing)
    stream.log("action", rerun.TextLog(_clean(repr(step.action))))
    stream.log("utterance", rerun.TextDocument(_clean(step.decision.utterance)))
    log_prob = sum(step.decision.log_probs)
    if step.decision.log_probs and math.isfinite(log_prob):
        stream.log("policy/log_prob", rerun.Scalars(log_prob))
    timings = step.timings
    for name, spent_ms in (("observe", timings.observe_ms), ("decide", timings.decide_ms), ("act", timings.act_ms)):
        stream.log(f"timings/{name}_ms", rerun.Scalars(spent_ms))


def _log_end(rerun: Any, stream: Any, episode: RecordedEpisode) -> None:
    end = episode.end
    said = "cut" if end is None else " ".join(filter(None, (end.verdict.value, end.void_reason)))
    stream.log("verdict", rerun.TextLog(_clean(f"{episode.number}. {episode.start.goal}: {said}")))


def _clean(text: str) -> str:
    """Replace what is no Unicode: Rerun takes UTF-8 alone."""
    return text.encode("utf-8", "replace").decode()
