"""Bytes that are hashed while they arrive, so that nobody hashes them again. Compares nothing."""

from __future__ import annotations

import hashlib
from typing import TypeAlias

Payload: TypeAlias = bytes | bytearray
"""What comes of a version: in a bytearray from the uplink, so that its tensors can stay where they arrived."""


class HashedPayload(bytearray):
    """Grows chunk by chunk. The digest is made of what is kept, chunk for chunk, while the next one is on its way.

    Whoever takes it over may use its bytes in place: nobody changes them after the last chunk.
    """

    def __init__(self) -> None:
        super().__init__()
        self._hash = hashlib.sha256()

    def add(self, chunk: bytes) -> None:
        """Append a chunk."""
        self.extend(chunk)
        self._hash.update(chunk)

    @property
    def sha256(self) -> str:
        """The hexadecimal digest of what came so far."""
        return self._hash.hexdigest()


def sha256_of(payload: Payload) -> str:
    """Return the hexadecimal digest of a payload, made anew only where it was not made on arrival."""
    return payload.sha256 if isinstance(payload, HashedPayload) else hashlib.sha256(payload).hexdigest()
