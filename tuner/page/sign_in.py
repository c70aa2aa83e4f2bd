"""Who may press buttons on the page: a word made by `tuner keys page`, and sessions in memory. Knows no HTTP.

The state folder holds the word's sha256 alone; the word has 256 random bits, so that no slow hash is needed. A new word
ends all sessions, and so does a restart.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tuner.errors import unwritable
from tuner.files import write_atomically

FILE_NAME: Final = "page_sign_in"
LIFETIME_SEC: Final = 12 * 3600.0
MAX_SESSIONS: Final = 64
TRIES: Final = 5
TRIES_IN_SEC: Final = 60.0
"""So many wrong words in such a time, from all together, and nobody is listened to for the rest of it."""


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who is signed in; ``form_key`` stands in every form of theirs and in nobody else's."""

    form_key: str
    word_sha256: str
    ends_at_sec: float


def make_word(state: Path) -> str:
    """Make a new word to sign in with and keep its hash; the old one is good no more.

    Raises:
        ConfigError: the state folder cannot be written.
    """
    word = secrets.token_urlsafe(32)
    try:
        write_atomically(state / FILE_NAME, f"{_sha256(word)}\n".encode("ascii"))
    except OSError as error:
        raise unwritable(state, error) from error
    return word


class SignIn:
    """The sessions of one page; all calls come from its event loop."""

    def __init__(self, state: Path, now_sec: Callable[[], float] = time.monotonic) -> None:
        self._path = state / FILE_NAME
        self._now_sec = now_sec
        self._sessions: OrderedDict[str, Session] = OrderedDict()
        self._wrong_at_sec: list[float] = []

    @property
    def is_possible(self) -> bool:
        """Whether there is a word to sign in with."""
        return bool(self._word_sha256())

    def is_closed(self) -> bool:
        """Whether too many wrong words came lately for one more to be looked at."""
        since_sec = self._now_sec() - TRIES_IN_SEC
        self._wrong_at_sec = [at_sec for at_sec in self._wrong_at_sec if at_sec > since_sec]
        return len(self._wrong_at_sec) >= TRIES

    def begin(self, word: str) -> str | None:
        """Return the id of a new session, None where the word is wrong; ask ``is_closed`` first."""
        known = self._word_sha256()
        if not known or not hmac.compare_digest(known, _sha256(word)):
            self._wrong_at_sec.append(self._now_sec())
            return None
        session_id = secrets.token_urlsafe(32)
        self._sessions[session_id] = Session(secrets.token_urlsafe(32), known, self._now_sec() + LIFETIME_SEC)
        while len(self._sessions) > MAX_SESSIONS:
            self._sessions.popitem(last=False)
        return session_id

    def session(self, session_id: str | None) -> Session | None:
        """Return the session of that id, None where it is none, over, or of an older word."""
        session = self._sessions.get(session_id or "")
        if session is None or session_id is None:
            return None
        if session.ends_at_sec <= self._now_sec() or session.word_sha256 != self._word_sha256():
            self.end(session_id)
            return None
        return session

    def end(self, session_id: str) -> None:
        """End a session; safe where there is none."""
        self._sessions.pop(session_id, None)

    def _word_sha256(self) -> str:
        try:
            return self._path.read_text("ascii").strip()
        except (OSError, ValueError):
            return ""


def _sha256(word: str) -> str:
    return hashlib.sha256(word.encode("utf-8", "replace")).hexdigest()
