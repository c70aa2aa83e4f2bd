"""Writes demonstrations as a session, through the recorder of every run. Reads no source itself."""

import hashlib
import itertools
import platform
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

from agent_runtime.errors import SessionError
from agent_runtime.sessions.importers.demonstration import Demonstration, Refused, Shown
from agent_runtime.sessions.recording import Origin, SessionInfo
from agent_runtime.sessions.without_policy import NOBODY, UNSAID, ended, start_of, step_of
from agent_runtime.sessions.writer import Recorder, refuse_used_folder
from agent_runtime.trajectory import Screenshot, Step, Verdict

_SERIAL = "imported"


@dataclass
class ImportReport:
    """What came of an import; ``refused`` holds a sentence for each episode that was left out."""

    episodes: int = 0
    steps: int = 0
    refused: list[str] = field(default_factory=list)


def import_session(origin: Origin, found: Iterable[Demonstration | Refused], folder: Path) -> ImportReport:
    """Write all demonstrations as one session; the folder is not made before there is one to write.

    Raises:
        UsageError: the source cannot be read at all.
        SessionError: there is something in the folder, or it cannot be written.
    """
    refuse_used_folder(folder)
    report = ImportReport()
    demonstrations = _those_that_can_be_had(found, report)
    first = next(demonstrations, None)
    if first is None:
        return report
    recorder = Recorder(folder, _info(origin, first))
    recorder.open()
    try:
        for number, demonstration in enumerate(itertools.chain([first], demonstrations)):
            _write(recorder, origin, number, demonstration)
            report.episodes += 1
            report.steps += len(demonstration.steps)
    finally:
        recorder.close()
    return report


def _those_that_can_be_had(found: Iterable[Demonstration | Refused], report: ImportReport) -> Iterator[Demonstration]:
    for one in found:
        if isinstance(one, Refused):
            report.refused.append(one.sentence)
        else:
            yield one


def _info(origin: Origin, first: Demonstration) -> SessionInfo:
    return SessionInfo(
        runtime_id=f"import/{origin.kind}",
        started_at_unix_sec=time.time(),
        device_serial=_SERIAL,
        screen_size_px=first.steps[0].size_px,
        device_fingerprint=None,
        identity=NOBODY,
        seed=0,
        temperature=0.0,
        software=_software(),
        imported=origin,
    )


def _software() -> dict[str, str]:
    try:
        return {"python": platform.python_version(), "coso-phone": metadata.version("coso-phone")}
    except metadata.PackageNotFoundError:
        return {"python": platform.python_version()}


def _write(recorder: Recorder, origin: Origin, number: int, done: Demonstration) -> None:
    named = f"{origin.kind}\n{origin.source}\n{number}\n{done.name}"
    trajectory_id = hashlib.sha256(named.encode(errors="replace")).hexdigest()[:32]
    start = start_of(trajectory_id, done.name, done.goal, len(done.steps))
    recorder.episode_started(start)
    steps = []
    for index, shown in enumerate(done.steps):
        steps.append(_step(index, shown))
        recorder.step_taken(steps[-1])
    verdict = {True: Verdict.SUCCESS, False: Verdict.FAILURE, None: Verdict.VOID}[done.succeeded]
    void_reason = UNSAID if verdict is Verdict.VOID else ""
    recorder.episode_ended(ended(start, steps, verdict, void_reason, _SERIAL))


def _step(index: int, shown: Shown) -> Step:
    png = shown.picture if isinstance(shown.picture, bytes) else _read(shown.picture)
    return step_of(index, Screenshot(png, *shown.size_px, *shown.size_px), shown.action, shown.thought)


def _read(picture: Path) -> bytes:
    try:
        return picture.read_bytes()
    except OSError as error:
        raise SessionError(
            f"Got no picture from {picture} ({error}), expected it as it was a moment ago: import again."
        ) from error
