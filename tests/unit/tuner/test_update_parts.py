"""The lean head against the plain one, and the split of a batch against every other split."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tuner.coso.lean_head import lean_log_probs_and_entropies
from tuner.coso.objectives import token_log_probs_and_entropies
from tuner.learner.buckets import PASS_OVERHEAD_TOKENS, kindred_groups, length_buckets


@pytest.mark.parametrize("chunk_tokens", [1, 3, 7, 100])
def test_the_lean_head_gives_the_plain_values_and_gradients(chunk_tokens: int) -> None:
    generator = torch.Generator().manual_seed(0)
    hidden = torch.randn(7, 5, generator=generator, dtype=torch.float64).requires_grad_()
    head = torch.randn(11, 5, generator=generator, dtype=torch.float64)
    ids = torch.randint(0, 11, (7,), generator=generator)
    temperatures = torch.linspace(0.5, 2, 7, dtype=torch.float64)
    coefficients = torch.randn(2, 7, generator=generator, dtype=torch.float64)
    logits = (hidden @ head.T / temperatures[:, None]).unsqueeze(0)
    plain = [row.squeeze(0) for row in token_log_probs_and_entropies(logits, ids.unsqueeze(0))]
    lean = lean_log_probs_and_entropies(hidden, ids, temperatures, lambda rows: rows @ head.T, chunk_tokens)
    for mine, theirs in zip(lean, plain, strict=True):
        torch.testing.assert_close(mine, theirs, atol=1e-12, rtol=0)
    mine, theirs = (
        torch.autograd.grad((torch.stack(list(found)) * coefficients).sum(), hidden)[0] for found in (lean, plain)
    )
    torch.testing.assert_close(mine, theirs, atol=1e-12, rtol=0)


def cheapest(lengths: list[int], most: int) -> int:
    """The least cost over every split of the sorted lengths, by recursion."""
    if not lengths:
        return 0
    sizes = range(1, min(most, len(lengths)) + 1)
    return min(size * lengths[size - 1] + PASS_OVERHEAD_TOKENS + cheapest(lengths[size:], most) for size in sizes)


@given(st.lists(st.integers(1, 300), min_size=1, max_size=9), st.integers(1, 5))
def test_buckets_hold_everyone_once_and_cost_least(lengths: list[int], most: int) -> None:
    groups = length_buckets(lengths, most)
    assert sorted(place for group in groups for place in group) == list(range(len(lengths)))
    assert all(1 <= len(group) <= most for group in groups)
    cost = sum(len(group) * max(lengths[place] for place in group) + PASS_OVERHEAD_TOKENS for group in groups)
    assert cost == cheapest(sorted(lengths), most)


def test_no_lengths_are_no_groups_and_groups_hold_someone() -> None:
    assert length_buckets([], 4) == []
    with pytest.raises(ValueError, match="one at least"):
        length_buckets([3], 0)


@given(st.lists(st.integers(0, 3), max_size=20), st.integers(1, 6))
def test_kindred_groups_hold_everyone_once_in_even_groups(keys: list[int], most: int) -> None:
    groups = kindred_groups(keys, most)
    order = [place for group in groups for place in group]
    assert sorted(order) == list(range(len(keys)))
    assert [keys[place] for place in order] == sorted(keys)
    assert len(groups) == -(-len(keys) // most)
    sizes = {len(group) for group in groups}
    assert not sizes or (max(sizes) <= most and max(sizes) - min(sizes) <= 1)
