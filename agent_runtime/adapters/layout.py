"""Reads what a safetensors file says of its tensors, from its header alone. Makes no tensor and trusts no size.

A safetensors file is eight bytes of length (little-endian), so many bytes of JSON, and the tensors' bytes. What is
refused in the JSON is at least what `safetensors` refuses. Versions have their headers in common, so that the last few
are remembered; what is returned is shared and not to be changed.
"""

import json
import math
import struct
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from agent_runtime.adapters.hashed import Payload
from agent_runtime.errors import AdapterError

MAX_HEADER_BYTES = 1 << 20
LENGTH_BYTES = 8
_FLOAT32_BYTES = 4
_REMEMBERED = 4


@dataclass(frozen=True, slots=True)
class Float32Layout:
    """Where the tensors of a file lie that holds float32 alone, without gap or overlap."""

    data_offset_bytes: int
    """Where the first tensor begins; what is before it is the header with its length."""
    shapes: dict[str, tuple[int, ...]]
    """By name, in the order of the tensors' bytes."""

    @property
    def file_bytes(self) -> int:
        """Return the size of the whole file."""
        return self.data_offset_bytes + _FLOAT32_BYTES * sum(map(math.prod, self.shapes.values()))


def described_tensors(payload: Payload) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Return dtype and shape of every tensor by name.

    Raises:
        AdapterError: the header cannot be read.
    """
    return _described(_header_of(payload))


def float32_layout(payload: Payload) -> Float32Layout:
    """Return where the tensors lie; only the header need be there.

    Raises:
        AdapterError: a tensor is not float32, or the bytes are not the tensors' one after another.
    """
    return _float32_layout(_header_of(payload))


@lru_cache(_REMEMBERED)
def _described(header: bytes) -> dict[str, tuple[str, tuple[int, ...]]]:
    try:
        return {name: (str(entry["dtype"]), tuple(map(int, entry["shape"]))) for name, entry in _read(header).items()}
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise _unreadable(error) from error


@lru_cache(_REMEMBERED)
def _float32_layout(header: bytes) -> Float32Layout:
    entries = _read(header).items()
    places: list[tuple[int, int, str, tuple[int, ...]]] = []
    try:
        for name, entry in entries:
            begin, end = (_whole(offset) for offset in entry["data_offsets"])
            places.append((begin, end, name, tuple(_whole(side) for side in entry["shape"])))
            if entry["dtype"] != "F32":
                raise ValueError(f"{name} is {entry['dtype']}, not F32")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _unreadable(error) from error
    reached = 0
    for begin, end, name, shape in sorted(places):
        if begin != reached or end - begin != _FLOAT32_BYTES * math.prod(shape):
            raise AdapterError(
                f"Got {name} of shape {shape} at bytes {begin} to {end}, expected it whole and from {reached} on: "
                "the version is broken."
            )
        reached = end
    shapes = {name: shape for _, _, name, shape in sorted(places)}
    return Float32Layout(LENGTH_BYTES + len(header), shapes)


def _header_of(payload: Payload) -> bytes:
    """Return the JSON, unread."""
    length = struct.unpack("<Q", payload[:LENGTH_BYTES])[0] if len(payload) >= LENGTH_BYTES else 0
    if not 0 < length <= min(MAX_HEADER_BYTES, len(payload) - LENGTH_BYTES):
        raise AdapterError(
            f"Got a safetensors header of {length} bytes, expected 1 to {MAX_HEADER_BYTES} within the payload: "
            "the version is broken."
        )
    return bytes(payload[LENGTH_BYTES : LENGTH_BYTES + length])


def _read(header: bytes) -> dict[str, Any]:
    try:
        read = json.loads(header.decode(), object_pairs_hook=_without_duplicates, parse_constant=_refuse_constant)
        metadata = read.pop("__metadata__", None) or {}
        if not all(isinstance(text, str) for pair in metadata.items() for text in pair):
            raise ValueError("its metadata are not texts")
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise _unreadable(error) from error
    return dict(read)


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError("a name occurs twice")
    return dict(pairs)


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is no JSON")


def _whole(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"{value!r} is not a whole number from 0 on")
    return value


def _unreadable(error: Exception) -> AdapterError:
    return AdapterError(
        f"Got a safetensors header that cannot be read ({error!r}), expected dtype and shape of each tensor: "
        "the version is broken."
    )
