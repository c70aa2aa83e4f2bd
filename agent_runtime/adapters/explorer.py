"""The two adapters that one version may carry: the deployed one and an explorer's. Needs no torch, reads no file.

The deployed adapter's tensors have PEFT's names, the explorer's have the same names after ``EXPLORER_PREFIX``. A
version carries both or the deployed one alone; then that one explores as well.
"""

from collections.abc import Mapping
from typing import TypeVar

EXPLORER_PREFIX = "explorer."
Named = TypeVar("Named")


def carries_explorer(names: Mapping[str, object]) -> bool:
    """Return whether a version with these names carries an explorer."""
    return any(name.startswith(EXPLORER_PREFIX) for name in names)


def deployed_part(tensors: Mapping[str, Named]) -> dict[str, Named]:
    """Return what belongs to the deployed adapter, by PEFT's names."""
    return {name: tensor for name, tensor in tensors.items() if not name.startswith(EXPLORER_PREFIX)}


def exploring_part(tensors: Mapping[str, Named]) -> dict[str, Named]:
    """Return the adapter that explores, by PEFT's names: the explorer's, or the deployed one where there is none."""
    if not carries_explorer(tensors):
        return dict(tensors)
    found = {name: tensor for name, tensor in tensors.items() if name.startswith(EXPLORER_PREFIX)}
    return {name.removeprefix(EXPLORER_PREFIX): tensor for name, tensor in found.items()}


def as_explorer(tensors: Mapping[str, Named]) -> dict[str, Named]:
    """Return an adapter's tensors under the names that an explorer's have in a version."""
    return {f"{EXPLORER_PREFIX}{name}": tensor for name, tensor in tensors.items()}
