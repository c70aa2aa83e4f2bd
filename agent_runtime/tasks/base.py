"""What a task is: words, a start state and a test of the end state, all by device commands. Judges no announcement.

The shape follows AndroidWorld's TaskEval: `initialize`, `is_successful` (a probe of the device's state, never of
its pixels) and `tear_down`. That the agent also has to *say* it is done is the episode's rule, not the task's.
"""

import itertools
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agent_runtime.devices import Device
from agent_runtime.errors import TaskError, UsageError
from agent_runtime.tasks.splits import Split, held_values, is_unseen_app, is_unseen_template

Params = dict[str, str]
ParamSpace = Mapping[str, tuple[str, ...]]
Command = Sequence[str]


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
    apps: tuple[str, ...]
    """Labels of the apps that have to be used."""
    split_param: str | None
    """The parameter of whose values some are unseen in training; None: instances are not told apart."""
    optimal_steps: int
    """Steps a person who knows the phone needs, the announcement included."""
    level: int = 1
    """How many things have to be brought about: 1, 2, or 3 for three and more."""
    splits_by_instance_only: bool = False
    """Never an unseen template or of an unseen app: for suites too small for that."""

    @property
    @abstractmethod
    def param_space(self) -> ParamSpace:
        """The parameters and the values of each."""

    @property
    def step_limit(self) -> int:
        """Steps an agent may take."""
        return 2 * self.optimal_steps + 2

    def words(self, params: Params) -> Params:
        """Return what the goal's places are filled with: the parameters, and what follows from them."""
        return params

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
        """Return every task of a split, in a fixed order; every task is in one split and no other."""
        combinations = itertools.product(*self.param_space.values())
        every = (Task(self, dict(zip(self.param_space, values, strict=True))) for values in combinations)
        return [task for task in every if task.split == split]

    def split_of(self, params: Params) -> Split:
        """Return the split of the task with these parameters: by app first, then by template, then by instance."""
        if not self.splits_by_instance_only:
            if any(is_unseen_app(app) for app in self.apps):
                return "unseen-apps"
            if is_unseen_template(self.name):
                return "unseen-templates"
        key = self.split_param
        is_held = key is not None and params[key] in held_values(self.name, self.param_space[key])
        return "unseen-instances" if is_held else "train"


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
        return self.template.goal_template.format(**self.template.words(self.params))

    @property
    def split(self) -> Split:
        """The one split it belongs to."""
        return self.template.split_of(self.params)

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
