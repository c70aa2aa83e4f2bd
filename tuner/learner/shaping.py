"""What an episode's reward is to learning, where more than the task's own is asked for. Pure; changes no verdict.

    r' = max(0, r − λ₁ · tokens / (step limit · longest answer) − λ₂ · (1 − 1 / perplexity))    (Optima, 2410.08115)

Optima adds λ₂ / perplexity; one λ₂ less for everybody keeps rewards in [0, 1] and a success that reads well where it
was. The most an episode could have written is a bound of the task and the checkpoint, and the perplexity that under the
base model, which is not trained: an episode is worth the same whenever it is looked at, also after a restart. A failure
without a graded reward keeps 0: being short or readable makes no failure better.

Before that a plain failure may get credit, w · what a reward model said of it when it came in (``reward_model``): a
success and a graded failure keep what their task's probe gave them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from tuner.coso.shaping import optima_reward, perplexity
from tuner.learner.samples import StepSample

Shape = Callable[[Sequence[StepSample]], list[StepSample]]
"""Returns an episode's steps with the reward to learn from."""
MeanLogProb = Callable[[Sequence[StepSample]], float | None]
"""Tells the mean log p a token of what an episode wrote; None where it cannot be told."""


def unshaped(steps: Sequence[StepSample]) -> list[StepSample]:
    """Return the steps as they are."""
    return list(steps)


def optima_shape(
    length_weight: float, longest_answer: int, readability_weight: float = 0.0, mean_log_prob: MeanLogProb | None = None
) -> Shape:
    """Return what shapes rewards with λ₁ and λ₂; an answer has at most ``longest_answer`` tokens.

    ``mean_log_prob`` is asked of episodes with a reward alone, where λ₂ is not 0; where it tells nothing the text
    counts as perfectly readable.
    """

    def shaped(steps: Sequence[StepSample]) -> list[StepSample]:
        if not steps or steps[0].reward == 0:
            return list(steps)
        tokens = sum(len(step.utterance.token_ids) for step in steps)
        most = max(tokens, steps[0].horizon * longest_answer)
        mean = mean_log_prob(steps) if mean_log_prob is not None and readability_weight else None
        reads, weight = (1.0, 0.0) if mean is None else (perplexity([mean]), readability_weight)
        whole = optima_reward(steps[0].reward, tokens, most, reads, length_weight, weight)
        return _with_reward(steps, max(0.0, whole - weight))

    return shaped


def credited(weight: float, credits_told: Mapping[int, float]) -> Shape:
    """Return what gives plain failures ``weight`` · their credit; ``credits_told`` is in [0, 1], by sequence."""

    def shaped(steps: Sequence[StepSample]) -> list[StepSample]:
        if not steps or steps[0].succeeded or steps[0].reward > 0:
            return list(steps)
        return _with_reward(steps, weight * credits_told.get(steps[0].key[0], 0.0))

    return shaped


def in_turn(*shapes: Shape) -> Shape:
    """Return one shape that is these, one after the other."""

    def shaped(steps: Sequence[StepSample]) -> list[StepSample]:
        found = list(steps)
        for shape in shapes:
            found = shape(found)
        return found

    return shaped


def _with_reward(steps: Sequence[StepSample], reward: float) -> list[StepSample]:
    return [replace(step, reward=reward) for step in steps]
