"""What a decoder's linear layers take with NF4 weights unpacked once, beside bitsandbytes' own. Measures only.

The model is the seven products of each layer, at the sizes of a 0.6-billion-parameter one, quantized as the runtime
quantizes; attention itself is left out, being the same both ways. Ours answers in float32, with the same threads.
bitsandbytes is held to twice: in bfloat16, as checkpoints say and transformers loads them, which has the bars; and in
float32 as ours, where it only has to be no faster: there a long prompt is the same large product both ways.
Where the CPU has AVX512-BF16 bitsandbytes takes a fused path of its own, which rounds to bfloat16; there it is also
held to the path it takes on every other CPU, unpacking its weights on each call.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Iterator
from typing import Any, Final

import torch
from bitsandbytes.nn.modules import Linear4bit
from torch import Tensor, nn
from torch.nn import functional

from agent_runtime.policy.unpacked import unpack_linear_layers
from benchmarks.measures import Measure, in_turn, json_option, report

TOKEN_BAR: Final = 6.0
PREFILL_BAR: Final = 5.0
SAME_PRECISION_BAR: Final = 1.0
DIFFERENCE_BAR: Final = 0.0
LAYERS: Final = 4
HIDDEN_SIZE, KEY_SIZE, INTERMEDIATE_SIZE = 1024, 512, 2816
PREFILL_TOKENS: Final = 256
ROUNDS: Final = 9


def linear(in_features: int, out_features: int) -> Any:
    """Return a random layer of bitsandbytes; it is quantized when it is moved to its device."""
    make_layer: Any = Linear4bit  # it has no annotations
    return make_layer(in_features, out_features, bias=False, quant_type="nf4", compute_dtype=torch.float32)


def in_bfloat16(model: nn.Sequential) -> nn.Sequential:
    """Return a copy that multiplies in bfloat16, its NF4 weights being the same bytes."""
    twin = copy.deepcopy(model)
    for _, layer in packed_layers(twin):
        layer.compute_dtype, layer.compute_type_is_set = torch.bfloat16, True
    return twin


class Layer(nn.Module):
    """The products of one decoder layer, in the order a decoder does them."""

    def __init__(self) -> None:
        super().__init__()
        self.q_proj = linear(HIDDEN_SIZE, HIDDEN_SIZE)
        self.k_proj = linear(HIDDEN_SIZE, KEY_SIZE)
        self.v_proj = linear(HIDDEN_SIZE, KEY_SIZE)
        self.o_proj = linear(HIDDEN_SIZE, HIDDEN_SIZE)
        self.gate_proj = linear(HIDDEN_SIZE, INTERMEDIATE_SIZE)
        self.up_proj = linear(HIDDEN_SIZE, INTERMEDIATE_SIZE)
        self.down_proj = linear(INTERMEDIATE_SIZE, HIDDEN_SIZE)

    def forward(self, x: Tensor) -> Tensor:
        """Return [B, T, D] for [B, T, D]; a sum stands for attention."""
        mixed = self.q_proj(x) + torch.cat((self.k_proj(x), self.v_proj(x)), -1)
        x = x + self.o_proj(mixed)
        update: Tensor = self.down_proj(functional.silu(self.gate_proj(x)) * self.up_proj(x))
        return x + update


def packed_model() -> nn.Sequential:
    """Return random layers in NF4, in evaluation mode, none of which has run."""
    torch.manual_seed(0)
    return nn.Sequential(*(Layer() for _ in range(LAYERS))).to("cpu").eval()


def packed_layers(model: nn.Module) -> Iterator[tuple[str, Any]]:
    """Yield bitsandbytes' layers by name."""
    yield from ((name, layer) for name, layer in model.named_modules() if isinstance(layer, Linear4bit))


def unpacking_every_call(model: nn.Sequential) -> nn.Sequential:
    """Return a copy that takes the path of CPUs without AVX512-BF16."""
    twin = copy.deepcopy(model)
    for _, layer in packed_layers(twin):
        layer.support_avx512bf16_for_cpu = False
    return twin


def has_fused_path(model: nn.Module) -> bool:
    """Return True when bitsandbytes has a faster way than unpacking on this CPU."""
    return any(layer.support_avx512bf16_for_cpu for _, layer in packed_layers(model))


def largest_difference(unpacked: nn.Module, reference: nn.Module) -> float:
    """Return how far our weights are from those bitsandbytes multiplies by, read off by passing the identity."""
    return max(
        float((unpacked.get_submodule(name).weight.T - layer(torch.eye(layer.in_features))).abs().max())
        for name, layer in packed_layers(reference)
    )


def measure_speed(ours: nn.Module, theirs: nn.Module, name: str, dtype: torch.dtype) -> list[Measure]:
    """Return how many times faster ours is at one token and at a prefill than theirs in ``dtype``."""
    bars = (TOKEN_BAR, PREFILL_BAR) if dtype == torch.bfloat16 else (SAME_PRECISION_BAR, SAME_PRECISION_BAR)
    lengths = {1: "one token", PREFILL_TOKENS: f"{PREFILL_TOKENS} tokens"}
    precision = str(dtype).removeprefix("torch.")
    return [
        _faster(ours, theirs, tokens, f"{length}: {name}, {precision}", dtype, bar)
        for (tokens, length), bar in zip(lengths.items(), bars, strict=True)
    ]


def _faster(ours: nn.Module, theirs: nn.Module, tokens: int, name: str, dtype: torch.dtype, bar: float) -> Measure:
    x = torch.randn(1, tokens, HIDDEN_SIZE)
    theirs_x = x.to(dtype)
    works = {"ours": lambda: ours(x), "theirs": lambda: theirs(theirs_x)}
    in_turn(2, works)  # both warm
    rounds = in_turn(ROUNDS, works)
    ours_ms, theirs_ms = rounds.median_ms("ours") / LAYERS, rounds.median_ms("theirs") / LAYERS
    label = f"{name} ({theirs_ms:.3g} ms) / unpacked once"
    return Measure(label, rounds.median_ratio("theirs", "ours"), bar, "higher", ours_ms, "ms a layer")


@torch.inference_mode()
def measure() -> list[Measure]:
    """Return the differences and the speeds."""
    theirs = packed_model()
    unpacking, ours = unpacking_every_call(theirs), copy.deepcopy(theirs)
    fused = has_fused_path(theirs)
    assert unpack_linear_layers(ours) == len(list(packed_layers(theirs))), "no memory to unpack into"
    difference = largest_difference(ours, unpacking)
    found = [Measure("largest difference of a weight", difference, DIFFERENCE_BAR, "lower", difference, "")]
    references = {"bitsandbytes": theirs}
    if fused:
        references = {"bitsandbytes, fused": theirs, "bitsandbytes, unpacking": unpacking}
    for name, reference in references.items():
        found += measure_speed(ours, in_bfloat16(reference), name, torch.bfloat16)
        found += measure_speed(ours, reference, name, torch.float32)
    return found


def main() -> int:
    """Measure, tell, and return the exit code."""
    json_path = json_option("decode", __doc__)
    threads = torch.get_num_threads()
    title = (
        f"NF4 at hidden size {HIDDEN_SIZE}, {INTERMEDIATE_SIZE} inside; torch {torch.__version__}, threads: {threads}"
    )
    return report(title, measure(), json_path)


if __name__ == "__main__":
    sys.exit(main())
