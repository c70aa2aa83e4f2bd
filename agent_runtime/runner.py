"""Runs episodes one after another on one device, as the agenda has them. Prints nothing, sends nothing itself."""

import random
import time
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass

from agent_runtime.actions import Grammar
from agent_runtime.agenda import Agenda, Numbered
from agent_runtime.devices import Device
from agent_runtime.episode import EpisodeConfig, OnStart, OnStep, run_episode
from agent_runtime.policy.base import Policy
from agent_runtime.tally import ASKED_TO_STOP, DeviceResult, Tally
from agent_runtime.tasks import Task
from agent_runtime.trajectory import Purpose, Trajectory, Verdict

_SEED_RANGE = 1 << 31
GREEDY = 0.0


@dataclass(frozen=True, slots=True)
class RunConfig:
    """How to run. ``device_index`` is the device's place among those of the run."""

    runtime_id: str
    seed: int = 0
    device_index: int = 0
    temperature: float = 1.0
    max_voids_in_a_row: int = 5
    """So many void episodes in a row end the device's run: it will not come back by itself."""


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


class Runner:
    """Explores with ``next_task``; evaluates greedily, same goals and seeds before and after.

    What a device explores follows from the run's seed and the device's index alone; how many episodes of that it gets
    to depends on how fast it is.
    """

    def __init__(
        self,
        device: Device,
        policy: Policy,
        grammar: Grammar,
        next_task: Callable[[random.Random], Task],
        agenda: Agenda,
        config: RunConfig,
        hooks: Hooks,
    ) -> None:
        self.result = DeviceResult()
        self._device = device
        self._policy = policy
        self._grammar = grammar
        self._next_task = next_task
        self._agenda = agenda
        self._config = config
        self._hooks = hooks
        self._rng = random.Random(_device_seed(config.seed, config.device_index))
        self._voids_in_a_row = 0

    @property
    def serial(self) -> str:
        """The device's."""
        return self._device.serial

    def run(self) -> DeviceResult:
        """Do what the agenda has until it is empty, until asked to stop, or until nothing but voids comes back.

        Called again after that, it goes on: with a device that came back.
        """
        started_at = time.monotonic()
        self.result.stopped, self.result.has_left = "", False
        self._voids_in_a_row = 0
        self._evaluate(self._agenda.first_evaluation(), self.result.before)
        while not self._is_over() and self._agenda.may_explore():
            task = self._next_task(self._rng)
            seed = self._rng.randrange(_SEED_RANGE)
            self._episode(task, Purpose.EXPLORE, seed, self._config.temperature, self.result.explore)
        self._evaluate(self._agenda.last_evaluation(), self.result.after)
        self.result.seconds += time.monotonic() - started_at
        return self.result

    def _evaluate(self, goals: Generator[Numbered, None, None], tally: Tally) -> None:
        with closing(goals):
            while not self._is_over() and (goal := next(goals, None)) is not None:
                number, task = goal
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
            self.result.stopped = f"{self._voids_in_a_row} episodes in a row were void ({trajectory.void_reason})"
            self.result.has_left = True
        tally.add(trajectory, task.split)
        self._hooks.on_episode(trajectory)

    def _is_over(self) -> bool:
        if not self.result.stopped and self._hooks.should_stop():
            self.result.stopped = ASKED_TO_STOP
        return bool(self.result.stopped)


def _device_seed(seed: int, index: int) -> int | str:
    """Return what a device's draws follow from; the first one's are those of a run with one device."""
    return seed if index == 0 else f"{seed}/{index}"
