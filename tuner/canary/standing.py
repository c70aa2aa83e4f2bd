"""Which version is trusted and which is on trial, as it follows from the decisions so far. Keeps and sends nothing.

trust       a version to go to everyone without a trial: the first, or an older one's tensors again
trial       a version goes to a share of the runtimes
promote     the version on trial becomes the trusted one
withdraw    the version on trial goes to nobody any more, and the learner is to return to the trusted one
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

Kind = Literal["trust", "trial", "promote", "withdraw"]
_HASH_RANGE = 1 << 64


@dataclass(frozen=True, slots=True)
class VersionDecision:
    """What was decided of a version, and why; ``figures`` are the log-likelihood ratios where a trial decided."""

    kind: Kind
    version: int
    adapter_digest: str
    reason: str
    figures: Mapping[str, float] = field(default_factory=dict)
    recorded_at_unix_sec: float = 0.0
    episodes_before: int = 0
    """Episodes that were noted before the decision."""


@dataclass(frozen=True, slots=True)
class Standing:
    """0 stands for no version; the digests are those of the whole adapters, as every step's record names them."""

    trusted: int = 0
    trusted_digest: str = ""
    trial: int = 0
    trial_digest: str = ""
    trusted_since: int = 0
    """Episodes that were noted before it was trusted: of its own trial they are, and the luckier for it."""
    withdrawn: int = 0
    """The version that was withdrawn last, until a trusted one takes its place."""

    def after(self, decision: VersionDecision) -> Standing:
        """Return how things stand after one more decision."""
        match decision.kind:
            case "trust" | "promote":
                return Standing(decision.version, decision.adapter_digest, trusted_since=decision.episodes_before)
            case "trial":
                return replace(self, trial=decision.version, trial_digest=decision.adapter_digest)
            case "withdraw":
                return replace(self, trial=0, trial_digest="", withdrawn=decision.version)

    @property
    def newest_known(self) -> int:
        """The newest version anything was decided about."""
        return max(self.trusted, self.trial, self.withdrawn)

    def version_for(self, runtime_id: str, share: float, others: Collection[str]) -> int:
        """Return the version this runtime is to have; ``others`` are the runtimes that follow, itself included or not.

        The version on trial goes to those whose hash with it falls under ``share``, so to other ones each time, and
        to the one with the lowest hash of all, so that a small farm has a trial too.
        """
        if not self.trial:
            return self.trusted
        own = _hash(self.trial, runtime_id)
        is_lowest = all(own <= _hash(self.trial, other) for other in others)
        return self.trial if is_lowest or own < share * _HASH_RANGE else self.trusted


def standing_after(decisions: Iterable[VersionDecision]) -> Standing:
    """Return how things stand after these decisions, the oldest first."""
    standing = Standing()
    for decision in decisions:
        standing = standing.after(decision)
    return standing


def _hash(version: int, runtime_id: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{version}/{runtime_id}".encode()).digest()[:8])
