"""What an episode is worth to the learner beyond its verdict: reward model and Optima's terms. Draws no batch.

What the reward model says of an episode is asked once, when it comes in and before the model is trained on it, and kept
in the checkpoint: a restart changes no reward.
"""

import logging
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from tuner.config import LearnerConfig
from tuner.learner.finite import NotFiniteError
from tuner.learner.samples import StepSample
from tuner.learner.shaping import Shape, credited, in_turn, optima_shape, unshaped
from tuner.learner.value_heads import ValueHeads

_LOG = logging.getLogger(__name__)


class Rewards:
    """``shape`` is for ``Experience``; heads None is a learner without any."""

    def __init__(self, config: LearnerConfig, heads: ValueHeads | None, longest_answer: int) -> None:
        self._model = None if heads is None else heads.reward_model
        self._readability = None if heads is None else heads.readability
        self._credits: dict[int, float] = {}
        shapes = [credited(config.reward_model_weight, self._credits)] if self._model is not None else []
        if config.length_weight or config.readability_weight:
            weights = (config.length_weight, longest_answer, config.readability_weight)
            shapes.append(optima_shape(*weights, self._mean_log_prob))
        self.shape: Shape = in_turn(*shapes) if shapes else unshaped

    def look(self, episodes: Sequence[Sequence[StepSample]], earlier: Sequence[Sequence[StepSample]]) -> None:
        """Ask the reward model about new episodes, beside ``earlier`` ones; call before they are shaped."""
        if self._model is None:
            return
        try:
            self._credits |= self._model.credits(episodes, earlier)
        except NotFiniteError as error:
            _LOG.warning("no failure of this batch is credited by the reward model: %s", error)

    def keep(self) -> None:
        """Make what was computed on the way outlive the process."""
        if self._readability is not None:
            self._readability.keep()

    def state(self, held: Collection[int]) -> dict[str, Any]:
        """Return everything as JSON knows it, of the sequences ``held`` in the replay; forgets the others."""
        for sequence in [sequence for sequence in self._credits if sequence not in held]:
            del self._credits[sequence]
        return {"credits": [[sequence, self._credits[sequence]] for sequence in sorted(self._credits)]}

    def load(self, state: Mapping[str, Any]) -> None:
        """Take over what ``state`` returned."""
        self._credits.clear()
        self._credits.update({int(sequence): float(value) for sequence, value in state["credits"]})

    def _mean_log_prob(self, steps: Sequence[StepSample]) -> float | None:
        if self._readability is None:
            return None
        try:
            return self._readability.mean_log_prob(steps)
        except NotFiniteError as error:
            _LOG.warning("episode %s counts as readable: %s", steps[0].trajectory_id, error)
            return None
