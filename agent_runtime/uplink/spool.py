"""A durable queue of trajectories on disk, oldest first. Sends nothing.

One file per trajectory, written beside its place, fsynced and renamed into it; a file that cannot be read back
is set aside under ``damaged/`` and the queue goes on. A lock on the folder keeps it to one runtime.
"""

import fcntl
import hashlib
import logging
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TextIO

from coso.v1 import trajectory_pb2
from google.protobuf.message import DecodeError

from agent_runtime.errors import UsageError
from agent_runtime.files import fsync_folder, make_folder

DEFAULT_CAP_BYTES = 2 << 30
_DIGEST_BYTES = 32
_SUFFIX = ".trajectory"
_LOG = logging.getLogger(__name__)


class SpoolFullError(UsageError):
    """The spool holds as many bytes as it may."""


class Spool:
    """The queue in ``folder``; call ``open`` before anything else."""

    def __init__(self, folder: Path, cap_bytes: int = DEFAULT_CAP_BYTES) -> None:
        self._folder = folder
        self._cap_bytes = cap_bytes
        self._next_number = 0
        self._held_bytes = 0
        """At least as many as wait; counted anew before it is said that the spool is full."""
        self._lock: TextIO | None = None

    def open(self) -> None:
        """Make the folder, lock it for this runtime and go on counting where it stopped.

        Raises:
            UsageError: the folder cannot be made or written, or another runtime has it.
        """
        probe = self._folder / ".writable"
        try:
            make_folder(self._folder)
            probe.touch()
            probe.unlink(missing_ok=True)
            self._lock = (self._folder / ".lock").open("w")
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for leftover in self._folder.glob(".writing-*"):
                leftover.unlink()
            numbers = (path.stem for path in self._folder.rglob(f"*{_SUFFIX}"))  # those set aside keep theirs too
            self._next_number = max((int(number) for number in numbers if number.isdigit()), default=-1) + 1
            self._held_bytes = self.size_bytes()
        except BlockingIOError as error:
            self.close()
            raise UsageError(
                f"Got the spool folder {self._folder}, expected one that no other runtime uses: "
                "choose another with --spool."
            ) from error
        except OSError as error:
            self.close()
            raise UsageError(
                f"Got the spool folder {self._folder}, expected one that can be written: {error.strerror}; "
                "choose another with --spool."
            ) from error

    def close(self) -> None:
        """Leave the folder to whoever opens it next, with all that waits; safe to call twice."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def put(self, trajectory: trajectory_pb2.Trajectory) -> None:
        """Make a trajectory durable.

        Raises:
            SpoolFullError: it would go over the cap; nothing was written.
            UsageError: it is larger than the cap by itself, or the spool is not open.
            OSError: the disk refused; nothing is kept, as far as the disk lets it be removed.
        """
        if self._lock is None:
            raise UsageError("Got a spool that is not open, expected an open one: call open() first.")
        body = trajectory.SerializeToString(deterministic=True)
        size = _DIGEST_BYTES + len(body)
        if size > self._cap_bytes:
            raise UsageError(f"Got an episode of {size:,} bytes, expected at most the spool's {self._cap_bytes:,}.")
        if self._held_bytes + size > self._cap_bytes:
            self._held_bytes = self.size_bytes()
        if self._held_bytes + size > self._cap_bytes:
            raise SpoolFullError(
                f"Got {self._held_bytes:,} bytes waiting in {self._folder}, expected at most {self._cap_bytes:,}: "
                "start the tuner, or raise the cap."
            )
        number, self._next_number = self._next_number, self._next_number + 1  # never one that may be on its way
        temporary, path = self._folder / f".writing-{number}", self._folder / f"{number:012d}{_SUFFIX}"
        try:
            with temporary.open("wb") as file:
                file.write(hashlib.sha256(body).digest() + body)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
            fsync_folder(self._folder)
        except OSError:
            for leftover in (temporary, path):  # a full disk is not to keep half of one
                with suppress(OSError):
                    leftover.unlink(missing_ok=True)
            raise
        self._held_bytes += size

    def waiting(self) -> Iterator[tuple[Path, trajectory_pb2.Trajectory]]:
        """Yield every whole trajectory with its file, the oldest first; one the disk does not give waits longer."""
        for path in self._files():
            try:
                content = path.read_bytes()
            except OSError as error:
                _LOG.warning("%s is not sent so far: %s", path, error)
                continue
            body = content[_DIGEST_BYTES:]
            if hashlib.sha256(body).digest() != content[:_DIGEST_BYTES]:
                self._set_aside(path)
                continue
            try:
                yield path, trajectory_pb2.Trajectory.FromString(body)
            except DecodeError:
                self._set_aside(path)

    def remove(self, path: Path) -> None:
        """Forget a trajectory that the tuner has stored."""
        path.unlink(missing_ok=True)

    def refuse(self, path: Path) -> None:
        """Set a trajectory aside that the tuner will never take."""
        self._move(path, "refused")

    def size_bytes(self) -> int:
        """Return how many bytes wait; what is sent meanwhile may count or not."""
        held_bytes = 0
        for path in self._files():
            with suppress(FileNotFoundError):
                held_bytes += path.stat().st_size
        return held_bytes

    def __len__(self) -> int:
        return len(self._files())

    def _files(self) -> list[Path]:
        return sorted(path for path in self._folder.glob(f"*{_SUFFIX}") if path.stem.isdigit())

    def _set_aside(self, path: Path) -> None:
        self._move(path, "damaged")

    def _move(self, path: Path, name: str) -> None:
        if not (self._folder / name).is_dir():
            make_folder(self._folder / name)
        os.replace(path, self._folder / name / path.name)
