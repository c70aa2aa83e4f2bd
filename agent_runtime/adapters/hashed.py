"""Bytes that are hashed while they arrive, so that nobody hashes them again. Compares nothing."""

from __future__ import annotations

import hashlib


class HashedPayload(bytes):
    """Bytes, with the hexadecimal digest ``sha256`` that a ``HashingBuffer`` made of them as they came."""

    sha256: str


class HashingBuffer:
    """Grows chunk by chunk. The digest is made of what is kept, chunk for chunk, while the next one is on its way."""

    def __init__(self) -> None:
        self._content = bytearray()
        self._hash = hashlib.sha256()

    def __len__(self) -> int:
        return len(self._content)

    def __iadd__(self, chunk: bytes) -> HashingBuffer:
        self._content += chunk
        self._hash.update(chunk)
        return self

    def whole(self) -> HashedPayload:
        """Return what came so far, with its digest."""
        payload = HashedPayload(self._content)
        payload.sha256 = self._hash.hexdigest()
        return payload


def sha256_of(payload: bytes) -> str:
    """Return the hexadecimal digest of a payload, made anew only where it was not made on arrival."""
    return payload.sha256 if isinstance(payload, HashedPayload) else hashlib.sha256(payload).hexdigest()
