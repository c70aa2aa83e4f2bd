"""One optimizer step of the policy's LoRA tensors, with every check before a weight moves. Chooses no samples."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from agent_runtime.policy.score import AnswerStates, answer_states
from agent_runtime.policy.score import Utterance as ShownUtterance
from agent_runtime.policy.shown import ShownInputs
from tuner.coso.labels import action_type
from tuner.coso.lean_head import lean_log_probs_and_entropies
from tuner.learner.buckets import length_buckets
from tuner.learner.causal import CausalWeights
from tuner.learner.experience import Candidate
from tuner.learner.finite import MOMENT_LIMIT, PARAMETER_LIMIT, clip_gradients, require_bounded, require_finite
from tuner.learner.policy_loss import BatchLoss, PolicyLoss
from tuner.learner.samples import StepSample


@dataclass(frozen=True)
class StepFigures:
    """What one optimizer step saw; means over its utterances.

    ``clipped`` is the share of ratios outside 1 ± ε, 0 unless the objective is ppo.
    """

    policy_loss: float
    causal_entropy: float
    entropy: float
    importance: float
    clipped: float
    gradient_norm: float
    entropy_by_action: Mapping[str, tuple[float, int]]
    """Entropy in nats of all tokens, and how many they are, by the kind of action the utterance parsed to."""


@dataclass(frozen=True)
class Scored:
    """What the policy says of some steps, without gradient; ``temperatures`` and ``log_probs`` [N] are per token."""

    states: AnswerStates
    temperatures: Tensor
    log_probs: Tensor


@dataclass(frozen=True)
class _Part:
    """One forward pass: its places in the batch, the loss, and the entropy of each utterance [B] without gradient."""

    places: list[int]
    scored: BatchLoss
    entropies: Tensor


class PolicyUpdater:
    """AdamW on the LoRA tensors under ``loss``."""

    def __init__(
        self,
        model: Any,
        shown: ShownInputs,
        weights: CausalWeights,
        loss: PolicyLoss,
        learning_rate: float,
        max_grad_norm: float,
        micro_batch_size: int,
    ) -> None:
        self.parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
        self.optimizer = torch.optim.AdamW(self.parameters, lr=learning_rate, weight_decay=0.0)
        self._model = model
        self._shown = shown
        self._weights = weights
        self._loss = loss
        self._max_grad_norm = max_grad_norm
        self._micro_batch_size = micro_batch_size

    def step(self, batch: Sequence[Candidate]) -> StepFigures:
        """Take one optimizer step on ``batch``.

        Raises:
            NotFiniteError: before the step, of loss or gradient: nothing has moved. ``check`` is for after it.
        """
        self.optimizer.zero_grad()
        parts = []
        for part in self._parts(batch):
            total = part.scored.loss.total
            require_finite("the loss", total)
            torch.autograd.backward(total * (len(part.places) / len(batch)))
            parts.append(part)
        norm = clip_gradients("policy", self.parameters, self._max_grad_norm)
        self.optimizer.step()
        return _figures(parts, norm, batch)

    @torch.no_grad()
    def scored(self, samples: Sequence[StepSample]) -> Iterator[tuple[list[StepSample], Scored]]:
        """Yield what the policy says of the samples, a forward pass at a time, in the order of their lengths."""
        lengths = [len(sample.utterance.token_ids) for sample in samples]
        for places in length_buckets(lengths, self._micro_batch_size):
            part = [samples[place] for place in places]
            states = self._states(part)
            seen = states.mask.bool()
            temperatures = states.hidden.new_tensor([sample.temperature for sample in part])
            log_probs, _ = per_token(states, temperatures)
            spread = temperatures.unsqueeze(1).expand(seen.shape)[seen]
            yield part, Scored(states, spread, log_probs[seen])

    @torch.no_grad()
    def causal_entropies(self, samples: Sequence[StepSample]) -> dict[tuple[int, int], float]:
        """Return H_B = Σ_i B_i H_i of each sample's utterance, in nats, by key; nothing without an entropy term."""
        found: dict[tuple[int, int], float] = {}
        lengths = [len(sample.utterance.token_ids) for sample in samples]
        for places in length_buckets(lengths, self._micro_batch_size):
            part = [samples[place] for place in places]
            states = self._states(part)
            temperatures = states.hidden.new_tensor([sample.temperature for sample in part])
            _, entropies = per_token(states, temperatures)
            utterances = [sample.utterance for sample in part]
            causal = self._weights.rows(utterances, entropies, partial(_probabilities, states, temperatures))
            if causal is None:
                return {}
            nats = torch.where(states.mask.bool(), causal * entropies, 0.0).sum(1).tolist()
            found |= {sample.key: value for sample, value in zip(part, nats, strict=True)}
        return found

    def check(self) -> None:
        """Raise NotFiniteError when a LoRA tensor or a moment of the optimizer must not be kept."""
        require_bounded("the adapter", self.parameters, PARAMETER_LIMIT)
        moments = (value for state in self.optimizer.state.values() for value in state.values())
        require_bounded("the optimizer", (value for value in moments if value.ndim), MOMENT_LIMIT)

    def _parts(self, batch: Sequence[Candidate]) -> Iterator[_Part]:
        """Split the batch, utterances of like length together, and compute each part's loss."""
        lengths = [len(candidate.sample.utterance.token_ids) for candidate in batch]
        for places in length_buckets(lengths, self._micro_batch_size):
            yield self._part(places, [batch[place] for place in places])

    def _part(self, places: list[int], rows: Sequence[Candidate]) -> _Part:
        states = self._states([row.sample for row in rows])
        temperatures = states.hidden.new_tensor([row.sample.temperature for row in rows])
        log_probs, entropies = per_token(states, temperatures)
        utterances = [row.sample.utterance for row in rows]
        causal = self._weights.rows(utterances, entropies.detach(), partial(_probabilities, states, temperatures))
        loss = self._loss.of(rows, log_probs, entropies, causal, states.mask)
        return _Part(places, loss, (entropies * states.mask).sum(1).detach())

    def _states(self, samples: Sequence[StepSample]) -> AnswerStates:
        shown = [ShownUtterance(s.prompt, s.screenshot_png, s.utterance.token_ids) for s in samples]
        return answer_states(self._model, self._shown, shown)


def per_token(states: AnswerStates, temperatures: Tensor) -> tuple[Tensor, Tensor]:
    """Return log-probs and entropies [B, T], 0 at padding."""
    seen = states.mask.bool()
    spread = temperatures.unsqueeze(1).expand(seen.shape)[seen]
    found = lean_log_probs_and_entropies(states.hidden, states.token_ids[seen], spread, states.head)
    rows = [packed.new_zeros(seen.shape).masked_scatter(seen, packed) for packed in found]
    return rows[0], rows[1]


@torch.no_grad()
def _probabilities(states: AnswerStates, temperatures: Tensor, row: int) -> Tensor:
    """Return what the policy gives every word at each place of one utterance, [T, V]."""
    rows = torch.split(states.hidden, [int(length) for length in states.mask.sum(1).tolist()])
    return (states.head(rows[row]) / temperatures[row]).softmax(-1)


def _figures(parts: Sequence[_Part], gradient_norm: float, batch: Sequence[Candidate]) -> StepFigures:
    rows = len(batch)
    by_action: dict[str, tuple[float, int]] = {}
    for part in parts:
        for place, nats in zip(part.places, part.entropies.tolist(), strict=True):
            utterance = batch[place].sample.utterance
            so_far, tokens = by_action.get(action_type(utterance.labels), (0.0, 0))
            by_action[action_type(utterance.labels)] = so_far + nats, tokens + len(utterance.token_ids)
    return StepFigures(
        policy_loss=sum(part.scored.loss.policy.item() * len(part.places) for part in parts) / rows,
        causal_entropy=sum(part.scored.loss.causal_entropy.item() * len(part.places) for part in parts) / rows,
        entropy=sum(part.entropies.sum().item() for part in parts) / rows,
        importance=sum(part.scored.importance.sum().item() for part in parts) / rows,
        clipped=sum(part.scored.clipped.sum().item() for part in parts) / rows,
        gradient_norm=gradient_norm,
        entropy_by_action=by_action,
    )
