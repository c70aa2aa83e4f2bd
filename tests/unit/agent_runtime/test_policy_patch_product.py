"""The patch embedding as a product: the convolution's output, gradients and names."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn
from transformers import AutoModelForImageTextToText

from agent_runtime.policy.checkpoint import load_model
from agent_runtime.policy.patch_product import PatchProduct, replace_patch_convolutions

torch.set_num_threads(1)


def convolution(bias: bool = True, channels: int = 3) -> nn.Conv3d:
    torch.manual_seed(0)
    return nn.Conv3d(channels, 32, kernel_size=(2, 16, 16), stride=(2, 16, 16), bias=bias)


class QwenXVisionPatchEmbed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.proj = convolution()


class OtherPatchEmbed(QwenXVisionPatchEmbed):
    pass


class QwenLinearPatchEmbed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.proj = nn.Linear(4, 4)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("patches", [1, 24])
def test_output_and_gradients_are_the_convolutions(bias: bool, patches: int) -> None:
    plain = convolution(bias)
    product = PatchProduct(plain)
    pixels = torch.randn(patches, 3, 2, 16, 16, generator=torch.Generator().manual_seed(1)).requires_grad_()
    wanted = [pixels, *plain.parameters()]
    found, expected = product(pixels), plain(pixels)
    assert found.shape == expected.shape == (patches, 32, 1, 1, 1)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    upstream = torch.randn(found.shape, generator=torch.Generator().manual_seed(2))
    pairs = zip(
        torch.autograd.grad(found, wanted, upstream), torch.autograd.grad(expected, wanted, upstream), strict=True
    )
    for one, other in pairs:
        torch.testing.assert_close(one, other, atol=2e-5, rtol=1e-5)


def test_parameters_are_shared_under_the_same_names() -> None:
    plain = convolution()
    product = PatchProduct(plain)
    assert product.weight is plain.weight
    assert product.bias is plain.bias
    assert list(product.state_dict()) == list(plain.state_dict())


@pytest.mark.parametrize("shape", [(3, 2, 16, 32), (3, 2, 32, 16), (3, 4, 16, 16), (1, 2, 16, 16), (3, 2, 16, 15)])
def test_a_patch_of_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(AssertionError):
        PatchProduct(convolution())(torch.zeros(5, *shape))


@torch.no_grad()
def test_a_checkpoints_own_embedding_is_replaced_and_answers_the_same(tiny_folder: Path) -> None:
    original = AutoModelForImageTextToText.from_pretrained(tiny_folder, dtype=torch.float32)
    model = load_model(tiny_folder, "none").model
    assert isinstance(original.model.visual.patch_embed.proj, nn.Conv3d)
    assert isinstance(model.model.visual.patch_embed.proj, PatchProduct)
    assert list(model.state_dict()) == list(original.state_dict())
    pixels = torch.randn(24, 3 * 2 * 16 * 16, generator=torch.Generator().manual_seed(3))
    found, expected = model.model.visual.patch_embed(pixels), original.model.visual.patch_embed(pixels)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def test_only_qwens_convolutions_are_replaced_and_only_once() -> None:
    model = nn.ModuleDict(
        {
            "qwen": QwenXVisionPatchEmbed(),
            "other": OtherPatchEmbed(),
            "linear": QwenLinearPatchEmbed(),
            "bare": convolution(),
        }
    )
    names = list(model.state_dict())
    assert replace_patch_convolutions(model) == 1
    assert replace_patch_convolutions(model) == 0
    assert isinstance(model["qwen"].proj, PatchProduct)
    assert isinstance(model["other"].proj, nn.Conv3d)
    assert isinstance(model["linear"].proj, nn.Linear)
    assert isinstance(model["bare"], nn.Conv3d)
    assert list(model.state_dict()) == names


def test_another_architecture_is_left_alone(llava_folder: Path) -> None:
    model = load_model(llava_folder, "none").model
    assert not any(isinstance(module, PatchProduct) for module in model.modules())
    assert any(isinstance(module, nn.Conv2d) for module in model.modules())
