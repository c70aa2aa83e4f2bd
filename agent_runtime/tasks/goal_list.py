"""Goals from a text file, judged by what the screen shows in the end. Asks a judge; knows none in particular."""

import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from agent_runtime.devices import Device
from agent_runtime.errors import JudgeError, UsageError
from agent_runtime.judges.base import Judge
from agent_runtime.judges.verdicts import Vote
from agent_runtime.tasks import probes
from agent_runtime.tasks.base import Command, Params, ParamSpace, Task, TaskTemplate
from agent_runtime.tasks.splits import Split

COMMENT_SIGN = "#"
SETTLE_DEADLINE_SEC = 3.0
MAX_GOAL_CHARS = 1_000
_MAX_FILE_BYTES = 4 << 20


def goals_from_file(path: Path) -> list[str]:
    """Return the goals of a UTF-8 text file in its order, one a line; blank lines and lines of ``#`` are skipped.

    Raises:
        UsageError: it cannot be read, is too large, holds no goal, or one that is too long or has control characters.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_FILE_BYTES + 1)
        text = data.decode("utf-8-sig")
    except (OSError, ValueError) as error:
        raise UsageError(f"Got no goals from {path} ({error}), expected UTF-8 text, one goal a line.") from error
    if len(data) > _MAX_FILE_BYTES:
        raise UsageError(f"Got {path} with over {_MAX_FILE_BYTES} bytes, expected a list of goals: shorten it.")
    goals = []
    for number, line in enumerate(text.split("\n"), start=1):
        goal = line.strip()
        if not goal or goal.startswith(COMMENT_SIGN):
            continue
        if len(goal) > MAX_GOAL_CHARS or any(unicodedata.category(sign) == "Cc" for sign in goal):
            raise UsageError(
                f"Got line {number} of {path} with {len(goal)} characters, expected at most {MAX_GOAL_CHARS} and no "
                "control characters: correct it."
            )
        goals.append(goal)
    if not goals:
        raise UsageError(f"Got {path} without a goal, expected one a line: add some.")
    return goals


class GoalTemplate(TaskTemplate):
    """Any goal in words. It starts at the home screen, and a judge says from the last screen whether it is reached.

    Nothing is undone and no app is stopped: what a goal needs and leaves behind is not known here.
    """

    goal_template = "{goal}"
    param_space: ClassVar[ParamSpace] = {}
    """Not used: goals are words of a file, and this template's ``task`` takes any."""
    apps = ()
    split_param = None
    splits_by_instance_only = True

    def __init__(
        self,
        name: str,
        goals: Sequence[str],
        judge: Judge,
        step_limit: int,
        settle_deadline_sec: float = SETTLE_DEADLINE_SEC,
    ) -> None:
        self.name = name
        self.optimal_steps = step_limit
        self._goals = tuple(goals)
        self._judge = judge
        self._settle_deadline_sec = settle_deadline_sec

    @property
    def step_limit(self) -> int:
        """Steps an agent may take; the fewest that are needed are not known."""
        return self.optimal_steps

    def prepare(self, device: Device, params: Params) -> list[Command]:
        """Go to the home screen."""
        probes.start_from_home(device, ())
        return []

    def reached(self, device: Device, params: Params) -> bool:
        """Show the judge the screen as it is now.

        Raises:
            JudgeError: there is no verdict, by a fault or because the judge abstains.
        """
        vote = self._judge.verdict(params["goal"], [device.observe_settled(self._settle_deadline_sec)])
        if vote is Vote.ABSTAIN:
            raise JudgeError("Got no majority from the judge, expected success or failure: the screen does not tell.")
        return vote is Vote.SUCCESS

    def task(self, params: Params) -> Task:
        """Return the task with that goal.

        Raises:
            UsageError: there are other parameters than ``goal``.
        """
        if set(params) != {"goal"}:
            raise UsageError(f"Got the parameters {sorted(params)} for {self.name}, expected goal: correct the task.")
        return Task(self, params)

    def instances(self, split: Split) -> list[Task]:
        """x."""
        return [self.task({"goal": goal}) for goal in self._goals] if split == "train" else []
