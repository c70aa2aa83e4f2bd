"""LoRA on the language model's linear layers, kept unmerged, once or twice. Loads and saves nothing."""

import copy
import re
from collections.abc import Sequence
from typing import Any

import torch
from peft import LoraConfig, get_peft_model, get_peft_model_state_dict
from torch import Tensor, nn

from agent_runtime.adapters import VISION_MODULES

DEPLOYED, EXPLORER = "default", "explorer"
"""PEFT's names of the adapter that ``attach_lora`` makes and of the one beside it."""


def attach_lora(model: Any, r: int, alpha: float, target_modules: Sequence[str], seed: int) -> Any:
    """Return the PEFT model around ``model``; only LoRA tensors need gradients, and B starts at zero.

    The same seed gives the same A. The model's answers are unchanged until a tensor is.

    Raises:
        ValueError: no layer is targeted, or one that is not linear; ``model`` is as it was.
    """
    _refuse_other_layers(model, target_modules)
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


def _refuse_other_layers(model: Any, target_modules: Sequence[str]) -> None:
    """Look at every target beforehand: PEFT finds out in the midst of wrapping them, and leaves it half done."""
    endings = tuple(f".{target}" for target in target_modules)
    for name, module in model.named_modules():
        if not f".{name}".endswith(endings) or re.fullmatch(VISION_MODULES, name):
            continue
        if not isinstance(module, nn.Linear):
            raise ValueError(f"{name} is a {type(module).__name__}, not a linear layer")


def attach_explorer(peft_model: Any) -> None:
    """Put a second adapter of the same shape beside the deployed one, which goes on answering."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        peft_model.add_adapter(EXPLORER, copy.deepcopy(peft_model.peft_config[DEPLOYED]))


def act_as(peft_model: Any, adapter: str, *, learns: bool) -> None:
    """Have this adapter answer from now on; with ``learns`` its tensors, and no others, need gradients."""
    if peft_model.active_adapter != adapter:
        peft_model.set_adapter(adapter, inference_mode=not learns)


def adapter_tensors(peft_model: Any, adapter: str = DEPLOYED) -> dict[str, Tensor]:
    """Return the live LoRA tensors under PEFT's own names, sharing the model's storage."""
    tensors: dict[str, Tensor] = get_peft_model_state_dict(peft_model, adapter_name=adapter)
    return {name: tensors[name] for name in sorted(tensors)}
