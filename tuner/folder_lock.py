"""Keeps a folder to one process at a time; the kernel lets go when the process ends, anyhow. Waits for none."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tuner.errors import ConfigError

LOCK_NAME = ".lock"


@contextmanager
def folder_locked(folder: Path, expected: str) -> Iterator[None]:
    """Hold the folder while the block runs; ``expected`` ends the sentence where another process has it.

    Raises:
        ConfigError: another process has it, or no lock can be made in it.
    """
    try:
        file = (folder / LOCK_NAME).open("w")
    except OSError as error:
        raise ConfigError(
            f"Got the folder {folder}, expected one that can be written: {error.strerror}; choose another."
        ) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise ConfigError(f"Got the folder {folder}, expected {expected}") from error
        yield
