"""How likely the base model, which is not being trained, finds what an episode wrote. Weighs no reward.

The mean log-prob a token depends on what was shown and written alone: each step is scored by itself, so that no batch
mate can shift its rounding, and kept on disk as float16, so that one that was kept and one computed anew are the same
to the last bit.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

import torch

from tuner.learner.feature_cache import FeatureCache, key_of
from tuner.learner.finite import require_finite
from tuner.learner.policy_update import PolicyUpdater
from tuner.learner.samples import StepSample, can_be_shown

LEAST_MEAN_LOG_PROB = -50.0
"""Below it a text is unreadable, and the perplexity would overflow in the end."""


class Readability:
    """Log-probs by the content of a step; ``identity`` names the base model and how its weights are held."""

    def __init__(self, policy: PolicyUpdater, cache: FeatureCache, identity: str) -> None:
        self._policy = policy
        self._cache = cache
        self._identity = identity
        self.computed = 0

    def mean_log_prob(self, steps: Sequence[StepSample]) -> float | None:
        """Return the mean log p of the tokens of an episode, at temperature 1; None where no picture of it decodes.

        Raises:
            NotFiniteError: the base model says something that is no number.
        """
        told = [(self._of(step), len(step.utterance.token_ids)) for step in steps if can_be_shown(step)]
        if not told:
            return None
        mean = math.fsum(value * tokens for value, tokens in told) / sum(tokens for _, tokens in told)
        return min(0.0, max(LEAST_MEAN_LOG_PROB, mean))

    def keep(self) -> None:
        """Make what was computed since the last call outlive the process."""
        self._cache.flush()

    def _of(self, step: StepSample) -> float:
        written = torch.tensor(step.utterance.token_ids, dtype=torch.int64).numpy().tobytes()
        key = key_of(self._identity, step.prompt, step.screenshot_png, written)
        found = self._cache.get(key)
        if found is None:
            with self._policy.as_base():
                ((_, scored),) = self._policy.scored([replace(step, temperature=1.0)])
            mean = scored.log_probs.float().mean().reshape(1).cpu()
            require_finite("a log-prob of the base model", mean)
            found = mean.clamp(min=LEAST_MEAN_LOG_PROB).half()
            self._cache.put(key, found)
            self.computed += 1
        return float(found)
