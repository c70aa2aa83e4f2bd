"""A template that is data: words, set-up, checks of the end state, made of `setups` and `checks`. Knows no app."""

from collections.abc import Callable, Mapping, Sequence

from agent_runtime.devices import Device
from agent_runtime.errors import UsageError
from agent_runtime.tasks import phone_apps
from agent_runtime.tasks.base import Command, Params, ParamSpace, TaskTemplate
from agent_runtime.tasks.splits import held_values

SetUp = Callable[[Device, Params], Sequence[Command]]
"""Brings one thing about on the device and returns the commands that undo it."""
Check = Callable[[Device, Params], bool]
"""Says whether one thing is so on the device."""
Derived = Callable[[Params], Params]
_LEAST_VALUES = 4
"""A parameter of fewer values is not split: too little would be left to train on."""


class StateTask(TaskTemplate):
    """Starts at the launcher with ``apps`` as they were when new, then ``set_up``; reached when every check holds.

    ``others`` maps a new word to a parameter: it stands for the value after the parameter's own, on the same side of
    the split, so that no training task names an unseen value. ``derived`` adds further words. Without a
    ``split_param`` the first parameter of at least four values is split, or none.

    Raises:
        UsageError: there are no checks, or a word of ``others`` has no second value on its side of the split.
    """

    def __init__(
        self,
        name: str,
        goal: str,
        apps: Sequence[str],
        optimal_steps: int,
        *,
        checks: Sequence[Check],
        params: ParamSpace | None = None,
        set_up: Sequence[SetUp] = (),
        level: int = 1,
        split_param: str | None = None,
        others: Mapping[str, str] | None = None,
        derived: Derived = lambda params: {},
    ) -> None:
        self.name = name
        self.goal_template = goal
        self.apps = tuple(apps)
        self.optimal_steps = optimal_steps
        self.level = level
        self._params = dict(params or {})
        self.split_param = split_param or self._first_with_enough_values()
        self._set_up = tuple(set_up)
        self._checks = tuple(checks)
        self._derived = derived
        self._after = {word: (key, self._next_values(key)) for word, key in (others or {}).items()}
        if not self._checks:
            raise UsageError(f"Got the template {name} without a check, expected one: add what is to be so in the end.")

    @property
    def param_space(self) -> ParamSpace:
        """The parameters and the values of each."""
        return self._params

    def words(self, params: Params) -> Params:
        """Return the parameters, their neighbours by ``others`` and what is derived from all of them."""
        known = {**params, **{word: after[params[key]] for word, (key, after) in self._after.items()}}
        return {**known, **self._derived(known)}

    def prepare(self, device: Device, params: Params) -> list[Command]:
        """Set the apps back, then set up; what was set up last is undone first."""
        words = self.words(params)
        undo = [command for label in self.apps for command in phone_apps.set_back(device, label)]
        for step in self._set_up:
            undo += step(device, words)
        phone_apps.go_home(device, self.apps)
        return undo

    def reached(self, device: Device, params: Params) -> bool:
        """Say whether every check holds."""
        words = self.words(params)
        return all(check(device, words) for check in self._checks)

    def _first_with_enough_values(self) -> str | None:
        return next((key for key, values in self._params.items() if len(values) >= _LEAST_VALUES), None)

    def _next_values(self, key: str) -> dict[str, str]:
        held = held_values(self.name, self._params[key]) if key == self.split_param else frozenset()
        sides = [[value for value in self._params[key] if (value in held) == side] for side in (False, True)]
        if any(len(values) == 1 for values in sides):
            raise UsageError(f"Got one value of {key} on a side of {self.name}, expected two or more: add values.")
        return {value: values[(at + 1) % len(values)] for values in sides for at, value in enumerate(values)}
