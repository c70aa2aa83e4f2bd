"""Model inputs of what a step showed, prompt and picture, each made once. Runs no model: ``pictures`` does.

What does not fit is forgotten, oldest use first.
"""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from agent_runtime.policy.pictures import Features, PictureFeatures, without_pixels
from agent_runtime.policy.prompt import PromptBuilder, picture_from_png

FEATURE_BYTES_KEPT = 512 << 20
PROMPTS_KEPT = 2048


@dataclass(frozen=True, slots=True)
class Shown:
    """Inputs of one prompt, input_ids [1, P] and the rest; with ``features`` they hold no pixels."""

    inputs: dict[str, Tensor]
    features: Features | None


class ShownInputs:
    """Keeps the inputs of prompts, and the features of pictures, of one model; for learning, in batches."""

    def __init__(self, model: Any, prompts: PromptBuilder, feature_bytes: int = FEATURE_BYTES_KEPT) -> None:
        self.pictures = PictureFeatures(model, feature_bytes, to_be_joined=True)
        self._prompts = prompts
        self._inputs: OrderedDict[tuple[str, str], dict[str, Tensor]] = OrderedDict()

    def of(self, prompt: str, image_png: bytes) -> Shown:
        """Return the inputs of one decision.

        Raises:
            PolicyError: the picture is no PNG.
        """
        picture = hashlib.sha256(image_png).hexdigest()
        known = self._inputs.get((picture, prompt))
        features = None if known is None else self.pictures.of(picture, known)
        if known is not None and features is not None:
            self._inputs.move_to_end((picture, prompt))
            return Shown(known, features)
        inputs = self._prompts.inputs(prompt, picture_from_png(image_png))
        features = self.pictures.of(picture, inputs)
        if features is None:
            return Shown(inputs, None)
        inputs = self._inputs[picture, prompt] = without_pixels(inputs)
        if len(self._inputs) > PROMPTS_KEPT:
            self._inputs.popitem(last=False)
        return Shown(inputs, features)
