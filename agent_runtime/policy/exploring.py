"""Which of a policy's two adapters acts an episode: its explorer explores, the deployed one does all else. No torch."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from agent_runtime.actions import Action
from agent_runtime.policy.base import Policy
from agent_runtime.trajectory import Decision, PolicyIdentity, Purpose


@runtime_checkable
class HasExplorer(Protocol):
    """A policy whose versions may carry an explorer."""

    def exploring(self) -> Policy:
        """Return the same policy, but deciding by its explorer while the version in place carries one."""


class DecidesEitherWay(Protocol):
    """A ``base.Policy`` that may be asked to decide by its explorer."""

    identity: PolicyIdentity
    image_size_px: tuple[int, int] | None

    def prompt_text(self, goal: str, history: Sequence[Action]) -> str:
        """See ``base.Policy``."""

    def decide(self, image_png: bytes, prompt: str, *, temperature: float, seed: int, explores: bool) -> Decision:
        """See ``base.Policy``."""


@dataclass(frozen=True)
class Exploring:
    """A ``base.Policy`` that has another one decide by its explorer."""

    policy: DecidesEitherWay

    @property
    def identity(self) -> PolicyIdentity:
        """See ``base.Policy``."""
        return self.policy.identity

    @property
    def image_size_px(self) -> tuple[int, int] | None:
        """See ``base.Policy``."""
        return self.policy.image_size_px

    def prompt_text(self, goal: str, history: Sequence[Action]) -> str:
        """See ``base.Policy``."""
        return self.policy.prompt_text(goal, history)

    def decide(self, image_png: bytes, prompt: str, *, temperature: float, seed: int) -> Decision:
        """See ``base.Policy``."""
        return self.policy.decide(image_png, prompt, temperature=temperature, seed=seed, explores=True)


def acting_for(policy: Policy, purpose: Purpose) -> Policy:
    """Return who acts episodes of this purpose: version and purpose tell which adapter acted."""
    return policy.exploring() if purpose is Purpose.EXPLORE and isinstance(policy, HasExplorer) else policy
