"""What a task is: words, a start state and a test of the end state, all by device commands. Judges no announcement.

The shape follows AndroidWorld's TaskEval: `initialize`, `is_successful` (a probe of the device's state, never of
its pixels) and `tear_down`. That the agent also has to *say* it is done is the episode's rule, not the task's.
"""

import hashlib
import itertools
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from agent_runtime.devices import Device
from agent_runtime.errors import TaskError, UsageError

Split = Literal["train", "held"]
Params = dict[str, str]
ParamSpace = Mapping[str, tuple[str, ...]]
Command = Sequence[str]
_HELD_SHARE = 4


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the device's state says in the end: whether the goal is reached, and a reward in [0, 1].

    Raises:
        TaskError: the reward is outside [0, 1].
    """

    reached: bool
    reward: float

    def __post_init__(self) -> None:
        if not 0 <= self.reward <= 1:
            raise TaskError(f"Got the reward {self.reward}, expected a number from 0 to 1: correct the template.")


NOTHING = Outcome(False, 0.0)


class TaskTemplate(ABC):
    """A family of tasks that differ in their parameters. Subclasses fill in the attributes and the abstract methods."""

    name: str
    goal_template: str
    param_space: ClassVar[ParamSpace]
    split_param: str | None
    """The parameter whose values are divided into train and held; None: the template is for training only."""
    optimal_steps: int
    """Steps a person who knows the phone needs, the announcement included."""

    @property
    def step_limit(self) -> int:
        """Steps an agent may take."""
        return 2 * self.optimal_steps + 2

    @abstractmethod
    def prepare(self, device: Device, params: Params) -> list[Command]:
        """Bring the device to the start; return the commands that undo what outlives the task."""

    @abstractmethod
    def reached(self, device: Device, params: Params) -> bool:
        """Say whether the device's state is the one asked for."""

    def outcome(self, device: Device, params: Params) -> Outcome:
        """Say whether the goal is reached, and the reward: 1 where it is, else 0, unless a template grades it.

        The learner weighs every judged episode by its reward; success is counted for statistics and for cloning.
        """
        reached = self.reached(device, params)
        return Outcome(reached, 1.0 if reached else 0.0)

    def task(self, params: Params) -> "Task":
        """Return the task with these parameters.

        Raises:
            UsageError: a parameter is missing, unknown or outside ``param_space``.
        """
        if set(params) != set(self.param_space):
            raise UsageError(
                f"Got the parameters {sorted(params)} for {self.name}, expected {sorted(self.param_space)}: "
                "correct the task."
            )
        for key, value in params.items():
            if value not in self.param_space[key]:
                raise UsageError(
                    f"Got {key}={value!r} for {self.name}, expected one of {', '.join(self.param_space[key])}: "
                    "choose one of these."
                )
        return Task(self, params)

    def instances(self, split: Split) -> list["Task"]:
        """Return every task of a split, in a fixed order; no task is in both."""
        held = held_values(self.name, self.param_space[self.split_param]) if self.split_param else frozenset()
        combinations = itertools.product(*self.param_space.values())
        every = [dict(zip(self.param_space, values, strict=True)) for values in combinations]
        wanted = split == "held"
        return [Task(self, params) for params in every if (params.get(self.split_param or "") in held) == wanted]


def held_values(name: str, values: Sequence[str]) -> frozenset[str]:
    """Return the quarter of ``values`` (at least one) that a template keeps from training, chosen by hash."""
    ranked = sorted(values, key=lambda value: hashlib.sha256(f"{name}:{value}".encode()).digest())
    return frozenset(ranked[: max(1, len(values) // _HELD_SHARE)])


class Task:
    """One goal with its parameters. Use: ``initialize``, let the agent act, ``is_successful``, ``tear_down``.

    Every method raises ``TaskError`` when the device refuses a command and ``DeviceError`` when it is gone.
    """

    def __init__(self, template: TaskTemplate, params: Params) -> None:
        self.template = template
        self.params = params
        self._undo: list[Command] = []

    @property
    def name(self) -> str:
        """The template's name."""
        return self.template.name

    @property
    def goal(self) -> str:
        """What the agent is asked for."""
        return self.template.goal_template.format(**self.params)

    @property
    def step_limit(self) -> int:
        """Steps the agent may take."""
        return self.template.step_limit

    def initialize(self, device: Device) -> None:
        """Bring the device to the start, at its home screen."""
        self._undo = self.template.prepare(device, self.params)

    def is_successful(self, device: Device) -> bool:
        """Probe the device's state."""
        return self.template.reached(device, self.params)

    def outcome(self, device: Device) -> Outcome:
        """Probe the device's state, once, for success and reward."""
        return self.template.outcome(device, self.params)

    def tear_down(self, device: Device) -> None:
        """Put back what would show in later tasks."""
        while self._undo:
            device.shell(self._undo.pop())
