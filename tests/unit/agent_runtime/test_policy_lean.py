"""What makes an update cheap changes no value: kept pictures, a lean last layer, joined LoRA products."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from agent_runtime.actions import grammar_named
from agent_runtime.policy.checkpoint import LoadedModel, load_model
from agent_runtime.policy.lean_norm import join_norms
from agent_runtime.policy.lora import adapter_tensors, attach_lora
from agent_runtime.policy.lora_product import join_lora_products
from agent_runtime.policy.prompt import PromptBuilder
from agent_runtime.policy.score import Utterance, answer_states
from agent_runtime.policy.shown import ShownInputs
from tests.tiny_vlm import TARGET_MODULES, picture_png

ALL_MODULES = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
MATES = [
    Utterance("Goal: a", picture_png(0), (40, 50, 60)),
    Utterance("Goal: a much longer one, which pads all the others", picture_png(1), (9,)),
    Utterance("Goal: b", picture_png(0), (100, 101, 102, 103, 104, 105, 106, 2)),
]


@pytest.fixture(params=["qwen", "llava"])
def loaded(request: pytest.FixtureRequest, tiny_folder: Path, llava_folder: Path) -> LoadedModel:
    return load_model({"qwen": tiny_folder, "llava": llava_folder}[request.param], "none")


def prompts_of(loaded: LoadedModel) -> PromptBuilder:
    return PromptBuilder(loaded.encoder, grammar_named("json"), "brief")


def lora_on(model: Any) -> Any:
    """A LoRA that does something, its B not zero."""
    peft = attach_lora(model, 4, 8.0, ALL_MODULES, seed=3)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for tensor in adapter_tensors(peft).values():
            tensor.copy_(0.1 * torch.randn(tensor.shape, generator=generator))
    return peft


def loss_of(logits: Tensor, token_ids: Sequence[int]) -> Tensor:
    """Minus the log-probability, and the entropy, of one row [T, V]."""
    log_probs = logits.log_softmax(-1)
    written = log_probs[torch.arange(len(token_ids)), torch.tensor(token_ids)]
    return -written.sum() - 0.1 * (log_probs.exp() * log_probs).sum()


def plain_gradients(peft: Any, prompts: PromptBuilder) -> list[Tensor]:
    """One row at a time, the whole model, no shortcut."""
    from agent_runtime.policy.prompt import picture_from_png

    peft.zero_grad()
    for item in MATES:
        inputs = prompts.inputs(item.prompt, picture_from_png(item.image_png))
        answer = torch.tensor([item.token_ids])
        length = inputs["input_ids"].shape[1]
        for name, value in inputs.items():
            if value.shape == (1, length):
                fill = answer if name == "input_ids" else torch.full_like(answer, int(name == "attention_mask"))
                inputs[name] = torch.cat((value, fill), 1)
        torch.autograd.backward(loss_of(peft(**inputs).logits[0, length - 1 : -1], item.token_ids))
    return gradients(peft)


def gradients(peft: Any) -> list[Tensor]:
    found = [parameter.grad.clone() for parameter in peft.parameters() if parameter.grad is not None]
    peft.zero_grad()
    return found


def lean_gradients(peft: Any, shown: ShownInputs) -> list[Tensor]:
    states = answer_states(peft, shown, MATES)
    logits = states.head(states.hidden).split([len(item.token_ids) for item in MATES])
    losses = [loss_of(row, item.token_ids) for row, item in zip(logits, MATES, strict=True)]
    torch.autograd.backward(torch.stack(losses).sum())
    return gradients(peft)


def test_gradients_are_those_of_the_whole_model_row_by_row(loaded: LoadedModel) -> None:
    peft, prompts = lora_on(loaded.model), prompts_of(loaded)
    expected = plain_gradients(peft, prompts)
    assert join_lora_products(peft) == len(expected) // 2
    assert join_norms(peft) > 0
    found = lean_gradients(peft, ShownInputs(peft, prompts))
    assert len(found) == len(expected) > 0
    for mine, theirs in zip(found, expected, strict=True):
        assert theirs.norm() > 0
        assert (mine - theirs).norm() <= 1e-5 * theirs.norm()


def test_each_picture_goes_through_the_tower_once(loaded: LoadedModel) -> None:
    peft = lora_on(loaded.model)
    shown = ShownInputs(peft, prompts_of(loaded))
    first = lean_gradients(peft, shown)
    assert shown.pictures.encoded == 2  # of three steps, two show the same
    again = lean_gradients(peft, shown)
    assert shown.pictures.encoded == 2
    assert all(map(torch.equal, first, again))  # kept or computed: the same to the last bit


def test_a_picture_that_was_forgotten_is_computed_again_to_the_same_bits(loaded: LoadedModel) -> None:
    peft = lora_on(loaded.model)
    roomy, tight = (ShownInputs(peft, prompts_of(loaded), feature_bytes=size) for size in (1 << 20, 1))
    assert all(map(torch.equal, lean_gradients(peft, roomy), lean_gradients(peft, tight)))
    before = tight.pictures.encoded
    lean_gradients(peft, tight)
    assert tight.pictures.encoded > before


def test_a_tower_that_learns_is_run_every_time(tiny_folder: Path) -> None:
    loaded = load_model(tiny_folder, "none")
    loaded.model.model.visual.requires_grad_(True)
    shown = ShownInputs(loaded.model, prompts_of(loaded))
    assert shown.of(MATES[0].prompt, MATES[0].image_png).features is None
    states = answer_states(loaded.model, shown, MATES)
    torch.autograd.backward(states.hidden.sum())
    assert loaded.model.model.visual.merger.linear_fc1.weight.grad is not None


def test_joined_products_stand_aside_where_peft_does_something_else(tiny_folder: Path) -> None:
    peft = attach_lora(load_model(tiny_folder, "none").model, 4, 8.0, TARGET_MODULES, seed=3)
    layer = next(module for module in peft.modules() if type(module).__name__ == "Linear" and hasattr(module, "lora_A"))
    torch.nn.init.ones_(layer.lora_B["default"].weight)
    rows = torch.randn(2, 3, layer.in_features, generator=torch.Generator().manual_seed(0))
    expected = layer(rows)
    assert join_lora_products(peft) > 0
    torch.testing.assert_close(layer(rows), expected)
    with peft.disable_adapter():
        assert torch.equal(layer(rows), layer.get_base_layer()(rows))
    layer.merge()
    torch.testing.assert_close(layer(rows), expected, atol=1e-4, rtol=1e-4)


def test_joined_products_have_the_gradients_of_finite_differences() -> None:
    from agent_runtime.policy.lora_product import _Product

    generator = torch.Generator().manual_seed(0)
    shapes = ((5, 4), (6, 4), (2, 4), (6, 2))
    rows, weight, down, up = (torch.randn(shape, generator=generator, dtype=torch.float64) for shape in shapes)
    learned = [tensor.requires_grad_() for tensor in (rows, down, up)]
    assert torch.autograd.gradcheck(lambda x, a, b: _Product.apply(x, weight, a, b, 0.7), learned)


def test_a_joined_norm_has_the_gradients_of_finite_differences() -> None:
    from agent_runtime.policy.lean_norm import _Norm

    generator = torch.Generator().manual_seed(0)
    rows = torch.randn((3, 2, 5), generator=generator, dtype=torch.float64).requires_grad_()
    weight = torch.randn(5, generator=generator, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: _Norm.apply(x, weight, 1e-3), [rows])


def test_joined_norms_say_what_they_said_and_stand_aside_where_a_weight_learns(tiny_folder: Path) -> None:
    model = load_model(tiny_folder, "none").model
    norm = model.model.language_model.layers[0].input_layernorm
    rows = torch.randn((2, 3, len(norm.weight)), generator=torch.Generator().manual_seed(0))
    torch.nn.init.normal_(norm.weight)
    expected = norm(rows)
    assert join_norms(model) == sum(type(module).__name__.endswith("RMSNorm") for module in model.modules()) > 0
    torch.testing.assert_close(norm(rows), expected)
    assert torch.equal(norm(torch.zeros_like(rows)), torch.zeros_like(rows))
    assert norm(rows.half()).dtype == norm.weight.dtype
    norm.weight.requires_grad_(True)
    norm(rows).sum().backward()
    assert norm.weight.grad is not None
