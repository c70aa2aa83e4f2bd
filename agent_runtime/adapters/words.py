"""Float32 tensors as words: their distances to expected ones, in sorted byte planes, and back. Expects nothing itself.

Words are 32 bits, compared as integers that are ordered as the floats are (−0.0 just below +0.0, NaNs at the ends).
Every step is a bijection, so NaN payloads, signed zeros, subnormals and infinities come through.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

import numpy as np
import zstandard
from numpy.typing import NDArray

from agent_runtime.adapters.hashed import Payload
from agent_runtime.adapters.layout import LENGTH_BYTES, MAX_HEADER_BYTES, Float32Layout
from agent_runtime.errors import AdapterError

BLOCK_WORDS = 1 << 20
"""Sorting and planes work on so many words at a time: 4 MiB, and a few times that for what is between."""
ZSTD_LEVEL = 1
"""What is left is mostly noise: higher levels save a thousandth and take several times as long."""
WORD_BYTES = 4
_SIGN = np.uint32(1 << 31)
Words = NDArray[np.uint32]
Order = NDArray[np.intp]
Value = TypeVar("Value", bound=np.generic)


def unpacked(delta: Payload, data_bytes: int, told_bytes: int = 0) -> bytes:
    """Unpack a frame of a header, the tensors' ``data_bytes`` and ``told_bytes``, once its size is known to be one.

    Raises:
        AdapterError: it is no such frame.
    """
    least, largest = data_bytes + told_bytes, LENGTH_BYTES + MAX_HEADER_BYTES + data_bytes + told_bytes
    try:
        size = zstandard.get_frame_parameters(delta).content_size
        if not least < size <= largest:
            raise AdapterError(f"Got a delta of {size} bytes unpacked, expected {least} to {largest}: refuse it.")
        content = zstandard.ZstdDecompressor().decompress(delta, max_output_size=size, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise AdapterError(f"Got a delta that is no zstd frame ({error}), expected one: fetch it again.") from error
    if len(content) != size:
        raise AdapterError(f"Got {len(content)} bytes of delta, expected the {size} that its frame announces.")
    return content


def require_same(layout: Float32Layout, shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Return when the file's tensors have these names and shapes.

    Raises:
        AdapterError: they do not.
    """
    for name in sorted(layout.shapes.keys() | shapes.keys()):
        if layout.shapes.get(name) != shapes.get(name):
            raise AdapterError(
                f"Got a delta with {layout.shapes.get(name)} for {name}, expected {shapes.get(name)} as in its parent: "
                "fetch the whole."
            )


def shapes_of(tensors: Mapping[str, Words]) -> dict[str, tuple[int, ...]]:
    """Return the shapes by name."""
    return {name: words.shape for name, words in tensors.items()}


def words_of(payload: Payload, layout: Float32Layout) -> Words:
    """Return all words of a file's tensors, in its order, without a copy.

    Raises:
        AdapterError: the file is longer or shorter than its header says.
    """
    if len(payload) != layout.file_bytes:
        raise AdapterError(f"Got a file of {len(payload)} bytes, expected {layout.file_bytes}: it is no whole adapter.")
    return np.frombuffer(payload, "<u4", offset=layout.data_offset_bytes)


def words_by_name(payload: bytes, layout: Float32Layout) -> dict[str, Words]:
    """Return the words of each tensor in its shape, without a copy.

    Raises:
        AdapterError: as ``words_of``.
    """
    return split_by_name(words_of(payload, layout), layout)


def split_by_name(values: NDArray[Value], layout: Float32Layout) -> dict[str, NDArray[Value]]:
    """Return the part of each tensor in its shape, without a copy."""
    found, place = {}, 0
    for name, shape in layout.shapes.items():
        end = place + math.prod(shape)
        found[name] = values[place:end].reshape(shape)
        place = end
    return found


def as_words(tensors: Mapping[str, NDArray[Any]]) -> dict[str, Words]:
    """Return the words of tensors that are in use.

    Raises:
        AdapterError: one is not float32.
    """
    for name, array in tensors.items():
        if array.dtype != np.float32:
            raise AdapterError(f"Got {name} in {array.dtype} in the model, expected float32: fetch the whole.")
    return {name: np.asarray(array, order="C").view("<u4") for name, array in tensors.items()}


def block_names(layout: Float32Layout) -> Iterator[list[str]]:
    """Yield the tensors' names in the file's order, as many at a time as make a block."""
    names: list[str] = []
    size = 0
    for name, shape in layout.shapes.items():
        names.append(name)
        size += math.prod(shape)
        if size >= BLOCK_WORDS:
            yield names
            names, size = [], 0
    if names:
        yield names


def planes_of(expected: Words, child: Words, order: Order) -> bytes:
    """Return the zig-zag of the differences, in this order: every word's lowest byte, then every word's second …"""
    difference = _ordered(child)
    difference -= _ordered(expected)
    zigzag = difference << np.uint32(1)
    zigzag ^= _spread_sign(difference)
    sorted_bytes = zigzag[order].view(np.uint8).reshape(-1, WORD_BYTES)
    return np.ascontiguousarray(sorted_bytes.T).tobytes()


def words_from(expected: Words, planes: NDArray[np.uint8], order: Order) -> Words:
    """Undo ``planes_of``."""
    sorted_words = np.ascontiguousarray(planes.reshape(WORD_BYTES, -1).T).view("<u4").ravel()
    zigzag = np.empty_like(expected)
    zigzag[order] = sorted_words
    difference = zigzag >> np.uint32(1)
    difference ^= np.uint32(0) - (zigzag & np.uint32(1))
    difference += _ordered(expected)
    return _unordered(difference)


def _ordered(words: Words) -> Words:
    """Map float bits to integers in the order of the floats: all bits of negative ones turned, else the sign."""
    return words ^ (_spread_sign(words) | _SIGN)


def _unordered(words: Words) -> Words:
    """Undo ``_ordered``."""
    return words ^ (_spread_sign(~words) | _SIGN)


def _spread_sign(words: Words) -> Words:
    """Return all ones where the highest bit is set, else zero."""
    return (words.view(np.int32) >> np.int32(31)).view(np.uint32)
