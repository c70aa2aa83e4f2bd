"""Holds the tensors of the version in place and of the one before it, for deltas that need both. Checks nothing.

They are held in memory alone: after a start there are none, and the tuner sends what needs none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True)
class HeldVersions:
    """Tensors as they were staged, on the CPU and never written to; digests are empty where there are none."""

    digest: str = ""
    before_digest: str = ""
    _tensors: Mapping[str, Tensor] = field(default_factory=dict)
    _before: Mapping[str, Tensor] = field(default_factory=dict)

    def followed_by(self, digest: str, tensors: Mapping[str, Tensor]) -> HeldVersions:
        """Return what is held once another version is in place."""
        return HeldVersions(digest, self.digest, tensors, self._tensors)

    def before_arrays(self) -> dict[str, NDArray[Any]]:
        """Return the tensors of the version before the one in place, without a copy."""
        return {name: tensor.numpy() for name, tensor in self._before.items()}
