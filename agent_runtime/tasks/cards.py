"""Tasks of the four card games of RL4VLM, with their published returns as rewards. Knows no rules of theirs.

Success is RL4VLM's: the game is over with a return (the sum of its rewards) above 0, arXiv 2405.10292 and
github.com/RL4VLM/RL4VLM, ``VLM_PPO/main.py``. The reward maps the return R linearly from the lowest and highest return
that the game has to [0, 1]:

    reward = (R - lowest) / (highest - lowest)

    NumberLine  -10 to 1, EZPoints -7 to 10, Points24 -22 to 10, Blackjack -1 to 1

A game that is not over, or another one than the task's, has no return: reward 0. So losing a hand of Blackjack gives
0, a draw 0.5, a win 1. A NumberLine game with one wrong move has the return 0: reward 10/11, but no success.
"""

from typing import ClassVar

from agent_runtime.devices import Device
from agent_runtime.errors import TaskError
from agent_runtime.tasks import probes
from agent_runtime.tasks.base import NOTHING, Command, Outcome, Params, ParamSpace, TaskTemplate

GAMES = tuple(str(number) for number in range(1, 65))
_STEPS_TO_OPEN = 3
"""Two swipes to the launcher's page of games, one tap."""
_ANNOUNCEMENT = 1


class _CardGameTask(TaskTemplate):
    """One game, dealt by its number; it starts at the launcher's first page, and the app is cleared after it."""

    param_space: ClassVar[ParamSpace] = {"game": GAMES}
    split_param = "game"
    splits_by_instance_only = True
    package: str
    lowest_return: int
    highest_return: int

    def prepare(self, device: Device, params: Params) -> list[Command]:
        probes.insert(device, self._uri, {"number": int(params["game"])})
        probes.start_from_home(device, [self.package])
        probes.start_from_home(device, [])  # a second time: the launcher goes to its first page
        return [["pm", "clear", self.package]]

    def reached(self, device: Device, params: Params) -> bool:
        return self.outcome(device, params).reached

    def outcome(self, device: Device, params: Params) -> Outcome:
        """Return whether the game is won, and its return as a share of the way from the lowest to the highest."""
        row = next(iter(probes.rows(device, self._uri)), {})
        if row.get("number") != params["game"] or row.get("done") != "1":
            return NOTHING
        try:
            total = int(row["return"])
        except (KeyError, ValueError) as error:
            raise TaskError(f"Got the game {row}, expected a whole return: use a phone with this game.") from error
        return Outcome(total > 0, (total - self.lowest_return) / (self.highest_return - self.lowest_return))

    @property
    def _uri(self) -> str:
        return f"content://{self.package}/game"


class NumberLineTask(_CardGameTask):
    """Have moved to the target without a wrong move."""

    name = "cards/numberline"
    goal_template = "Play NumberLine: move the current number to the target"
    apps = ("NumberLine",)
    package = "org.example.numberline"
    lowest_return, highest_return = -10, 1
    optimal_steps = _STEPS_TO_OPEN + 5 + _ANNOUNCEMENT


class EzPointsTask(_CardGameTask):
    """Have made 12 of both cards."""

    name = "cards/ezpoints"
    goal_template = "Play EZPoints: write a formula of both cards that makes 12, then ="
    apps = ("EZPoints",)
    package = "org.example.ezpoints"
    lowest_return, highest_return = -7, 10
    optimal_steps = _STEPS_TO_OPEN + 4 + _ANNOUNCEMENT


class Points24Task(_CardGameTask):
    """Have made 24 of all four cards."""

    name = "cards/points24"
    goal_template = "Play Points24: write a formula of all four cards that makes 24, then ="
    apps = ("Points24",)
    package = "org.example.points24"
    lowest_return, highest_return = -22, 10
    optimal_steps = _STEPS_TO_OPEN + 12 + _ANNOUNCEMENT
    """Four numbers, three signs and two pairs of parentheses at most, and the equals sign."""


class BlackjackTask(_CardGameTask):
    """Have won a hand; not every hand can be won by a player who does not see the cards to come."""

    name = "cards/blackjack"
    goal_template = "Play a hand of Blackjack and win it"
    apps = ("Blackjack",)
    package = "org.example.blackjack"
    lowest_return, highest_return = -1, 1
    optimal_steps = _STEPS_TO_OPEN + 5 + _ANNOUNCEMENT


CARD_TEMPLATES: tuple[TaskTemplate, ...] = (NumberLineTask(), EzPointsTask(), Points24Task(), BlackjackTask())
