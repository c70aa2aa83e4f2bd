"""Keeps a folder to one process at a time; the kernel lets go when the process ends, anyhow."""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from tuner.errors import ConfigError, unwritable

LOCK_NAME = ".lock"
_LOOK_AGAIN_SEC = 0.05


@contextmanager
def folder_locked(folder: Path, expected: str) -> Iterator[None]:
    """Hold the folder while the block runs; ``expected`` ends the sentence where another process has it.

    Raises:
        ConfigError: another process has it, or no lock can be made in it.
    """
    with _lock_file(folder) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise ConfigError(f"Got the folder {folder}, expected {expected}") from error
        yield


@contextmanager
def folder_awaited(folder: Path, stopped_within: Callable[[float], bool]) -> Iterator[bool]:
    """Wait for the folder, then hold it while the block runs.

    Yields False, with nothing held, where ``stopped_within``, asked with the seconds to wait, said True before.

    Raises:
        ConfigError: no lock can be made in it.
    """
    with _lock_file(folder) as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if stopped_within(_LOOK_AGAIN_SEC):
                    yield False
                    return
                continue
            yield True
            return


def _lock_file(folder: Path) -> TextIO:
    try:
        return (folder / LOCK_NAME).open("w")
    except OSError as error:
        raise unwritable(folder, error) from error
