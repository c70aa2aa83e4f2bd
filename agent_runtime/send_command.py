"""`agent-runtime send`: recorded episodes into a running tuner, each told of that was not taken. Loads no model."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agent_runtime.command_options import TunerTls, bad_input_is_a_sentence
from agent_runtime.errors import UsageError

if TYPE_CHECKING:
    from coso.v1 import trajectory_pb2

    from agent_runtime.sessions.recording import RecordedEpisode, Session
    from agent_runtime.uplink.tls import ClientTls
    from agent_runtime.uplink.upload import Upload

LEFT_OUT_EXIT_CODE = 1
EPISODES_AT_ONCE = 8
_HOSTLESS_ID = "import"


@dataclass
class Sent:
    """What became of the episodes, by the word for it; ``refused`` has a sentence for each that was not taken."""

    fates: Counter[str] = field(default_factory=Counter)
    refused: list[str] = field(default_factory=list)


def register(app: typer.Typer) -> None:
    """Add the command to the program's."""
    app.command()(send)


def send(
    folders: Annotated[list[Path], typer.Argument(help="Recorded or imported sessions.", metavar="DIR...")],
    tuner: Annotated[str, typer.Option(help="host:port of a running tuner.")],
    tls: TunerTls = None,
) -> None:
    """Send recorded episodes to a running tuner under their own ids: exit code 1 when some were not taken."""
    with bad_input_is_a_sentence():
        from agent_runtime.sessions.provenance import require_trusted
        from agent_runtime.sessions.reader import open_session
        from agent_runtime.uplink.tls import client_tls
        from agent_runtime.uplink.upload import Upload

        credentials = client_tls(tls, tuner)
        sessions = [open_session(folder) for folder in folders]
        for session in sessions:
            require_trusted(session)
        if not any(session.episodes for session in sessions):
            raise UsageError("Got no episode in these sessions, expected one at least: name others.")
        upload = Upload(tuner, credentials)
        refused = 0
        try:
            for session in sessions:
                sent = send_session(session, upload, credentials)
                _tell(session, sent)
                refused += len(sent.refused)
        finally:
            upload.close()
    if refused:
        raise typer.Exit(LEFT_OUT_EXIT_CODE)


def send_session(session: "Session", upload: "Upload", tls: "ClientTls | None") -> Sent:
    """Send a session's episodes; a run's are admitted as the run was, demonstrations need no model.

    Raises:
        TunerError: the tuner refuses this caller or model, or cannot be reached; what it has it keeps.
        SessionError: a screen is not what was recorded.
    """
    from agent_runtime.uplink.upload import Fate

    sent = Sent()
    fit = list(_fit(session, sent))
    if fit and session.info.imported is None:
        upload.register(session.info.runtime_id, session.info.identity)
    for first in range(0, len(fit), EPISODES_AT_ONCE):
        some = fit[first : first + EPISODES_AT_ONCE]
        answers = upload.send([_message(session, episode, tls) for episode in some])
        for episode, answer in zip(some, answers, strict=True):
            sent.fates[answer.fate.value] += 1
            if answer.fate is Fate.REFUSED:
                sent.refused.append(f"episode {episode.number}: {answer.reason}")
    return sent


def _fit(session: "Session", sent: Sent) -> "Iterator[RecordedEpisode]":
    from agent_runtime.sessions.trajectories import why_no_trajectory

    for episode in session.episodes:
        reason = why_no_trajectory(session, episode)
        if reason:
            sent.fates["not sent"] += 1
            sent.refused.append(f"episode {episode.number}: {reason}")
        else:
            yield episode


def _message(session: "Session", episode: "RecordedEpisode", tls: "ClientTls | None") -> "trajectory_pb2.Trajectory":
    """Return the episode as the run sent it; a demonstration goes under the caller's name where there is one."""
    from agent_runtime.sessions.trajectories import renamed, trajectory_of
    from agent_runtime.uplink.codec import trajectory_to_message

    trajectory = trajectory_of(session, episode)
    if session.info.imported is not None and tls is not None:
        trajectory = renamed(trajectory, f"{tls.name}/{_HOSTLESS_ID}")
    return trajectory_to_message(trajectory)


def _tell(session: "Session", sent: Sent) -> None:
    for sentence in sent.refused:
        typer.echo(f"{session.folder}: {sentence}", err=True)
    told = ", ".join(f"{count} {fate}" for fate, count in sorted(sent.fates.items()))
    typer.echo(f"{session.folder}: {told or 'no episode'}")
