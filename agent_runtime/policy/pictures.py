"""Vision features by picture: the tower runs once for each, and the last ones are kept. Knows no prompt.

An agent often looks at a screen that did not change. Features depend on the picture and the base model alone, because
no adapter touches the vision tower, so they are kept over prompts, devices and adapter versions, for one loaded
checkpoint. The tower sees one picture at a time: what is kept is, bit for bit, what it would say again.
"""

import inspect
from collections import OrderedDict
from collections.abc import Iterable
from typing import Any

from torch import Tensor

CAP_BYTES = 256 << 20
_PIXELS = "pixel_values"
_FEATURES = "mm_encoder_outputs"


class PictureFeatures:
    """The features of one checkpoint's vision tower, up to ``cap_bytes`` of them, the longest unused dropped first.

    Not for several threads at once. A checkpoint whose ``forward`` takes no features is given the pixels every time.
    """

    def __init__(self, model: Any, cap_bytes: int = CAP_BYTES) -> None:
        self.encoded = 0
        """How often the tower ran."""
        self._model = model
        self._cap_bytes = cap_bytes
        self._held_bytes = 0
        self._kept: OrderedDict[str, tuple[Any, int]] = OrderedDict()
        takes_features = _FEATURES in inspect.signature(model.forward).parameters
        self._asks_for = (
            frozenset(inspect.signature(model.get_image_features).parameters) if takes_features else frozenset()
        )

    def inputs(self, digest: str, inputs: dict[str, Tensor]) -> dict[str, Any]:
        """Return model inputs with the features of the picture of that digest in place of its pixels."""
        if _PIXELS not in inputs or _PIXELS not in self._asks_for:
            return dict(inputs)
        if digest in self._kept:
            self._kept.move_to_end(digest)
            features = self._kept[digest][0]
        else:
            features = self._encode(inputs)
            self._keep(digest, features)
        return {**{name: value for name, value in inputs.items() if name != _PIXELS}, _FEATURES: {"image": features}}

    def _encode(self, inputs: dict[str, Tensor]) -> Any:
        self.encoded += 1
        asked = {name: value for name, value in inputs.items() if name in self._asks_for}
        return self._model.get_image_features(**asked, return_dict=True)

    def _keep(self, digest: str, features: Any) -> None:
        size_bytes = sum(tensor.numel() * tensor.element_size() for tensor in _tensors(features.values()))
        self._kept[digest] = features, size_bytes
        self._held_bytes += size_bytes
        while self._held_bytes > self._cap_bytes:
            _, (_, dropped_bytes) = self._kept.popitem(last=False)
            self._held_bytes -= dropped_bytes


def _tensors(values: Iterable[Any]) -> Iterable[Tensor]:
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, tuple | list):
            yield from _tensors(value)
