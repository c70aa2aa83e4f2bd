"""What a check of a device says: ok, a warning or a failure, and what to do. Checks nothing itself."""

from dataclasses import dataclass
from enum import Enum

from agent_runtime.errors import AgentRuntimeError


class Level(Enum):
    """How much a finding matters: a run may go on with warnings, not with a failure."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a check found; ``todo`` says what to do about it and is empty where nothing is."""

    level: Level
    found: str
    todo: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """A check's name with its outcome."""

    check: str
    outcome: Outcome


def outcome_of(error: AgentRuntimeError, level: Level = Level.FAIL) -> Outcome:
    """Return what an error's sentence says: what was got, then what to do."""
    found, _, todo = str(error).rpartition(": ")
    return Outcome(level, found or todo, todo if found else "")
