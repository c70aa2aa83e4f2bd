"""Turns an episode's outcome into a weight for each of its steps. Knows no tokens and no critic.

The success of the same task so far stands in for V (DigiRL's instruction-level value); what learned critics say is
``filters``' business. With r the reward in [0, 1], H the number of steps, h = 1 … H, b the baseline, λ the discount:

    A_h = λ^(H−h) · r − b        the fewer steps were left, the more the outcome is this step's doing
    w_h = min(1, max(A_h, floor))                       when the episode succeeded
    w_h = min(1, A_h)                                   when it failed, but with more reward than was to be expected
    w_h = −min(ceiling, −A_h)                           when it failed otherwise; a ceiling of 0 makes that 0

The floor keeps a success of a task that is mastered as an anchor. A failure without a graded reward has r = 0, so
A_h = −b and weight 0 by default.
``step_weights`` is both lines; ``step_advantages`` is A_h alone, signed, −b on a failure: what PPO takes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

SUCCESS_FLOOR = 0.1


@dataclass
class SuccessBaseline:
    """Running mean reward for each task name, its success rate where none is graded.

    The exact mean at first, then exponential with ``rate``.
    """

    rate: float = 0.1
    values: dict[str, float] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    def value(self, task_name: str) -> float:
        """Return the mean reward seen so far, 0 for a task never seen."""
        return self.values.get(task_name, 0.0)

    def update(self, task_name: str, reward: float) -> None:
        """Take one more outcome in; the n-th moves the mean by max(1/n, ``rate``)."""
        count = self.counts.get(task_name, 0) + 1
        old = self.values.get(task_name, 0.0)
        self.counts[task_name] = count
        self.values[task_name] = old + max(1 / count, self.rate) * (reward - old)

    def state(self) -> dict[str, dict[str, float]]:
        """Return everything as plain data for JSON."""
        return {"values": dict(self.values), "counts": {name: float(count) for name, count in self.counts.items()}}

    def load(self, state: Mapping[str, Mapping[str, float]]) -> None:
        """Take over what ``state`` returned."""
        self.values = dict(state["values"])
        self.counts = {name: int(count) for name, count in state["counts"].items()}


def step_advantages(reward: float, steps: int, baseline: float, discount: float) -> tuple[float, ...]:
    """Return A_h = λ^(H−h) · r − b of every step of one episode, first step first.

    ``reward`` in [0, 1], above 0 for a success; ``steps`` ≥ 1; ``baseline`` in [0, 1]; ``discount`` in (0, 1].

    Raises:
        ValueError: an argument is out of its range or not finite.
    """
    if not (0 <= reward <= 1 and 0 <= baseline <= 1 and 0 < discount <= 1 and steps >= 1):
        raise ValueError(
            f"Got reward {reward}, baseline {baseline}, discount {discount}, {steps} steps: "
            "expected shares in [0, 1] and at least one step."
        )
    return tuple(discount ** (steps - h) * reward - baseline for h in range(1, steps + 1))


def awr_weights(advantages: Sequence[float], succeeded: bool, negative_ceiling: float = 0.0) -> tuple[float, ...]:
    """Return the weights w_h of steps with these advantages; see the module's formula.

    Raises:
        ValueError: the ceiling is negative or not a number.
    """
    if not negative_ceiling >= 0:
        raise ValueError(f"Got the negative ceiling {negative_ceiling}, expected 0 or more.")
    if succeeded:
        return tuple(min(1.0, max(advantage, SUCCESS_FLOOR)) for advantage in advantages)
    return tuple(
        min(1.0, advantage) if advantage > 0 else -min(negative_ceiling, -advantage) or 0.0 for advantage in advantages
    )


def step_weights(
    reward: float, steps: int, baseline: float, discount: float, negative_ceiling: float = 0.0
) -> tuple[float, ...]:
    """Return the weight of every step of one episode: ``awr_weights`` of its ``step_advantages``.

    Raises:
        ValueError: an argument is out of its range or not finite.
    """
    return awr_weights(step_advantages(reward, steps, baseline, discount), reward > 0, negative_ceiling)
