"""Unpacked weights: bitsandbytes' own values, bit for bit, on the language model's linear layers alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from bitsandbytes.functional import dequantize_4bit, int8_vectorwise_dequant
from bitsandbytes.nn import Linear4bit, Linear8bitLt
from torch import Tensor, nn

from agent_runtime.policy import unpacked
from agent_runtime.policy.checkpoint import load_model
from agent_runtime.policy.unpacked import free_memory_bytes, unpack_linear_layers, unpacked_weight

torch.set_num_threads(1)

QUANTIZED = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
LAYERS = 2


@pytest.fixture
def packed(request: pytest.FixtureRequest, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The model as bitsandbytes leaves it: there is no memory to unpack into."""
    monkeypatch.setattr(unpacked, "free_memory_bytes", lambda: 0)
    model = load_model(tiny_folder, request.param).model
    monkeypatch.undo()
    return model


def layers_of(model: Any, *kinds: type[nn.Module]) -> dict[str, Any]:
    return {name: module for name, module in model.named_modules() if isinstance(module, kinds)}


def dequantized(layer: Any) -> Tensor:
    if isinstance(layer, Linear4bit):
        return dequantize_4bit(layer.weight.data, layer.weight.quant_state).float()
    return int8_vectorwise_dequant(layer.weight.data, layer.weight.SCB).float()


@pytest.mark.parametrize(("packed", "kind"), [("nf4", Linear4bit), ("int8", Linear8bitLt)], indirect=["packed"])
def test_too_little_memory_replaces_nothing(packed: Any, kind: type[nn.Module]) -> None:
    assert len(layers_of(packed, kind)) == LAYERS * len(QUANTIZED)
    assert packed.is_quantized


@pytest.mark.parametrize(("packed", "quantization"), [("nf4", "nf4"), ("int8", "int8")], indirect=["packed"])
def test_weights_are_the_dequantized_ones_bit_for_bit(packed: Any, quantization: str, tiny_folder: Path) -> None:
    plain = load_model(tiny_folder, quantization).model
    assert not layers_of(plain, Linear4bit, Linear8bitLt)
    for name, layer in layers_of(packed, Linear4bit, Linear8bitLt).items():
        twin = plain.get_submodule(name)
        assert type(twin) is nn.Linear
        assert twin.weight.dtype == torch.float32
        assert torch.equal(twin.weight, dequantized(layer))
        assert torch.equal(twin.weight, unpacked_weight(layer))
        assert not twin.weight.requires_grad


@pytest.mark.parametrize(("packed", "quantization"), [("nf4", "nf4"), ("int8", "int8")], indirect=["packed"])
def test_quantized_weights_are_near_the_original_and_not_it(packed: Any, quantization: str, tiny_folder: Path) -> None:
    original = load_model(tiny_folder, "none").model
    # NF4's widest gap is 0.304 of a block's largest value, half of it the error; int8 steps by 1/127 of a row's.
    bound = {"nf4": 0.16, "int8": 0.5 / 127 + 1e-3}[quantization]
    for name, layer in layers_of(packed, Linear4bit, Linear8bitLt).items():
        weight = original.get_submodule(name).weight
        error = (dequantized(layer) - weight).abs().max() / weight.abs().max()
        assert 0 < error < bound


@pytest.mark.parametrize(
    ("packed", "quantization", "tolerance"), [("nf4", "nf4", 0.01), ("int8", "int8", 0.05)], indirect=["packed"]
)
@torch.no_grad()
def test_outputs_agree_with_those_of_bitsandbytes(
    packed: Any, quantization: str, tolerance: float, tiny_folder: Path
) -> None:
    plain = load_model(tiny_folder, quantization).model
    generator = torch.Generator().manual_seed(0)
    for name, layer in layers_of(packed, Linear4bit, Linear8bitLt).items():
        rows = torch.randn(5, layer.in_features, generator=generator)
        expected, found = layer(rows), plain.get_submodule(name)(rows)
        # bitsandbytes rounds on the way: NF4's scales to bfloat16 where the CPU has it, int8's input to 8 bits.
        assert (found - expected).norm() / expected.norm() < tolerance


@pytest.mark.parametrize("quantization", ["nf4", "int8"])
def test_vision_and_head_stay_in_full_precision(quantization: str, tiny_folder: Path) -> None:
    original, model = load_model(tiny_folder, "none").model, load_model(tiny_folder, quantization).model
    expected = dict(original.named_parameters())
    changed = [name for name, value in model.named_parameters() if not torch.equal(value, expected[name])]
    assert len(changed) == LAYERS * len(QUANTIZED)
    assert all(".language_model.layers." in name and name.split(".")[-2] in QUANTIZED for name in changed)
    assert list(dict(model.named_parameters())) == list(expected)
    assert not any(parameter.requires_grad for parameter in model.parameters())


@pytest.mark.parametrize("quantization", ["nf4", "int8"])
def test_another_architecture_is_quantized_in_its_language_model_alone(quantization: str, llava_folder: Path) -> None:
    original = dict(load_model(llava_folder, "none").model.named_parameters())
    model = load_model(llava_folder, quantization).model
    changed = [name for name, value in model.named_parameters() if not torch.equal(value, original[name])]
    assert len(changed) == LAYERS * len(QUANTIZED)
    assert not any("vision" in name or "projector" in name or "lm_head" in name for name in changed)


@pytest.mark.parametrize("packed", ["nf4"], indirect=True)
def test_memory_is_enough_from_a_third_more_than_the_weights(packed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    layers = layers_of(packed, Linear4bit).values()
    needed_bytes = sum(4 * layer.in_features * layer.out_features for layer in layers)
    # a layer: q and o 192·192, k and v 64·192, gate, up and down 256·192; 4 bytes each, two layers
    assert needed_bytes == 2 * 4 * 192 * (2 * 192 + 2 * 64 + 3 * 256)
    monkeypatch.setattr(unpacked, "free_memory_bytes", lambda: needed_bytes * 4 // 3 - 1)  # a quarter stays free
    assert unpack_linear_layers(packed) == 0
    assert len(layers_of(packed, Linear4bit)) == len(layers)
    monkeypatch.setattr(unpacked, "free_memory_bytes", lambda: needed_bytes * 4 // 3 + 1)
    assert unpack_linear_layers(packed) == len(layers)
    assert not packed.is_quantized


def test_a_bias_is_kept() -> None:
    layer = Linear4bit(64, 8, bias=True, quant_type="nf4", compute_dtype=torch.float32)
    model = nn.Sequential(layer).to("cpu")
    weight, bias = unpacked_weight(layer), layer.bias.detach().clone()
    assert unpack_linear_layers(model) == 1
    assert torch.equal(model[0].weight, weight)
    assert torch.equal(model[0].bias, bias)
    rows = torch.randn(3, 64)
    torch.testing.assert_close(model(rows), rows @ weight.T + bias)


def test_a_layer_of_another_kind_is_refused() -> None:
    with pytest.raises(TypeError, match="got a Linear, expected a layer of bitsandbytes"):
        unpacked_weight(nn.Linear(2, 2))


def test_a_model_without_packed_layers_is_left_alone() -> None:
    model = nn.Sequential(nn.Linear(2, 2))
    assert unpack_linear_layers(model) == 0
    assert not hasattr(model, "is_quantized")


def test_free_memory_is_read_from_the_kernel_or_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = tmp_path / "meminfo"
    told.write_text("MemTotal: 9 kB\nMemFree: 1 kB\nMemAvailable:   7 kB\n")
    monkeypatch.setattr(unpacked, "_MEMORY_FILE", told)
    assert free_memory_bytes() == 7 * 1024
    told.write_text("MemTotal: 9 kB\n")
    assert free_memory_bytes() > 1 << 20
    told.unlink()
    assert free_memory_bytes() > 1 << 20
