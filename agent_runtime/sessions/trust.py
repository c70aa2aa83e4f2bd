"""What this user trusts: keys, and sessions by their digest. Two files of lines; checks no signature itself.

    accepted-sessions     hex sha256, then a note       a session's digest is the chain of its last line
    trusted-keys          base64, then a note           Ed25519 public keys

They lie in ``$COSO_PHONE_CONFIG``, else in ``coso-phone`` under ``$XDG_CONFIG_HOME`` or ``~/.config``. Lines are only
ever added; to take trust away, remove a line.
"""

import os
import re
import time
from dataclasses import dataclass
from pathlib import Path

from agent_runtime.errors import UsageError

FOLDER_VARIABLE = "COSO_PHONE_CONFIG"
SESSIONS_NAME, KEYS_NAME = "accepted-sessions", "trusted-keys"
_DIGEST = re.compile(r"[0-9a-f]{64}")
_KEY = re.compile(r"[A-Za-z0-9+/]{43}=")
_WRITABLE_BY_OTHERS = 0o022


def config_folder() -> Path:
    """Return where this user's lists lie."""
    named = os.environ.get(FOLDER_VARIABLE)
    if named:
        return Path(named)
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "coso-phone"


@dataclass(frozen=True, slots=True)
class Trust:
    """The lists in ``folder``, read anew each time; one that is not there is empty."""

    folder: Path

    def accepts(self, digest: str) -> bool:
        """Say whether a session of that digest was recorded here or accepted. Raises ``UsageError``."""
        return digest in self._words(SESSIONS_NAME, _DIGEST)

    def knows(self, public_key: str) -> bool:
        """Say whether a public key, base64, is trusted. Raises ``UsageError``."""
        return public_key in self._words(KEYS_NAME, _KEY)

    def accept(self, digest: str, note: str) -> None:
        """Accept a session.

        Raises:
            UsageError: the list cannot be written.
        """
        self._add(SESSIONS_NAME, digest, note)

    def trust_key(self, public_key: str, note: str) -> None:
        """Trust whatever the owner of a key signed.

        Raises:
            UsageError: the list cannot be written.
        """
        self._add(KEYS_NAME, public_key, note)

    def _words(self, name: str, shape: re.Pattern[str]) -> set[str]:
        """Return the first word of each line.

        Raises:
            UsageError: the list cannot be read, others may write it, or a line is none of its kind.
        """
        path = self.folder / name
        try:
            if not path.exists():
                return set()
            mode = path.stat().st_mode & 0o777
            lines = path.read_text("utf-8").splitlines()
        except (OSError, ValueError) as error:
            raise UsageError(
                f"Got {path} that cannot be read ({error}), expected a list: mend or remove it."
            ) from error
        if mode & _WRITABLE_BY_OTHERS:
            raise UsageError(
                f"Got {path} with mode {mode:o}, expected one that only you can write: look at it, chmod 600."
            )
        words = set()
        for number, line in enumerate(lines, start=1):
            word = line.partition(" ")[0]
            if word and not shape.fullmatch(word):
                raise UsageError(
                    f"Got line {number} of {path} that begins with no such digest or key: remove the line."
                )
            words.add(word)
        return words

    def _add(self, name: str, word: str, note: str) -> None:
        path = self.folder / name
        when = time.strftime("%Y-%m-%d", time.gmtime())
        line = f"{word} {when} {' '.join(note.split())}\n".encode(errors="replace")
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with open(path, "ab+", buffering=0, opener=_for_its_owner) as file:
                size = file.seek(0, os.SEEK_END)
                if size and os.pread(file.fileno(), 1, size - 1) != b"\n":  # somebody's editor left the line open
                    line = b"\n" + line
                file.write(line)
        except OSError as error:
            raise UsageError(
                f"Got {path} that cannot be written ({error.strerror}), expected a folder of yours: name another in "
                f"{FOLDER_VARIABLE}."
            ) from error


def _for_its_owner(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC, 0o600)


def my_trust() -> Trust:
    """Return this user's lists."""
    return Trust(config_folder())
