"""What the loop asks of a policy, the real one or a scripted one. Needs no torch."""

from collections.abc import Sequence
from typing import Protocol

from agent_runtime.actions import Action
from agent_runtime.trajectory import Decision, PolicyIdentity


class Policy(Protocol):
    """Looks at a picture and a prompt, answers with an utterance."""

    identity: PolicyIdentity
    image_size_px: tuple[int, int] | None
    """(width, height) the screen is resized to before it is shown; None leaves it as it is."""

    def prompt_text(self, goal: str, history: Sequence[Action]) -> str:
        """Return what is said besides the picture; it is recorded with the step."""

    def decide(self, image_png: bytes, prompt: str, *, temperature: float, seed: int) -> Decision:
        """Answer; the same arguments under the same adapter give the same answer.

        ``temperature`` 0 is greedy.

        Raises:
            PolicyError: the model cannot answer.
        """
