"""Votes kept on disk, so that the same screens are asked about once. Knows no judge and no network.

One small JSON file a key, written whole or not at all; a file that is not what was written counts as missing. A disk
that fails costs questions, never an episode.
"""

import hashlib
import json
import logging
import os
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from agent_runtime.errors import UsageError
from agent_runtime.judges.verdicts import Vote

_LOG = logging.getLogger(__name__)
_FORMAT = 1
_MAX_FILE_BYTES = 64 << 10


def cache_key(model: str, prompt_version: str, goal: str, screens_png: Sequence[bytes]) -> str:
    """Return the hex sha256 of all that a vote depends on; lengths go in, so no two cases run together."""
    digest = hashlib.sha256()
    for part in (model.encode(), prompt_version.encode(), goal.encode(), *screens_png):
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.hexdigest()


class VoteCache:
    """A folder of votes by ``cache_key``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def open(self) -> None:
        """Make the folder.

        Raises:
            UsageError: it cannot be written to.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self._folder):
                pass
        except OSError as error:
            raise UsageError(f"Got no judge cache ({error}), expected a folder to write to: name another.") from error

    def votes(self, key: str) -> list[Vote]:
        """Return the votes kept under ``key``, none where there is no sound file."""
        try:
            with self._path(key).open("rb") as file:
                return _votes_from(file.read(_MAX_FILE_BYTES), key)
        except (OSError, ValueError, RecursionError):
            return []

    def put(self, key: str, votes: Sequence[Vote]) -> None:
        """Keep ``votes`` under ``key`` in place of what was there; a disk that refuses is only logged."""
        text = json.dumps({"format": _FORMAT, "key": key, "votes": [vote.value for vote in votes]})
        try:
            handle, name = tempfile.mkstemp(dir=self._folder, prefix=".new-")
            try:
                with os.fdopen(handle, "w", encoding="ascii") as file:
                    file.write(text)
                os.replace(name, self._path(key))
            except OSError:
                with suppress(OSError):
                    os.unlink(name)
                raise
        except OSError as error:
            _LOG.warning("A judge's votes could not be kept (%s); they will be asked for again.", error)

    def _path(self, key: str) -> Path:
        return self._folder / f"{key}.json"


def _votes_from(data: bytes, key: str) -> list[Vote]:
    """Return what ``put`` wrote.

    Raises:
        ValueError: it is something else.
    """
    entry = json.loads(data)
    if not isinstance(entry, dict) or (entry.get("format"), entry.get("key")) != (_FORMAT, key):
        raise ValueError("not an entry of this key")
    votes = entry.get("votes")
    if not isinstance(votes, list):
        raise ValueError("not a list of votes")
    return [Vote(vote) for vote in votes]
