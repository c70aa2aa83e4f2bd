"""The oracle as a policy: one step of the task's plan for each decision, then it announces success. Sees no pixels."""

from __future__ import annotations

from collections.abc import Iterator

from agent_runtime.actions import Action, Finish, grammar_named
from agent_runtime.devices import Device
from agent_runtime.errors import PolicyError
from agent_runtime.policy.scripted import ScriptedPolicy
from agent_runtime.tasks import Task
from agent_runtime.trajectory import NO_ADAPTER_DIGEST, Decision
from device_scripts.oracle.hands import Hands
from device_scripts.oracle.plans import PLANS
from device_scripts.oracle.steps import Plan, follow

_GRAMMAR = grammar_named("json")


class OraclePolicy(ScriptedPolicy):
    """Knows the task and sees the screen's structure; it acts through taps, swipes, text and keys alone.

    It follows ``plan``, or the one there is for the task.

    Raises:
        PolicyError: there is no plan for the task.
    """

    def __init__(self, device: Device, task: Task, plan: Plan | None = None) -> None:
        super().__init__(["{}"], _GRAMMAR.name)
        if plan is None and task.name not in PLANS:
            raise PolicyError(f"Got the task {task.name}, expected one with a plan: add it to device_scripts/oracle.")
        self._actions = _actions(PLANS[task.name] if plan is None else plan, device, task)

    def decide(self, image_png: bytes, prompt: str, *, temperature: float, seed: int) -> Decision:
        """Return the plan's next action, made for the screen as it is.

        Raises:
            PolicyError: the screen has not what the plan asks for.
        """
        return Decision(_GRAMMAR.render(next(self._actions)), (0,), (0.0,), 0, NO_ADAPTER_DIGEST)


def _actions(plan: Plan, device: Device, task: Task) -> Iterator[Action]:
    yield from follow(plan, Hands(device), dict(task.template.words(task.params)))
    yield Finish(True)
