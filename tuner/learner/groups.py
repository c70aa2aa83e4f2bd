"""What an episode earned beside others of the same task and parameters: GRPO's one number, or GiGPO's for each step.

Knows which episodes make a group and when two screens are one state; the formulas are ``coso.credit``'s.
"""

from collections.abc import Iterable, Sequence

from tuner.coso.credit import Visited, gigpo_advantages, group_advantage
from tuner.learner.samples import Group, StepSample

GROUP_SIZE = 16
"""Episodes that one is compared with, itself among them; an older policy's outcomes are no measure of today's."""


class Groups:
    """The episodes of a replay, in order of arrival, by task and parameters."""

    def __init__(self, episodes: Iterable[Sequence[StepSample]], discount: float, step_weight: float = 0.0) -> None:
        self._discount = discount
        self._step_weight = step_weight
        self._by_group: dict[Group, dict[int, Sequence[StepSample]]] = {}
        for steps in episodes:
            if steps:
                self._by_group.setdefault(steps[0].group, {})[steps[0].key[0]] = steps

    def advantages(self, step: StepSample) -> tuple[float, ...]:
        """Return the advantage of every step of the episode that ``step`` is of, against the latest of its group."""
        group = self._by_group[step.group]
        others = [steps for sequence, steps in group.items() if sequence != step.key[0]]
        members = [*others[-(GROUP_SIZE - 1) :], group[step.key[0]]]
        if self._step_weight == 0:
            return (group_advantage(step.reward, [steps[0].reward for steps in members]),) * step.steps
        visited = [_visited(steps) for steps in members]
        return gigpo_advantages(visited, len(visited) - 1, self._discount, self._step_weight)


def _visited(steps: Sequence[StepSample]) -> Visited:
    """Return the episode's states: goal and picture, byte for byte, as the policy saw them.

    None for steps that are not in the replay. A picture is its own key: Python hashes the bytes of an object once.
    """
    told = {step.key[1]: (step.goal, step.screenshot_png) for step in steps}
    return Visited(steps[0].reward, [told.get(place) for place in range(steps[0].steps)])
