"""Refuses numbers that are not finite or have exploded, before they reach a weight. Repairs nothing."""

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

PARAMETER_LIMIT = 100.0
"""No LoRA or action-model weight comes near it in sound training."""
MOMENT_LIMIT = 1e8
WEIGHT_LIMIT = 1e4
"""Of a step in the loss: advantages lie within 1, what corrects their draw is a ratio of two of them."""
_OPTIMIZERS = ("lora_adam/", "explorer_adam/", "scm_adam/", "critic_adam_")


class NotFiniteError(ArithmeticError):
    """A number an update must not use; the text names it."""


def require_finite(name: str, tensor: Tensor) -> None:
    """Raise NotFiniteError when any element is NaN or infinite."""
    if not bool(torch.isfinite(tensor).all()):
        raise NotFiniteError(f"{name} is not finite")


def require_bounded(name: str, tensors: Iterable[Tensor], limit: float) -> None:
    """Raise NotFiniteError when an element is NaN, infinite or beyond ``limit`` in size."""
    for tensor in tensors:
        if tensor.numel() and not bool(tensor.detach().abs().max() <= limit):
            raise NotFiniteError(f"{name} holds a value that is not finite or beyond {limit:g}")


def require_sound(tensors: Mapping[str, Tensor]) -> None:
    """Raise NotFiniteError when one of a learner's tensors, by the names of its checkpoint, must not be kept."""
    for name, tensor in tensors.items():
        limit = MOMENT_LIMIT if name.startswith(_OPTIMIZERS) else PARAMETER_LIMIT
        require_bounded(name, [tensor], limit)


def clip_gradients(name: str, parameters: Iterable[torch.nn.Parameter], max_norm: float) -> float:
    """Scale the gradients of one network to ``max_norm`` at most and return the norm they had.

    Raises:
        NotFiniteError: the norm is not finite; the gradients must not be used.
    """
    norm = torch.nn.utils.clip_grad_norm_(parameters, max_norm)
    require_finite(f"the gradient norm of the {name}", norm)
    return float(norm)
