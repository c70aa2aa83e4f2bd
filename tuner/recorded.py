"""Puts the episodes of recorded sessions into the ledger, as the front would have taken them. Learns nothing.

Only sessions that this base model acted, unredacted: what others did has no tokens of ours. Imported ones are handed
back, for imitation alone (``learner.demonstrations``). Episodes that ran for
evaluation, are void or were cut are left out and counted; one that is in the ledger already changes nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from agent_runtime.sessions.reader import screen_png
from agent_runtime.sessions.recording import RecordedEpisode, Session
from agent_runtime.trajectory import Purpose, Screenshot, Step, Trajectory, Verdict
from agent_runtime.uplink.codec import trajectory_to_message
from tuner.errors import ConfigError
from tuner.ingest.identity import Identity
from tuner.ingest.ledger import Ledger, StoreOutcome
from tuner.ingest.validate import broken_bound
from tuner.session_folders import trusted_sessions


@dataclass
class Taken:
    """How many episodes were stored, were there already, and were left out."""

    stored: int = 0
    known: int = 0
    left_out: int = 0
    imported: list[Session] = field(default_factory=list)
    """Sessions that were imported: nothing of them is stored."""


def take_sessions(folder: Path, identity: Identity, ledger: Ledger) -> Taken:
    """Store the episodes of a session, or of every session in a folder of them.

    Raises:
        ConfigError: there is none, or one is not of this base model.
        SessionError: one is not what was recorded, or is quarantined.
        LedgerError: the ledger cannot be written.
    """
    sessions = trusted_sessions(folder)
    for session in sessions:
        _refuse_foreign(session, identity)
    taken = Taken(imported=[session for session in sessions if session.info.imported is not None])
    for session in (session for session in sessions if session.info.imported is None):
        for trajectory in _trajectories(session):
            message = None if trajectory is None else trajectory_to_message(trajectory)
            if message is None or broken_bound(message, identity) is not None:
                taken.left_out += 1
            elif ledger.store(message) is StoreOutcome.STORED:
                taken.stored += 1
            else:
                taken.known += 1
    return taken


def _refuse_foreign(session: Session, identity: Identity) -> None:
    info = session.info
    if info.redaction:
        raise ConfigError(
            f"Got {session.folder}, which is redacted and so has no tokens, expected a recorded run: leave it out."
        )
    if info.imported is not None:
        return
    own = info.identity
    differs = identity.mismatch(
        Identity(own.base_model_digest, own.tokenizer_digest, own.quantization, own.action_grammar)
    )
    if differs is not None:
        told = differs.removeprefix("Got ").partition(": ")[0]
        raise ConfigError(f"Got {session.folder} with {told}: name its --model, --quantization and --grammar.")


def _trajectories(session: Session) -> Iterator[Trajectory | None]:
    """Yield the episodes to learn from, and None for each other."""
    for episode in session.episodes:
        fit = episode.start.purpose is Purpose.EXPLORE and episode.end is not None
        yield _trajectory(session, episode) if fit else None


def _trajectory(session: Session, episode: RecordedEpisode) -> Trajectory | None:
    start, end = episode.start, episode.end
    if end is None or end.verdict is Verdict.VOID:
        return None
    return Trajectory(
        trajectory_id=start.trajectory_id,
        runtime_id=session.info.runtime_id,
        task_name=start.task_name,
        goal=start.goal,
        task_params=dict(start.task_params),
        purpose=start.purpose,
        seed=start.seed,
        step_limit=start.step_limit,
        verdict=end.verdict,
        void_reason=end.void_reason,
        reward=end.reward,
        steps=tuple(
            Step(
                step.index,
                step.prompt,
                Screenshot(screen_png(session, step), *step.picture_size_px, *step.device_size_px),
                step.decision,
                step.action,
                step.timings,
            )
            for step in episode.steps
        ),
        started_at_unix_sec=start.started_at_unix_sec,
        device_serial=session.info.device_serial,
        temperature=start.temperature,
        identity=session.info.identity,
    )
