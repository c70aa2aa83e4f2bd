"""What the phone's files take up, in words for the settings. Changes nothing."""

from __future__ import annotations

from collections.abc import Callable

from device_scripts.virtual_phone.apps.files import ROOT
from device_scripts.virtual_phone.language import Own
from device_scripts.virtual_phone.state import PhoneState

DISK_KIB, SYSTEM_KIB = 6_082_144, 2_381_760
"""The disk, and what of it the system itself takes: what `df` says."""


def size_words(size_bytes: int) -> Own:
    """Return a size as in ``12 kB``."""
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size_bytes >= factor:
            return Own(f"{size_bytes / factor:.1f} {unit}" if unit != "kB" else f"{round(size_bytes / factor)} kB")
    return Own(f"{size_bytes} B")


def _bytes_in(state: PhoneState, *folders: str) -> int:
    heads = tuple(f"{ROOT}/{folder}" for folder in folders)
    return sum(
        node.size_bytes for path, node in state.files.nodes.items() if path.startswith(heads) and not node.is_dir
    )


def free(state: PhoneState) -> str:
    """Return what is free."""
    return size_words((DISK_KIB - SYSTEM_KIB) * 1024 - _bytes_in(state, ""))


def used(state: PhoneState) -> str:
    """Return what is taken, by the system and by files."""
    return size_words(SYSTEM_KIB * 1024 + _bytes_in(state, ""))


def kind_of_storage(*folders: str) -> Callable[[PhoneState], str]:
    """Return a function that tells what the files in some folders of shared storage take."""
    return lambda state: size_words(_bytes_in(state, *(f"{folder}/" for folder in folders)))
