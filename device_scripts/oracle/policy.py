"""The oracle as a policy: one step of the task's plan for each decision, then it announces success. Sees no pixels."""

from __future__ import annotations

from collections.abc import Iterator

from agent_runtime.actions import Action, Finish, Swipe, grammar_named
from agent_runtime.devices import Device
from agent_runtime.errors import PolicyError
from agent_runtime.policy.scripted import ScriptedPolicy
from agent_runtime.tasks import Task
from agent_runtime.tasks.injected import NOTIFICATION, PARAM, POP_UP
from agent_runtime.trajectory import NO_ADAPTER_DIGEST, Decision
from device_scripts.oracle.hands import Hands
from device_scripts.oracle.plans import PLANS
from device_scripts.oracle.steps import Plan, follow

LATER = "Later"
BANNER_AWAY = Swipe(0.5, 0.13, 0.5, 0.01)
"""A notification's banner lies in a window of the system's, which no dump of the app's shows."""
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
    hands = Hands(device)
    if task.params.get(PARAM) == POP_UP:
        yield hands.tap(LATER)
    elif task.params.get(PARAM) == NOTIFICATION:
        yield BANNER_AWAY
    yield from follow(plan, hands, dict(task.template.words(task.params)))
    yield Finish(True)
