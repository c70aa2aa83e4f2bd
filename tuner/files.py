"""Writes a file so that it is either whole or not there, power cuts included. Knows no format."""

import os
import tempfile
from pathlib import Path

from agent_runtime.files import fsync_folder

_PARTIAL = ".partial"


def write_atomically(path: Path, content: bytes, durable_name: bool = True) -> None:
    """Write a temporary file beside ``path``, fsync it, rename it into place and fsync the folder.

    ``durable_name`` False leaves the folder to a later write into it.

    Raises:
        OSError: the disk refused; ``path`` is then as it was.
    """
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=_PARTIAL)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError:
        Path(temporary).unlink(missing_ok=True)
        raise
    if durable_name:
        fsync_folder(path.parent)


def remove_partial(folder: Path) -> None:
    """Remove what killed processes left of files they were writing; for who alone writes into the folder."""
    for path in folder.glob(f".*{_PARTIAL}"):
        path.unlink(missing_ok=True)
