"""Lays rows of tokens one behind another without padding, what several begin with only once. Knows no model.

A packed row is a sequence of pieces, the nodes of a prefix tree: a piece sees its ancestors and itself, and nothing
else. A decoder's state at a token depends on the tokens before it alone, so a beginning that several rows share has
one state in all of them, and its gradient is the sum of what the rows behind it send back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

LEAST_SAVED_TOKENS = 16
"""A piece of its own costs more than it saves where fewer tokens are saved by it."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Tokens ``start`` to ``stop`` of row ``row``; ``ancestors`` are the places of the pieces before it, root first."""

    row: int
    start: int
    stop: int
    ancestors: tuple[int, ...]

    def __len__(self) -> int:
        return self.stop - self.start


@dataclass(frozen=True)
class Packing:
    """``pieces`` in their order in the packed row, and ``places`` [L], where the tokens of each row lie in it."""

    pieces: tuple[Piece, ...]
    places: tuple[Tensor, ...]

    @property
    def lengths(self) -> list[int]:
        """The number of tokens of each piece."""
        return [len(piece) for piece in self.pieces]

    def packed(self, rows: Sequence[Tensor]) -> Tensor:
        """Return values per token, [L, …] of each row, as one packed row [N, …]."""
        return torch.cat([rows[piece.row][piece.start : piece.stop] for piece in self.pieces])


def packing_of(rows: Sequence[list[int]]) -> Packing:
    """Return the packing of rows; two tokens are the same where their numbers are.

    Raises:
        ValueError: a row is empty.
    """
    if not all(rows):
        raise ValueError("Got a row without tokens, expected one at least in each.")
    pieces: list[Piece] = []
    paths: list[list[int]] = [[] for _ in rows]

    def add(members: Sequence[int], start: int, stop: int, ancestors: tuple[int, ...]) -> int:
        pieces.append(Piece(members[0], start, stop, ancestors))
        for member in members:
            paths[member].append(len(pieces) - 1)
        return len(pieces) - 1

    def grow(members: Sequence[int], depth: int, ancestors: tuple[int, ...]) -> None:
        for group in _by_next(rows, members, depth):
            stop = _alike(min(rows[member] for member in group), max(rows[member] for member in group))
            if (len(group) - 1) * (stop - depth) >= LEAST_SAVED_TOKENS:
                piece = add(group, depth, stop, ancestors)
                grow(group, stop, (*ancestors, piece))
                continue
            for member in group:
                add([member], depth, len(rows[member]), ancestors)

    grow(range(len(rows)), 0, ())
    ends = torch.tensor([len(piece) for piece in pieces]).cumsum(0).tolist()
    spans = [torch.arange(end - len(piece), end) for piece, end in zip(pieces, ends, strict=True)]
    return Packing(tuple(pieces), tuple(torch.cat([spans[piece] for piece in path]) for path in paths))


def _by_next(rows: Sequence[list[int]], members: Sequence[int], depth: int) -> list[list[int]]:
    """Return the members that go on, those with the same next token together, in order of first appearance."""
    groups: dict[int, list[int]] = {}
    for member in members:
        if len(rows[member]) > depth:
            groups.setdefault(rows[member][depth], []).append(member)
    return list(groups.values())


def _alike(first: list[int], second: list[int]) -> int:
    """Return how many tokens two rows begin with alike; of several rows it is that of the least and the greatest."""
    pairs = enumerate(zip(first, second, strict=False))
    return next((place for place, (one, other) in pairs if one != other), min(len(first), len(second)))
