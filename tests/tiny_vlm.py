"""Tiny random vision-language checkpoints for tests, and adapters that fit them. Holds no tests, trains nothing.

The Qwen3-VL one has the shapes that matter for quantization (a hidden size of 192: three blocks of 64 a row) and
a byte-level tokenizer; its pictures of 64x96 px are 24 patches, 6 tokens. The LLaVA one takes the generic paths.
"""

import hashlib
import io
import json
import random
from collections.abc import Mapping
from pathlib import Path

import torch
from coso.v1 import policy_pb2
from PIL import Image
from safetensors.torch import save as save_safetensors
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from torch import Tensor
from transformers import (
    CLIPVisionConfig,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    PreTrainedTokenizerFast,
    Qwen3VLConfig,
    Qwen3VLForConditionalGeneration,
)
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil
from transformers.models.qwen3_vl.configuration_qwen3_vl import Qwen3VLTextConfig, Qwen3VLVisionConfig

from agent_runtime.policy.identity import base_model_digest
from agent_runtime.policy.lora import adapter_tensors, attach_lora

IMAGE_SIZE_PX = (64, 96)
LORA_R, LORA_ALPHA = 4, 8.0
TARGET_MODULES = ("q_proj", "v_proj", "down_proj")
SPECIAL_TOKENS = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|image_pad|>",
    "<|video_pad|>",
)
_TURNS = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% if message['content'] is string %}{{ message['content'] }}"
    "{% else %}{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}IMAGE{% else %}{{ part['text'] }}{% endif %}"
    "{% endfor %}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def tiny_checkpoint(
    folder: Path, seed: int = 0, image_token: str = "<|vision_start|><|image_pad|><|vision_end|>"
) -> Path:
    """Write a random Qwen3-VL checkpoint, weights in bfloat16, driven by an ``agent.json``; return its folder."""
    tokenizer = byte_tokenizer(_TURNS.replace("IMAGE", image_token))
    ids = {token: tokenizer.convert_tokens_to_ids(token) for token in SPECIAL_TOKENS}
    torch.manual_seed(seed)
    model = Qwen3VLForConditionalGeneration(_qwen_config(ids))
    model.generation_config.eos_token_id = ids["<|im_end|>"]
    model.to(torch.bfloat16).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    area_px = IMAGE_SIZE_PX[0] * IMAGE_SIZE_PX[1]
    Qwen2VLImageProcessorPil(
        patch_size=16, merge_size=2, temporal_patch_size=2, size={"shortest_edge": area_px, "longest_edge": area_px}
    ).save_pretrained(folder)
    plain = {"grammar": "json", "prompt_style": "brief", "max_new_tokens": 12, "image_size_px": IMAGE_SIZE_PX}
    (folder / "agent.json").write_text(json.dumps(plain))
    return folder


def tiny_llava(folder: Path, seed: int = 0) -> Path:
    """Write a random LLaVA checkpoint, which an AutoProcessor reads: 4 patches a picture; return its folder."""
    tokenizer = byte_tokenizer(_TURNS.replace("IMAGE", "<|image_pad|>"))
    image_id = tokenizer.convert_tokens_to_ids("<|image_pad|>")
    torch.manual_seed(seed)
    config = LlavaConfig(
        vision_config=CLIPVisionConfig(
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=2,
            image_size=28,
            patch_size=14,
        ).to_dict(),
        text_config=LlamaConfig(
            hidden_size=64,
            intermediate_size=128,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=1,
            vocab_size=len(tokenizer),
        ).to_dict(),
        image_token_index=image_id,
        image_seq_length=4,
    )
    model = LlavaForConditionalGeneration(config)
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.save_pretrained(folder)
    images = CLIPImageProcessorPil(size={"shortest_edge": 28}, crop_size={"height": 28, "width": 28})
    LlavaProcessor(
        images,
        tokenizer,
        patch_size=14,
        vision_feature_select_strategy="default",
        chat_template=tokenizer.chat_template,
        image_token="<|image_pad|>",
        num_additional_image_tokens=1,
    ).save_pretrained(folder)
    return folder


def byte_tokenizer(chat_template: str) -> PreTrainedTokenizerFast:
    """Return a tokenizer of one token a byte, after the special ones."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: place for place, token in enumerate([*SPECIAL_TOKENS, *letters])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        extra_special_tokens=list(SPECIAL_TOKENS[1:]),
        clean_up_tokenization_spaces=False,
        chat_template=chat_template,
    )


def _qwen_config(ids: Mapping[str, int]) -> Qwen3VLConfig:
    vision = Qwen3VLVisionConfig(
        depth=2,
        hidden_size=64,
        intermediate_size=128,
        num_heads=2,
        patch_size=16,
        spatial_merge_size=2,
        out_hidden_size=192,
        num_position_embeddings=64,
        deepstack_visual_indexes=[0],
    )
    text = Qwen3VLTextConfig(
        vocab_size=len(SPECIAL_TOKENS) + 256,
        hidden_size=192,
        intermediate_size=256,
        num_hidden_layers=2,
        num_attention_heads=6,
        num_key_value_heads=2,
        head_dim=32,
        max_position_embeddings=512,
        rope_parameters={
            "rope_type": "default",
            "rope_theta": 10000.0,
            "mrope_section": [6, 5, 5],
            "mrope_interleaved": True,
        },
        pad_token_id=ids["<|endoftext|>"],
    )
    return Qwen3VLConfig(
        vision_config=vision.to_dict(),
        text_config=text.to_dict(),
        image_token_id=ids["<|image_pad|>"],
        video_token_id=ids["<|video_pad|>"],
        vision_start_token_id=ids["<|vision_start|>"],
        vision_end_token_id=ids["<|vision_end|>"],
        tie_word_embeddings=True,
    )


def picture(seed: int = 0, size_px: tuple[int, int] = IMAGE_SIZE_PX) -> Image.Image:
    """Return a picture of noise."""
    return Image.frombytes("RGB", size_px, random.Random(seed).randbytes(size_px[0] * size_px[1] * 3))


def picture_png(seed: int = 0, size_px: tuple[int, int] = IMAGE_SIZE_PX) -> bytes:
    """Return the picture as a PNG."""
    file = io.BytesIO()
    picture(seed, size_px).save(file, "PNG")
    return file.getvalue()


def random_adapter(folder: Path, seed: int = 1, scale: float = 0.3) -> dict[str, Tensor]:
    """Return random LoRA tensors, float32, that fit the checkpoint's ``TARGET_MODULES``."""
    from agent_runtime.policy.checkpoint import load_model

    tensors = adapter_tensors(attach_lora(load_model(folder, "none").model, LORA_R, LORA_ALPHA, TARGET_MODULES, seed))
    generator = torch.Generator().manual_seed(seed)
    return {name: torch.randn(tensor.shape, generator=generator) * scale for name, tensor in tensors.items()}


def manifest_of(
    folder: Path, payload: bytes, version: int = 1, parent_version: int = 0, replaces_any: bool = False
) -> policy_pb2.AdapterManifest:
    """Return the manifest a tuner of that checkpoint would publish with the payload."""
    return policy_pb2.AdapterManifest(
        version=version,
        parent_version=parent_version,
        replaces_any=replaces_any,
        base_model_digest=base_model_digest(folder),
        encoding=policy_pb2.ADAPTER_ENCODING_SAFETENSORS,
        payload_bytes=len(payload),
        payload_sha256=hashlib.sha256(payload).hexdigest(),
        lora=policy_pb2.LoraConfig(r=LORA_R, lora_alpha=LORA_ALPHA, target_modules=TARGET_MODULES),
    )


def payload_of(tensors: Mapping[str, Tensor]) -> bytes:
    """Return the tensors as a published payload."""
    payload: bytes = save_safetensors(dict(tensors))
    return payload
