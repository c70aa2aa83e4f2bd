"""Causal weights from the action model: how far a token's absence moves the probability of the whole action.

    B_i = | P_φ(a | y) − P_φ(a | y with token i null) |          (Eq. 6, in units of probability)

Each distinct (utterance, action) is scored once for each version of the model, and only where a weight is
asked for. Rows of one utterance never share a batch with another's, so there is no padding, and a weight
cannot depend on what else is asked. Knows no policy and trains nothing.
"""

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

import torch
from torch import Tensor, nn

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
        self._scratch = _Scratch()
        self._heads: _Heads | None = None
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
        self._heads = None  # joined once for all that is asked here: the model may have changed since the last time
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
        shared = _Shared(self._model, ids, self._nulls.instead_of(ids), self._scratch)
        nothing = torch.tensor([len(ids)])  # a position behind the end takes nothing away: P(a | y) itself
        chunks = torch.split(torch.cat((nothing, positions)), self._chunk_rows)
        found = torch.cat([self._probability(shared.without(chunk, self._window), labels) for chunk in chunks])
        self.rows_computed += positions.numel()
        return (found[0] - found[1:]).abs()

    def _probability(self, first_layer: Tensor, labels: Tensor) -> Tensor:
        hidden = first_layer
        for layer in list(self._model.layers)[1:]:
            hidden = layer(hidden, None)
        if self._heads is None:
            self._heads = _Heads(self._model)
        return self._heads.log_prob(self._model.pooled(hidden, None), labels).exp()


class _Shared:
    """One utterance's embedded vectors and first-layer q, k, v, of which a counterfactual changes a few rows only."""

    def __init__(self, model: ActionModel, ids: Tensor, nulls: Tensor, scratch: "_Scratch") -> None:
        first = model.layers[0]
        assert isinstance(first, EncoderLayer)
        self._model = model
        self._first = first
        self._ids = ids
        self._nulls = nulls
        self._scratch = scratch
        tokens = nn.functional.pad(model.embed(ids), (0, 0, 2, 0)).unsqueeze(0)
        self._hidden = model.join(tokens) + _codes(len(ids), self._width)  # [1, T, D]
        self._qkv = first.qkv(first.attention_norm(self._hidden))  # [1, T, 3D]

    def without(self, positions: Tensor, window: int) -> Tensor:
        """Return the first layer's output [R, T, D] with the window at each of positions [R] taken away."""
        length, reach = len(self._ids), window + PREDECESSORS
        spots = positions.unsqueeze(1) + torch.arange(reach)  # [R, S] whose vectors change; those behind T do not count
        rows = torch.arange(len(positions)).unsqueeze(1)
        patch = self._patch(positions, window) + _codes(length + reach, self._width)[spots]
        hidden = self._scratch.take("hidden", (len(positions), length + reach, self._width), patch)
        qkv = self._scratch.take("qkv", (len(positions), length + reach, 3 * self._width), patch)
        hidden[:, :length], qkv[:, :length] = self._hidden, self._qkv
        hidden[rows, spots] = patch
        qkv[rows, spots] = self._first.qkv(self._first.attention_norm(patch))
        return self._first.mix(hidden[:, :length], qkv[:, :length], None)

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


@lru_cache(256)
def _codes(length: int, width: int) -> Tensor:
    """Return ``position_codes``, which would cost as much as a counterfactual or two if made for each utterance."""
    return position_codes(length, width)


class _Heads:
    """All fields' heads as one product; a class that a field does not have is as good as impossible."""

    def __init__(self, model: ActionModel) -> None:
        heads = [head for head in model.heads if isinstance(head, nn.Linear)]
        most = max(head.out_features for head in heads)
        pad = [most - head.out_features for head in heads]
        self._weight = torch.stack(
            [nn.functional.pad(head.weight, (0, 0, 0, more)) for head, more in zip(heads, pad, strict=True)]
        ).transpose(1, 2)  # [F, D, C]
        self._bias = torch.stack(
            [nn.functional.pad(head.bias, (0, more), value=-torch.inf) for head, more in zip(heads, pad, strict=True)]
        ).unsqueeze(1)  # [F, 1, C]

    def log_prob(self, pooled: Tensor, labels: Tensor) -> Tensor:
        """Return log P_φ(a | y) [R] of one action, labels [F], from vectors [R, F, D]."""
        logits = torch.baddbmm(self._bias, pooled.transpose(0, 1), self._weight).double().log_softmax(-1)  # [F, R, C]
        return logits[torch.arange(len(labels)), :, labels].sum(0).to(pooled)


class _Scratch:
    """Memory that is used again: for a CPU fresh pages cost more than what is written into them."""

    def __init__(self) -> None:
        self._flat: dict[str, Tensor] = {}

    def take(self, name: str, shape: tuple[int, ...], like: Tensor) -> Tensor:
        """Return a tensor of that shape with anything in it, valid until the same name is taken again."""
        size = math.prod(shape)
        flat = self._flat.get(name)
        if flat is None or flat.numel() < size or flat.dtype != like.dtype:
            flat = self._flat[name] = like.new_empty(size)
        return flat[:size].view(shape)
