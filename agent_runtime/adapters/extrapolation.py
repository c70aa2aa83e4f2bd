"""Writes an adapter as its difference to where its last update, made again, would lead, and back. Sends nothing.

An optimizer with momentum moves a weight much as it did the step before. So where both ends hold the parent and the
parent's own parent, what is sent is the difference to ``parent + c (parent − grandparent)``. A tensor counts as a table
of its last axis and all others; the shorter side of the table is called short, the other long. The payload is one zstd
frame that says its content's size, and the content is:

    the file's header with its length, as it is
    then block after block as in `agent_runtime.adapters.deltas`, each of
        1. for each of its tensors: 64 c as one signed byte for each place on the short side; then how large the
           differences there are, 2 log2 + 160, as one byte for each place on the short side; then, where the short
           side has at least ``LEAST_SHORT``, one signed byte for each place on the long side, to be added to that
        2. the words' differences to the extrapolated values' words, as in a delta, but sorted, stably, by the size in
           units of the last place that 1. lets expect: 2 log2, from 0 to 63

The arithmetic is float32, elementwise and in a fixed order, and a value that is not finite is replaced by the
parent's, so both ends agree on every bit. Every byte of 1. and 2. means something: whatever they are, decoding gives
a file of the right size, and the adapter's sha256 says whether it is the one meant.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import zstandard
from numpy.typing import NDArray

from agent_runtime.adapters.hashed import Payload
from agent_runtime.adapters.layout import Float32Layout, float32_layout
from agent_runtime.adapters.tables import LEAST_SHORT as LEAST_SHORT
from agent_runtime.adapters.tables import Block, Expected, Floats, Table, batches, stacked
from agent_runtime.adapters.words import (
    WORD_BYTES,
    ZSTD_LEVEL,
    Words,
    as_words,
    block_names,
    planes_of,
    require_same,
    shapes_of,
    unpacked,
    words_by_name,
    words_from,
)
from agent_runtime.errors import AdapterError

LEAST_CODED_WORDS = 2048
"""A zstd block, and with it a code, ends where another size is expected, from so many words on; no decoder cares."""
_COEFFICIENT_UNIT = np.float32(1 / 64)
_SIZE_OFFSET = 160
_ULP_EXPONENT = 150
"""A float32's unit of the last place is 2 to the power of its biased exponent less this."""
_MOST_EXPECTED = 63
_EXPONENT_SHIFT, _EXPONENT_MASK = np.uint32(23), np.uint32(255)


def encode_extrapolated(grandparent: bytes, parent: bytes, payload: bytes) -> bytes:
    """Return how one adapter's file differs from what the two before it let expect.

    Raises:
        AdapterError: the three do not hold the same float32 tensors.
    """
    layout = float32_layout(payload)
    all_three = [words_by_name(file, _layout_of(file, payload, layout)) for file in (grandparent, parent, payload)]
    require_same(layout, shapes_of(all_three[1]))
    require_same(layout, shapes_of(all_three[0]))
    size = len(payload) + sum(Table.of(shape).told_bytes for shape in layout.shapes.values())
    compressor = zstandard.ZstdCompressor(level=ZSTD_LEVEL).compressobj(size=size)
    parts = [compressor.compress(payload[: layout.data_offset_bytes])]
    for names in block_names(layout):
        tables = [Table.of(layout.shapes[name]) for name in names]
        told, block = [b""] * len(names), Block(tables)
        for table, places in batches(tables):
            triple = [stacked([tensors[names[place]] for place in places], table) for tensors in all_three]
            sides = _told(table, *triple)
            block.lay(places, *_extrapolated(table, sides, *triple[:2]))
            for place, side in zip(places, sides, strict=True):
                told[place] = side.tobytes()
        order, sizes = np.argsort(block.sizes, kind="stable"), block.sizes
        words = np.concatenate([all_three[2][name].ravel() for name in names])
        planes = memoryview(planes_of(block.expected, words, order))
        parts += [compressor.compress(b"".join(told)), compressor.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)]
        ends = _ends(sizes)
        for plane in (planes[start : start + sizes.size] for start in range(0, len(planes), max(sizes.size, 1))):
            for begin, end in zip([0, *ends], ends, strict=False):
                parts += [compressor.compress(plane[begin:end]), compressor.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)]
    parts.append(compressor.flush())
    return b"".join(parts)


def decode_extrapolated(
    grandparent: Mapping[str, NDArray[Any]], parent: Mapping[str, NDArray[Any]], delta: Payload
) -> bytes:
    """Return the adapter's file; the tensors of the two before it, by name, are only read.

    What is allocated is bounded by the parent's size, whatever the delta claims.

    Raises:
        AdapterError: the delta is not one against these tensors; or they are not float32.
    """
    before, parents = as_words(grandparent), as_words(parent)
    shapes = shapes_of(parents)
    told_bytes = sum(Table.of(shape).told_bytes for shape in shapes.values())
    content = unpacked(delta, WORD_BYTES * sum(words.size for words in parents.values()), told_bytes)
    layout = float32_layout(content)
    require_same(layout, shapes)
    require_same(layout, shapes_of(before))
    if len(content) != layout.file_bytes + told_bytes:
        raise AdapterError(
            f"Got a delta of {len(content)} bytes, expected {layout.file_bytes + told_bytes}: fetch the whole."
        )
    parts, place = [content[: layout.data_offset_bytes]], layout.data_offset_bytes
    for names in block_names(layout):
        tables = [Table.of(layout.shapes[name]) for name in names]
        told = []
        for table in tables:
            told.append(np.frombuffer(content, np.uint8, table.told_bytes, place))
            place += table.told_bytes
        block = Block(tables)
        for table, places in batches(tables):
            pair = [stacked([tensors[names[one]] for one in places], table) for tensors in (before, parents)]
            sides = np.stack([told[one] for one in places])
            block.lay(places, *_extrapolated(table, sides, *pair))
        planes = np.frombuffer(content, np.uint8, WORD_BYTES * block.expected.size, place)
        parts.append(words_from(block.expected, planes, np.argsort(block.sizes, kind="stable")).tobytes())
        place += planes.size
    return b"".join(parts)


def _layout_of(file: bytes, payload: bytes, layout: Float32Layout) -> Float32Layout:
    """Return a file's layout, which nearly always is the payload's."""
    is_alike = file[: layout.data_offset_bytes] == payload[: layout.data_offset_bytes]
    return layout if is_alike else float32_layout(file)


def _told(table: Table, before: Floats, parent: Floats, child: Floats) -> NDArray[np.uint8]:
    """Choose what makes the differences of tables [G, rows, columns] small and lets their sizes be expected.

    Returns the bytes to tell of each, [G, told].
    """
    if not table.words:
        return np.zeros((len(parent), table.told_bytes), np.uint8)
    across, along = table.long_axis, 3 - table.long_axis
    with np.errstate(all="ignore"):
        last, rest = parent - before, child - parent
        best = np.add.reduce(last * rest, axis=across) / np.add.reduce(last * last, axis=across) / _COEFFICIENT_UNIT
        coefficients = _bounded(best, -128, 127).astype(np.int8)
        last *= table.along_short(_factors(coefficients))
        rest -= last
        np.abs(rest, out=rest)
        means = np.add.reduce(rest, axis=across) / np.float32(rest.shape[across])
        sizes = _bounded(2 * np.log2(means) + _SIZE_OFFSET, 0, 255).astype(np.uint8)
        if not table.long_told:
            return np.concatenate([coefficients.view(np.uint8), sizes], 1)
        rest /= table.along_short(means)
        relative = np.add.reduce(rest, axis=along) / np.float32(rest.shape[along])
        offsets = _bounded(2 * np.log2(relative), -128, 127).astype(np.int8)
    return np.concatenate([coefficients.view(np.uint8), sizes, offsets.view(np.uint8)], 1)


def _bounded(values: Floats, least: int, most: int) -> Floats:
    """Return whole numbers within bounds, the least for what is no number."""
    return np.fmin(np.fmax(np.rint(values), least), most)


def _factors(coefficients: NDArray[np.int8]) -> Floats:
    return coefficients.astype(np.float32) * _COEFFICIENT_UNIT


def _extrapolated(table: Table, told: NDArray[np.uint8], before: Floats, parent: Floats) -> tuple[Words, Expected]:
    """Return the extrapolated words and the sizes of the differences to expect, both [G, rows, columns]."""
    short = table.short
    factors = _factors(told[:, :short].view(np.int8))
    with np.errstate(all="ignore"):
        value = parent - before
        value *= table.along_short(factors)
        value += parent
    words = value.view(np.uint32)
    np.copyto(words, parent.view(np.uint32), where=~np.isfinite(value))
    sizes = table.along_short(told[:, short : 2 * short].astype(np.int16) + np.int16(2 * _ULP_EXPONENT - _SIZE_OFFSET))
    if table.long_told:
        sizes = sizes + table.along_long(told[:, 2 * short :].view(np.int8).astype(np.int16))
    sizes = sizes - 2 * ((words >> _EXPONENT_SHIFT) & _EXPONENT_MASK).astype(np.int16)
    return words, np.clip(sizes, 0, _MOST_EXPECTED, out=sizes).astype(np.uint8)


def _ends(sizes: Expected) -> list[int]:
    """Return where a code for the sorted words is to end; the last one is the words' number."""
    ends: list[int] = []
    for end in np.cumsum(np.bincount(sizes, minlength=1)).tolist():
        if end - (ends[-1] if ends else 0) >= LEAST_CODED_WORDS:
            ends.append(end)
    return [*ends[:-1], sizes.size]
