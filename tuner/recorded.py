"""Puts the episodes of recorded sessions into the ledger, as the front would have taken them. Learns nothing.

Of recorded runs only those that this base model acted, unredacted: what others did has no tokens of ours. Episodes of
imported sessions are demonstrations, for imitation alone (``learner.demonstrations``). What cannot be learned from is
left out and named; an episode that is in the ledger already changes nothing.
"""

from dataclasses import dataclass, field
from pathlib import Path

from agent_runtime.sessions.recording import RecordedEpisode, Session
from agent_runtime.sessions.trajectories import trajectory_of, why_no_trajectory
from agent_runtime.trajectory import Purpose, Verdict
from agent_runtime.uplink.codec import trajectory_to_message
from tuner.errors import ConfigError
from tuner.ingest.identity import Identity
from tuner.ingest.ledger import Ledger, StoreOutcome
from tuner.ingest.validate import broken_bound
from tuner.session_folders import require_same_model, trusted_sessions


@dataclass
class Taken:
    """How many episodes were stored and were there already, and a sentence for each that was left out."""

    stored: int = 0
    known: int = 0
    left_out: list[str] = field(default_factory=list)


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
    taken = Taken()
    for session in sessions:
        for episode in session.episodes:
            reason = _take(session, episode, identity, ledger, taken)
            if reason:
                taken.left_out.append(f"{session.folder}: episode {episode.number} is left out: {reason}")
    return taken


def _take(session: Session, episode: RecordedEpisode, identity: Identity, ledger: Ledger, taken: Taken) -> str:
    """Store an episode and count it; return why it was not stored, the empty text where it is."""
    reason = why_no_trajectory(session, episode) or _why_not_learned_from(session, episode)
    if reason:
        return reason
    message = trajectory_to_message(trajectory_of(session, episode))
    broken = broken_bound(message, identity)
    if broken is not None:
        return broken
    outcome = ledger.store(message)
    if outcome is StoreOutcome.CONFLICT:
        return "the ledger holds other content under its id"
    taken.stored += outcome is StoreOutcome.STORED
    taken.known += outcome is StoreOutcome.DUPLICATE
    return ""


def _why_not_learned_from(session: Session, episode: RecordedEpisode) -> str:
    end = episode.end
    if end is not None and end.verdict is Verdict.VOID:
        return f"it is void ({end.void_reason})"
    if session.info.imported is not None and end is not None and end.verdict is not Verdict.SUCCESS:
        return "it is a demonstration that did not succeed"
    if episode.start.purpose is Purpose.EVALUATE:
        return "it was run for evaluation"
    return ""


def _refuse_foreign(session: Session, identity: Identity) -> None:
    info = session.info
    if info.redaction:
        raise ConfigError(
            f"Got {session.folder}, which is redacted and so has no tokens, expected a recorded run: leave it out."
        )
    if info.imported is None:
        require_same_model(session, identity, "--model, --quantization and --grammar")
