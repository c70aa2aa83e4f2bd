"""Model inputs of what a step showed, prompt and picture, each made once. Runs no model: ``pictures`` does.

What does not fit is forgotten, oldest use first.
"""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from agent_runtime.policy.packed_attention import takes_packed_rows
from agent_runtime.policy.pictures import Features, PictureFeatures, without_pixels
from agent_runtime.policy.prompt import PromptBuilder, picture_from_png

FEATURE_BYTES_KEPT = 512 << 20
PROMPTS_KEPT = 2048


@dataclass(frozen=True, slots=True)
class Shown:
    """Inputs of one prompt, input_ids [1, P] and the rest; with ``features`` they hold no pixels.

    ``positions`` [3, P], or [1, P] where a token has one, are the prompt's; None where the model takes no packed rows.
    """

    inputs: dict[str, Tensor]
    features: Features | None
    positions: Tensor | None = None


class ShownInputs:
    """Keeps the inputs of prompts, and the features of pictures, of one model; for learning, in batches."""

    def __init__(self, model: Any, prompts: PromptBuilder, feature_bytes: int = FEATURE_BYTES_KEPT) -> None:
        self.pictures = PictureFeatures(model, feature_bytes, to_be_joined=True)
        self._base = model.get_base_model() if hasattr(model, "get_base_model") else model
        self._prompts = prompts
        self._takes_rows = takes_packed_rows(self._base)
        self._inputs: OrderedDict[tuple[str, str], tuple[dict[str, Tensor], Tensor | None]] = OrderedDict()

    @property
    def packs(self) -> bool:
        """True where rows need no padding: the model takes packed rows, and features ready-made."""
        return self.pictures.are_taken and self._takes_rows

    def of(self, prompt: str, image_png: bytes) -> Shown:
        """Return the inputs of one decision.

        Raises:
            PolicyError: the picture is no PNG.
        """
        picture = hashlib.sha256(image_png).hexdigest()
        known = self._inputs.get((picture, prompt))
        features = None if known is None else self.pictures.of(picture, known[0])
        if known is not None and features is not None:
            self._inputs.move_to_end((picture, prompt))
            return Shown(known[0], features, known[1])
        inputs = self._prompts.inputs(prompt, picture_from_png(image_png))
        features = self.pictures.of(picture, inputs)
        if features is None:
            return Shown(inputs, None)
        inputs = without_pixels(inputs)
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
