"""Frozen features of what a step showed: hidden states of the base model, never the adapter's. Learns nothing.

The feature of a step is [hidden state at the prompt's last position ; mean over the prompt's positions] of the
language model's last layer, both [D], so [2 D]: what the base is about to answer, and what it has read. It depends
on the prompt and the picture alone, is computed for one step at a time, so that no batch mate can shift its
rounding, and is kept as float16, so that one that was kept and one computed anew are the same to the last bit.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from agent_runtime.errors import PolicyError
from agent_runtime.policy.prompt import PromptBuilder, picture_from_png
from tuner.learner.feature_cache import FeatureCache, key_of
from tuner.learner.finite import require_finite
from tuner.learner.samples import StepSample

_HALF_LIMIT = 65504.0


class StepFeatures:
    """Features by the content of a step; ``identity`` names the base model and how its weights are held."""

    def __init__(self, model: Any, prompts: PromptBuilder, cache: FeatureCache, identity: str) -> None:
        self._model = model
        self._prompts = prompts
        self._cache = cache
        self._identity = identity
        self.computed = 0

    def of_episode(self, steps: Sequence[StepSample]) -> Tensor | None:
        """Return [H, F] float32 on the CPU; None where a picture of the episode does not decode.

        Raises:
            NotFiniteError: the base model says something that is no number.
        """
        assert steps
        try:
            return torch.stack([self._of(step) for step in steps]).float()
        except PolicyError:
            return None

    def keep(self) -> None:
        """Make what was computed since the last call outlive the process."""
        self._cache.flush()

    def _of(self, step: StepSample) -> Tensor:
        key = key_of(self._identity, step.prompt, step.screenshot_png)
        found = self._cache.get(key)
        if found is None:
            found = self._computed(step)
            self._cache.put(key, found)
        return found

    @torch.no_grad()
    def _computed(self, step: StepSample) -> Tensor:
        inputs = self._prompts.inputs(step.prompt, picture_from_png(step.screenshot_png))
        device = next(self._model.parameters()).device
        with self._model.disable_adapter():
            base = self._model.get_base_model()
            hidden = base.model(**{name: value.to(device) for name, value in inputs.items()}).last_hidden_state[0]
        pooled = torch.cat([hidden[-1].float(), hidden.float().mean(0)]).cpu()
        require_finite("a feature of the base model", pooled)
        self.computed += 1
        return pooled.clamp(-_HALF_LIMIT, _HALF_LIMIT).half()


def feature_size(model: Any) -> int:
    """Return F of a base model's features."""
    return 2 * int(model.config.get_text_config().hidden_size)
