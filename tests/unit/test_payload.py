"""An adapter's file is byte for byte the library's, what is read is what went in, and no other file is read."""

import json
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray
from safetensors.numpy import load, save

from agent_runtime.adapters.payload import float32_file, float32_values
from agent_runtime.adapters.words import split_by_name
from agent_runtime.errors import AdapterError

TENSORS = st.dictionaries(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8).filter(lambda name: name != "__metadata__"),
    arrays(np.float32, array_shapes(min_dims=0, min_side=0, max_dims=3, max_side=4)),
    max_size=5,
)
ENTRY = {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}


@given(TENSORS)
def test_a_file_is_the_librarys_and_comes_back(tensors: dict[str, NDArray[np.float32]]) -> None:
    file = float32_file(tensors)
    assert file == save(tensors)
    values, layout = float32_values(file)
    read = split_by_name(values, layout)
    assert read.keys() == tensors.keys()
    for name, array in tensors.items():
        assert (read[name].shape, read[name].tobytes()) == (array.shape, array.tobytes())


def test_what_is_read_may_be_written_to_and_lies_as_floats_do() -> None:
    file = struct.pack("<Q", 61) + json.dumps({"a": ENTRY}, separators=(",", ":")).encode().ljust(61) + bytes(16)
    values, _ = float32_values(file)  # its floats begin at byte 69
    assert values.flags.aligned
    values += 1
    assert file.endswith(bytes(16))


def test_what_came_in_a_bytearray_is_read_in_place() -> None:
    file = bytearray(save({"a": np.zeros(4, np.float32)}))
    values, _ = float32_values(file)
    values += 1
    np.testing.assert_array_equal(load(bytes(file))["a"], np.ones(4))


def test_a_part_of_a_larger_tensor_is_written_alone() -> None:
    whole = np.arange(24, dtype=np.float32).reshape(4, 6)
    part = whole[:, ::2]
    np.testing.assert_array_equal(load(float32_file({"a": part}))["a"], part)


def test_other_precisions_are_refused() -> None:
    with pytest.raises(TypeError, match="Got b in float64, expected float32"):
        float32_file({"a": np.zeros(2, np.float32), "b": np.zeros(2)})


@pytest.mark.parametrize(
    "header",
    [
        json.dumps({"a": ENTRY}).encode("utf-16-le"),
        b"\xef\xbb\xbf" + json.dumps({"a": ENTRY}).encode(),
        json.dumps({"a": ENTRY}).encode() + b"\0",
        json.dumps({"a": ENTRY, "__metadata__": {"a": 1}}).encode(),
        json.dumps({"a": ENTRY, "__metadata__": ["a"]}).encode(),
        json.dumps({"a": {**ENTRY, "more": float("nan")}}).encode(),
        json.dumps({"a": {**ENTRY, "shape": [4.0]}}).encode(),
        json.dumps({"a": {**ENTRY, "data_offsets": [0, 16, 16]}}).encode(),
        json.dumps({"a": {**ENTRY, "data_offsets": [4, 20]}}).encode(),
        json.dumps({"a": {**ENTRY, "shape": [-4]}}).encode(),
        json.dumps({"a": {**ENTRY, "shape": [True, 4]}}).encode(),
        json.dumps({"a": ENTRY, "b": ENTRY}).encode(),
        json.dumps({"a": {**ENTRY, "dtype": "F16"}}).encode(),
    ],
)
def test_what_the_library_refuses_is_refused(header: bytes) -> None:
    file = struct.pack("<Q", len(header)) + header + bytes(16)
    if b"F16" not in header:
        with pytest.raises(Exception, match="deserializing"):
            load(file)
    with pytest.raises(AdapterError, match="Got "):
        float32_values(file)
