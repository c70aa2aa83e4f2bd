"""Builds the small VLM before training: Qwen3-VL's own classes at a small size, and its tokenizer. Trains nothing.

6.1 M parameters: 16-px patches merged 2×2, so that a 128×224 screen is 112 patches for the vision tower and
28 tokens for the language model; a byte-level BPE of at most 1,024 tokens whose pre-tokenizer keeps numbers
of up to three digits whole, so that a coordinate is one token.
"""

import copy
from collections.abc import Iterable
from pathlib import Path

import torch
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    PreTrainedTokenizerFast,
    Qwen3VLConfig,
    Qwen3VLForConditionalGeneration,
)
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil
from transformers.models.qwen3_vl.configuration_qwen3_vl import Qwen3VLTextConfig, Qwen3VLVisionConfig
from transformers.models.qwen3_vl.video_processing_qwen3_vl import Qwen3VLVideoProcessor

VOCABULARY_SIZE = 1024
PATCH_SIZE_PX = 16
MERGE_SIZE = 2
BACKGROUND_LEVEL = 0.9
"""Brightness that becomes 0: near the background of a light screen, so that what is drawn on it stands out."""
END_OF_TURN = "<|im_end|>"
SPECIAL_TOKENS = (
    "<|endoftext|>",
    "<|im_start|>",
    END_OF_TURN,
    "<|vision_start|>",
    "<|vision_end|>",
    "<|image_pad|>",
    "<|video_pad|>",
)
_WORDS = r" ?\p{L}+| ?\p{N}{1,3}| ?[^\s\p{L}\p{N}]+|\s+"
CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% if message['content'] is string %}{{ message['content'] }}"
    "{% else %}{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<|vision_start|><|image_pad|><|vision_end|>{% else %}{{ part['text'] }}{% endif %}"
    "{% endfor %}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def train_tokenizer(texts: Iterable[str]) -> PreTrainedTokenizerFast:
    """Learn the byte-level BPE from the recipe's own prompts and answers."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_WORDS), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY_SIZE,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token=END_OF_TURN,
        pad_token="<|endoftext|>",
        extra_special_tokens=list(SPECIAL_TOKENS[1:]),
        clean_up_tokenization_spaces=False,
        chat_template=CHAT_TEMPLATE,
    )


def build_image_processor(image_size_px: tuple[int, int]) -> Qwen2VLImageProcessorPil:
    """Return the PIL image processor; pictures of ``image_size_px`` (width, height) pass unscaled."""
    area_px = image_size_px[0] * image_size_px[1]
    return Qwen2VLImageProcessorPil(
        patch_size=PATCH_SIZE_PX,
        merge_size=MERGE_SIZE,
        temporal_patch_size=2,
        size={"shortest_edge": area_px // 2, "longest_edge": area_px * 2},
        image_mean=[BACKGROUND_LEVEL] * 3,
        image_std=[0.3] * 3,
    )


def build_model(tokenizer: PreTrainedTokenizerFast, seed: int) -> Qwen3VLForConditionalGeneration:
    """Return the untrained model, the same weights for the same seed."""
    ids = {token: tokenizer.convert_tokens_to_ids(token) for token in SPECIAL_TOKENS}
    vision = Qwen3VLVisionConfig(
        depth=4,
        hidden_size=192,
        intermediate_size=768,
        num_heads=4,
        patch_size=PATCH_SIZE_PX,
        spatial_merge_size=MERGE_SIZE,
        out_hidden_size=256,
        num_position_embeddings=256,
        deepstack_visual_indexes=[],
    )
    text = Qwen3VLTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=256,
        intermediate_size=704,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=64,
        max_position_embeddings=2048,
        rope_parameters={
            "rope_type": "default",
            "rope_theta": 10000.0,
            "mrope_section": [12, 10, 10],
            "mrope_interleaved": True,
        },
        pad_token_id=ids["<|endoftext|>"],
    )
    config = Qwen3VLConfig(
        vision_config=vision.to_dict(),
        text_config=text.to_dict(),
        image_token_id=ids["<|image_pad|>"],
        video_token_id=ids["<|video_pad|>"],
        vision_start_token_id=ids["<|vision_start|>"],
        vision_end_token_id=ids["<|vision_end|>"],
        tie_word_embeddings=True,
    )
    torch.manual_seed(seed)
    model = Qwen3VLForConditionalGeneration(config)
    model.generation_config.eos_token_id = ids[END_OF_TURN]
    model.generation_config.pad_token_id = ids["<|endoftext|>"]
    return model


def save_checkpoint(
    model: Qwen3VLForConditionalGeneration,
    tokenizer: PreTrainedTokenizerFast,
    images: Qwen2VLImageProcessorPil,
    folder: Path,
) -> None:
    """Write the checkpoint as transformers' Auto classes read it, weights in bfloat16."""
    copy.deepcopy(model).to(torch.bfloat16).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    images.save_pretrained(folder)
    Qwen3VLVideoProcessor(patch_size=PATCH_SIZE_PX, merge_size=MERGE_SIZE).save_pretrained(folder)
    for path in folder.iterdir():
        path.chmod(0o644)  # weights are written for their owner alone, and are to be shipped
