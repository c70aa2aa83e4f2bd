"""Runs root-mean-square norms with frozen weights in fewer passes over memory, backwards too. Changes no weight.

    y = w ⊙ x / r,  r = √(mean(x²) + ε)       dx = (w ⊙ dy − x · mean(w ⊙ dy ⊙ x) / r²) / r

As transformers writes it, autograd keeps and walks over each of six steps.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


class _Norm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor, weight: Tensor, epsilon: float) -> Tensor:
        """Return the normed rows [..., D], ``weight`` [D]."""
        size = torch.linalg.vector_norm(rows, dim=-1, keepdim=True)
        inverse = size.square_().div_(rows.shape[-1]).add_(epsilon).rsqrt_()
        ctx.save_for_backward(rows, weight, inverse)
        normed: Tensor = (rows * inverse).mul_(weight)
        return normed

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        """Return the gradient of the rows."""
        rows, weight, inverse = ctx.saved_tensors
        above = gradients[0] * weight
        along = torch.linalg.vecdot(above, rows).unsqueeze(-1)
        along.mul_(inverse).mul_(inverse).mul_(inverse).div_(-rows.shape[-1])
        return above.mul_(inverse).addcmul_(rows, along), None, None


def join_norms(model: Any) -> int:
    """Let the norms of Llama's and Qwen's decoders run as one step; return how many.

    Where a norm's weight learns, or anything is not float32, it goes on as it was.
    """
    norms = [module for module in model.modules() if _is_plain(module)]
    for norm in norms:
        setattr(norm, "forward", partial(_forward, norm, norm.forward))  # noqa: B010 – a method, to mypy
    return len(norms)


def _is_plain(module: Any) -> bool:
    """Tell the norms that transformers copies from Llama's by what they are made of; Gemma's are others."""
    is_named = type(module).__name__.endswith("RMSNorm") and type(module).__module__.startswith("transformers.")
    return is_named and hasattr(module, "variance_epsilon") and [*dict(module.named_parameters())] == ["weight"]


def _forward(norm: Any, otherwise: Any, rows: Tensor) -> Tensor:
    weight = norm.weight
    if weight.requires_grad or not (rows.dtype == weight.dtype == torch.float32):
        result: Tensor = otherwise(rows)
        return result
    apply: Any = _Norm.apply
    normed: Tensor = apply(rows, weight, norm.variance_epsilon)
    return normed
