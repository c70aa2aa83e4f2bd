"""Tensors as tables, worked on several of one shape at a time: small ones cost calls. Knows no delta.

A tensor counts as a table of its last axis and all others; the shorter side of the table is called short, the other
long.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent_runtime.adapters.words import Words

LEAST_SHORT = 8
"""Below that a byte for each place on the long side costs more than it saves."""
BATCH_WORDS = 1 << 17
"""So many words of tensors of one shape are worked on at a time: small tensors cost calls, large ones fresh memory."""
Floats = NDArray[np.float32]
Expected = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Table:
    """How a tensor's shape counts."""

    rows: int
    columns: int

    @classmethod
    def of(cls, shape: tuple[int, ...]) -> "Table":
        return cls(math.prod(shape[:-1]), shape[-1]) if shape else cls(1, 1)

    @property
    def short(self) -> int:
        return min(self.rows, self.columns)

    @property
    def long_told(self) -> int:
        """How many places of the long side are told of."""
        return max(self.rows, self.columns) if self.short >= LEAST_SHORT else 0

    @property
    def told_bytes(self) -> int:
        return 2 * self.short + self.long_told

    @property
    def words(self) -> int:
        return self.rows * self.columns

    @property
    def long_axis(self) -> int:
        """Of a stack of tables [G, rows, columns]."""
        return 2 if self.rows <= self.columns else 1

    def along_short(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return values [G, short] so that they spread over the tables."""
        return np.expand_dims(values, self.long_axis)

    def along_long(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return values [G, long] so that they spread over the tables."""
        return np.expand_dims(values, 3 - self.long_axis)


class Block:
    """The extrapolated words of a block's tables one after another, and the sizes of the differences to expect."""

    def __init__(self, tables: Sequence[Table]) -> None:
        self._begins = [0, *accumulate(table.words for table in tables)]
        self.expected = np.empty(self._begins[-1], np.uint32)
        self.sizes = np.empty(self._begins[-1], np.uint8)

    def lay(self, places: Sequence[int], words: Words, sizes: Expected) -> None:
        """Put what was found for the tables at these places, [G, …] each, where it belongs."""
        for place, own_words, own_sizes in zip(places, words, sizes, strict=True):
            own = slice(self._begins[place], self._begins[place + 1])
            self.expected[own], self.sizes[own] = own_words.ravel(), own_sizes.ravel()


def batches(tables: Sequence[Table]) -> Iterator[tuple[Table, list[int]]]:
    """Yield the places of tables that are alike, as many at a time as make ``BATCH_WORDS``, one at least."""
    alike: dict[Table, list[int]] = {}
    for place, table in enumerate(tables):
        alike.setdefault(table, []).append(place)
    for table, places in alike.items():
        most = max(1, BATCH_WORDS // max(1, table.words))
        for start in range(0, len(places), most):
            yield table, places[start : start + most]


def stacked(tensors: Sequence[Words], table: Table) -> Floats:
    return np.stack([words.reshape(table.rows, table.columns) for words in tensors]).view(np.float32)
