"""Opens a session, verifies its chain and its screens, and gives it as typed records. Repairs nothing."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from agent_runtime.errors import SessionError
from agent_runtime.sessions import chain, schema
from agent_runtime.sessions.fields import Fields
from agent_runtime.sessions.recording import (
    HEADER_NAME,
    LINES_NAME,
    EpisodeEnd,
    RecordedEpisode,
    RecordedStep,
    Session,
    SessionInfo,
    screen_path,
)
from agent_runtime.trajectory import EpisodeStart

MAX_LINE_BYTES = 16 << 20
_CHANGED = "it was edited, or a line just before it was removed, added or moved"


def open_session(folder: Path) -> Session:
    """Return the session in a folder, up to its last whole line; ``is_closed`` tells whether that is its end.

    Raises:
        SessionError: there is none, or it is not what was recorded; the sentence names the line or the file.
    """
    info, link = _header(folder / HEADER_NAME)
    course = _Course()
    reading = _Lines(folder / LINES_NAME, link)
    for number, fields in reading:
        try:
            course.take(number, Fields(fields))
        except ValueError as error:
            raise _bad_line(folder, number, str(error)) from error
    if course.is_closed and reading.torn_bytes:
        raise _bad_line(folder, reading.count + 1, "it stands after the session's end")
    episodes, digest = tuple(course.episodes()), reading.link
    session = Session(folder, info, episodes, reading.count, course.is_closed, reading.torn_bytes, digest)
    _verify_screens(session)
    return _with_signature(session)


def _with_signature(session: Session) -> Session:
    """Return the session with who signed it; a signature that is not of it makes it a damaged one."""
    if not (session.folder / "signature.json").exists():
        return session  # most have none, and need no cryptography
    from agent_runtime.sessions.signing import SESSION, signature_of

    return replace(session, signature=signature_of(session.folder, SESSION, session.digest))


def screen_png(session: Session, step: RecordedStep) -> bytes:
    """Return the stored screen of a step.

    Raises:
        SessionError: it is missing, or is not what was recorded.
    """
    return _screen(session.folder, step)


def _header(path: Path) -> tuple[SessionInfo, str]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise SessionError(
            f"Got no session from {path.parent} ({error}), expected a folder with {HEADER_NAME}: name what "
            "`agent-runtime run --record` wrote."
        ) from error
    try:
        fields, link = chain.opened_header(content)
        return schema.info_from_record(Fields(fields)), link
    except ValueError as error:
        raise SessionError(
            f"Got {path} that is not what was recorded ({error}), expected it unchanged: take it from a copy."
        ) from error


@dataclass
class _Lines:
    """Reads whole lines and follows the chain; afterwards ``count`` and ``torn_bytes`` tell what there was."""

    path: Path
    link: str
    count: int = 0
    torn_bytes: int = 0

    def __iter__(self) -> Iterator[tuple[int, dict[str, object]]]:
        if not self.path.exists():
            return  # killed before the first line
        try:
            with self.path.open("rb") as file:
                while line := file.readline(MAX_LINE_BYTES + 1):
                    if not line.endswith(b"\n"):
                        self._end_of_the_file(line)
                        return
                    self.count += 1
                    yield self.count, self._opened(line[:-1])
        except OSError as error:
            raise SessionError(f"Got {self.path} that cannot be read ({error}), expected a file of lines.") from error

    def _opened(self, line: bytes) -> dict[str, object]:
        try:
            fields, self.link = chain.opened(self.link, line)
        except chain.BrokenChainError as error:
            raise _bad_line(self.path.parent, self.count, f"{error}; {_CHANGED}") from error
        return fields

    def _end_of_the_file(self, rest: bytes) -> None:
        if len(rest) > MAX_LINE_BYTES:
            raise _bad_line(self.path.parent, self.count + 1, f"it is longer than {MAX_LINE_BYTES} bytes")
        self.torn_bytes = len(rest)


@dataclass
class _Course:
    """Puts lines together into episodes; raises ``ValueError`` for a line that cannot stand where it does."""

    is_closed: bool = False
    _done: list[RecordedEpisode] = field(default_factory=list)
    _start: EpisodeStart | None = None
    _start_line: int = 0
    _steps: list[RecordedStep] = field(default_factory=list)

    def take(self, line: int, fields: Fields) -> None:
        """Take the next line."""
        if self.is_closed:
            raise ValueError("it stands after the session's end")
        event = fields.text("event")
        match event, self._start is not None:
            case schema.EPISODE_START, False:
                self._start, self._start_line = schema.start_from_record(fields), line
            case schema.STEP, True:
                self._take_step(schema.step_from_record(fields, line))
            case schema.EPISODE_END, True:
                self._finish(schema.end_from_record(fields))
            case schema.SESSION_END, _:  # within an episode too: a second signal ends a run there
                self.is_closed = True
            case _:
                raise ValueError(f"the event {event!r:.80} cannot stand there")

    def episodes(self) -> list[RecordedEpisode]:
        """Return the episodes, one that was cut included."""
        if self._start is not None:
            self._finish(None)
        return self._done

    def _take_step(self, step: RecordedStep) -> None:
        if step.index != len(self._steps):
            raise ValueError(f"it holds step {step.index}, not {len(self._steps)}")
        screen_path(Path(), step.screen_sha256)
        self._steps.append(step)

    def _finish(self, end: EpisodeEnd | None) -> None:
        assert self._start is not None, "only called within an episode"
        if end is not None and self._steps:
            last = self._steps[-1]
            self._steps[-1] = replace(last, timings=replace(last.timings, judge_ms=end.judge_ms))
        number = len(self._done) + 1
        self._done.append(RecordedEpisode(number, self._start_line, self._start, tuple(self._steps), end))
        self._start, self._steps = None, []


def _verify_screens(session: Session) -> None:
    seen: set[str] = set()
    for _, step in session.steps():
        if step.screen_sha256 not in seen:
            seen.add(step.screen_sha256)
            _screen(session.folder, step)


def _screen(folder: Path, step: RecordedStep) -> bytes:
    path = screen_path(folder, step.screen_sha256)
    try:
        png = path.read_bytes()
    except OSError as error:
        raise _bad_line(folder, step.line, f"the screen it names cannot be read ({error})") from error
    if hashlib.sha256(png).hexdigest() != step.screen_sha256:
        raise _bad_line(folder, step.line, f"the screen it names, {path.name}, is not what was recorded")
    return png


def _bad_line(folder: Path, number: int, why: str) -> SessionError:
    return SessionError(
        f"Got line {number} of {folder / LINES_NAME} not as it was recorded ({why}), expected it unchanged: take the "
        "session from a copy."
    )
