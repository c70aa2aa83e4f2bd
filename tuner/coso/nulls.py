"""What stands in for a token taken away (y_null of Eq. 6). Computes no weight and trains nothing.

    mask        an embedding of its own, which training shows to the model: the default
    unk, pad    the tokenizer's token of that name (the released code has unk): ``ConstantNull`` with its id
    neighbour   another token, drawn from those whose embedding is nearest: the token is swapped, not taken away

A neighbour of a coordinate is a near coordinate, which often falls into the same cell of the screen; with it the
weights of coordinates are smaller than with the others.
"""

import zlib
from typing import Protocol

import torch
from torch import Tensor

from tuner.coso.action_model import ActionModel

NEIGHBOURS = 8


class Nulls(Protocol):
    """Gives the token that stands in for each token of an utterance; the same utterance, the same answer."""

    def instead_of(self, token_ids: Tensor) -> Tensor:
        """Return ids [T] for ids [T]."""

    def forget(self) -> None:
        """Drop what followed from the model's weights: they have changed."""


class ConstantNull:
    """One id for every token."""

    def __init__(self, null_id: int) -> None:
        self._null_id = null_id

    def instead_of(self, token_ids: Tensor) -> Tensor:
        """Return ids [T], all the same."""
        assert token_ids.ndim == 1
        return torch.full_like(token_ids, self._null_id)

    def forget(self) -> None:
        """Nothing follows from the weights."""


class NeighbourNull:
    """One of the ``count`` tokens nearest in the action model's embedding (Euclidean), never the token itself.

    The draw is a hash of the whole utterance and the position, so weights stay a function of the utterance.
    """

    def __init__(self, model: ActionModel, count: int = NEIGHBOURS) -> None:
        self._model = model
        self._count = min(count, model.null_id - 1)
        if self._count < 1:
            raise ValueError(f"Got {count} neighbours in a vocabulary of {model.null_id}, expected one at least.")
        self._nearest: dict[int, Tensor] = {}

    def instead_of(self, token_ids: Tensor) -> Tensor:
        """Return ids [T], each near the one it stands in for."""
        assert token_ids.ndim == 1
        utterance = token_ids.numpy().tobytes()
        places = (zlib.crc32(place.to_bytes(4, "little"), zlib.crc32(utterance)) for place in range(len(token_ids)))
        drawn = [
            self._near(token)[hashed % self._count] for token, hashed in zip(token_ids.tolist(), places, strict=True)
        ]
        return torch.stack(drawn)

    def forget(self) -> None:
        """Drop the neighbours found."""
        self._nearest.clear()

    @torch.no_grad()
    def _near(self, token: int) -> Tensor:
        if token not in self._nearest:
            words = self._model.embed.weight[: self._model.null_id]
            distances = (words - words[token]).norm(dim=1)
            distances[token] = torch.inf
            self._nearest[token] = distances.topk(self._count, largest=False).indices
        return self._nearest[token]
