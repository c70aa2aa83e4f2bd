"""Rows of numbers by the digest of what they describe, in memory and on disk. A cache: losing it costs time only.

    learner/features/00000003.safetensors     "keys" uint8 [N, 32], "rows" float16 [N, F]

Each flush writes one new file, whole or not there; a file that does not read is removed. Beyond ``capacity`` rows
the oldest are dropped, on disk by whole files.
"""

import hashlib
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from tuner.files import write_atomically

CAPACITY_ROWS = 32_768
_KEY_BYTES = 32


def key_of(*parts: str | bytes) -> bytes:
    """Return the key of what the parts describe together; their lengths go in, so that no two cases run together."""
    digest = hashlib.sha256()
    for part in parts:
        content = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        digest.update(len(content).to_bytes(8, "big"))
        digest.update(content)
    return digest.digest()


class FeatureCache:
    """Rows [F] in float16 by 32-byte key; ``folder`` is made at the first flush."""

    def __init__(self, folder: Path, size: int, capacity: int = CAPACITY_ROWS) -> None:
        self._folder = folder
        self._size = size
        self._capacity = capacity
        self._rows: dict[bytes, Tensor] = {}  # in order of arrival
        self._unsaved: list[bytes] = []
        self._load()

    def __len__(self) -> int:
        """Return how many rows there are in memory."""
        return len(self._rows)

    def get(self, key: bytes) -> Tensor | None:
        """Return the row of that key, None where there is none."""
        return self._rows.get(key)

    def put(self, key: bytes, row: Tensor) -> None:
        """Take in a row [F], float16."""
        assert len(key) == _KEY_BYTES
        assert row.shape == (self._size,)
        assert row.dtype == torch.float16
        self._rows[key] = row
        self._unsaved.append(key)
        while len(self._rows) > self._capacity:
            del self._rows[next(iter(self._rows))]

    def flush(self) -> None:
        """Write the rows put in since the last flush.

        Raises:
            OSError: the disk refused; they are written at the next flush.
        """
        keys = [key for key in self._unsaved if key in self._rows]
        if keys:
            self._folder.mkdir(parents=True, exist_ok=True)
            last = max((int(path.stem) for path in self._files()), default=0)
            write_atomically(self._folder / f"{last + 1:08d}.safetensors", self._payload(keys))
        self._unsaved.clear()

    def _payload(self, keys: list[bytes]) -> bytes:
        packed = torch.frombuffer(bytearray(b"".join(keys)), dtype=torch.uint8).reshape(-1, _KEY_BYTES)
        return save({"keys": packed, "rows": torch.stack([self._rows[key] for key in keys])})

    def _files(self) -> list[Path]:
        return sorted(self._folder.glob("[0-9]*.safetensors"))

    def _load(self) -> None:
        """Read the newest files up to the capacity, and remove the rest."""
        newest_first: list[dict[bytes, Tensor]] = []
        room = self._capacity
        for path in reversed(self._files()):
            rows = self._read(path)
            if rows is None or len(rows) > room:
                path.unlink(missing_ok=True)
                room = 0 if rows is not None else room
                continue
            room -= len(rows)
            newest_first.append(rows)
        for rows in reversed(newest_first):
            self._rows.update(rows)

    def _read(self, path: Path) -> dict[bytes, Tensor] | None:
        try:
            tensors = load(path.read_bytes())
            keys, rows = tensors["keys"], tensors["rows"]
        except (OSError, KeyError, SafetensorError):
            return None
        shaped = keys.shape == (len(rows), _KEY_BYTES) and rows.shape == (len(rows), self._size)
        if not (shaped and keys.dtype == torch.uint8 and rows.dtype == torch.float16):
            return None
        return {bytes(key.tolist()): row for key, row in zip(keys, rows, strict=True)}
