"""What a run came to: episodes counted by how they ended, for each device and for all. Counts; runs nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from agent_runtime.tasks import Split
from agent_runtime.trajectory import Trajectory, Verdict

ASKED_TO_STOP = "asked to stop"


@dataclass
class Tally:
    """How the episodes of one kind ended."""

    successes: int = 0
    failures: int = 0
    voids: int = 0
    by_task: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Successes and judged episodes of each template."""
    by_split: dict[Split, tuple[int, int]] = field(default_factory=dict)
    """Successes and judged episodes of each split."""

    def add(self, trajectory: Trajectory, split: Split) -> None:
        """Count an episode of a task of that split; a void one counts as neither success nor failure."""
        if trajectory.verdict is Verdict.VOID:
            self.voids += 1
            return
        success = trajectory.verdict is Verdict.SUCCESS
        self.successes += success
        self.failures += not success
        won, judged = self.by_task.get(trajectory.task_name, (0, 0))
        self.by_task[trajectory.task_name] = (won + success, judged + 1)
        won, judged = self.by_split.get(split, (0, 0))
        self.by_split[split] = (won + success, judged + 1)

    def add_all(self, other: "Tally") -> None:
        """Count everything that another one counted."""
        self.successes += other.successes
        self.failures += other.failures
        self.voids += other.voids
        for name, (successes, episodes) in other.by_task.items():
            won, judged = self.by_task.get(name, (0, 0))
            self.by_task[name] = (won + successes, judged + episodes)
        for split, (successes, episodes) in other.by_split.items():
            won, judged = self.by_split.get(split, (0, 0))
            self.by_split[split] = (won + successes, judged + episodes)

    @property
    def rate(self) -> float | None:
        """Successes over judged episodes; None when there is none."""
        judged = self.successes + self.failures
        return self.successes / judged if judged else None


@dataclass
class DeviceResult:
    """What the run of one device came to."""

    before: Tally = field(default_factory=Tally)
    explore: Tally = field(default_factory=Tally)
    after: Tally = field(default_factory=Tally)
    seconds: float = 0.0
    stopped: str = ""
    """Why it ended early, empty when it did not."""
    has_left: bool = False
    """Whether that was because nothing but void episodes came back from the device."""


@dataclass
class RunResult(DeviceResult):
    """What the run of all devices came to; ``has_left`` where none of them was left."""

    by_device: dict[str, DeviceResult] = field(default_factory=dict)
    """By serial."""


def run_result(by_device: Mapping[str, DeviceResult], seconds: float) -> RunResult:
    """Add the devices up. The run ended early where it was asked to, or where every device left."""
    whole = RunResult(seconds=seconds, by_device=dict(by_device))
    for result in by_device.values():
        whole.before.add_all(result.before)
        whole.explore.add_all(result.explore)
        whole.after.add_all(result.after)
    whole.has_left = all(result.has_left for result in by_device.values())
    if any(result.stopped == ASKED_TO_STOP for result in by_device.values()):
        whole.stopped = ASKED_TO_STOP
    elif whole.has_left:
        reasons = {serial: result.stopped for serial, result in by_device.items()}
        several = "; ".join(f"{serial}: {reason}" for serial, reason in reasons.items())
        whole.stopped = several if len(reasons) > 1 else next(iter(reasons.values()))
    return whole
