"""A delta beside its version: which adapters it is against, a sha256, and the delta. Encodes none.

Nothing depends on such a file: one that is gone, damaged or against other adapters counts as not there.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path

DELTA_NAME = "delta.zst"
EXTRAPOLATED_NAME = "extrapolated.zst"
_DIGEST_BYTES = 32


def delta_file(against_sha256: Sequence[str], delta: bytes) -> bytes:
    """Return a file's content; ``against_sha256`` are the payloads' hexadecimal digests, the parent's first."""
    return b"".join(map(bytes.fromhex, against_sha256)) + hashlib.sha256(delta).digest() + delta


def write_delta(path: Path, content: bytes) -> None:
    """Write a file of ``delta_file``; whether the disk keeps it is nobody's matter, so nobody waits for that.

    Raises:
        OSError: the disk refused.
    """
    path.write_bytes(content)


def read_delta(path: Path, against_sha256: Sequence[str]) -> bytes | None:
    """Return the delta against exactly these adapters, None where there is none that is whole."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    head_bytes = _DIGEST_BYTES * (len(against_sha256) + 1)
    *against, digest = (content[place : place + _DIGEST_BYTES] for place in range(0, head_bytes, _DIGEST_BYTES))
    delta = content[head_bytes:]
    if [one.hex() for one in against] != list(against_sha256) or hashlib.sha256(delta).digest() != digest:
        return None
    return delta
