"""The two critics: how likely a success is from a step's state, and from an episode's start. Filters nothing.

V(s_h) sees the features of step h; V_instr those of the first step, whose prompt holds the goal and nothing done
yet, and whose picture is the screen it starts from. Both are trained with cross-entropy on the outcome of the
episode (``coso.critic``), on episodes that ``is_held_out`` does not take away; what they say of the held-out ones
is their accuracy. Episodes of one outcome alone teach nothing: the critics then stay as they are.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from tuner.coso.critic import has_two_classes, is_held_out, success_accuracy
from tuner.learner.features import StepFeatures
from tuner.learner.heads import Head, seeded_heads
from tuner.learner.samples import StepSample

BATCH_ROWS = 64
_LOG = logging.getLogger(__name__)

Episode = Sequence[StepSample]


@dataclass(frozen=True, slots=True)
class EpisodeValues:
    """V(s_h) of each of an episode's trainable steps, in order, and V_instr; all in [0, 1]."""

    steps: tuple[float, ...]
    instruction: float


class Critics:
    """The heads ``step`` and ``instruction`` over one source of features."""

    def __init__(
        self, features: StepFeatures, feature_size: int, learning_rate: float, max_grad_norm: float, seed: int
    ) -> None:
        self._features = features
        heads = seeded_heads(("step", "instruction"), feature_size, learning_rate, max_grad_norm, seed)
        self._heads = {head.name: head for head in heads}

    @property
    def heads(self) -> list[Head]:
        """The heads, for the checkpoint."""
        return list(self._heads.values())

    def update(self, episodes: Sequence[Episode], epochs: int, seed: str) -> dict[str, float]:
        """Pass ``epochs`` times over the episodes that are not held out; return figures, each a finite number.

        ``critic_trained`` is 1 or 0; for each critic ``…_value_loss`` (nats, mean over the passes) where it was
        trained, and ``…_value_accuracy`` with ``…_value_majority``, what always saying the commoner outcome would
        get, where there are held-out episodes.

        Raises:
            NotFiniteError: a feature, a loss, a gradient or a weight is not finite.
        """
        known = [
            (steps, rows) for steps in episodes if steps and (rows := self._features.of_episode(steps)) is not None
        ]
        self._features.keep()
        taught = [pair for pair in known if not is_held_out(pair[0][0].trajectory_id)]
        held = [pair for pair in known if is_held_out(pair[0][0].trajectory_id)]
        figures = {"critic_trained": 0.0, "critic_held_out_episodes": float(len(held))}
        if not taught:
            return figures | self._accuracies(held)
        outcomes = torch.tensor([steps[0].reward for steps, _ in taught])
        if has_two_classes(outcomes):
            figures["critic_trained"] = 1.0
            for name, head in self._heads.items():
                loss = head.fit(*_examples(name, taught), epochs, BATCH_ROWS, f"{seed}/{name}")
                figures[f"{name}_value_loss"] = loss
        else:
            _LOG.warning("the critics stay as they are: all %d episodes ended alike (%g)", len(taught), outcomes[0])
        return figures | self._accuracies(held)

    @torch.no_grad()
    def values(self, episodes: Sequence[Episode]) -> dict[int, EpisodeValues]:
        """Return what the critics say of each episode, by sequence; nothing of one whose pictures do not decode."""
        found = {}
        for steps in episodes:
            rows = self._features.of_episode(steps) if steps else None
            if rows is not None:
                told = self._heads["step"].network(rows).sigmoid().tolist()
                instruction = float(self._heads["instruction"].network(rows[:1]).sigmoid())
                found[steps[0].key[0]] = EpisodeValues(tuple(told), instruction)
        self._features.keep()
        return found

    @torch.no_grad()
    def _accuracies(self, held: Sequence[tuple[Episode, Tensor]]) -> dict[str, float]:
        figures: dict[str, float] = {}
        for name, head in self._heads.items() if held else ():
            features, outcomes = _examples(name, held)
            share = float((outcomes > 0.5).double().mean())
            figures[f"{name}_value_accuracy"] = success_accuracy(head.network(features), outcomes)
            figures[f"{name}_value_majority"] = max(share, 1 - share)
        return figures


def _examples(name: str, known: Sequence[tuple[Episode, Tensor]]) -> tuple[Tensor, Tensor]:
    """Return features [N, F] and outcomes [N]: of every step, or of every episode's first."""
    rows = [features if name == "step" else features[:1] for _, features in known]
    outcomes = [torch.full((len(part),), steps[0].reward) for part, (steps, _) in zip(rows, known, strict=True)]
    return torch.cat(rows), torch.cat(outcomes)
