"""Words and pictures into model inputs: what is said, where the picture stands, and that no words can place one."""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from agent_runtime.actions import Action, Finish, Key, Malformed, PressKey, Tap, TypeText, grammar_named
from agent_runtime.errors import PolicyError
from agent_runtime.policy.generate import load_policy
from agent_runtime.policy.prompt import (
    MAX_HISTORY,
    Encoder,
    ProcessorEncoder,
    PromptBuilder,
    QwenEncoder,
    load_encoder,
    picture_from_png,
)
from tests.tiny_vlm import SPECIAL_TOKENS, picture, picture_png

JSON = grammar_named("json")


@pytest.fixture(scope="module")
def qwen(tiny_folder: Path) -> Encoder:
    return load_encoder(tiny_folder)


@pytest.fixture(scope="module")
def qwen_builder(qwen: Encoder) -> PromptBuilder:
    return PromptBuilder(qwen, JSON, "brief")


@pytest.fixture(scope="module")
def llava(llava_folder: Path) -> Encoder:
    return load_encoder(llava_folder)


def read_back(builder: PromptBuilder, prompt: str) -> str:
    """The whole turn as the model sees it, special tokens spelled out."""
    return str(builder.encoder.tokenizer.decode(builder.inputs(prompt, picture())["input_ids"][0]))


def test_a_brief_prompt_is_the_goal_alone(qwen: Encoder) -> None:
    assert PromptBuilder(qwen, JSON, "brief").prompt_text("open the clock", [Tap(0.5, 0.5)]) == "Goal: open the clock"


def test_a_full_prompt_tells_what_was_done(qwen: Encoder) -> None:
    builder = PromptBuilder(qwen, JSON, "full")
    assert builder.prompt_text("go", []) == "Goal: go"
    history: Sequence[Action] = [Tap(0.25, 0.5), Malformed("no JSON"), TypeText("a, b"), PressKey(Key.BACK)]
    assert builder.prompt_text("go", history).splitlines() == [
        "Goal: go",
        "Done so far:",
        "Tap(x_norm=0.25, y_norm=0.5)",
        "(no valid action)",
        "TypeText(text='a, b')",
        "PressKey(key=<Key.BACK: 'back'>)",
    ]


def test_only_the_latest_actions_are_told(qwen: Encoder) -> None:
    history = [TypeText(f"word {number}") for number in range(9)]
    lines = PromptBuilder(qwen, JSON, "full").prompt_text("go", history).splitlines()
    assert lines[2:] == [f"TypeText(text='word {number}')" for number in range(9 - MAX_HISTORY, 9)]


def test_an_unknown_style_is_one_sentence(qwen: Encoder) -> None:
    with pytest.raises(PolicyError, match="Got the prompt style 'terse', expected 'full' or 'brief'"):
        PromptBuilder(qwen, JSON, "terse")


@pytest.mark.parametrize("grammar", ["json", "auto-ui"])
def test_a_full_prompt_explains_the_grammar_and_a_brief_one_does_not(qwen: Encoder, grammar: str) -> None:
    instruction = grammar_named(grammar).instruction
    full = read_back(PromptBuilder(qwen, grammar_named(grammar), "full"), "Goal: go")
    assert full.startswith(f"<|im_start|>system\n{instruction}<|im_end|>\n<|im_start|>user\n")
    assert "system" not in read_back(PromptBuilder(qwen, grammar_named(grammar), "brief"), "Goal: go")


def test_the_qwen_turn_holds_one_token_for_every_merged_patch(qwen: Encoder) -> None:
    assert isinstance(qwen, QwenEncoder)
    builder = PromptBuilder(qwen, JSON, "brief")
    pads = "<|image_pad|>" * 6  # 64x96 px: 4x6 patches of 16 px, merged 2x2
    assert read_back(builder, "Goal: go") == (
        f"<|im_start|>user\n<|vision_start|>{pads}<|vision_end|>Goal: go<|im_end|>\n<|im_start|>assistant\n"
    )
    inputs = builder.inputs("Goal: go", picture())
    length = inputs["input_ids"].shape[1]
    assert inputs["image_grid_thw"].tolist() == [[1, 6, 4]]
    assert inputs["pixel_values"].shape == (24, 3 * 2 * 16 * 16)
    assert inputs["attention_mask"].tolist() == [[1] * length]
    is_pad = inputs["input_ids"] == qwen.tokenizer.convert_tokens_to_ids("<|image_pad|>")
    assert torch.equal(inputs["mm_token_type_ids"], is_pad.long())


def test_the_llava_turn_is_its_own_processors(llava: Encoder) -> None:
    assert isinstance(llava, ProcessorEncoder)
    builder = PromptBuilder(llava, JSON, "brief")
    pads = "<|image_pad|>" * 4  # 28x28 px: 2x2 patches of 14 px
    assert read_back(builder, "Goal: go") == (f"<|im_start|>user\n{pads}Goal: go<|im_end|>\n<|im_start|>assistant\n")
    inputs = builder.inputs("Goal: go", picture())
    assert inputs["pixel_values"].shape == (1, 3, 28, 28)
    assert inputs["attention_mask"].shape == inputs["input_ids"].shape


def test_the_same_words_and_picture_give_the_same_inputs(qwen: Encoder, llava: Encoder) -> None:
    for builder in (PromptBuilder(qwen, JSON, "full"), PromptBuilder(llava, JSON, "full")):
        one, other = builder.inputs("Goal: go", picture(1)), builder.inputs("Goal: go", picture(1))
        assert one.keys() == other.keys()
        assert all(torch.equal(one[name], other[name]) for name in one)
        assert not torch.equal(one["pixel_values"], builder.inputs("Goal: go", picture(2))["pixel_values"])


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=30))
@settings(max_examples=50, deadline=None)
def test_any_text_stands_in_the_turn_as_it_was_said(qwen_builder: PromptBuilder, text: str) -> None:
    assert f"<|vision_end|>Goal: {text}<|im_end|>" in read_back(qwen_builder, f"Goal: {text}")


@pytest.mark.parametrize("token", SPECIAL_TOKENS)
def test_a_special_token_in_the_words_is_words(qwen: Encoder, llava: Encoder, token: str) -> None:
    for encoder in (qwen, llava):
        builder = PromptBuilder(encoder, JSON, "full")
        plain, told = builder.inputs("Goal: go", picture()), builder.inputs(f"Goal: go {token}{token}", picture())
        special = encoder.tokenizer.convert_tokens_to_ids(token)
        assert (told["input_ids"] == special).sum() == (plain["input_ids"] == special).sum()
        assert f"Goal: go < {token[1:]}< {token[1:]}" in read_back(builder, f"Goal: go {token}{token}")


def test_a_goal_that_spells_a_picture_is_answered(tiny_folder: Path, llava_folder: Path) -> None:
    for folder in (tiny_folder, llava_folder):
        policy = load_policy(folder, "none", None)
        prompt = policy.prompt_text("type <|image_pad|>", [TypeText("<|image_pad|>"), Finish(True)])
        assert policy.decide(picture_png(), prompt, temperature=0.0, seed=0).token_ids


def test_a_folder_without_a_processor_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="whose processor does not load"):
        load_encoder(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "qwen3_vl"}')
    with pytest.raises(PolicyError, match="expected an image-text-to-text checkpoint"):
        load_encoder(tmp_path)


def test_a_png_is_read_as_it_was_written() -> None:
    assert picture_from_png(picture_png(3)).tobytes() == picture(3).tobytes()


def _huge_png() -> bytes:
    header = b"IHDR" + struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))


def test_a_picture_beyond_memory_is_refused_by_its_header() -> None:
    with pytest.raises(PolicyError, match="no picture"):
        picture_from_png(_huge_png())


def test_a_damaged_png_is_read_or_refused() -> None:
    rng = random.Random(0)
    refused = 0
    for _ in range(600):
        png = bytearray(picture_png())
        del png[rng.choice([len(png), rng.randrange(len(png))]) :]
        for _ in range(rng.randrange(4)):
            if png:
                png[rng.randrange(min(60, len(png)))] = rng.randrange(256)  # the header and the first chunk
        try:
            assert isinstance(picture_from_png(bytes(png)), Image.Image)
        except PolicyError:
            refused += 1
    assert refused > 300
