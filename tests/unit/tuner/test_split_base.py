"""A base model split by FSDP2, here over a single process: the same bits, and passes in step whatever fails."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.tensor import DTensor

from agent_runtime.policy.checkpoint import load_model
from agent_runtime.policy.lora import adapter_tensors, attach_lora
from agent_runtime.policy.lora_product import join_lora_products
from agent_runtime.policy.prompt import PromptBuilder
from agent_runtime.policy.score import Utterance, score_utterances
from tests.learner_world import JSON, PROMPT, REWARDED, learner_config, picture_png
from tuner.errors import LearnerError
from tuner.learner.finite import NotFiniteError
from tuner.learner.split_base import Blocks


@pytest.fixture(autouse=True)
def _one_process(tmp_path: Path) -> Iterator[None]:
    dist.init_process_group("gloo", init_method=f"file://{tmp_path / 'meeting'}", rank=0, world_size=1)
    yield
    dist.destroy_process_group()


class Policy:
    """The tiny model with LoRA tensors that are not zero."""

    def __init__(self, checkpoint: Path) -> None:
        loaded = load_model(checkpoint, "none")
        self.model = attach_lora(loaded.model, 4, 8.0, ("q_proj", "down_proj"), seed=0)
        join_lora_products(self.model)
        self._prompts = PromptBuilder(loaded.encoder, JSON, "brief")
        tokenizer = loaded.encoder.tokenizer
        self._token_ids = (*tokenizer.encode(REWARDED), tokenizer.eos_token_id)
        generator = torch.Generator().manual_seed(1)
        for tensor in adapter_tensors(self.model).values():
            tensor.data.copy_(torch.randn(tensor.shape, generator=generator) * 0.05)
        layers = self.model.get_base_model().model.language_model.layers
        self.forwards, self.backwards = [0] * len(layers), [0] * len(layers)
        for place, layer in enumerate(layers):
            layer.register_forward_hook(lambda *_, place=place: self._count(self.forwards, place))
            layer.self_attn.q_proj.lora_A["default"].weight.register_hook(
                lambda _, place=place: self._count(self.backwards, place)
            )

    @staticmethod
    def _count(counts: list[int], place: int) -> None:
        counts[place] += 1

    def log_prob(self) -> Tensor:
        item = Utterance(PROMPT, picture_png(), self._token_ids)
        scores = score_utterances(self.model, self._prompts, [item])
        return scores.logits.log_softmax(-1).gather(-1, scores.token_ids.unsqueeze(-1)).sum()

    def gradients(self) -> list[Tensor]:
        return [weight.grad.clone() for weight in self.model.parameters() if weight.grad is not None]


def test_a_split_base_gives_the_same_bits_and_a_pass_over_nothing_adds_nothing(checkpoint: Path) -> None:
    plain, split = Policy(checkpoint), Policy(checkpoint)
    blocks = Blocks(split.model, "cpu")
    frozen = split.model.get_base_model().model.language_model.layers[0].mlp.up_proj.weight
    assert isinstance(frozen, DTensor)
    plain.log_prob().backward()  # type: ignore[no-untyped-call]
    with blocks.one_pass():
        split.log_prob().backward()  # type: ignore[no-untyped-call]
    blocks.pass_with_gradient()
    blocks.pass_by()
    assert all(torch.equal(*pair) for pair in zip(plain.gradients(), split.gradients(), strict=True))
    assert split.forwards == [3, 3]
    assert split.backwards == [2, 2]
    assert torch.equal(plain.log_prob(), split.log_prob())


@pytest.mark.parametrize("comes_that_far", [False, True], ids=["before the forward pass", "after it"])
def test_a_pass_that_fails_has_still_been_made(checkpoint: Path, comes_that_far: bool) -> None:
    policy = Policy(checkpoint)
    blocks = Blocks(policy.model, "cpu")

    def fail() -> None:
        with blocks.one_pass():
            if comes_that_far:
                policy.log_prob()
            raise NotFiniteError("the loss is not finite")

    with pytest.raises(NotFiniteError):
        fail()
    assert policy.forwards == [1, 1]
    assert policy.backwards == [1, 1]


def test_others_are_told_of_every_pass_that_is_not_theirs(checkpoint: Path) -> None:
    policy, told = Policy(checkpoint), []
    blocks = Blocks(policy.model, "cpu")
    blocks.on_pass = lambda: told.append(policy.forwards[0])
    with torch.no_grad():
        policy.log_prob()
        policy.log_prob()
    with blocks.one_pass():
        policy.log_prob().backward()  # type: ignore[no-untyped-call]
    assert told == [0, 1]


def test_what_cannot_be_split_is_refused(tmp_path: Path, checkpoint: Path) -> None:
    with pytest.raises(ValueError, match="set it to none"):
        learner_config(tmp_path, checkpoint, shard_base=True, quantization="nf4")
    policy = Policy(checkpoint)
    layers = policy.model.get_base_model().model.language_model.layers
    layers[0].mlp.up_proj.weight = torch.nn.Parameter(torch.zeros(4, 1, dtype=torch.uint8), requires_grad=False)
    with pytest.raises(LearnerError, match="quantized"):
        Blocks(policy.model, "cpu")
    layers[0].self_attn = torch.nn.Identity()
    policy.model.get_base_model().model.language_model = torch.nn.Identity()
    with pytest.raises(LearnerError, match="leave shard_base out"):
        Blocks(policy.model, "cpu")
