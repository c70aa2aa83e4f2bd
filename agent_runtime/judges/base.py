"""What the runtime asks of any judge. Asks nobody itself: `panel` does."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from agent_runtime.devices import Frame
from agent_runtime.judges.verdicts import Vote


class Judge(ABC):
    """Says from a goal and screens, and from nothing else, whether the goal is reached.

    A judge never sees what the agent said: an agent must not be able to talk its way to a reward.
    """

    @abstractmethod
    def verdict(self, goal: str, screens: Sequence[Frame]) -> Vote:
        """Return the verdict on ``screens``, oldest first. ABSTAIN says that they do not tell.

        Raises:
            JudgeError: there is no verdict; whatever the agent did is then neither success nor failure.
        """
