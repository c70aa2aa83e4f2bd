"""Says when the disk is too full to take more in. Frees nothing.

What is refused stays in the runtimes' spools; a disk filled to the last byte would stop the learner's commits too.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

_GIGABYTE = 1_000_000_000


class FreeSpace:
    """The disk of a folder, of which ``least_bytes`` are to stay free."""

    def __init__(
        self,
        folder: Path,
        least_bytes: int,
        free_bytes: Callable[[Path], int] = lambda path: shutil.disk_usage(path).free,
    ) -> None:
        self._folder = folder
        self._least_bytes = least_bytes
        self._free_bytes = free_bytes

    def refusal(self) -> str | None:
        """Return in one sentence why nothing more is taken in, None while there is room.

        Raises:
            OSError: the disk does not say how full it is.
        """
        free_bytes = self._free_bytes(self._folder)
        if free_bytes >= self._least_bytes:
            return None
        return (
            f"Got {free_bytes / _GIGABYTE:.2f} GB free on the tuner's disk, expected at least "
            f"{self._least_bytes / _GIGABYTE:.2f}: nothing is taken in until there is room; keep it and send it later."
        )
