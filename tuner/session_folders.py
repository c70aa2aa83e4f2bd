"""Opens the sessions below a folder, for those who learn or conclude from them: none that is quarantined."""

from pathlib import Path

from agent_runtime.sessions.provenance import require_trusted
from agent_runtime.sessions.reader import open_session
from agent_runtime.sessions.recording import HEADER_NAME, Session
from tuner.errors import ConfigError


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
