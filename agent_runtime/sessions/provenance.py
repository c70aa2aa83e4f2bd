"""Whether a session may be learned from: recorded here, accepted, or signed by a key this user trusts. Accepts nothing.

Any other is quarantined: it can be looked at, and what would take its word for something refuses it.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent_runtime.errors import SessionError
from agent_runtime.sessions.recording import Session
from agent_runtime.sessions.trust import Trust, my_trust

if TYPE_CHECKING:
    from agent_runtime.sessions.signing import Signature


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether a session is trusted, and why or why not."""

    is_trusted: bool
    reason: str


def standing_of(session: Session, trust: Trust | None = None) -> Standing:
    """Return how a session stands with this user.

    Raises:
        UsageError: a list of what is trusted cannot be read.
    """
    trust = my_trust() if trust is None else trust
    signed = standing_by_signature(session.signature, trust)
    if signed is not None and signed.is_trusted:
        return signed
    if trust.accepts(session.digest):
        return Standing(True, "recorded here or accepted")
    if signed is not None:
        return signed
    if session.info.imported is not None:
        return Standing(False, f"imported from {session.info.imported.kind} and not accepted")
    return Standing(False, "neither signed nor recorded here")


def standing_by_signature(signature: "Signature | None", trust: Trust | None = None) -> Standing | None:
    """Return how something signed stands with this user, None where it is not signed.

    Raises:
        UsageError: the list of trusted keys cannot be read.
    """
    if signature is None:
        return None
    if (my_trust() if trust is None else trust).knows(signature.public_key):
        return Standing(True, f"signed by key {signature.key_id}, which you trust")
    return Standing(False, f"signed by key {signature.key_id}, which you do not trust")


def require_trusted(session: Session, trust: Trust | None = None) -> None:
    """Return where the session may be learned from or acted on.

    Raises:
        SessionError: it is quarantined.
        UsageError: a list of what is trusted cannot be read.
    """
    standing = standing_of(session, trust)
    if not standing.is_trusted:
        raise SessionError(
            f"Got {session.folder}, which is quarantined ({standing.reason}), expected a session you trust: look at it "
            f"with `agent-runtime inspect` and `agent-runtime scan`, then `agent-runtime accept {session.folder}`."
        )
