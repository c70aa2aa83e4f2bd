"""Vision features by picture: the tower runs once for each, and the last ones are kept. Knows no prompt.

An agent often looks at a screen that did not change, and a learner at one step again and again. Features depend on the
picture and the base model alone, because no adapter touches the vision tower, so they are kept over prompts, devices
and adapter versions, for one loaded checkpoint. The tower sees one picture at a time, so that no batch mate shifts its
rounding: what is kept is, bit for bit, what it would say again.
"""

import inspect
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from torch import Tensor

CAP_BYTES = 256 << 20
JOINABLE = ("llava", "qwen2_vl", "qwen2_5_vl", "qwen3_vl")
"""Models that read no more of an output than ``_lean`` keeps, and for which several pictures' can be joined."""
_PIXELS = "pixel_values"
_FEATURES = "mm_encoder_outputs"


@dataclass(frozen=True, slots=True)
class Features:
    """What the tower makes of one picture, in the model's own shape (transformers' outputs of a vision encoder).

    Of a ``JOINABLE`` model it holds ``pooler_output``, a list of one tensor [N, D] for the picture's placeholders, and
    ``deepstack_features``, for each level a list of one [N, D].
    """

    output: Any
    byte_count: int
    """Memory they take."""


class PictureFeatures:
    """The features of one checkpoint's vision tower, up to ``cap_bytes`` of them, the longest unused dropped first.

    Not for several threads at once. With ``to_be_joined`` only a ``JOINABLE`` model has any.
    """

    def __init__(self, model: Any, cap_bytes: int = CAP_BYTES, *, to_be_joined: bool = False) -> None:
        self.encoded = 0
        """How often the tower ran."""
        self._base = model.get_base_model() if hasattr(model, "get_base_model") else model
        self._cap_bytes = cap_bytes
        self._held_bytes = 0
        self._kept: OrderedDict[str, Features] = OrderedDict()
        self._is_joinable = getattr(getattr(self._base, "config", None), "model_type", "") in JOINABLE
        takes_features = _FEATURES in inspect.signature(self._base.forward).parameters
        self._asks_for: frozenset[str] = frozenset()
        if takes_features and (self._is_joinable or not to_be_joined):
            self._asks_for = frozenset(inspect.signature(self._base.get_image_features).parameters)

    @property
    def are_taken(self) -> bool:
        """Whether the checkpoint takes features in place of pixels, as far as is known."""
        return bool(self._asks_for)

    def of(self, digest: str, inputs: dict[str, Tensor]) -> Features | None:
        """Return the features of the picture of that digest, whose pixels are among the model inputs.

        None where the checkpoint's ``forward`` takes none, the inputs have no pixels, or something in its tower learns
        after all: such a model is given the pixels every time.
        """
        kept = self._kept.get(digest)
        if kept is not None:
            self._kept.move_to_end(digest)
            return kept
        if _PIXELS not in inputs or _PIXELS not in self._asks_for:
            return None
        asked = {name: value.to(self._base.device) for name, value in inputs.items() if name in self._asks_for}
        output = self._base.get_image_features(**asked, return_dict=True)
        self.encoded += 1
        if self._is_joinable:
            output = _lean(output)
        tensors = list(_tensors(output.values() if hasattr(output, "values") else vars(output).values()))
        if any(tensor.requires_grad for tensor in tensors):
            self._asks_for = frozenset()
            return None
        features = Features(output, sum(tensor.numel() * tensor.element_size() for tensor in tensors))
        self._keep(digest, features)
        return features

    def _keep(self, digest: str, features: Features) -> None:
        self._kept[digest] = features
        self._held_bytes += features.byte_count
        while self._held_bytes > self._cap_bytes:
            self._held_bytes -= self._kept.popitem(last=False)[1].byte_count


def without_pixels(inputs: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return model inputs but for the pixels, in whose place features go."""
    return {name: value for name, value in inputs.items() if name != _PIXELS}


def in_place_of_pixels(features: Sequence[Features]) -> dict[str, Any]:
    """Return features as a further model input: a single picture's as they are, those of a batch's rows joined."""
    if len(features) == 1:
        return {_FEATURES: {"image": features[0].output}}
    rows = [tensor for item in features for tensor in item.output.pooler_output]
    levels = zip(*(item.output.deepstack_features for item in features), strict=True)
    joined = [[tensor for one in level for tensor in one] for level in levels]
    return {_FEATURES: {"image": SimpleNamespace(pooler_output=rows, deepstack_features=joined)}}


def _lean(output: Any) -> SimpleNamespace:
    """Return of an output what a ``JOINABLE`` model reads: not the tower's own states, which take the most memory."""
    levels = getattr(output, "deepstack_features", None) or ()
    return SimpleNamespace(pooler_output=list(output.pooler_output), deepstack_features=[list(one) for one in levels])


def _tensors(values: Iterable[Any]) -> Iterable[Tensor]:
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, tuple | list):
            yield from _tensors(value)
