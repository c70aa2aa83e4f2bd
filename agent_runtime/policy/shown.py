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

from torch import Tensor

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
    """Inputs of one prompt, input_ids [1, P] and the rest; with ``features`` they hold no pixels."""

    inputs: dict[str, Tensor]
    features: Features | None


class ShownInputs:
    """Keeps the inputs of prompts, and the features of pictures, of one model whose vision tower is frozen."""

    def __init__(self, model: Any, prompts: PromptBuilder, feature_bytes: int = FEATURE_BYTES_KEPT) -> None:
        self._base = model.get_base_model() if hasattr(model, "get_base_model") else model
        self._prompts = prompts
        self._feature_bytes = feature_bytes
        self._takes_features = _takes_features(self._base)
        self._inputs: OrderedDict[tuple[bytes, str], dict[str, Tensor]] = OrderedDict()
        self._features: OrderedDict[bytes, Features] = OrderedDict()
        self._kept_bytes = 0
        self.pictures_computed = 0
        """Pictures that went through the tower so far, for measurements."""

    def of(self, prompt: str, image_png: bytes) -> Shown:
        """Return the inputs of one decision.

        Raises:
            PolicyError: the picture is no PNG.
        """
        picture = hashlib.sha256(image_png).digest()
        features, inputs = self._features.get(picture), self._inputs.get((picture, prompt))
        if features is not None and inputs is not None:
            self._features.move_to_end(picture)
            self._inputs.move_to_end((picture, prompt))
            return Shown(inputs, features)
        inputs = self._prompts.inputs(prompt, picture_from_png(image_png))
        if not self._takes_features:
            return Shown(inputs, None)
        features = features or self._computed(picture, inputs)
        if features is None:
            return Shown(inputs, None)
        inputs = {name: value for name, value in inputs.items() if name != _PIXELS}
        self._inputs[picture, prompt] = inputs
        if len(self._inputs) > PROMPTS_KEPT:
            self._inputs.popitem(last=False)
        return Shown(inputs, features)

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
