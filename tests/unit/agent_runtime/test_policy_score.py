"""Teacher-forced logits: those of acting, whatever else is in the batch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from agent_runtime.actions import grammar_named
from agent_runtime.errors import PolicyError
from agent_runtime.policy.checkpoint import LoadedModel, load_model
from agent_runtime.policy.lora import adapter_tensors, attach_lora
from agent_runtime.policy.prompt import PromptBuilder
from agent_runtime.policy.score import Utterance, score_utterances
from tests.tiny_vlm import TARGET_MODULES, picture, picture_png

MATES = [
    Utterance("Goal: a", picture_png(0), (40, 50, 60)),
    Utterance("Goal: a much longer one, which pads all the others", picture_png(1), (9,)),
    Utterance("Goal: b", picture_png(2), (100, 101, 102, 103, 104, 105, 106, 2)),
]
VOCABULARY = 263  # 7 special tokens and 256 bytes


@pytest.fixture(scope="module", params=["qwen", "llava"])
def loaded(request: pytest.FixtureRequest, tiny_folder: Path, llava_folder: Path) -> LoadedModel:
    return load_model({"qwen": tiny_folder, "llava": llava_folder}[request.param], "none")


@pytest.fixture(scope="module")
def prompts(loaded: LoadedModel) -> PromptBuilder:
    return PromptBuilder(loaded.encoder, grammar_named("json"), "brief")


@torch.no_grad()
def scored(loaded: LoadedModel, prompts: PromptBuilder, utterances: Sequence[Utterance]) -> list[Tensor]:
    """The logits [T, V] of each utterance, without padding."""
    scores = score_utterances(loaded.model, prompts, utterances)
    return [row[: len(item.token_ids)] for row, item in zip(scores.logits, utterances, strict=True)]


@torch.inference_mode()
def one_at_a_time(model: Any, inputs: dict[str, Tensor], token_ids: Sequence[int]) -> Tensor:
    """The logits [T, V] as acting computes them: the prompt, then a token after the other."""
    output = model(**inputs, use_cache=True)
    rows = [output.logits[0, -1]]
    for token in token_ids[:-1]:
        output = model(input_ids=torch.tensor([[token]]), past_key_values=output.past_key_values, use_cache=True)
        rows.append(output.logits[0, -1])
    return torch.stack(rows)


def test_shapes_ids_and_mask(loaded: LoadedModel, prompts: PromptBuilder) -> None:
    scores = score_utterances(loaded.model, prompts, MATES)
    assert scores.logits.shape == (3, 8, VOCABULARY)
    assert scores.token_ids.tolist()[0] == [40, 50, 60, 0, 0, 0, 0, 0]
    assert scores.mask.sum(1).tolist() == [3, 1, 8]
    assert scores.mask.tolist()[0] == [1, 1, 1, 0, 0, 0, 0, 0]


def test_logits_of_a_row_do_not_depend_on_batch_mates(loaded: LoadedModel, prompts: PromptBuilder) -> None:
    for item, found in zip(MATES, scored(loaded, prompts, MATES), strict=True):
        torch.testing.assert_close(found, scored(loaded, prompts, [item])[0], atol=2e-5, rtol=0)


def test_logits_do_not_depend_on_the_order_of_the_batch(loaded: LoadedModel, prompts: PromptBuilder) -> None:
    forth, back = scored(loaded, prompts, MATES), scored(loaded, prompts, MATES[::-1])
    for one, other in zip(forth, back[::-1], strict=True):
        torch.testing.assert_close(one, other, atol=2e-5, rtol=0)


def test_logits_are_those_of_acting(loaded: LoadedModel, prompts: PromptBuilder) -> None:
    for place, (item, found) in enumerate(zip(MATES, scored(loaded, prompts, MATES), strict=True)):
        expected = one_at_a_time(loaded.model, prompts.inputs(item.prompt, picture(place)), item.token_ids)
        torch.testing.assert_close(found, expected, atol=2e-5, rtol=0)


def test_each_logit_predicts_the_token_at_its_place(loaded: LoadedModel, prompts: PromptBuilder) -> None:
    changed_last = Utterance(MATES[2].prompt, MATES[2].image_png, (*MATES[2].token_ids[:-1], 77))
    found, other = scored(loaded, prompts, [MATES[2]])[0], scored(loaded, prompts, [changed_last])[0]
    torch.testing.assert_close(found, other)  # the last token is predicted, and predicts nothing
    changed_first = Utterance(MATES[2].prompt, MATES[2].image_png, (77, *MATES[2].token_ids[1:]))
    other = scored(loaded, prompts, [changed_first])[0]
    torch.testing.assert_close(found[0], other[0])
    assert (found[1:] - other[1:]).abs().amax(1).min() > 1e-3


@pytest.mark.parametrize("token", ["<|image_pad|>", "<|video_pad|>", "<|vision_start|>"])
def test_a_sampled_picture_token_is_a_word_like_any(loaded: LoadedModel, prompts: PromptBuilder, token: str) -> None:
    special = loaded.encoder.tokenizer.convert_tokens_to_ids(token)
    item = Utterance("Goal: a", picture_png(0), (40, special, 60, special, special, 70))
    expected = one_at_a_time(loaded.model, prompts.inputs(item.prompt, picture(0)), item.token_ids)
    batch = [MATES[2], item]
    torch.testing.assert_close(scored(loaded, prompts, batch)[1], expected, atol=2e-5, rtol=0)
    plain = scored(loaded, prompts, MATES)
    torch.testing.assert_close(scored(loaded, prompts, batch)[0], plain[2], atol=2e-5, rtol=0)
    assert not loaded.model.get_input_embeddings()._forward_hooks


def test_a_lora_model_scores_as_its_base_and_gets_gradients(tiny_folder: Path) -> None:
    loaded = load_model(tiny_folder, "none")
    prompts = PromptBuilder(loaded.encoder, grammar_named("json"), "brief")
    base = scored(loaded, prompts, MATES)
    peft = attach_lora(loaded.model, 4, 8.0, TARGET_MODULES, seed=3)
    scores = score_utterances(peft, prompts, MATES)
    torch.testing.assert_close(scores.logits[2], base[2])  # B is zero
    log_probs = scores.logits.log_softmax(-1).gather(-1, scores.token_ids.unsqueeze(-1)).squeeze(-1)
    torch.autograd.backward((log_probs * scores.mask).sum())
    for name, parameter in peft.named_parameters():
        assert (parameter.grad is not None) == ("lora_" in name)
        if "lora_B" in name:
            assert parameter.grad.abs().max() > 0


def test_the_same_seed_attaches_the_same_tensors(tiny_folder: Path) -> None:
    one, other, third = (
        adapter_tensors(attach_lora(load_model(tiny_folder, "none").model, 4, 8.0, TARGET_MODULES, seed))
        for seed in (3, 3, 4)
    )
    assert list(one) == sorted(one)
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert not all(torch.equal(one[name], third[name]) for name in one)
    assert all(not tensor.any() for name, tensor in one.items() if "lora_B" in name)


def test_a_broken_picture_is_one_sentence(loaded: LoadedModel, prompts: PromptBuilder) -> None:
    with pytest.raises(PolicyError, match="expected a PNG"):
        score_utterances(loaded.model, prompts, [Utterance("Goal: a", picture_png()[:-300], (1,))])
