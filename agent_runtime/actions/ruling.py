"""What a gate between the model and a device says of one action. Decides nothing itself: `agent_runtime.gate` does."""

from dataclasses import dataclass

CHANGED = "changed"
"""The rule by which an action is held back because the screen is no longer the one the policy saw."""


@dataclass(frozen=True, slots=True)
class Ruling:
    """Whether an action may reach the device, by which rule and why.

    ``rule`` and ``reason`` are empty where no rule objects. An action that a person let through in spite of a rule is
    allowed and names that rule. A reason never quotes typed text.
    """

    allowed: bool
    rule: str = ""
    reason: str = ""

    @property
    def blames_agent(self) -> bool:
        """True when the agent asked for what it must not do; a screen that changed under it is not its doing."""
        return not self.allowed and self.rule != CHANGED


ALLOWED = Ruling(True)
