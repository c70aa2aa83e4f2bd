"""The records of a session, as they are written and read. Holds no reading, no writing and no judgement."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from agent_runtime.actions import Action, Ruling
from agent_runtime.errors import UsageError
from agent_runtime.trajectory import Decision, EpisodeStart, PolicyIdentity, Step, Timings, Verdict

if TYPE_CHECKING:
    from agent_runtime.sessions.signing import Signature

FORMAT_NAME = "agent-runtime session"
FORMAT_VERSION = 1
HEADER_NAME = "session.json"
LINES_NAME = "steps.jsonl"
SCREENS_NAME = "screens"
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Region:
    """A rectangle of the screen, corners normalized to [0, 1] from the left and top edge."""

    x0_norm: float
    y0_norm: float
    x1_norm: float
    y1_norm: float


@dataclass(frozen=True, slots=True)
class Redaction:
    """What is made unreadable before anything is written."""

    text: bool = False
    regions: tuple[Region, ...] = ()

    def __bool__(self) -> bool:
        """True when anything is."""
        return self.text or bool(self.regions)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a session was imported from: the kind of source, as `agent-runtime import` names it, and its path."""

    kind: str
    source: str


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """What holds for a whole session; ``seed`` and ``temperature`` are the run's, an episode has its own."""

    runtime_id: str
    started_at_unix_sec: float
    device_serial: str
    screen_size_px: tuple[int, int]
    device_fingerprint: str | None
    identity: PolicyIdentity
    seed: int
    temperature: float
    software: dict[str, str]
    """Versions of what decided and recorded, by the package's name."""
    redaction: Redaction = Redaction()
    imported: Origin | None = None
    """None for a run of this runtime; else no policy of ours decided, and ``identity`` names none."""


@dataclass(frozen=True, slots=True)
class RecordedStep:
    """One step as it stands in the file; ``line`` counts from 1, ``seed`` is what the decision was drawn with."""

    line: int
    index: int
    seed: int
    prompt: str
    decision: Decision
    action: Action
    timings: Timings
    screen_sha256: str
    picture_size_px: tuple[int, int]
    """Of the stored screen, which is the picture the policy saw."""
    device_size_px: tuple[int, int]
    """Of the screen it was made from."""
    gate: Ruling | None = None
    """What the gate said of the action; None where none was asked, or before sessions told."""
    faults: tuple[str, ...] = ()
    """Names of the device's faults noticed since the step before."""

    @property
    def had_adapter(self) -> bool:
        """True when another version than the base model decided."""
        return self.decision.adapter_version != 0


@dataclass(frozen=True, slots=True)
class EpisodeEnd:
    """How an episode ended; ``judge_ms`` is the time its last step's probe took."""

    verdict: Verdict
    reward: float
    void_reason: str
    judge_ms: float


@dataclass(frozen=True, slots=True)
class RecordedEpisode:
    """An episode; ``end`` is None where the recording was cut in the midst of it."""

    number: int
    line: int
    start: EpisodeStart
    steps: tuple[RecordedStep, ...]
    end: EpisodeEnd | None


@dataclass(frozen=True, slots=True)
class Session:
    """A session that was read. ``is_closed`` is False when its last line is missing: it was cut short."""

    folder: Path
    info: SessionInfo
    episodes: tuple[RecordedEpisode, ...]
    lines: int
    is_closed: bool
    torn_bytes: int = field(default=0)
    """Bytes of a last line that was not written to its end."""
    digest: str = ""
    """The chain of its last line, hex sha256: stands for all of it."""
    signature: "Signature | None" = None
    """A good one, by whomever; None where there is none."""

    def steps(self) -> Iterator[tuple[RecordedEpisode, RecordedStep]]:
        """Yield every step with its episode, in order."""
        for episode in self.episodes:
            for step in episode.steps:
                yield episode, step


def recorded_step(line: int, step: Step, seed: int, screen_sha256: str) -> RecordedStep:
    """Return a step as it stands in that line; its picture is named, not held."""
    screen = step.screenshot
    return RecordedStep(
        line=line,
        index=step.index,
        seed=seed,
        prompt=step.prompt,
        decision=step.decision,
        action=step.action,
        timings=step.timings,
        screen_sha256=screen_sha256,
        picture_size_px=(screen.width_px, screen.height_px),
        device_size_px=(screen.device_width_px, screen.device_height_px),
        gate=step.gate,
        faults=step.faults,
    )


def screen_path(folder: Path, digest: str) -> Path:
    """Return where the screen of that digest lies in a session's folder.

    Raises:
        ValueError: it is no hex sha256.
    """
    if not _DIGEST.fullmatch(digest):
        raise ValueError(f"{digest!r:.80} is no sha256 of a screen")
    return folder / SCREENS_NAME / f"{digest}.png"


def region_from_text(text: str) -> Region:
    """Return the region of ``x0,y0,x1,y1``.

    Raises:
        UsageError: these are not two corners in [0, 1], the second to the right of and below the first.
    """
    try:
        x0, y0, x1, y1 = (float(part) for part in text.split(","))
    except ValueError:
        x0 = y0 = x1 = y1 = -1.0
    if not (0.0 <= x0 < x1 <= 1.0 and 0.0 <= y0 < y1 <= 1.0):
        raise UsageError(
            f"Got the region {text!r}, expected x0,y0,x1,y1 from 0 to 1 with x0 < x1 and y0 < y1: correct it."
        )
    return Region(x0, y0, x1, y1)
