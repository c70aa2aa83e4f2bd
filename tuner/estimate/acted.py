"""Which recorded episodes an estimate may use, and their ratios once a policy has scored them. Runs no model.

Used are episodes that ended in success or failure and were sampled: at temperature 0 the policy that acted does one
thing only, and nothing is told of any other.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from agent_runtime.sessions.reader import screen_png
from agent_runtime.sessions.recording import RecordedEpisode, RecordedStep, Session
from agent_runtime.trajectory import Verdict
from tuner.errors import ConfigError
from tuner.estimate.episodes import Episode
from tuner.ingest.identity import Identity
from tuner.session_folders import require_same_model, trusted_sessions

_ROUNDING_NATS = 1e-3
"""A log-prob this little above 0 is rounding."""


@dataclass(frozen=True, slots=True)
class ActedEpisode:
    """A recorded episode that can be used, and where its pictures are."""

    session: Session
    recorded: RecordedEpisode
    succeeded: bool

    @property
    def temperature(self) -> float:
        """What it was sampled at."""
        return self.recorded.start.temperature

    def png(self, step: RecordedStep) -> bytes:
        """Return the picture of a step. Raises ``SessionError``."""
        return screen_png(self.session, step)

    def with_ratios(self, log_probs: Sequence[float]) -> Episode:
        """Return the episode as estimators take it; ``log_probs`` are log π(y|s) of its steps under another policy."""
        start = self.recorded.start
        behaviour = [math.fsum(step.decision.log_probs) for step in self.recorded.steps]
        ratios = tuple(now - then for now, then in zip(log_probs, behaviour, strict=True))
        states = tuple((start.goal, step.prompt, step.screen_sha256) for step in self.recorded.steps)
        return Episode(start.task_name, float(self.succeeded), ratios, states)


@dataclass(frozen=True, slots=True)
class Acted:
    """The episodes that can be used, and how many were left out."""

    episodes: tuple[ActedEpisode, ...]
    left_out: int
    sessions: int


def acted_episodes(folders: Sequence[Path], identity: Identity) -> Acted:
    """Return what can be used of the sessions in these folders, under the identity of the policy asked about.

    Its quantization may be another than the recorded one: that is a difference between two policies like any.

    Raises:
        ConfigError: there is no session, or one is redacted, imported, or of another base model or grammar.
        SessionError: one is not what was recorded, or is quarantined.
    """
    found: list[ActedEpisode] = []
    left_out, seen = 0, 0
    for session in (session for folder in folders for session in trusted_sessions(folder)):
        _refuse_what_has_no_log_probs(session, identity)
        seen += 1
        usable = list(_usable(session))
        found += usable
        left_out += len(session.episodes) - len(usable)
    if not found:
        raise ConfigError(
            f"Got {seen} sessions without an episode that ended and was sampled, expected some: record with a "
            "temperature above 0."
        )
    return Acted(tuple(found), left_out, seen)


def _usable(session: Session) -> Iterator[ActedEpisode]:
    for episode in session.episodes:
        judged = episode.end is not None and episode.end.verdict is not Verdict.VOID
        if judged and episode.start.temperature > 0 and episode.steps and all(map(_is_sampled, episode.steps)):
            assert episode.end is not None, "judged"
            yield ActedEpisode(session, episode, episode.end.verdict is Verdict.SUCCESS)


def _is_sampled(step: RecordedStep) -> bool:
    told = step.decision.log_probs
    sound = all(math.isfinite(log_prob) and log_prob <= _ROUNDING_NATS for log_prob in told)
    return sound and 0 < len(told) == len(step.decision.token_ids)


def _refuse_what_has_no_log_probs(session: Session, identity: Identity) -> None:
    info = session.info
    if info.redaction or info.imported is not None:
        kind = "redacted" if info.redaction else "imported"
        raise ConfigError(
            f"Got {session.folder}, which is {kind} and so has no tokens, expected a recorded run: leave it out."
        )
    in_any_quantization = replace(identity, quantization=info.identity.quantization)
    require_same_model(session, in_any_quantization, "--model and --grammar")
