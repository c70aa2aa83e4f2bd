"""Makes an episode's reward smaller by what it wrote, where asked for. Pure; statistics of success stay as they are.

    r' = max(0, r − λ₁ · tokens / (step limit · longest answer))          (Optima, arXiv 2410.08115, its length term)

The most an episode could have written is a bound of the task and the checkpoint, not of its batch mates, so that an
episode is worth the same whenever it is looked at, also after a restart. A failure without a graded reward keeps 0:
being short makes no failure better. Optima's readability term needs a language model beside the one that learns; it
is ``coso.shaping.optima_reward``'s other half and is not wired.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from tuner.coso.shaping import optima_reward
from tuner.learner.samples import StepSample

Shape = Callable[[Sequence[StepSample]], list[StepSample]]
"""Returns an episode's steps with the reward to learn from."""


def unshaped(steps: Sequence[StepSample]) -> list[StepSample]:
    """Return the steps as they are."""
    return list(steps)


def shorter_is_better(length_weight: float, longest_answer: int) -> Shape:
    """Return what shapes rewards with λ₁ = ``length_weight``; an answer has at most ``longest_answer`` tokens."""

    def shaped(steps: Sequence[StepSample]) -> list[StepSample]:
        if not steps:
            return []
        tokens = sum(len(step.utterance.token_ids) for step in steps)
        most = max(tokens, steps[0].horizon * longest_answer)
        reward = max(0.0, optima_reward(steps[0].reward, tokens, most, 1.0, length_weight, 0.0))
        return [replace(step, reward=reward) for step in steps]

    return shaped
