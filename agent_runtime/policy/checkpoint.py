"""Loads a checkpoint: quantized base weights and its encoder. Attaches no adapter.

Only the language model's linear layers are quantized. The vision tower, its merger and the output head stay in
full precision: they are a small share of the weights, and QLoRA's published settings leave them alone too.
"""

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import AutoModelForImageTextToText, BitsAndBytesConfig
from transformers.utils import logging as transformers_logging

from agent_runtime.errors import PolicyError, UsageError
from agent_runtime.policy.patch_product import replace_patch_convolutions
from agent_runtime.policy.prompt import Encoder, load_encoder
from agent_runtime.policy.unpacked import unpack_linear_layers

QUANTIZATIONS = ("nf4", "int8", "none")
NOT_QUANTIZED = [r"(.*\.)?(visual|vision_tower|vision_model|multi_modal_projector|connector|lm_head)"]
"""Matched from the start of a module's full name, so that ``model.visual`` needs what may come before it."""


@dataclass(frozen=True)
class LoadedModel:
    """A checkpoint in memory, in evaluation mode, every parameter frozen."""

    model: Any
    encoder: Encoder
    stop_token_ids: frozenset[int]


def load_model(folder: Path, quantization: str, device: str = "cpu", *, stays_on_cpu: bool = False) -> LoadedModel:
    """Load a checkpoint; on a CPU quantized weights are unpacked once and kept.

    With ``stays_on_cpu`` it has the device's precision and is brought there by someone else.

    Raises:
        UsageError: no such quantization.
        PolicyError: the checkpoint cannot be loaded.
    """
    models: Any = AutoModelForImageTextToText
    dtype = torch.float32 if device == "cpu" else torch.bfloat16
    _quieten()
    try:
        model, loading = models.from_pretrained(
            folder,
            dtype=dtype,
            device_map={"": "cpu" if stays_on_cpu else device},
            quantization_config=_quantization_config(quantization, dtype),
            output_loading_info=True,
        )
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise PolicyError(
            f"Got {folder} that does not load ({error}), expected an image-text-to-text model."
        ) from error
    if loading["missing_keys"]:  # they would be random numbers
        missing = sorted(loading["missing_keys"])
        raise PolicyError(
            f"Got {folder} without {len(missing)} weights ({missing[0]} …), expected all: fetch it again."
        )
    if device == "cpu" and quantization != "none":
        unpack_linear_layers(model)
    replace_patch_convolutions(model)
    model.requires_grad_(False)
    model.eval()
    encoder = load_encoder(folder)
    return LoadedModel(model, encoder, _stop_token_ids(model, encoder))


def _quieten() -> None:
    """Keep a bar of loading, and what transformers warns peft of, out of what people read."""
    transformers_logging.disable_progress_bar()
    warnings.filterwarnings("ignore", message="`is_gradient_checkpointing` is deprecated", category=FutureWarning)


def _quantization_config(quantization: str, dtype: torch.dtype) -> Any:
    make_config: Any = BitsAndBytesConfig
    match quantization:
        case "nf4":
            return make_config(
                load_in_4bit=True,
                bnb_4bit_quant_type="nf4",
                bnb_4bit_compute_dtype=dtype,
                llm_int8_skip_modules=NOT_QUANTIZED,
            )
        case "int8":
            return make_config(load_in_8bit=True, llm_int8_skip_modules=NOT_QUANTIZED)
        case "none":
            return None
        case other:
            raise UsageError(f"Got the quantization {other!r}, expected one of {', '.join(QUANTIZATIONS)}.")


def _stop_token_ids(model: Any, encoder: Encoder) -> frozenset[int]:
    configured = model.generation_config.eos_token_id
    ids = configured if isinstance(configured, list) else [configured]
    return frozenset(id for id in [*ids, encoder.tokenizer.eos_token_id] if id is not None)
