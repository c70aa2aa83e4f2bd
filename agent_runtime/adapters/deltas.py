"""Writes an adapter as its difference to its parent, and back, equal bit for bit. Knows no versions, sends nothing.

A delta is one zstd frame that says its content's size. The content is as long as the adapter's own safetensors file:

    the file's header with its length, as it is
    then the tensors' float32 words in the file's order, a block after another; a block is tensors until there are
    at least ``BLOCK_WORDS`` words. Of each word:
        1. difference to the parent's word in units of the last place: both as integers that are ordered as the
           floats are (−0.0 just below +0.0, NaNs at the ends), subtracted modulo 2^32
        2. zig-zag: 0, −1, 1, −2 … become 0, 1, 2, 3 …
        3. the block's words sorted, stably, by the parent's exponent: one unit of the last place is the same step
           for all of one exponent, so their differences are alike
        4. four planes: every word's lowest byte, then every word's second …

Every step is a bijection of 32-bit words, so NaN payloads, signed zeros, subnormals and infinities come through.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import zstandard
from numpy.typing import NDArray

from agent_runtime.adapters.layout import LENGTH_BYTES, MAX_HEADER_BYTES, Float32Layout, float32_layout
from agent_runtime.errors import AdapterError

BLOCK_WORDS = 1 << 20
"""Sorting and planes work on so many words at a time: 4 MiB, and a few times that for what is between."""
ZSTD_LEVEL = 1
"""What is left is mostly noise: higher levels save a thousandth and take several times as long."""
SAMPLE_WORDS = 1 << 15
LEAST_SAVING = 0.16
"""A delta that saves less than this of the file is not worth its time: unrelated adapters alone save an eighth."""
_WORD_BYTES = 4
_SIGN = np.uint32(1 << 31)
_EXPONENT_SHIFT = 23
Words = NDArray[np.uint32]


def encode_delta(parent: bytes, payload: bytes) -> bytes | None:
    """Return the delta from one adapter's file to another's; None where it would save too little.

    Raises:
        AdapterError: the two do not hold the same float32 tensors.
    """
    layout = float32_layout(payload)
    is_alike = parent[: layout.data_offset_bytes] == payload[: layout.data_offset_bytes]
    parents = _words_by_name(parent, layout if is_alike else float32_layout(parent))
    _require_same(layout, {name: words.shape for name, words in parents.items()})
    words = _words(payload, layout)
    if not words.size or not _is_worthwhile(parents, words, layout):
        return None
    compressor = zstandard.ZstdCompressor(level=ZSTD_LEVEL).compressobj(size=len(payload))
    parts = [compressor.compress(payload[: layout.data_offset_bytes])]
    place = 0
    for block in _blocks(parents, layout):
        parts.append(compressor.compress(_planes(block, words[place : place + block.size])))
        place += block.size
    parts.append(compressor.flush())
    delta = b"".join(parts)
    return delta if len(delta) <= (1 - LEAST_SAVING) * len(payload) else None


def decode_delta(parent: Mapping[str, NDArray[Any]], delta: bytes) -> bytes:
    """Return the adapter's file; ``parent`` holds the parent's float32 tensors by name and is only read.

    What is allocated is bounded by the parent's size, whatever the delta claims.

    Raises:
        AdapterError: the delta is not one against these tensors; or they are not float32.
    """
    parents = {name: _as_words(name, array) for name, array in parent.items()}
    content = _content(delta, _WORD_BYTES * sum(words.size for words in parents.values()))
    layout = float32_layout(content)
    _require_same(layout, {name: words.shape for name, words in parents.items()})
    if len(content) != layout.file_bytes:
        raise AdapterError(f"Got a delta of {len(content)} bytes, expected {layout.file_bytes}: fetch the whole.")
    payload = bytearray(content)
    words = np.frombuffer(payload, "<u4", offset=layout.data_offset_bytes)
    place = 0
    for block in _blocks(parents, layout):
        end = place + block.size
        planes = words[place:end].view(np.uint8).copy()
        words[place:end] = _unplaned(block, planes)
        place = end
    return bytes(payload)


def _content(delta: bytes, data_bytes: int) -> bytes:
    """Unpack the frame, once its size is known to be one that the parent's tensors allow."""
    largest = LENGTH_BYTES + MAX_HEADER_BYTES + data_bytes
    try:
        size = zstandard.get_frame_parameters(delta).content_size
        if not data_bytes < size <= largest:
            raise AdapterError(f"Got a delta of {size} bytes unpacked, expected {data_bytes} to {largest}: refuse it.")
        content = zstandard.ZstdDecompressor().decompress(delta, max_output_size=size, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise AdapterError(f"Got a delta that is no zstd frame ({error}), expected one: fetch it again.") from error
    if len(content) != size:
        raise AdapterError(f"Got {len(content)} bytes of delta, expected the {size} that its frame announces.")
    return content


def _require_same(layout: Float32Layout, shapes: Mapping[str, tuple[int, ...]]) -> None:
    for name in sorted(layout.shapes.keys() | shapes.keys()):
        if layout.shapes.get(name) != shapes.get(name):
            raise AdapterError(
                f"Got a delta with {layout.shapes.get(name)} for {name}, expected {shapes.get(name)} as in its parent: "
                "fetch the whole."
            )


def _words(payload: bytes, layout: Float32Layout) -> Words:
    """Return all words of a file's tensors, in its order, without a copy."""
    if len(payload) != layout.file_bytes:
        raise AdapterError(f"Got a file of {len(payload)} bytes, expected {layout.file_bytes}: it is no whole adapter.")
    return np.frombuffer(payload, "<u4", offset=layout.data_offset_bytes)


def _words_by_name(payload: bytes, layout: Float32Layout) -> dict[str, Words]:
    words, found, place = _words(payload, layout), {}, 0
    for name, shape in layout.shapes.items():
        found[name] = words[place : place + math.prod(shape)].reshape(shape)
        place += math.prod(shape)
    return found


def _as_words(name: str, array: NDArray[Any]) -> Words:
    if array.dtype != np.float32:
        raise AdapterError(f"Got {name} in {array.dtype} in the model, expected float32: fetch the whole.")
    return np.asarray(array, order="C").view("<u4")


def _blocks(parents: Mapping[str, Words], layout: Float32Layout) -> Iterator[Words]:
    """Yield the parent's words in the file's order, a block after another."""
    waiting: list[Words] = []
    for name in layout.shapes:
        waiting.append(parents[name].ravel())
        if sum(words.size for words in waiting) >= BLOCK_WORDS:
            yield np.concatenate(waiting)
            waiting = []
    if waiting:
        yield np.concatenate(waiting)


def _planes(parent: Words, child: Words) -> bytes:
    difference = _ordered(child)
    difference -= _ordered(parent)
    zigzag = difference << np.uint32(1)
    zigzag ^= _spread_sign(difference)
    sorted_bytes = zigzag[_order(parent)].view(np.uint8).reshape(-1, _WORD_BYTES)
    return np.ascontiguousarray(sorted_bytes.T).tobytes()


def _unplaned(parent: Words, planes: NDArray[np.uint8]) -> Words:
    sorted_words = np.ascontiguousarray(planes.reshape(_WORD_BYTES, -1).T).view("<u4").ravel()
    zigzag = np.empty_like(parent)
    zigzag[_order(parent)] = sorted_words
    difference = zigzag >> np.uint32(1)
    difference ^= np.uint32(0) - (zigzag & np.uint32(1))
    difference += _ordered(parent)
    return _unordered(difference)


def _order(parent: Words) -> NDArray[np.intp]:
    """Return the places of the words sorted by exponent; equal ones stay in order."""
    return np.argsort((parent >> np.uint32(_EXPONENT_SHIFT)).astype(np.uint8), kind="stable")


def _ordered(words: Words) -> Words:
    """Map float bits to integers in the order of the floats: all bits of negative ones turned, else the sign."""
    return words ^ (_spread_sign(words) | _SIGN)


def _unordered(words: Words) -> Words:
    """Undo ``_ordered``."""
    return words ^ (_spread_sign(~words) | _SIGN)


def _spread_sign(words: Words) -> Words:
    """Return all ones where the highest bit is set, else zero."""
    return (words.view(np.int32) >> np.int32(31)).view(np.uint32)


def _is_worthwhile(parents: Mapping[str, Words], words: Words, layout: Float32Layout) -> bool:
    """Look at a few of the largest tensor's words: noise costs nothing more than this."""
    place = 0
    largest, begin = "", 0
    for name, shape in layout.shapes.items():
        if not largest or parents[name].size > parents[largest].size:
            largest, begin = name, place
        place += math.prod(shape)
    sample = parents[largest].ravel()[:SAMPLE_WORDS]
    planes = _planes(sample, words[begin : begin + sample.size])
    return len(zstandard.ZstdCompressor(level=ZSTD_LEVEL).compress(planes)) <= (1 - LEAST_SAVING) * len(planes)
