"""One optimizer step of the policy's LoRA tensors, with every check before a weight moves. Chooses no samples."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import torch
from torch import Tensor

from agent_runtime.policy.lora import act_as
from agent_runtime.policy.score import AnswerStates, answer_states
from agent_runtime.policy.score import Utterance as ShownUtterance
from agent_runtime.policy.shown import ShownInputs
from tuner.coso.action_entropy import Alternatives, action_entropies
from tuner.coso.labels import action_type
from tuner.coso.lean_head import lean_log_probs_and_entropies
from tuner.learner.buckets import kindred_groups, length_buckets
from tuner.learner.causal import CausalWeights
from tuner.learner.experience import Candidate
from tuner.learner.finite import (
    MOMENT_LIMIT,
    PARAMETER_LIMIT,
    WEIGHT_LIMIT,
    clip_gradients,
    require_bounded,
    require_finite,
)
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
    """One forward pass: the loss, and the entropy of each utterance [B] without gradient."""

    scored: BatchLoss
    entropies: Tensor


FIGURES = 5
"""Figures of an utterance: policy loss and causal entropy of its forward pass, its own entropy, ratio, and clipped."""


class Crew(Protocol):
    """Whoever adds up the gradients of a batch."""

    def add_up(self, updater: "PolicyUpdater", batch: Sequence[Candidate]) -> Tensor:
        """Leave the gradient of the batch's mean loss in the updater's parameters; return figures [B, FIGURES].

        Raises:
            NotFiniteError: the loss is not finite.
        """


class Alone:
    """This process does all of it."""

    def add_up(self, updater: "PolicyUpdater", batch: Sequence[Candidate]) -> Tensor:
        """See ``Crew``."""
        return updater.add_up(batch, range(len(batch)))


class PolicyUpdater:
    """AdamW on the LoRA tensors under ``loss``; ``crew`` may be changed for one of several processes.

    Of a model with two adapters ``adapter`` names the one that is trained and scored.
    """

    def __init__(
        self,
        model: Any,
        shown: ShownInputs,
        weights: CausalWeights,
        loss: PolicyLoss,
        learning_rate: float,
        max_grad_norm: float,
        micro_batch_size: int,
        adapter: str | None = None,
    ) -> None:
        self._model = model
        self._adapter = adapter
        self._choose_adapter()
        self.parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
        self.crew: Crew = Alone()
        self.optimizer = torch.optim.AdamW(self.parameters, lr=learning_rate, weight_decay=0.0)
        self._shown = shown
        self._weights = weights
        self._loss = loss
        self._max_grad_norm = max_grad_norm
        self._micro_batch_size = micro_batch_size

    def step(self, batch: Sequence[Candidate]) -> StepFigures:
        """Take one optimizer step on ``batch``.

        Raises:
            NotFiniteError: before the step, of weights, moments, loss or gradient: nothing has moved. ``check`` is for
                after it.
        """
        figures = self.gradients(batch)
        self.optimizer.step()
        return figures

    def gradients(self, batch: Sequence[Candidate]) -> StepFigures:
        """Leave the gradients of ``batch`` in the parameters, clipped, for the optimizer to step by.

        Raises:
            NotFiniteError: as ``step``.
        """
        self.check()
        self.optimizer.zero_grad()
        figures = self.crew.add_up(self, batch)
        norm = clip_gradients("policy", self.parameters, self._max_grad_norm)
        return _figures(figures, norm, batch)

    def add_up(self, batch: Sequence[Candidate], places: Sequence[int]) -> Tensor:
        """Add the gradients of the loss at these places, divided by the batch's size; return figures [B, FIGURES].

        The figures of other places are 0.

        Raises:
            NotFiniteError: the loss is not finite.
        """
        figures = torch.zeros((len(batch), FIGURES), dtype=torch.float64)
        for together in self.passes(batch, places):
            figures += self.add_up_pass(batch, together)
        return figures

    def passes(self, batch: Sequence[Candidate], places: Sequence[int]) -> list[list[int]]:
        """Return the places in the batch, those of a forward pass together."""
        groups = self._passes([batch[place].sample for place in places])
        return [[places[place] for place in group] for group in groups]

    def add_up_pass(self, batch: Sequence[Candidate], places: list[int]) -> Tensor:
        """Do what ``add_up`` does in a single forward pass."""
        part = self._part([batch[place] for place in places])
        total = part.scored.loss.total
        require_finite("the loss", total)
        require_finite("the entropy", part.entropies)
        torch.autograd.backward(total * (len(places) / len(batch)))
        figures = torch.zeros((len(batch), FIGURES), dtype=torch.float64)
        figures[places] = _figures_of(part)
        return figures

    @contextmanager
    def as_base(self) -> Iterator[None]:
        """Have the model answer as the base model does, without its adapter, while the block runs."""
        with self._model.disable_adapter():
            yield

    @torch.no_grad()
    def scored(self, samples: Sequence[StepSample]) -> Iterator[tuple[list[StepSample], Scored]]:
        """Yield what the policy says of the samples, a forward pass at a time, in an order of its own."""
        for places in self._passes(samples):
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

    def _choose_adapter(self) -> None:
        if self._adapter is not None:
            act_as(self._model, self._adapter, learns=True)

    def _passes(self, samples: Sequence[StepSample]) -> list[list[int]]:
        """Return the places of samples, a forward pass at a time."""
        if self._shown.packs:
            return kindred_groups(
                [(sample.screenshot_png, sample.prompt) for sample in samples], self._micro_batch_size
            )
        return length_buckets([len(sample.utterance.token_ids) for sample in samples], self._micro_batch_size)

    def _part(self, rows: Sequence[Candidate]) -> _Part:
        counts = torch.tensor([(row.weight, row.correction) for row in rows])
        credit = (torch.tensor(row.token_weights) for row in rows)
        require_bounded("what a step counts", [counts, *credit], WEIGHT_LIMIT)
        states = self._states([row.sample for row in rows])
        temperatures = states.hidden.new_tensor([row.sample.temperature for row in rows])
        log_probs, entropies = per_token(states, temperatures)
        utterances = [row.sample.utterance for row in rows]
        asked = utterances, entropies.detach(), partial(_probabilities, states, temperatures)
        found, blame = self._weights.alternatives(*asked), self._weights.blame(*asked[:2])
        if found is None:
            loss = self._loss.of(rows, log_probs, entropies, self._weights.rows(*asked), states.mask, blame)
        else:
            nats = per_action(states, temperatures, found)
            loss = self._loss.of(rows, log_probs, nats, torch.ones_like(nats), states.mask, blame)
        return _Part(loss, (entropies * states.mask).sum(1).detach())

    def _states(self, samples: Sequence[StepSample]) -> AnswerStates:
        self._choose_adapter()
        shown = [ShownUtterance(s.prompt, s.screenshot_png, s.utterance.token_ids) for s in samples]
        return answer_states(self._model, self._shown, shown)


def per_token(states: AnswerStates, temperatures: Tensor) -> tuple[Tensor, Tensor]:
    """Return log-probs and entropies [B, T], 0 at padding."""
    seen = states.mask.bool()
    spread = temperatures.unsqueeze(1).expand(seen.shape)[seen]
    found = lean_log_probs_and_entropies(states.hidden, states.token_ids[seen], spread, states.head)
    rows = [packed.new_zeros(seen.shape).masked_scatter(seen, packed) for packed in found]
    return rows[0], rows[1]


def per_action(states: AnswerStates, temperatures: Tensor, found: Alternatives) -> Tensor:
    """Return the entropy of the action at each token [B, T], with gradient; 0 at padding and where nothing counts.

    Logits are made only of the places where two tokens or more count.
    """
    seen = states.mask.bool()
    nats = states.hidden.new_zeros(seen.shape, dtype=torch.float32)
    open_places = (found.actions >= 0).sum(-1) > 1
    if not open_places.any():
        return nats
    chosen = open_places[seen]
    spread = temperatures.unsqueeze(1).expand(seen.shape)[open_places]
    logits = states.head(states.hidden[chosen]) / spread.unsqueeze(1)
    entropies = action_entropies(logits.gather(1, found.token_ids[open_places]), found.actions[open_places])
    return nats.masked_scatter(open_places, entropies)


@torch.no_grad()
def _probabilities(states: AnswerStates, temperatures: Tensor, row: int) -> Tensor:
    """Return what the policy gives every word at each place of one utterance, [T, V]."""
    rows = torch.split(states.hidden, [int(length) for length in states.mask.sum(1).tolist()])
    return (states.head(rows[row]) / temperatures[row]).softmax(-1)


def _figures_of(part: _Part) -> Tensor:
    """Return the figures of a pass's utterances, [B, FIGURES]."""
    loss, rows = part.scored.loss, len(part.entropies)
    means = [loss.policy.detach().expand(rows), loss.causal_entropy.detach().expand(rows)]
    own = [part.entropies, part.scored.importance, part.scored.clipped]
    return torch.stack([figure.double().cpu() for figure in means + own], 1)


def _figures(figures: Tensor, gradient_norm: float, batch: Sequence[Candidate]) -> StepFigures:
    by_action: dict[str, tuple[float, int]] = {}
    for candidate, nats in zip(batch, figures[:, 2].tolist(), strict=True):
        utterance = candidate.sample.utterance
        so_far, tokens = by_action.get(action_type(utterance.labels), (0.0, 0))
        by_action[action_type(utterance.labels)] = so_far + nats, tokens + len(utterance.token_ids)
    policy, causal_entropy, entropy, importance, clipped = figures.mean(0).tolist()
    return StepFigures(policy, causal_entropy, entropy, importance, clipped, gradient_norm, by_action)
