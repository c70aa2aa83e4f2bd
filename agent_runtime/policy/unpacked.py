"""Unpacks quantized weights once and keeps them, where memory allows. Changes no value.

On a CPU bitsandbytes unpacks its weights on every call, which costs 4 to 20 times the product itself. Here each
of its linear layers is replaced by a plain one that holds the same values, bit for bit, as bitsandbytes' own
dequantization gives; they stay frozen, and LoRA sits on top as on any linear layer.
"""

import os
from pathlib import Path
from typing import Any

import torch
from bitsandbytes.functional import dequantize_4bit, int8_vectorwise_dequant
from bitsandbytes.nn.modules import Linear4bit, Linear8bitLt
from torch import Tensor, nn

RESERVED_SHARE = 0.25
"""Share of the free memory that unpacking leaves alone."""
_MEMORY_FILE = Path("/proc/meminfo")


def unpacked_weight(layer: Any) -> Tensor:
    """Return the weight [out, in] a bitsandbytes layer stands for, float32.

    The layer must not have run yet: where the CPU has AVX512-BF16 its first call rounds the scales to bfloat16.

    Raises:
        TypeError: the layer is none of bitsandbytes'.
    """
    weight = layer.weight
    if isinstance(layer, Linear4bit):
        return dequantize_4bit(weight.data, weight.quant_state).to(torch.float32)
    if isinstance(layer, Linear8bitLt):
        row_scale: Any = weight.SCB if weight.SCB is not None else layer.state.SCB
        packed = weight.CB if weight.CB is not None else weight.data
        unpacked: Tensor = int8_vectorwise_dequant(packed, row_scale)
        return unpacked.to(torch.float32)
    raise TypeError(f"got a {type(layer).__name__}, expected a layer of bitsandbytes")


def unpack_linear_layers(model: Any) -> int:
    """Replace every bitsandbytes layer of a CPU model by its unpacked twin; return how many.

    Nothing is replaced when the unpacked weights would not fit the free memory: then bitsandbytes goes on
    unpacking on every call.
    """
    packed = {name: module for name, module in model.named_modules() if _is_packed(module)}
    needed_bytes = sum(4 * module.in_features * module.out_features for module in packed.values())
    if needed_bytes > (1 - RESERVED_SHARE) * free_memory_bytes():
        return 0
    for name, layer in packed.items():
        parent = model.get_submodule(name.rpartition(".")[0])
        setattr(parent, name.rpartition(".")[2], _plain(layer))
    if packed:
        model.is_quantized = False
        model.is_loaded_in_4bit = model.is_loaded_in_8bit = False
    return len(packed)


def free_memory_bytes() -> int:
    """Return the memory the machine could give now, what the page cache holds included where the kernel says it."""
    if _MEMORY_FILE.is_file():
        for line in _MEMORY_FILE.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _is_packed(module: Any) -> bool:
    return isinstance(module, Linear4bit | Linear8bitLt)


def _plain(layer: Any) -> nn.Linear:
    weight = unpacked_weight(layer)
    with torch.device("meta"):
        plain = nn.Linear(weight.shape[1], weight.shape[0], bias=layer.bias is not None)
    plain.weight = nn.Parameter(weight, requires_grad=False)
    if layer.bias is not None:
        plain.bias = nn.Parameter(layer.bias.detach().to(torch.float32), requires_grad=False)
    return plain
