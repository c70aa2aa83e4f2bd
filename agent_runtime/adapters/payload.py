"""Writes float32 tensors as one safetensors file, and reads them from one. Knows no versions, sends nothing.

The file is byte for byte the one `safetensors` writes: the tensors in the order of their names, and before them a
header without blanks, filled up to eight bytes. Both ways copy the tensors' bytes once.
"""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent_runtime.adapters.hashed import Payload
from agent_runtime.adapters.layout import LENGTH_BYTES, Float32Layout, float32_layout
from agent_runtime.adapters.words import words_of

_ALIGNMENT_BYTES = 8


def float32_file(tensors: Mapping[str, NDArray[Any]]) -> bytes:
    """Return the safetensors file of tensors by name.

    Raises:
        TypeError: one is not float32.
    """
    header, parts, place = dict[str, dict[str, object]](), list[memoryview](), 0
    for name in sorted(tensors):
        array = tensors[name]
        if array.dtype != np.float32:
            raise TypeError(f"Got {name} in {array.dtype}, expected float32.")
        end = place + array.nbytes
        header[name] = {"dtype": "F32", "shape": list(array.shape), "data_offsets": [place, end]}
        parts.append(np.asarray(array, "<f4", order="C").data)
        place = end
    told = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    told += b" " * (-len(told) % _ALIGNMENT_BYTES)
    return b"".join([len(told).to_bytes(LENGTH_BYTES, "little"), told, *parts])


def float32_values(payload: Payload) -> tuple[NDArray[np.float32], Float32Layout]:
    """Return all values of a file's tensors one after another, in place where ``payload`` can be, and whose they are.

    Raises:
        AdapterError: the file is not float32 tensors one after another and nothing else.
    """
    layout = float32_layout(payload)
    values = words_of(payload, layout).view(np.float32)
    return np.require(values, requirements=("ALIGNED", "WRITEABLE")), layout
