"""Model inputs of what a step showed, prompt and picture, each computed once. Runs the vision tower only.

The tower is frozen, so what it makes of a picture never changes: a picture goes through it alone, once, and its
features are kept by the picture's digest. Alone, so that no batch mate can shift their rounding: features that were
kept and features computed anew are the same to the last bit. What does not fit is forgotten, oldest use first.
"""

import hashlib
import inspect
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from agent_runtime.policy.packed_attention import takes_packed_rows
from agent_runtime.policy.prompt import PromptBuilder, picture_from_png

FEATURE_BYTES_KEPT = 512 << 20
PROMPTS_KEPT = 2048
FAMILIES = ("llava", "qwen2_vl", "qwen2_5_vl", "qwen3_vl")
"""Models that take features ready-made, and read no more of them than ``Features`` holds."""
_PIXELS = "pixel_values"


@dataclass(frozen=True, slots=True)
class Features:
    """What the tower makes of one picture: rows [N, D] for its placeholders, and [N, D] for each deep-stack level."""

    rows: Tensor
    levels: tuple[Tensor, ...]

    @property
    def byte_count(self) -> int:
        """Memory they take."""
        return sum(tensor.numel() * tensor.element_size() for tensor in (self.rows, *self.levels))


@dataclass(frozen=True, slots=True)
class Shown:
    """Inputs of one prompt, input_ids [1, P] and the rest; with ``features`` they hold no pixels.

    ``positions`` [3, P], or [1, P] where a token has one, are the prompt's; None where the model takes no packed rows.
    """

    inputs: dict[str, Tensor]
    features: Features | None
    positions: Tensor | None = None


class ShownInputs:
    """Keeps the inputs of prompts, and the features of pictures, of one model whose vision tower is frozen."""

    def __init__(self, model: Any, prompts: PromptBuilder, feature_bytes: int = FEATURE_BYTES_KEPT) -> None:
        self._base = model.get_base_model() if hasattr(model, "get_base_model") else model
        self._prompts = prompts
        self._feature_bytes = feature_bytes
        self._takes_features = _takes_features(self._base)
        self._takes_rows = takes_packed_rows(self._base)
        self._inputs: OrderedDict[tuple[bytes, str], tuple[dict[str, Tensor], Tensor | None]] = OrderedDict()
        self._features: OrderedDict[bytes, Features] = OrderedDict()
        self._kept_bytes = 0
        self.pictures_computed = 0
        """Pictures that went through the tower so far, for measurements."""

    @property
    def packs(self) -> bool:
        """True where rows need no padding: the model takes packed rows, and features ready-made."""
        return self._takes_features and self._takes_rows

    def of(self, prompt: str, image_png: bytes) -> Shown:
        """Return the inputs of one decision.

        Raises:
            PolicyError: the picture is no PNG.
        """
        picture = hashlib.sha256(image_png).digest()
        features, known = self._features.get(picture), self._inputs.get((picture, prompt))
        if features is not None and known is not None:
            self._features.move_to_end(picture)
            self._inputs.move_to_end((picture, prompt))
            return Shown(known[0], features, known[1])
        inputs = self._prompts.inputs(prompt, picture_from_png(image_png))
        if not self._takes_features:
            return Shown(inputs, None)
        features = features or self._computed(picture, inputs)
        if features is None:
            return Shown(inputs, None)
        inputs = {name: value for name, value in inputs.items() if name != _PIXELS}
        positions = self._positions(inputs) if self.packs else None
        self._inputs[picture, prompt] = inputs, positions
        if len(self._inputs) > PROMPTS_KEPT:
            self._inputs.popitem(last=False)
        return Shown(inputs, features, positions)

    def _positions(self, inputs: dict[str, Tensor]) -> Tensor:
        """Return where the model places the tokens of a prompt, [3, P] or [1, P]."""
        ids = inputs["input_ids"]
        of_pictures = getattr(self._base.model, "compute_3d_position_ids", None)
        if of_pictures is None:
            return torch.arange(ids.shape[1]).unsqueeze(0)
        names = ("image_grid_thw", "mm_token_type_ids", "attention_mask")
        given = {name: inputs[name] for name in names}
        found: Tensor = of_pictures(
            input_ids=ids, inputs_embeds=None, video_grid_thw=None, past_key_values=None, **given
        )
        return found[:, 0].cpu()

    def _computed(self, picture: bytes, inputs: dict[str, Tensor]) -> Features | None:
        """Run the tower on one picture; None where something in it learns after all, or its output is unknown."""
        device = next(self._base.parameters()).device
        ids = inputs["input_ids"]
        pictures = {name: value.to(device) for name, value in inputs.items() if value.shape != ids.shape}
        output = self._base.model.get_image_features(**pictures, return_dict=True)
        self.pictures_computed += 1
        rows = output.pooler_output
        if not isinstance(rows, list | tuple) or len(rows) != 1 or rows[0].requires_grad:
            self._takes_features = False
            return None
        levels = getattr(output, "deepstack_features", None) or ()
        features = Features(rows[0].detach(), tuple(level[0].detach() for level in levels))
        self._features[picture] = features
        self._kept_bytes += features.byte_count
        while self._kept_bytes > self._feature_bytes and len(self._features) > 1:
            self._kept_bytes -= self._features.popitem(last=False)[1].byte_count
        return features


def encoder_outputs(features: Sequence[Features]) -> dict[str, Any]:
    """Return a batch's features as transformers' models take them (``mm_encoder_outputs``), one for each row."""
    levels = [[item.levels[level] for item in features] for level in range(len(features[0].levels))]
    return {"image": SimpleNamespace(pooler_output=[item.rows for item in features], deepstack_features=levels)}


def _takes_features(base: Any) -> bool:
    known = str(getattr(base.config, "model_type", "")) in FAMILIES
    return known and "mm_encoder_outputs" in inspect.signature(base.model.forward).parameters
