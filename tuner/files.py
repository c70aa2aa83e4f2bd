"""Writes a file or a folder so that it is either whole or not there, power cuts included. Knows no format."""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agent_runtime.files import fsync_folder

_PARTIAL = ".partial"


def write_atomically(path: Path, content: bytes) -> None:
    """Write a temporary file beside ``path``, fsync it, rename it into place and fsync the folder.

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
    fsync_folder(path.parent)


def write_synced(path: Path, content: bytes) -> None:
    """Write a new file, for its owner alone, and fsync it; its name is as durable as its folder.

    Raises:
        OSError: the disk refused, or there is one; part of it may be there.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def let_go(path: Path) -> None:
    """Have the system, where it can be told, take a file that nobody will read soon out of its memory.

    Raises:
        OSError: it cannot be opened.
    """
    with path.open("rb") as file:
        if sys.platform == "linux":  # macOS has no such call
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


@contextmanager
def filled_folder(folder: Path) -> Iterator[Path]:
    """Give a new folder beside ``folder`` to write synced files into, and put it in its place once the block is done.

    Before that no name in it means anything, so the files may be written in any order and at a time. What is in the
    place goes, and so does what a killed process left of its own; for who alone writes into the folder above.

    Raises:
        OSError: the disk refused. Unless it was the last step, ``folder`` is as it was or empty.
    """
    partial = folder.with_name(f".{folder.name}{_PARTIAL}")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    try:
        yield partial
        fsync_folder(partial)
        if folder.exists():
            shutil.rmtree(folder)
        os.replace(partial, folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)  # what was put into its place is not there any more
    fsync_folder(folder.parent)


def remove_partial(folder: Path) -> None:
    """Remove what killed processes left of files they were writing; for who alone writes into the folder."""
    for path in folder.glob(f".*{_PARTIAL}"):
        path.unlink(missing_ok=True)
