"""Writes an adapter as its difference to its parent, and back, equal bit for bit. Knows no versions, sends nothing.

A delta is one zstd frame that says its content's size. The content is as long as the adapter's own safetensors file:

    the file's header with its length, as it is
    then the tensors' float32 words in the file's order, a block after another; a block is tensors until there are
    at least ``words.BLOCK_WORDS`` words. Of each word:
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

from agent_runtime.adapters.hashed import Payload
from agent_runtime.adapters.layout import Float32Layout, float32_layout
from agent_runtime.adapters.words import (
    WORD_BYTES,
    ZSTD_LEVEL,
    Order,
    Words,
    as_words,
    block_names,
    planes_of,
    require_same,
    shapes_of,
    unpacked,
    words_by_name,
    words_from,
    words_of,
)
from agent_runtime.errors import AdapterError

SAMPLE_WORDS = 1 << 15
LEAST_SAVING = 0.16
"""A delta that saves less than this of the file is not worth its time: unrelated adapters alone save an eighth."""
_EXPONENT_SHIFT = 23


def encode_delta(parent: bytes, payload: bytes) -> bytes | None:
    """Return the delta from one adapter's file to another's; None where it would save too little.

    Raises:
        AdapterError: the two do not hold the same float32 tensors.
    """
    layout, parents, words = _pair(parent, payload)
    if not words.size or not _is_worthwhile(parents, words, layout):
        return None
    compressor = zstandard.ZstdCompressor(level=ZSTD_LEVEL).compressobj(size=len(payload))
    parts = [compressor.compress(payload[: layout.data_offset_bytes])]
    place = 0
    for block in _blocks(parents, layout):
        parts.append(compressor.compress(planes_of(block, words[place : place + block.size], _order(block))))
        place += block.size
    parts.append(compressor.flush())
    delta = b"".join(parts)
    return delta if len(delta) <= (1 - LEAST_SAVING) * len(payload) else None


def looks_worthwhile(parent: bytes, payload: bytes) -> bool:
    """Return whether a delta may save enough, from a sample.

    Raises:
        AdapterError: as ``encode_delta``.
    """
    layout, parents, words = _pair(parent, payload)
    return bool(words.size) and _is_worthwhile(parents, words, layout)


def decode_delta(parent: Mapping[str, NDArray[Any]], delta: Payload) -> bytes:
    """Return the adapter's file; ``parent`` holds the parent's float32 tensors by name and is only read.

    What is allocated is bounded by the parent's size, whatever the delta claims.

    Raises:
        AdapterError: the delta is not one against these tensors; or they are not float32.
    """
    parents = as_words(parent)
    content = unpacked(delta, WORD_BYTES * sum(words.size for words in parents.values()))
    layout = float32_layout(content)
    require_same(layout, shapes_of(parents))
    if len(content) != layout.file_bytes:
        raise AdapterError(f"Got a delta of {len(content)} bytes, expected {layout.file_bytes}: fetch the whole.")
    payload = bytearray(content)
    words = np.frombuffer(payload, "<u4", offset=layout.data_offset_bytes)
    place = 0
    for block in _blocks(parents, layout):
        end = place + block.size
        planes = words[place:end].view(np.uint8).copy()
        words[place:end] = words_from(block, planes, _order(block))
        place = end
    return bytes(payload)


def _pair(parent: bytes, payload: bytes) -> tuple[Float32Layout, dict[str, Words], Words]:
    """Return the file's layout, its parent's words by name and its own."""
    layout = float32_layout(payload)
    is_alike = parent[: layout.data_offset_bytes] == payload[: layout.data_offset_bytes]
    parents = words_by_name(parent, layout if is_alike else float32_layout(parent))
    require_same(layout, shapes_of(parents))
    return layout, parents, words_of(payload, layout)


def _blocks(parents: Mapping[str, Words], layout: Float32Layout) -> Iterator[Words]:
    """Yield the parent's words in the file's order, a block after another."""
    for names in block_names(layout):
        yield np.concatenate([parents[name].ravel() for name in names])


def _order(parent: Words) -> Order:
    """Return the places of the words sorted by exponent; equal ones stay in order."""
    return np.argsort((parent >> np.uint32(_EXPONENT_SHIFT)).astype(np.uint8), kind="stable")


def _is_worthwhile(parents: Mapping[str, Words], words: Words, layout: Float32Layout) -> bool:
    """Look at a few of the largest tensor's words: noise costs nothing more than this."""
    place = 0
    largest, begin = "", 0
    for name, shape in layout.shapes.items():
        if not largest or parents[name].size > parents[largest].size:
            largest, begin = name, place
        place += math.prod(shape)
    sample = parents[largest].ravel()[:SAMPLE_WORDS]
    planes = planes_of(sample, words[begin : begin + sample.size], _order(sample))
    return len(zstandard.ZstdCompressor(level=ZSTD_LEVEL).compress(planes)) <= (1 - LEAST_SAVING) * len(planes)
