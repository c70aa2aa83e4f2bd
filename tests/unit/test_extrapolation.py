"""An extrapolated delta gives the adapter back bit for bit, whatever the bits are; what is none is one sentence."""

from __future__ import annotations

import struct
import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from safetensors.numpy import save

from agent_runtime.adapters import tables
from agent_runtime.adapters import words as words_module
from agent_runtime.adapters.deltas import encode_delta
from agent_runtime.adapters.extrapolation import decode_extrapolated, encode_extrapolated
from agent_runtime.adapters.layout import MAX_HEADER_BYTES, float32_layout
from agent_runtime.errors import AdapterError
from tests.unit.test_deltas import CORNERS, SHAPES, WORDS, Tensors, adapter, floats, frame


def strides(count: int = 3, noise: float = 1e-6) -> list[Tensors]:
    """Versions whose steps are alike."""
    generator = np.random.default_rng(1)
    found = [adapter()]
    step = {name: generator.normal(0, 1e-5, array.shape) for name, array in found[0].items()}
    while len(found) < count:
        step = {name: 0.9 * array + generator.normal(0, noise, array.shape) for name, array in step.items()}
        found.append({name: (array + step[name]).astype(np.float32) for name, array in found[-1].items()})
    return found


def whole_way(before: Tensors, parent: Tensors, child: Tensors) -> bytes:
    """Encode, decode, and return the delta."""
    delta = encode_extrapolated(*map(save, (before, parent, child)))
    assert decode_extrapolated(before, parent, delta) == save(child)
    return delta


@given(data=st.data(), shapes=SHAPES)
@settings(max_examples=150, deadline=None)
def test_any_bits_come_back(data: st.DataObject, shapes: list[tuple[int, ...]]) -> None:
    triple = [
        {f"t{i}": floats(data.draw(arrays.arrays(np.uint32, shape, elements=WORDS))) for i, shape in enumerate(shapes)}
        for _ in range(3)
    ]
    whole_way(*triple)


@pytest.mark.parametrize("turned", [False, True])
def test_every_corner_against_every_pair_of_corners(turned: bool) -> None:
    corners = np.array(CORNERS, np.uint32)
    triple = [grid.reshape(-1, corners.size) for grid in np.meshgrid(corners, corners, corners)]
    whole_way(*({"t": floats((grid.T if turned else grid).copy())} for grid in triple))


@pytest.mark.parametrize("shape", [(), (1,), (9,), (0, 9), (9, 0), (7, 40), (40, 7), (8, 8), (3, 4, 9)])
def test_any_shape_comes_back(shape: tuple[int, ...]) -> None:
    generator = np.random.default_rng(2)
    whole_way(*({"t": np.asarray(generator.normal(0, 0.1, shape), np.float32)} for _ in range(3)))


@pytest.mark.parametrize("block_words", [1, 100, 4801, 1 << 20])
def test_blocks_of_any_size_come_back(monkeypatch: pytest.MonkeyPatch, block_words: int) -> None:
    monkeypatch.setattr(words_module, "BLOCK_WORDS", block_words)
    whole_way(*strides())


@pytest.mark.parametrize("batch_words", [1, 700, 1 << 20])
def test_a_side_may_work_on_another_number_of_tables_at_a_time(
    monkeypatch: pytest.MonkeyPatch, batch_words: int
) -> None:
    generator = np.random.default_rng(3)
    shapes = [(16, 40), (40, 16), (16, 40), (), (3, 4, 9), (0, 9), (40, 16), (16, 40), (7,)]
    start = {f"t{i}": generator.normal(0, 0.1, shape) for i, shape in enumerate(shapes)}
    step = {f"t{i}": generator.normal(0, 1e-4, shape) for i, shape in enumerate(shapes)}
    triple = [{name: np.asarray(start[name] + n * step[name], np.float32) for name in start} for n in range(3)]
    delta = whole_way(*triple)
    monkeypatch.setattr(tables, "BATCH_WORDS", batch_words)
    assert decode_extrapolated(triple[0], triple[1], delta) == save(triple[2])
    whole_way(*triple)


def test_the_header_comes_back_as_it_was_written() -> None:
    before, parent, child = strides()
    file = save(child, metadata={"format": "pt"})
    delta = encode_extrapolated(save(before), save(parent), file)
    assert decode_extrapolated(before, parent, delta) == file


def test_steps_that_are_alike_save_more_than_the_parent_alone_lets() -> None:
    before, parent, child = strides()
    plain = encode_delta(save(parent), save(child))
    assert plain is not None
    assert len(whole_way(before, parent, child)) < 0.85 * len(plain)


def test_the_same_step_again_costs_nearly_nothing() -> None:
    before = {"t": np.zeros((16, 4000), np.float32)}
    parent = {"t": np.random.default_rng(0).normal(0, 0.1, (16, 4000)).astype(np.float32)}
    assert len(whole_way(before, parent, {"t": parent["t"] * np.float32(1.5)})) < 0.05 * len(save(parent))


def test_a_step_takes_its_factor_row_by_row_or_column_by_column() -> None:
    """Half of a tensor goes on, half turns back: one factor for both would save next to nothing."""
    generator = np.random.default_rng(0)
    factors = np.repeat([1.0, -1.0], 8).astype(np.float32)
    for turned in (False, True):
        step = generator.normal(0, 1e-4, (16, 2000)).astype(np.float32)
        before = generator.normal(0, 0.02, step.shape).astype(np.float32)
        triple = [before, before + step, before + step + factors[:, None] * step]
        parts = [{"t": np.ascontiguousarray(part.T if turned else part)} for part in triple]
        assert len(whole_way(*parts)) < 0.4 * 4 * step.size


def test_what_cannot_go_together_is_refused_by_the_encoder() -> None:
    before, parent, child = strides()
    for other in (
        {name: array.astype(np.float16) for name, array in parent.items()},
        {name: array.T.copy() for name, array in parent.items()},
        {f"{name}.x": array for name, array in parent.items()},
        dict(list(parent.items())[:2]),
    ):
        for triple in ((other, parent, child), (before, other, child), (before, parent, other)):
            with pytest.raises(AdapterError):
                encode_extrapolated(*map(save, triple))
    for place in range(3):
        files = [save(tensors) for tensors in (before, parent, child)]
        files[place] = files[place][:-4]
        with pytest.raises(AdapterError):
            encode_extrapolated(*files)


# --- what is none


NO_DELTAS: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "nothing": (lambda c: b"", "no zstd frame"),
    "truncated": (lambda c: frame(c)[:-9], "no zstd frame"),
    "two frames": (lambda c: frame(c) + frame(c), "no zstd frame"),
    "a frame that does not say its size": (lambda c: frame(c, write_content_size=False), "bytes unpacked"),
    "a bomb": (lambda c: frame(bytes(1 << 26)), f"{1 << 26} bytes unpacked"),
    "a bomb that says a petabyte": (lambda c: b"\x28\xb5\x2f\xfd\xc0\x00" + struct.pack("<Q", 1 << 50), "unpacked"),
    "a byte less": (lambda c: frame(c[:-1]), "expected"),
    "a byte more": (lambda c: frame(c + b"1"), "expected"),
    "a header bomb": (lambda c: frame(struct.pack("<Q", 1 << 62) + c[8:]), "header of"),
    "a header that is no JSON": (lambda c: frame(c[:8] + b"x" + c[9:]), "cannot be read"),
    "other names": (lambda c: frame(c.replace(b"b.lora_A", b"c.lora_A", 1)), "as in its parent"),
    "half precision": (lambda c: frame(c.replace(b'"F32"', b'"F16"', 1)), "not F32"),
}


@pytest.mark.parametrize("name", NO_DELTAS)
def test_what_is_none_is_refused_in_one_sentence(name: str) -> None:
    before, parent, child = strides()
    make, says = NO_DELTAS[name]
    content = zstandard.ZstdDecompressor().decompress(whole_way(before, parent, child))
    bad = make(content)
    size_bytes = sum(array.nbytes for array in parent.values())
    tracemalloc.start()
    with pytest.raises(AdapterError) as refused:
        decode_extrapolated(before, parent, bad)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)
    assert peak_bytes < 10 * size_bytes + MAX_HEADER_BYTES


@pytest.mark.parametrize("value", [0, 1, 127, 128, 255])
def test_whatever_is_told_of_a_tensor_something_of_the_right_size_comes_out(value: int) -> None:
    before, parent, child = strides()
    content = bytearray(zstandard.ZstdDecompressor().decompress(whole_way(before, parent, child)))
    begin = float32_layout(bytes(content)).data_offset_bytes
    content[begin : begin + 300] = bytes([value]) * 300
    made = decode_extrapolated(before, parent, frame(bytes(content)))
    assert len(made) == len(save(child))
    assert made != save(child)


def test_tensors_that_are_not_those_it_is_against_are_refused_or_give_another_file() -> None:
    before, parent, child = strides()
    delta = whole_way(before, parent, child)
    assert decode_extrapolated(parent, parent, delta) != save(child)
    assert decode_extrapolated(before, before, delta) != save(child)
    for wrong in ({}, dict(list(before.items())[:2]), {name: array.T for name, array in before.items()}):
        for pair in ((wrong, parent), (before, wrong)):
            with pytest.raises(AdapterError):
                decode_extrapolated(*pair, delta)
    with pytest.raises(AdapterError, match="expected float32"):
        decode_extrapolated({name: array.astype(np.float16) for name, array in before.items()}, parent, delta)
