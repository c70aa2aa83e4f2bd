"""Runs a LoRA layer as one matrix product, forwards and backwards. Changes no weight.

    W' = W + s B A       Y = X W'ᵀ       dX = dY W'
    dA = s (dY B)ᵀ X     dB = s dYᵀ (X Aᵀ)

W' is made for each pass and dropped: it costs 2r in·out operations whatever the rows are, and saves the low-rank
products of every row and their passes over memory. Where there are few rows the low-rank part is added into the large
product in place instead. PEFT's own layer scales and adds in passes of their own. Either way the result is the same to
rounding; only weights in full precision are joined, so no weight is rounded to fewer bits.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from peft.tuners.lora import Linear as LoraLinear
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

LEAST_ROWS = 64
"""With fewer rows the sum of the weights costs more than it saves."""


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor, weight: Tensor, down: Tensor, up: Tensor, scaling: float) -> Tensor:
        """Return [N, out]: rows [N, in], frozen weight [out, in], A ``down`` [r, in], B ``up`` [out, r]."""
        ctx.save_for_backward(rows, weight, down, up)
        ctx.scaling = scaling
        if len(rows) < LEAST_ROWS:
            return (rows @ weight.T).addmm_(rows @ down.T, up.T, alpha=scaling)
        return rows @ torch.addmm(weight, up, down, alpha=scaling).T

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, None, Tensor, Tensor, None]:
        """Return the gradients of rows, A and B; the weight is frozen."""
        rows, weight, down, up = ctx.saved_tensors
        above = gradients[0]
        low_above = ctx.scaling * (above @ up)
        below = None
        if ctx.needs_input_grad[0] and len(rows) < LEAST_ROWS:
            below = (above @ weight).addmm_(low_above, down)
        elif ctx.needs_input_grad[0]:
            below = above @ torch.addmm(weight, up, down, alpha=ctx.scaling)
        return below, None, low_above.T @ rows, ctx.scaling * (above.T @ (rows @ down.T)), None


def join_lora_products(peft_model: Any) -> int:
    """Let every LoRA layer over a plain frozen linear layer run as one step; return how many.

    A layer that PEFT would run otherwise – switched off, merged, with dropout, a bias or another kind of weight –
    goes on as PEFT has it.
    """
    layers = [module for module in peft_model.modules() if type(module) is LoraLinear and _is_plain(module)]
    for layer in layers:
        setattr(layer, "forward", partial(_forward, layer, layer.forward))  # noqa: B010 – a method, to mypy
    return len(layers)


def _is_plain(layer: Any) -> bool:
    base = layer.get_base_layer()
    adapter = layer.active_adapters[0]
    return (
        type(base) is nn.Linear
        and base.bias is None
        and not base.weight.requires_grad
        and base.weight.dtype == layer.lora_A[adapter].weight.dtype
        and len(layer.active_adapters) == 1
        and isinstance(layer.lora_dropout[adapter], nn.Identity)
    )


def _forward(layer: Any, otherwise: Any, rows: Tensor) -> Tensor:
    if layer.disable_adapters or layer.merged:
        result: Tensor = otherwise(rows)
        return result
    adapter = layer.active_adapters[0]
    down, up = layer.lora_A[adapter].weight, layer.lora_B[adapter].weight
    weight, scaling = layer.get_base_layer().weight, layer.scaling[adapter]
    apply: Any = _Product.apply
    product: Tensor = apply(rows.flatten(0, -2), weight, down, up, scaling)
    return product.view(*rows.shape[:-1], -1)
