"""Attention over a packed row: each piece looks at its ancestors and itself. Knows no tokens.

It stands in for a decoder's attention through transformers' attention interface, while ``packed_rows`` is open. The
masks are made here, so the model makes none.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface

from agent_runtime.policy.packing import Packing

_NAME = "coso_packed"


def takes_packed_rows(base: Any) -> bool:
    """Tell whether the model's decoder asks the attention interface, and lets every token see all before it."""
    decoder: Any = getattr(base.model, "language_model", None)
    if not getattr(decoder, "_supports_attention_backend", False):
        return False
    config = decoder.config
    kinds = getattr(config, "layer_types", None) or ["full_attention"]
    windowed = getattr(config, "sliding_window", None) and getattr(config, "use_sliding_window", True)
    return set(kinds) == {"full_attention"} and not windowed


@contextmanager
def packed_rows(base: Any, packing: Packing) -> Iterator[dict[str, Any]]:
    """Let the decoder of ``base`` take one packed row [1, N]; yield the arguments that its forward needs for it."""
    config = base.model.language_model.config
    before = config._attn_implementation
    config._attn_implementation = _NAME
    try:
        yield {"packed": _Plan(packing), "use_cache": False, "attention_mask": None}
    finally:
        config._attn_implementation = before


class _Plan:
    """What every layer needs of a packing, made once."""

    def __init__(self, packing: Packing) -> None:
        self.lengths = packing.lengths
        self.ancestors = [piece.ancestors for piece in packing.pieces]
        self._masks: dict[tuple[int, int], Tensor] = {}

    def mask(self, own: int, before: int, device: torch.device) -> Tensor:
        """Return [own, before + own], True where a token of a piece may look."""
        if (own, before) not in self._masks:
            seen = torch.ones((own, before + own), dtype=torch.bool, device=device)
            self._masks[own, before] = seen.tril(before)
        return self._masks[own, before]


def _attend(
    module: Any, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None, **options: Any
) -> tuple[Tensor, None]:
    """Return [1, N, H, D] of queries [1, H, N, D], keys and values [1, G, N, D], as transformers wants it."""
    plan: _Plan = options["packed"]
    parts = [torch.split(tensor, plan.lengths, 2) for tensor in (query, key, value)]
    found = []
    for place, ancestors in enumerate(plan.ancestors):
        queries = parts[0][place]
        keys, values = (
            torch.cat([*(part[before] for before in ancestors), part[place]], 2) if ancestors else part[place]
            for part in parts[1:]
        )
        mask = plan.mask(queries.shape[2], keys.shape[2] - queries.shape[2], query.device) if ancestors else None
        found.append(
            scaled_dot_product_attention(
                queries, keys, values, mask, is_causal=mask is None, scale=options.get("scaling"), enable_gqa=True
            )
        )
    return torch.cat([part.transpose(1, 2) for part in found], 1), None


AttentionInterface.register(_NAME, _attend)
