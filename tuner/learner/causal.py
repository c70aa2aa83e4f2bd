"""Keeps the causal model current and hands out causal weights from the source asked for. Updates no policy."""

import random
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice

import torch
from torch import Tensor

from tuner.config import Blame
from tuner.coso.action_entropy import Alternatives, ParsedAlternatives, batch_of_alternatives
from tuner.coso.action_model import ActionModel, action_model_loss
from tuner.coso.calibration import expected_calibration_error, whole_action_confidence
from tuner.coso.counterfactual import ScmWeights
from tuner.coso.labels import Utterance
from tuner.coso.parser_weights import ParserWeights
from tuner.coso.rehearsal import Rehearsal
from tuner.learner.finite import PARAMETER_LIMIT, clip_gradients, require_bounded, require_finite

BATCH_ROWS = 32
REAL_ROWS = 16
GAP_TOKEN_SHARE = 0.1
"""Of a row with gaps a tenth of the tokens is taken away while training, so that "without token i" is something the
model has seen: P(a | y without i) is then its forecast, not the answer to an input it was never shown. What can be told
from the rest of the answer, a status from its key, then weighs little; so no row has gaps unless asked for."""
PRETRAINING_RATE = 3e-3
NEGLIGIBLE_ENTROPY_NATS = 1e-3
"""Where the policy is this sure, B·H cannot matter, and the weight is not computed."""
_WHOLE_NUMBER = re.compile(r"[Ġ▁ ]?(\d{1,3})")


def numbers_in(vocabulary: Mapping[str, int]) -> dict[int, int]:
    """Return id → value of the tokens that are whole numbers of up to three digits."""
    matches = ((_WHOLE_NUMBER.fullmatch(token), token_id) for token, token_id in vocabulary.items())
    return {token_id: int(match[1]) for match, token_id in matches if match}


def whole_coordinates(vocabulary: Mapping[str, int]) -> list[int]:
    """Return the numbers of two or three digits that are one token, ascending; none where digits stand alone."""
    return sorted({value for value in numbers_in(vocabulary).values() if value >= 10})


class ActionModelTrainer:
    """Algorithm 1's update of φ: cross-entropy of the parsed action, rehearsed and real utterances half and half.

    The real half has every kind of action that there is equally often: an agent that mostly taps would otherwise teach
    its action model nothing of the rest. The rehearsed half has fixed shares of its own, taps for nearly a half.

    ``gap_id`` stands for the tokens taken away while training, None for the model's own null; ``gap_share`` is the
    share of rows that lose some.
    """

    def __init__(
        self,
        model: ActionModel,
        rehearsal: Rehearsal,
        max_grad_norm: float,
        gap_id: int | None = None,
        gap_share: float = 0.0,
    ) -> None:
        self.optimizer = torch.optim.AdamW(model.parameters(), lr=PRETRAINING_RATE, weight_decay=0.0)
        self._model = model
        self._rehearsal = rehearsal
        self._max_grad_norm = max_grad_norm
        self._gap_id = model.null_id if gap_id is None else gap_id
        self._gap_share = gap_share

    def pretrain(self, steps: int, seed: str) -> float:
        """The offline stage, on rehearsed utterances only; return the last loss."""
        loss = 0.0
        for real, generator in self._batches([], steps, seed):
            loss = self._step(real + self._rehearsal.utterances(BATCH_ROWS), generator)
        return loss

    def update(self, utterances: Sequence[Utterance], epochs: int, least_steps: int, rate: float, seed: str) -> float:
        """Draw as many real utterances as ``epochs`` passes, in ``least_steps`` steps or more; return the mean loss.

        Kinds of action take turns, each one's utterances in shuffled passes. Half of every batch is rehearsed.
        ``rate`` is the learning rate to start from; it falls to a tenth.

        Raises:
            NotFiniteError: the loss, a gradient or a weight is not finite.
        """
        steps = max(least_steps, -(-epochs * len(utterances) // REAL_ROWS))
        losses = []
        for real, generator in self._batches(utterances, steps, seed, rate):
            losses.append(self._step(real + self._rehearsal.utterances(BATCH_ROWS - len(real)), generator))
        require_bounded("the action model", self._model.parameters(), PARAMETER_LIMIT)
        return sum(losses) / len(losses)

    @torch.no_grad()
    def calibration(self, utterances: Sequence[Utterance]) -> dict[str, float]:
        """Return how right and how sure the model is on utterances it was not trained on; nothing for none.

        ``scm_accuracy`` is the share of whole actions read right, ``scm_balanced_accuracy`` the mean of that share over
        the kinds of action there are, ``scm_ece`` the expected calibration error of their
        probability over 15 equal-width bins, ``scm_unseen`` the number of utterances. Draws nothing.
        """
        if not utterances:
            return {}
        labels = torch.tensor([utterance.labels for utterance in utterances])
        confidence, correct = whole_action_confidence(self._model(*padded(utterances)), labels)
        kinds = sorted({utterance.labels[0] for utterance in utterances})
        by_kind = torch.stack([correct[labels[:, 0] == kind].double().mean() for kind in kinds])
        return {
            "scm_accuracy": float(correct.double().mean()),
            "scm_balanced_accuracy": float(by_kind.mean()),
            "scm_ece": expected_calibration_error(confidence, correct),
            "scm_unseen": float(len(utterances)),
        }

    def _batches(
        self, utterances: Sequence[Utterance], steps: int, seed: str, rate: float = PRETRAINING_RATE
    ) -> Iterator[tuple[list[Utterance], torch.Generator]]:
        """Yield the real part of each batch, kinds of action in turn; sets the seeds and the falling rate."""
        self._rehearsal.reseed(seed)
        shuffler = random.Random(seed)
        generator = torch.Generator().manual_seed(shuffler.getrandbits(62))
        drawn = balanced_draws(utterances, shuffler)
        for step in range(steps):
            self._set_rate(rate * (1 - 0.9 * step / steps))
            yield list(islice(drawn, min(REAL_ROWS, len(utterances)))), generator

    def _step(self, utterances: Sequence[Utterance], generator: torch.Generator) -> float:
        ids, mask = padded(utterances)
        labels = torch.tensor([utterance.labels for utterance in utterances])
        loss = action_model_loss(self._model, self._with_gaps(ids, mask, generator), mask, labels)
        require_finite("the action model's loss", loss)
        self.optimizer.zero_grad()
        torch.autograd.backward(loss)
        clip_gradients("action model", self._model.parameters(), self._max_grad_norm)
        self.optimizer.step()
        return loss.item()

    def _with_gaps(self, ids: Tensor, mask: Tensor, generator: torch.Generator) -> Tensor:
        row = torch.rand((len(ids), 1), generator=generator) < self._gap_share
        token = torch.rand(ids.shape, generator=generator) < GAP_TOKEN_SHARE
        return ids.masked_fill(row & token & mask, self._gap_id)

    def _set_rate(self, rate: float) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = rate


def balanced_draws(utterances: Sequence[Utterance], shuffler: random.Random) -> Iterator[Utterance]:
    """Yield utterances without end, none for none: kinds of action in turn, each one's in shuffled passes."""
    by_kind: dict[int, list[Utterance]] = {}
    for utterance in utterances:
        by_kind.setdefault(utterance.labels[0], []).append(utterance)
    left: dict[int, list[Utterance]] = {kind: [] for kind in by_kind}
    while by_kind:
        for kind in shuffler.sample(sorted(by_kind), len(by_kind)):
            if not left[kind]:
                left[kind] = shuffler.sample(by_kind[kind], len(by_kind[kind]))
            yield left[kind].pop()


def padded(utterances: Sequence[Utterance]) -> tuple[Tensor, Tensor]:
    """Return ids and mask, both [B, T], padded on the right with id 0."""
    width = max(len(utterance.token_ids) for utterance in utterances)
    ids = torch.zeros((len(utterances), width), dtype=torch.long)
    mask = torch.zeros((len(utterances), width), dtype=torch.bool)
    for row, utterance in enumerate(utterances):
        length = len(utterance.token_ids)
        ids[row, :length] = torch.tensor(utterance.token_ids)
        mask[row, :length] = True
    return ids, mask


class CausalWeights:
    """One face for every source of weights.

    "scm" (Eq. 6) and "released" (the released code's window and scaling) ask ``scm``, which is built for the one or
    the other; "parser" is exact; "uniform" is 1 for every token (plain entropy); "none" is no entropy term.
    ``alternatives`` is there where the entropy asked for is that of actions: no weights are asked for then.
    ``blame`` by causal weight is the action model's whatever the source: the parser counts every brace that would break
    an answer, and a failure is no reason to unlearn those.
    """

    def __init__(
        self,
        scm: ScmWeights,
        parser: ParserWeights,
        source: str,
        alternatives: ParsedAlternatives | None = None,
        *,
        blame: Blame = "whole",
    ) -> None:
        self._scm = scm
        self._parser = parser
        self._source = source
        self._alternatives = alternatives
        self._blame = blame

    def forget(self) -> None:
        """Drop what was remembered: the action model has changed."""
        self._scm.forget()
        self._parser.forget()
        if self._alternatives is not None:
            self._alternatives.forget()

    def rows(
        self, utterances: Sequence[Utterance], entropies: Tensor, probabilities: Callable[[int], Tensor]
    ) -> Tensor | None:
        """Return the weights [B, T], 0 at padding, or None under "none".

        ``entropies`` [B, T] are the policy's; ``probabilities``, asked under "parser" alone, gives those of every
        word at each place of one row, [T, V].
        """
        if self._source == "none":
            return None
        return _as_rows(self._asked(utterances, _unsure(utterances, entropies), probabilities), entropies)

    def blame(self, utterances: Sequence[Utterance], entropies: Tensor) -> Tensor | None:
        """Return what a token counts in a well-formed answer that failed [B, T], None where it counts whole.

        Under "causal" that is the action model's weight, 0 at padding and where the policy is sure; under "malformed"
        0. ``entropies`` as for ``rows``.
        """
        if self._blame == "whole":
            return None
        if self._blame == "malformed":
            return torch.zeros_like(entropies)
        return _as_rows(self._scm.weights(utterances, _unsure(utterances, entropies)), entropies)

    def alternatives(
        self, utterances: Sequence[Utterance], entropies: Tensor, probabilities: Callable[[int], Tensor]
    ) -> Alternatives | None:
        """Return what could stand at each place of a batch, both [B, T, K], or None where tokens' entropy is asked for.

        Nothing counts at padding, nor where the policy is sure. ``entropies`` and ``probabilities`` as for ``rows``.
        """
        if self._alternatives is None:
            return None
        found = []
        for row, utterance in enumerate(utterances):
            needed = entropies[row, : len(utterance.token_ids)] > NEGLIGIBLE_ENTROPY_NATS
            found.append(self._alternatives.of(utterance, needed, probabilities(row)))
        return batch_of_alternatives(found)

    def whole(self, utterance: Utterance) -> Tensor:
        """Return the action model's weight [T] of every token, for people to read."""
        return self._scm.weights([utterance])[0]

    def _asked(
        self, utterances: Sequence[Utterance], needed: Sequence[Tensor], probabilities: Callable[[int], Tensor]
    ) -> Iterable[Tensor]:
        match self._source:
            case "scm" | "released":
                return self._scm.weights(utterances, needed)
            case "parser":
                spans = [probabilities(row).cpu() for row in range(len(utterances))]
                return self._parser.weights(utterances, needed, spans)
            case "uniform":
                return [torch.ones(len(utterance.token_ids)) for utterance in utterances]
            case other:
                raise ValueError(f"Got the weight source {other!r}, expected scm, parser, released, uniform or none.")


def _unsure(utterances: Sequence[Utterance], entropies: Tensor) -> list[Tensor]:
    """Return for each utterance which of its tokens [T] the policy is not sure of."""
    lengths = [len(utterance.token_ids) for utterance in utterances]
    return [(entropies[row, :length] > NEGLIGIBLE_ENTROPY_NATS).cpu() for row, length in enumerate(lengths)]


def _as_rows(weights: Iterable[Tensor], like: Tensor) -> Tensor:
    """Return weights of utterances, each [T], as one tensor shaped as ``like`` [B, T], 0 at padding."""
    answer = torch.zeros(like.shape)
    for row, found in enumerate(weights):
        answer[row, : len(found)] = found
    return answer.to(like.device)
