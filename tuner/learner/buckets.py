"""Splits a batch into forward passes: little padded, or what begins alike together. Knows lengths or keys only."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

PASS_OVERHEAD_TOKENS = 48
"""What one more forward and backward pass costs beside its tokens, in tokens: found on the small VLM."""


def length_buckets(lengths: Sequence[int], most: int) -> list[list[int]]:
    """Return the places of ``lengths``, shortest first, in groups of at most ``most`` that cost least together.

    A group costs its size times its longest length, padding and all, plus ``PASS_OVERHEAD_TOKENS``. The cheapest
    split of the sorted lengths is found exactly, in O(N · most).
    """
    if most < 1:
        raise ValueError(f"Got groups of at most {most}, expected one at least.")
    order = sorted(range(len(lengths)), key=lambda place: lengths[place])
    best = [0.0]  # the least cost of the first n
    size_of_last = [0]
    for count in range(1, len(order) + 1):
        longest = lengths[order[count - 1]]
        costs = [
            (best[count - size] + size * longest + PASS_OVERHEAD_TOKENS, size)
            for size in range(1, min(most, count) + 1)
        ]
        cost, size = min(costs)
        best.append(cost)
        size_of_last.append(size)
    groups: list[list[int]] = []
    end = len(order)
    while end:
        groups.append(order[end - size_of_last[end] : end])
        end -= size_of_last[end]
    return groups[::-1]


def kindred_groups(keys: Sequence[Any], most: int) -> list[list[int]]:
    """Return the places of ``keys`` in their order, in as few groups of at most ``most`` as can be, of even size.

    For passes without padding: what rows begin with alike is computed once where they are in one pass.
    """
    if most < 1:
        raise ValueError(f"Got groups of at most {most}, expected one at least.")
    order = sorted(range(len(keys)), key=lambda place: keys[place])
    groups = -(-len(keys) // most)
    cuts = [len(keys) * group // max(1, groups) for group in range(groups + 1)]
    return [order[start:end] for start, end in pairwise(cuts)]
