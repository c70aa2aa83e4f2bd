"""Records a session as it happens, in a thread of its own. Reads nothing back and never holds up a step.

A screen is on the disk, whole, before the line that names it is written; a line is written whole or is the last. So a
recording that is killed opens up to its last whole line. The disk's sync takes longer than a step should: the loop
only hands its records over, and waits only where the disk has fallen ``_WAITING_AT_MOST`` records behind.
"""

import hashlib
import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from agent_runtime.errors import SessionError
from agent_runtime.files import fsync_folder
from agent_runtime.sessions import chain, schema
from agent_runtime.sessions.recording import (
    HEADER_NAME,
    LINES_NAME,
    SCREENS_NAME,
    EpisodeEnd,
    SessionInfo,
    recorded_step,
    screen_path,
)
from agent_runtime.sessions.redaction import Redactor
from agent_runtime.trajectory import EpisodeStart, Step, Trajectory, step_seed

_WAITING_AT_MOST = 64
OnClosed = Callable[[str], None]
"""Told the digest of a session that was recorded to its end."""


class Recorder:
    """Records into a folder that is new or empty. Call ``open`` first and ``close`` last, which tells ``on_closed``."""

    def __init__(self, folder: Path, info: SessionInfo, on_closed: OnClosed = lambda digest: None) -> None:
        self._files = _Files(folder, info)
        self._on_closed = on_closed
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="recorder")
        self._waiting: deque[Future[None]] = deque()
        self._failure: BaseException | None = None
        self._seed = 0
        self._steps_handed_over = 0

    def open(self) -> None:
        """Make the folder and write session.json.

        Raises:
            SessionError: there is something in the folder, or it cannot be written.
        """
        try:
            self._files.open()
        except OSError as error:
            raise _unwritable(error) from error

    def episode_started(self, start: EpisodeStart) -> None:
        """Record the start; never raises, what fails is told when the episode ends."""
        self._seed, self._steps_handed_over = start.seed, 0
        self._hand_over(lambda: self._files.add_start(start))

    def step_taken(self, step: Step) -> None:
        """Record the step; never raises, what fails is told when the episode ends."""
        self._steps_handed_over += 1
        seed = step_seed(self._seed, step.index)
        self._hand_over(lambda: self._files.add_step(step, seed))

    def episode_ended(self, trajectory: Trajectory) -> None:
        """Record the end, and before it a step whose action failed and which nobody was told of.

        Raises:
            SessionError: something could not be written, now or earlier.
        """
        for step in trajectory.steps[self._steps_handed_over :]:
            self.step_taken(step)
        judge_ms = trajectory.steps[-1].timings.judge_ms if trajectory.steps else 0.0
        end = EpisodeEnd(trajectory.verdict, trajectory.reward, trajectory.void_reason, judge_ms)
        self._hand_over(lambda: self._files.add_end(end))
        self._raise_failure()

    def close(self) -> None:
        """Write what waits and the last line; calling it again does nothing.

        Raises:
            SessionError: something could not be written.
        """
        self._hand_over(self._files.close)
        self._thread.shutdown(wait=True)
        while self._waiting:
            self._settle_oldest()
        self._raise_failure()
        on_closed, self._on_closed = self._on_closed, lambda digest: None
        on_closed(self._files.digest)

    def _hand_over(self, write: Callable[[], None]) -> None:
        if self._files.is_closed:
            return
        while self._waiting and (self._waiting[0].done() or len(self._waiting) >= _WAITING_AT_MOST):
            self._settle_oldest()
        self._waiting.append(self._thread.submit(write))

    def _settle_oldest(self) -> None:
        oldest = self._waiting.popleft()
        wait([oldest])
        self._failure = self._failure or oldest.exception()

    def _raise_failure(self) -> None:
        failure, self._failure = self._failure, None
        if isinstance(failure, OSError):
            raise _unwritable(failure) from failure
        if failure is not None:
            raise failure


def refuse_used_folder(folder: Path) -> None:
    """Raise ``SessionError`` where there is something already: a recording is made once and never added to."""
    try:
        used = folder.exists() and any(folder.iterdir())
    except OSError as error:
        raise _unwritable(error) from error
    if used:
        raise SessionError(
            f"Got {folder} with something in it, expected a new or an empty folder: name another to record to."
        )


class _Files:
    """The folder's files. After a write that failed, nothing more is written: a gap would break the chain."""

    def __init__(self, folder: Path, info: SessionInfo) -> None:
        self.is_closed = False
        self._folder = folder
        self._info = info
        self._redactor = Redactor(info.redaction, info.identity.action_grammar)
        self._file: BinaryIO | None = None
        self._is_broken = True
        self._chain = chain.BEGINNING
        self._lines = 0
        self._screens: set[str] = set()

    @property
    def digest(self) -> str:
        """The chain of the last line."""
        return self._chain

    def open(self) -> None:
        refuse_used_folder(self._folder)
        self._folder.mkdir(parents=True, exist_ok=True)
        with self._unbroken():
            (self._folder / SCREENS_NAME).mkdir()
            header, self._chain = chain.sealed_header(schema.info_record(self._info))
            _write_durably(self._folder / HEADER_NAME, header)
            self._file = (self._folder / LINES_NAME).open("xb", buffering=0)
            fsync_folder(self._folder)

    def add_start(self, start: EpisodeStart) -> None:
        self._add(schema.start_record(self._redactor.start(start)))

    def add_step(self, step: Step, seed: int) -> None:
        if self._is_broken:
            return
        with self._unbroken():
            step = self._redactor.step(step)
            digest = hashlib.sha256(step.screenshot.png).hexdigest()
            if digest not in self._screens:
                _write_durably(screen_path(self._folder, digest), step.screenshot.png)
                self._screens.add(digest)
        self._add(schema.step_record(recorded_step(self._lines + 1, step, seed, digest)))

    def add_end(self, end: EpisodeEnd) -> None:
        self._add(schema.end_record(self._redactor.end(end)))
        self._sync()

    def close(self) -> None:
        if self.is_closed:
            return
        self.is_closed = True
        self._add({"event": schema.SESSION_END, "lines": self._lines + 1})
        self._sync()
        if self._file is not None:
            self._file.close()

    def _add(self, fields: dict[str, object]) -> None:
        if self._is_broken or self._file is None:
            return
        with self._unbroken():
            line, self._chain = chain.sealed(self._chain, fields)
            _write_all(self._file.fileno(), line + b"\n")
            self._lines += 1

    def _sync(self) -> None:
        """Have names of screens on the disk, then the lines that name them; in between a journal keeps the order."""
        if not self._is_broken and self._file is not None:
            fsync_folder(self._folder / SCREENS_NAME)
            os.fsync(self._file.fileno())

    @contextmanager
    def _unbroken(self) -> Iterator[None]:
        """Hold the files for broken until the block has ended well."""
        self._is_broken = True
        yield
        self._is_broken = False


def _write_durably(path: Path, content: bytes) -> None:
    """Make the file appear whole or not at all; its name is on the disk once the folder is synced."""
    unfinished = f"{path}.tmp"
    handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
    try:
        _write_all(handle, content)
        os.fsync(handle)
    finally:
        os.close(handle)
    os.replace(unfinished, path)


def _write_all(handle: int, content: bytes) -> None:
    left = memoryview(content)
    while left:
        left = left[os.write(handle, left) :]


def _unwritable(error: OSError) -> SessionError:
    return SessionError(
        f"Got no place to record to ({error}), expected a disk with room: free some, or record to another folder."
    )
