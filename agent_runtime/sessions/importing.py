"""Writes demonstrations as a session, through the recorder of every run. Reads no source itself.

No policy decided: token ids and log-probs are empty, so are prompts, and the identity names nobody. The utterance is
the action in the JSON grammar, with the source's thought where it has one, so that what reads utterances finds one.
"""

import hashlib
import itertools
import platform
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

from agent_runtime.actions import grammar_named
from agent_runtime.errors import SessionError
from agent_runtime.sessions.importers.demonstration import Demonstration, Refused, Shown
from agent_runtime.sessions.recording import Origin, SessionInfo
from agent_runtime.sessions.writer import Recorder, refuse_used_folder
from agent_runtime.trajectory import (
    NO_ADAPTER_DIGEST,
    Decision,
    EpisodeStart,
    PolicyIdentity,
    Purpose,
    Screenshot,
    Step,
    Timings,
    Trajectory,
    Verdict,
)

NOBODY = PolicyIdentity("0" * 64, "0" * 64, "none", "json")
UNSAID = "The source does not say how it ended."
GRAMMAR = grammar_named(NOBODY.action_grammar)


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
        device_serial="imported",
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
    start = EpisodeStart(
        trajectory_id=hashlib.sha256(named.encode(errors="replace")).hexdigest()[:32],
        task_name=done.name,
        task_params={},
        goal=done.goal,
        purpose=Purpose.DEMONSTRATE,
        seed=0,
        step_limit=len(done.steps),
        temperature=0.0,
        started_at_unix_sec=time.time(),
    )
    recorder.episode_started(start)
    steps = []
    for index, shown in enumerate(done.steps):
        steps.append(_step(index, shown))
        recorder.step_taken(steps[-1])
    recorder.episode_ended(_trajectory(start, done, tuple(steps)))


def _step(index: int, shown: Shown) -> Step:
    png = shown.picture if isinstance(shown.picture, bytes) else _read(shown.picture)
    said = GRAMMAR.render(shown.action, shown.thought)
    decision = Decision(said, (), (), 0, NO_ADAPTER_DIGEST)
    return Step(index, "", Screenshot(png, *shown.size_px, *shown.size_px), decision, shown.action, Timings())


def _read(picture: Path) -> bytes:
    try:
        return picture.read_bytes()
    except OSError as error:
        raise SessionError(
            f"Got no picture from {picture} ({error}), expected it as it was a moment ago: import again."
        ) from error


def _trajectory(start: EpisodeStart, done: Demonstration, steps: tuple[Step, ...]) -> Trajectory:
    verdict = {True: Verdict.SUCCESS, False: Verdict.FAILURE, None: Verdict.VOID}[done.succeeded]
    return Trajectory(
        trajectory_id=start.trajectory_id,
        runtime_id="",
        task_name=start.task_name,
        goal=start.goal,
        task_params={},
        purpose=start.purpose,
        seed=start.seed,
        step_limit=start.step_limit,
        verdict=verdict,
        void_reason=UNSAID if verdict is Verdict.VOID else "",
        reward=1.0 if verdict is Verdict.SUCCESS else 0.0,
        steps=steps,
        started_at_unix_sec=start.started_at_unix_sec,
        device_serial="imported",
        temperature=start.temperature,
        identity=NOBODY,
    )
