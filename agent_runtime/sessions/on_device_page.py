"""Says in words and as one HTML file what performing a session again came to. Performs and compares nothing itself."""

import base64
import io
from pathlib import Path

import numpy as np
from PIL import Image

from agent_runtime.sessions.html import write_html
from agent_runtime.sessions.on_device import Performed, PerformedEpisode, ScreenDifference
from agent_runtime.sessions.pictures import decoded
from agent_runtime.sessions.recording import Session

_TEMPLATE = "on_device_page.html.jinja"
_MARK = (224, 23, 63)
_FADED = 0.75
"""How much of what is equal turns to white where the pixels that differ are marked."""


def summary(report: Performed) -> str:
    """Return one sentence about all of it."""
    steps = sum(len(done.episode.steps) for done in report.episodes)
    left = steps - report.compared
    rest = f"; {left} more were not compared, as they come after a difference or a fault" if left else ""
    return f"{report.equal} of {report.compared} screens are equal{rest}."


def told(done: PerformedEpisode) -> str:
    """Return a line about one episode."""
    parts = [f"{done.equal} of {len(done.episode.steps)} screens are equal"]
    if not done.was_set_up:
        parts.append("its task is in no suite, so nothing was set up")
    if done.held_back:
        parts.append(f"the gate held {done.held_back} actions back")
    if done.difference is not None:
        found = done.difference
        parts.append(f"step {found.step.index} differs in {100 * found.share:.2f} % of the pixels")
    if done.fault:
        parts.append(done.fault.rstrip("."))
    return "; ".join(parts) + "."


def write_difference_page(session: Session, serial: str, report: Performed, path: Path) -> None:
    """Write the page: every episode, and each first difference with both pictures.

    Raises:
        SessionError: it cannot be written.
    """
    write_html(
        path,
        _TEMPLATE,
        name=session.folder.resolve().name,
        serial=serial,
        summary=summary(report),
        all_equal=all(done.is_whole for done in report.episodes),
        episodes=[
            {
                "number": done.episode.number,
                "goal": done.episode.start.goal,
                "is_whole": done.is_whole,
                "told": told(done),
                "pictures": [] if done.difference is None else _pictures(done.difference),
            }
            for done in report.episodes
        ],
    )


def _pictures(found: ScreenDifference) -> list[tuple[str, str]]:
    pictures = [("recorded", _url(found.recorded_png)), ("now", _url(found.now_png))]
    marked = _marked(found)
    return pictures if marked is None else [*pictures, ("where they differ", _url(marked))]


def _marked(found: ScreenDifference) -> bytes | None:
    """Return the recorded picture, faded, with the pixels that differ in red; None where the sizes differ."""
    recorded, now = np.asarray(decoded(found.recorded_png)), np.asarray(decoded(found.now_png))
    if recorded.shape != now.shape:
        return None
    shown = (recorded * (1 - _FADED) + 255 * _FADED).astype(np.uint8)
    shown[(recorded != now).any(axis=2)] = _MARK
    target = io.BytesIO()
    Image.fromarray(shown).save(target, "PNG")
    return target.getvalue()


def _url(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"
