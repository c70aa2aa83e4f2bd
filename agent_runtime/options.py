"""What a run was asked for, as plain values. Checks nothing and builds nothing."""

from dataclasses import dataclass, field
from pathlib import Path

from agent_runtime.gate.files import GateChoice
from agent_runtime.judged_goals import JudgedGoals
from agent_runtime.tasks import Split


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says; see ``cli`` for the meaning of each."""

    devices: tuple[str, ...]
    """Serials, as given; empty for all that the adb server shows as ready."""
    adb_server_host: str
    adb_server_port: int
    model: str
    quantization: str
    grammar: str | None
    policy: str | None
    tuner: str | None
    suite: str
    tasks: Path | None
    episodes: int | None
    minutes: float | None
    temperature: float
    evaluate_goals: int
    evaluate_splits: tuple[Split, ...]
    wait_for_learning_sec: float
    spool: Path
    records: Path | None
    save_screens: Path | None
    record: Path | None
    redact_text: bool
    redact_regions: tuple[str, ...]
    summary: Path | None
    seed: int
    tuner_key: str | None = None
    tls: Path | None = None
    goals: JudgedGoals | None = None
    gate: GateChoice = field(default_factory=GateChoice)
