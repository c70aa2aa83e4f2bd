"""Runs episodes one after another: explores, and evaluates before and after. Prints nothing, sends nothing itself."""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from agent_runtime.actions import Grammar
from agent_runtime.devices import Device
from agent_runtime.episode import EpisodeConfig, OnStart, OnStep, run_episode
from agent_runtime.policy.base import Policy
from agent_runtime.tasks import Split, Task
from agent_runtime.trajectory import Purpose, Trajectory, Verdict

_SEED_RANGE = 1 << 31
GREEDY = 0.0


@dataclass(frozen=True, slots=True)
class RunConfig:
    """How much to run. ``episodes`` and ``minutes`` both bound the exploring; at least one is given."""

    runtime_id: str
    seed: int = 0
    episodes: int | None = None
    minutes: float | None = None
    temperature: float = 1.0
    max_voids_in_a_row: int = 5
    """So many void episodes in a row end the run: the device will not come back by itself."""


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

    @property
    def rate(self) -> float | None:
        """Successes over judged episodes; None when there is none."""
        judged = self.successes + self.failures
        return self.successes / judged if judged else None


@dataclass
class RunResult:
    """What a run came to."""

    before: Tally = field(default_factory=Tally)
    explore: Tally = field(default_factory=Tally)
    after: Tally = field(default_factory=Tally)
    seconds: float = 0.0
    stopped: str = ""
    """Why the run ended early, empty when it did not."""


@dataclass(frozen=True, slots=True)
class Hooks:
    """What the outside wants to know and say during a run."""

    on_episode: Callable[[Trajectory], None] = lambda trajectory: None
    on_start: OnStart = lambda start: None
    on_step: OnStep = lambda step: None
    before_start: Callable[[], object] = lambda: None
    """Called first in every episode, before its task sets the device up; a fault of it makes the episode void."""
    before_decision: Callable[[], None] = lambda: None
    should_stop: Callable[[], bool] = lambda: False
    before_evaluation: Callable[[], None] = lambda: None
    """Called before the last evaluation, for example to wait for the adapter that the exploring led to."""


class Runner:
    """Explores with ``next_task``; evaluates on ``evaluated`` greedily, same goals and seeds before and after."""

    def __init__(
        self,
        device: Device,
        policy: Policy,
        grammar: Grammar,
        next_task: Callable[[random.Random], Task],
        evaluated: Sequence[Task],
        config: RunConfig,
        hooks: Hooks,
    ) -> None:
        self._device = device
        self._policy = policy
        self._grammar = grammar
        self._next_task = next_task
        self._evaluated = evaluated
        self._config = config
        self._hooks = hooks
        self._voids_in_a_row = 0
        self._result = RunResult()

    def run(self) -> RunResult:
        """Evaluate, explore, evaluate; returns early when asked to stop or when nothing but voids comes back."""
        started_at = time.monotonic()
        self._evaluate(self._result.before)
        self._explore()
        if self._evaluated and not self._is_over():
            self._hooks.before_evaluation()
            self._evaluate(self._result.after)
        self._result.seconds = time.monotonic() - started_at
        return self._result

    def _explore(self) -> None:
        rng = random.Random(self._config.seed)
        ends_at = None if self._config.minutes is None else time.monotonic() + 60.0 * self._config.minutes
        done = 0
        while not self._is_over():
            if self._config.episodes is not None and done >= self._config.episodes:
                return
            if ends_at is not None and time.monotonic() >= ends_at:
                return
            task = self._next_task(rng)
            seed = rng.randrange(_SEED_RANGE)
            self._episode(task, Purpose.EXPLORE, seed, self._config.temperature, self._result.explore)
            done += 1

    def _evaluate(self, tally: Tally) -> None:
        for number, task in enumerate(self._evaluated):
            if self._is_over():
                return
            self._episode(task, Purpose.EVALUATE, self._config.seed + number, GREEDY, tally)

    def _episode(self, task: Task, purpose: Purpose, seed: int, temperature: float, tally: Tally) -> None:
        config = EpisodeConfig(
            runtime_id=self._config.runtime_id,
            purpose=purpose,
            seed=seed,
            temperature=temperature,
            before_start=self._hooks.before_start,
            before_decision=self._hooks.before_decision,
            should_stop=self._hooks.should_stop,
            on_start=self._hooks.on_start,
            on_step=self._hooks.on_step,
        )
        trajectory = run_episode(self._device, self._policy, self._grammar, task, config)
        is_void = trajectory.verdict is Verdict.VOID
        self._voids_in_a_row = self._voids_in_a_row + 1 if is_void else 0
        if self._voids_in_a_row >= self._config.max_voids_in_a_row:
            self._result.stopped = f"{self._voids_in_a_row} episodes in a row were void ({trajectory.void_reason})"
        tally.add(trajectory, task.split)
        self._hooks.on_episode(trajectory)

    def _is_over(self) -> bool:
        if not self._result.stopped and self._hooks.should_stop():
            self._result.stopped = "asked to stop"
        return bool(self._result.stopped)
