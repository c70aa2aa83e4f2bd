"""Causal weights from the action model: how far a token's absence moves the probability of the whole action.

    B_i = | P_φ(a | y) − P_φ(a | y with token i null) |          (Eq. 6, in units of probability)

Each distinct (utterance, action) is scored once for each version of the model, and only where a weight is
asked for. Rows of one utterance never share a batch with another's, so there is no padding, and a weight
cannot depend on what else is asked. Knows no policy and trains nothing.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from tuner.coso.action_model import ActionModel, EncoderLayer, position_codes
from tuner.coso.labels import Utterance
from tuner.coso.nulls import ConstantNull, Nulls
from tuner.coso.released import RELEASED_WINDOW, released_scaling

Scaling = Literal["absolute", "reference"]
PREDECESSORS = 2
"""Tokens after the one taken away whose embedded vector changes with it (``ActionModel.join``)."""


class ScmWeights:
    """Causal weights by ``ActionModel``; a cache that lasts until ``forget``.

    ``window`` tokens from i on are taken away together: 1 is the paper, 4 the released code. ``scaling``
    "absolute" leaves units of probability; "reference" is ``released_scaling``, with the tokens of ``quiet_ids``
    at zero. ``nulls`` says what stands in for a token taken away; None is the model's own null embedding.
    """

    def __init__(
        self,
        model: ActionModel,
        window: int = 1,
        scaling: Scaling = "absolute",
        chunk_rows: int = 24,
        nulls: Nulls | None = None,
        quiet_ids: frozenset[int] = frozenset(),
    ) -> None:
        if window < 1 or chunk_rows < 1:
            raise ValueError(f"Got window {window} and chunk_rows {chunk_rows}: expected both to be at least 1.")
        self._model = model
        self._window = window
        self._scaling = scaling
        self._chunk_rows = chunk_rows
        self._nulls = nulls or ConstantNull(model.null_id)
        self._quiet_ids = quiet_ids
        self._known: dict[Utterance, Tensor] = {}
        self.rows_computed = 0
        """Counterfactuals evaluated so far, for measurements."""

    @classmethod
    def released(cls, model: ActionModel, quiet_ids: frozenset[int], nulls: Nulls | None = None) -> "ScmWeights":
        """Return the weights of the released code on this action model: window 4, min–max, square root."""
        return cls(model, RELEASED_WINDOW, "reference", nulls=nulls, quiet_ids=quiet_ids)

    def forget(self) -> None:
        """Drop every weight: the model has changed."""
        self._known.clear()
        self._nulls.forget()

    def weights(self, utterances: Sequence[Utterance], needed: Sequence[Tensor] | None = None) -> list[Tensor]:
        """Return the weights [T] of each utterance, 0 where ``needed`` [T] is False and nothing was known.

        ``needed`` None asks for every position. The "reference" scaling always takes every position.
        """
        answers = []
        for index, utterance in enumerate(utterances):
            asked = torch.ones(len(utterance.token_ids), dtype=torch.bool)
            if needed is not None and self._scaling == "absolute":
                asked = needed[index].bool().cpu()
            assert asked.shape == (len(utterance.token_ids),)
            answers.append(self._scaled(utterance, self._fill(utterance, asked).nan_to_num(0.0)))
        return answers

    def _fill(self, utterance: Utterance, asked: Tensor) -> Tensor:
        known = self._known.setdefault(utterance, torch.full(asked.shape, torch.nan))
        missing = (asked & known.isnan()).nonzero().squeeze(1)
        if missing.numel():
            known[missing] = self._moves(utterance, missing)
        return known

    def _scaled(self, utterance: Utterance, moves: Tensor) -> Tensor:
        if self._scaling == "absolute":
            return moves.clone()
        return released_scaling(moves, torch.tensor([token in self._quiet_ids for token in utterance.token_ids]))

    @torch.inference_mode()
    def _moves(self, utterance: Utterance, positions: Tensor) -> Tensor:
        """Return |P − P_without| [R] for positions [R]."""
        ids = torch.tensor(utterance.token_ids)
        labels = torch.tensor(utterance.labels)
        shared = _Shared(self._model, ids, self._nulls.instead_of(ids))
        nothing = torch.tensor([len(ids)])  # a position behind the end takes nothing away: P(a | y) itself
        chunks = torch.split(torch.cat((nothing, positions)), self._chunk_rows)
        found = torch.cat([self._probability(shared.without(chunk, self._window), labels) for chunk in chunks])
        self.rows_computed += positions.numel()
        return (found[0] - found[1:]).abs()

    def _probability(self, first_layer: Tensor, labels: Tensor) -> Tensor:
        hidden = first_layer
        for layer in list(self._model.layers)[1:]:
            hidden = layer(hidden, None)
        logits = self._model.read(hidden, None)
        return self._model.log_prob(logits, labels.expand(len(hidden), -1)).exp()


class _Shared:
    """One utterance's embedded vectors and first-layer q, k, v, of which a counterfactual changes a few rows only."""

    def __init__(self, model: ActionModel, ids: Tensor, nulls: Tensor) -> None:
        first = model.layers[0]
        assert isinstance(first, EncoderLayer)
        self._model = model
        self._first = first
        self._ids = ids
        self._nulls = nulls
        self._hidden = model.embedded(ids.unsqueeze(0), None)  # [1, T, D]
        self._qkv = first.qkv(first.attention_norm(self._hidden))  # [1, T, 3D]

    def without(self, positions: Tensor, window: int) -> Tensor:
        """Return the first layer's output [R, T, D] with the window at each of positions [R] taken away."""
        rows, length = len(positions), len(self._ids)
        spots = positions.unsqueeze(1) + torch.arange(window + PREDECESSORS)  # [R, S] whose vectors change
        patch = self._patch(positions, window) + position_codes(length + window + PREDECESSORS, self._width)[spots]
        inside = spots < length
        row_of = torch.arange(rows).unsqueeze(1).expand_as(spots)[inside]
        hidden = self._hidden.repeat(rows, 1, 1)
        qkv = self._qkv.repeat(rows, 1, 1)
        changed = patch[inside]  # [N, D]
        hidden[row_of, spots[inside]] = changed
        qkv[row_of, spots[inside]] = self._first.qkv(self._first.attention_norm(changed))
        return self._first.mix(hidden, qkv, None)

    @property
    def _width(self) -> int:
        return self._model.size.hidden

    def _patch(self, positions: Tensor, window: int) -> Tensor:
        """Return joined vectors [R, window + 2, D] of the changed spots, without position codes."""
        length = len(self._ids)
        around = positions.unsqueeze(1) + torch.arange(-PREDECESSORS, window + PREDECESSORS)  # [R, S + 2]
        written = around.clamp(0, length - 1)
        gone = (around >= positions.unsqueeze(1)) & (around < positions.unsqueeze(1) + window)
        tokens = self._model.embed(torch.where(gone, self._nulls[written], self._ids[written]))
        return self._model.join(tokens * (around >= 0).unsqueeze(-1))
