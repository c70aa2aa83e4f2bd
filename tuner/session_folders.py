"""Opens the sessions below a folder, for those who learn or conclude from them: none quarantined, no other model's."""

from pathlib import Path

from agent_runtime.sessions.provenance import require_trusted
from agent_runtime.sessions.reader import open_session
from agent_runtime.sessions.recording import HEADER_NAME, Session
from tuner.errors import ConfigError
from tuner.ingest.identity import Identity


def trusted_sessions(folder: Path) -> list[Session]:
    """Return the session in a folder, and every session in a folder of such, all of them opened.

    Raises:
        ConfigError: there is none.
        SessionError: one is not what was recorded, or is quarantined.
    """
    found = [path.parent for path in sorted([*folder.glob(HEADER_NAME), *folder.glob(f"*/{HEADER_NAME}")])]
    if not found:
        raise ConfigError(
            f"Got {folder} without a session, expected what `agent-runtime run --record` wrote, or a folder of such."
        )
    sessions = [open_session(path) for path in found]
    for session in sessions:
        require_trusted(session)
    return sessions


def require_same_model(session: Session, identity: Identity, options: str) -> None:
    """Return where the session was acted by the model of this identity; ``options`` are the ones that name it.

    Raises:
        ConfigError: it was another's.
    """
    own = session.info.identity
    differs = identity.mismatch(
        Identity(own.base_model_digest, own.tokenizer_digest, own.quantization, own.action_grammar)
    )
    if differs is not None:
        told = differs.removeprefix("Got ").partition(": ")[0]
        raise ConfigError(f"Got {session.folder} with {told}: name its {options}.")
