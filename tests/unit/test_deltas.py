"""A delta gives the adapter back bit for bit, whatever the bits are; anything that is no delta is one sentence."""

from __future__ import annotations

import json
import random
import struct
import tracemalloc
from typing import Any

import numpy as np
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from safetensors.numpy import save

from agent_runtime.adapters import deltas
from agent_runtime.adapters import words as words_module
from agent_runtime.adapters.deltas import decode_delta, encode_delta
from agent_runtime.adapters.layout import MAX_HEADER_BYTES, float32_layout
from agent_runtime.errors import AdapterError

Tensors = dict[str, NDArray[np.float32]]
# Zeros of both signs, the smallest and largest subnormals, one and its neighbours, the largest, infinities, NaNs
# quiet and signalling with payloads.
CORNERS = [0, 1, 0x007FFFFF, 0x00800000, 0x3F7FFFFF, 0x3F800000, 0x3F800001, 0x7F7FFFFF, 0x7F800000, 0x7F800001]
CORNERS += [0x7FC00000, 0x7FFFFFFF, 0x7FABCDEF]
CORNERS += [word | 0x80000000 for word in CORNERS]
WORDS = st.one_of(st.sampled_from(CORNERS), st.integers(0, 2**32 - 1))
SHAPES = st.lists(st.lists(st.integers(0, 5), min_size=1, max_size=3).map(tuple), min_size=1, max_size=4)


def floats(words: NDArray[np.uint32]) -> NDArray[np.float32]:
    return words.view(np.float32)


def adapter(seed: int = 0, scale: float = 0.02) -> Tensors:
    generator = np.random.default_rng(seed)
    shapes = {"a.lora_A.weight": (16, 300), "a.lora_B.weight": (200, 16), "b.lora_A.weight": (16, 96)}
    return {name: generator.normal(0, scale, shape).astype(np.float32) for name, shape in shapes.items()}


def moved(tensors: Tensors, by: float = 1e-5, seed: int = 1) -> Tensors:
    generator = np.random.default_rng(seed)
    return {name: (a + generator.normal(0, by, a.shape)).astype(np.float32) for name, a in tensors.items()}


def whole_way(parent: Tensors, child: Tensors) -> bytes:
    """Encode whatever it saves, decode, and return the delta."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(deltas, "LEAST_SAVING", -100.0)
        delta = encode_delta(save(parent), save(child))
    assert delta is not None
    assert decode_delta(parent, delta) == save(child)
    return delta


@given(data=st.data(), shapes=SHAPES)
@settings(max_examples=150, deadline=None)
def test_any_bits_come_back(data: st.DataObject, shapes: list[tuple[int, ...]]) -> None:
    if not any(np.prod(shape) for shape in shapes):
        shapes = [*shapes, (1,)]
    pair = [
        {f"t{i}": floats(data.draw(arrays.arrays(np.uint32, shape, elements=WORDS))) for i, shape in enumerate(shapes)}
        for _ in range(2)
    ]
    whole_way(*pair)


def test_every_corner_against_every_corner() -> None:
    corners = np.array(CORNERS, np.uint32)
    parent, child = np.meshgrid(corners, corners)
    whole_way({"t": floats(parent.copy())}, {"t": floats(child.copy())})


def test_the_difference_counts_units_of_the_last_place() -> None:
    def distance(parent: int, child: int) -> int:
        words = [np.array([word], np.uint32) for word in (parent, child)]
        return int(np.frombuffer(words_module.planes_of(*words, np.zeros(1, np.intp)), "<u4")[0])

    assert distance(0x3F800000, 0x3F800000) == 0
    assert distance(0x3F800000, 0x3F800003) == 6  # zig-zag of +3
    assert distance(0x3F800003, 0x3F800000) == 5  # of −3
    assert distance(0xBF800000, 0xBF800003) == 5  # further from zero is downwards where it is negative
    assert distance(0x80000000, 0x00000000) == 2  # −0.0 is just below +0.0
    assert distance(0x80000001, 0x00000001) == 6  # and the subnormals around: 3 places


@pytest.mark.parametrize("block_words", [1, 100, 4801, 1 << 20])
def test_blocks_of_any_size_come_back(monkeypatch: pytest.MonkeyPatch, block_words: int) -> None:
    monkeypatch.setattr(words_module, "BLOCK_WORDS", block_words)
    whole_way(adapter(), moved(adapter()))


def test_the_header_comes_back_as_it_was_written() -> None:
    parent, child = adapter(), moved(adapter())
    file = save(child, metadata={"format": "pt"})
    delta = encode_delta(save(parent), file)
    assert delta is not None
    assert decode_delta(parent, delta) == file


def test_a_small_step_saves_about_half_and_noise_is_not_sent_as_a_delta() -> None:
    parent = adapter()
    delta = encode_delta(save(parent), save(moved(parent)))
    assert delta is not None
    assert len(save(parent)) / len(delta) > 1.8
    assert encode_delta(save(parent), save(adapter(7))) is None


def test_an_adapter_that_did_not_change_costs_nearly_nothing() -> None:
    delta = encode_delta(save(adapter()), save(adapter()))
    assert delta is not None
    assert len(delta) < 1000


def test_what_cannot_be_a_pair_is_refused_by_the_encoder() -> None:
    parent = adapter()
    for child in (
        {name: array.astype(np.float16) for name, array in parent.items()},
        {name: array.T.copy() for name, array in parent.items()},
        {f"{name}.x": array for name, array in parent.items()},
        dict(list(parent.items())[:2]),
    ):
        with pytest.raises(AdapterError):
            encode_delta(save(parent), save(child))
    for broken in (b"", save(parent)[:-4], save(parent) + b"1234"):
        with pytest.raises(AdapterError):
            encode_delta(save(parent), broken)
        with pytest.raises(AdapterError):
            encode_delta(broken, save(parent))


def test_an_adapter_without_tensors_has_no_delta() -> None:
    assert encode_delta(save({}), save({})) is None


# --- what is no delta


def frame(content: bytes, **options: Any) -> bytes:
    return zstandard.ZstdCompressor(**options).compress(content)


def content_of(parent: Tensors, child: Tensors) -> bytes:
    delta = encode_delta(save(parent), save(child))
    assert delta is not None
    return zstandard.ZstdDecompressor().decompress(delta)


def with_entries(content: bytes, change: Any) -> bytes:
    """Change the header's entries and pack again."""
    (length,) = struct.unpack("<Q", content[:8])
    entries = json.loads(content[8 : 8 + length])
    change(entries)
    header = json.dumps(entries).encode()
    return frame(struct.pack("<Q", len(header)) + header + content[8 + length :])


def _swap_offsets(entries: dict[str, Any]) -> None:
    entries["a.lora_A.weight"]["data_offsets"] = [0, 16]


def _overlap(entries: dict[str, Any]) -> None:
    for entry in entries.values():
        entry["data_offsets"] = [0, entry["data_offsets"][1] - entry["data_offsets"][0]]


NO_DELTAS: dict[str, tuple[Any, str]] = {
    "nothing": (lambda c: b"", "no zstd frame"),
    "text": (lambda c: b"hello, this is no frame at all", "no zstd frame"),
    "truncated": (lambda c: frame(c)[:-9], "no zstd frame"),
    "two frames": (lambda c: frame(c) + frame(c), "no zstd frame"),
    "bytes behind": (lambda c: frame(c) + b"\0", "no zstd frame"),
    "a skippable frame": (lambda c: struct.pack("<II", 0x184D2A50, 4) + b"1234", "unpacked"),
    "a frame that does not say its size": (lambda c: frame(c, write_content_size=False), "bytes unpacked"),
    "a bomb": (lambda c: frame(bytes(1 << 26)), f"{1 << 26} bytes unpacked"),
    "a bomb that says a petabyte": (lambda c: b"\x28\xb5\x2f\xfd\xc0\x00" + struct.pack("<Q", 1 << 50), "unpacked"),
    "an empty frame": (lambda c: frame(b""), "0 bytes unpacked"),
    "a word less": (lambda c: frame(c[:-4]), "expected"),
    "a word more": (lambda c: frame(c + b"1234"), "expected"),
    "a header bomb": (lambda c: frame(struct.pack("<Q", 1 << 62) + c[8:]), "header of"),
    "a header that is no JSON": (lambda c: frame(c[:8] + b"x" + c[9:]), "cannot be read"),
    "other names": (lambda c: with_entries(c, lambda e: e.update(x=e.pop("b.lora_A.weight"))), "as in its parent"),
    "a shape turned": (lambda c: with_entries(c, lambda e: e["a.lora_A.weight"]["shape"].reverse()), "as in its"),
    "half precision": (lambda c: with_entries(c, lambda e: e["b.lora_A.weight"].update(dtype="F16")), "not F32"),
    "a negative side": (lambda c: with_entries(c, lambda e: e["b.lora_A.weight"].update(shape=[-16, -96])), "-16"),
    "a side that is true": (lambda c: with_entries(c, lambda e: e["b.lora_A.weight"].update(shape=[True])), "True"),
    "an entry without a shape": (lambda c: with_entries(c, lambda e: e["b.lora_A.weight"].pop("shape")), "shape"),
    "an entry that is a text": (lambda c: with_entries(c, lambda e: e.update({"b.lora_A.weight": "F32"})), "read"),
    "a gap": (lambda c: with_entries(c, _swap_offsets), "from 0 on"),
    "an overlap": (lambda c: with_entries(c, _overlap), "whole and from"),
}


@pytest.mark.parametrize("name", NO_DELTAS)
def test_what_is_no_delta_is_refused_in_one_sentence(name: str) -> None:
    parent = adapter()
    make, says = NO_DELTAS[name]
    delta = make(content_of(parent, moved(parent)))
    with pytest.raises(AdapterError) as refused:
        decode_delta(parent, delta)
    sentence = str(refused.value)
    assert says in sentence
    assert sentence.startswith("Got ")
    assert "expected" in sentence
    assert "\n" not in sentence


def test_a_bomb_is_refused_before_it_is_unpacked() -> None:
    parent = adapter()
    bomb = frame(bytes(1 << 28))
    assert len(bomb) < 1 << 16
    tracemalloc.start()
    with pytest.raises(AdapterError):
        decode_delta(parent, bomb)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < MAX_HEADER_BYTES


def test_tensors_of_another_precision_are_no_parent() -> None:
    parent = adapter()
    delta = encode_delta(save(parent), save(moved(parent)))
    assert delta is not None
    with pytest.raises(AdapterError, match="float16 in the model"):
        decode_delta({name: array.astype(np.float16) for name, array in parent.items()}, delta)


def test_another_parent_gives_other_bytes_which_the_digest_finds() -> None:
    parent, child = adapter(), moved(adapter())
    delta = encode_delta(save(parent), save(child))
    assert delta is not None
    other = decode_delta(moved(parent, seed=9), delta)
    assert other != save(child)
    assert len(other) == len(save(child))


@given(data=st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_delta_with_bytes_changed_is_refused_or_gives_a_file_of_the_same_layout(data: st.DataObject) -> None:
    parent = {"a": np.arange(64, dtype=np.float32).reshape(8, 8), "b": np.ones(40, np.float32)}
    content = content_of(parent, moved(parent))
    delta = bytearray(frame(content))
    inner = bytearray(content)
    if data.draw(st.booleans(), "inside the frame"):
        for _ in range(data.draw(st.integers(1, 3))):
            inner[data.draw(st.integers(0, len(inner) - 1))] = data.draw(st.integers(0, 255))
        delta = bytearray(frame(bytes(inner)))
    else:
        delta[data.draw(st.integers(0, len(delta) - 1))] = data.draw(st.integers(0, 255))
    try:
        file = decode_delta(parent, bytes(delta))
    except AdapterError:
        return
    assert float32_layout(file).shapes == {name: array.shape for name, array in parent.items()}


def test_five_thousand_random_changes_meet_only_typed_errors() -> None:
    rng = random.Random(20260101)
    parent = {"a": np.arange(64, dtype=np.float32).reshape(8, 8), "b": np.ones(40, np.float32)}
    good = frame(content_of(parent, moved(parent)))
    refused = 0
    for _ in range(5000):
        changed = bytearray(good)
        for _ in range(rng.randint(1, 4)):
            match rng.randrange(3):
                case 0:
                    changed[rng.randrange(len(changed))] = rng.randrange(256)
                case 1:
                    del changed[rng.randrange(len(changed)) :]
                case _:
                    place = rng.randrange(len(changed) + 1)
                    changed[place:place] = rng.randbytes(rng.randint(1, 8))
            if not changed:
                break
        try:
            decode_delta(parent, bytes(changed))
        except AdapterError:
            refused += 1
    assert refused > 4000
