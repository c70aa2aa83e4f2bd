"""Makes names in folders durable, power cuts included. Writes no file."""

import os
from contextlib import suppress
from pathlib import Path


def fsync_folder(folder: Path) -> None:
    """Make what was made, renamed or removed inside the folder durable.

    Raises:
        OSError: the disk refused.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folder(folder: Path) -> None:
    """Make a folder, and those above it that are missing, so that all stay; one there is may not be durable so far.

    Raises:
        OSError: it cannot be made.
    """
    if not folder.parent.exists():
        make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    with suppress(PermissionError):  # whose names we may not even read somebody else made long ago
        fsync_folder(folder.parent)
