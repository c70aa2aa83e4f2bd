"""LoRA on the language model's linear layers, kept unmerged. Loads and saves nothing."""

from collections.abc import Sequence
from typing import Any

import torch
from peft import LoraConfig, get_peft_model, get_peft_model_state_dict
from torch import Tensor

VISION_MODULES = r".*(visual|vision|projector|connector).*"


def attach_lora(model: Any, r: int, alpha: float, target_modules: Sequence[str], seed: int) -> Any:
    """Return the PEFT model around ``model``; only LoRA tensors need gradients, and B starts at zero.

    The same seed gives the same A. The model's answers are unchanged until a tensor is.
    """
    make_config: Any = LoraConfig  # its annotation wants a whole alpha; a fraction works
    config = make_config(
        r=r,
        lora_alpha=alpha,
        target_modules=list(target_modules),
        exclude_modules=VISION_MODULES,
        lora_dropout=0.0,
        bias="none",
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return get_peft_model(model, config)


def adapter_tensors(peft_model: Any) -> dict[str, Tensor]:
    """Return the live LoRA tensors under PEFT's own names, sharing the model's storage."""
    tensors: dict[str, Tensor] = get_peft_model_state_dict(peft_model)
    return {name: tensors[name] for name in sorted(tensors)}
