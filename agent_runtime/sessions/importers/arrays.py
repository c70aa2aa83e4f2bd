"""NumPy's pictures and numbers in a pickle that was read as data, as PNGs and floats. Imports no name of a file."""

import struct

from PIL import Image

from agent_runtime.sessions.importers.demonstration import SizePx
from agent_runtime.sessions.importers.inert_pickle import Made, Packed
from agent_runtime.sessions.pictures import encoded

_MAX_SIDE_PX = 8192
_RECONSTRUCT, _FROM_BUFFER, _SCALAR = "multiarray._reconstruct", "numeric._frombuffer", "multiarray.scalar"
_NUMBERS = {"f4": "<f", "f8": "<d", "i1": "b", "i2": "<h", "i4": "<i", "i8": "<q", "u1": "B", "b1": "?"}


def picture_png(value: object) -> tuple[bytes, SizePx]:
    """Return the PNG of an array of [height, width, 3 or 4] bytes, and its (width, height).

    Raises:
        ValueError: it is no such array.
    """
    shape, dtype, data = _array(value)
    if dtype != "u1" or len(shape) != 3 or shape[2] not in (3, 4) or not all(0 < n <= _MAX_SIDE_PX for n in shape[:2]):
        raise ValueError(f"an array of {shape} {dtype or 'objects'}, not of [height, width, 3] bytes")
    height_px, width_px, channels = shape
    if len(data) != height_px * width_px * channels:
        raise ValueError(f"{len(data)} bytes for an array of {shape}")
    picture = Image.frombytes("RGB" if channels == 3 else "RGBA", (width_px, height_px), data).convert("RGB")
    return encoded(picture), (width_px, height_px)


def number(value: object) -> float | None:
    """Return a Python or NumPy number as a float, None for anything else; not-a-number stays one."""
    if isinstance(value, bool | int | float):
        return float(value)
    if isinstance(value, Made) and value.name.endswith(_SCALAR) and len(value.args) == 2:
        kind, data = _dtype(value.args[0]), value.args[1]
        if kind in _NUMBERS and isinstance(data, bytes) and len(data) == int(kind[1]):
            return float(struct.unpack(_NUMBERS[kind], data)[0])
    return None


def _array(value: object) -> tuple[tuple[int, ...], str, bytes]:
    if isinstance(value, Made) and value.name.endswith(_RECONSTRUCT) and isinstance(value.state, tuple):
        _, shape, dtype, is_fortran, data = value.state if len(value.state) == 5 else (None, (), None, True, b"")
        order = "F" if is_fortran else "C"
    elif isinstance(value, Made) and value.name.endswith(_FROM_BUFFER) and len(value.args) == 4:
        data, dtype, shape, order = value.args  # type: ignore[assignment]
    else:
        raise ValueError("no array")
    if order != "C" or not isinstance(shape, tuple) or not all(isinstance(n, int) for n in shape):
        raise ValueError("an array in another order than rows first")
    content = data.unpacked() if isinstance(data, Packed) else data
    if not isinstance(content, bytes | bytearray):
        raise ValueError("an array of objects")
    return shape, _dtype(dtype), bytes(content)


def _dtype(value: object) -> str:
    """Return the kind and size of the elements, such as u1; nothing for another byte order than little."""
    if not isinstance(value, Made) or not value.name.endswith("dtype") or not value.args:
        return ""
    kind = value.args[0]
    order = value.state[1] if isinstance(value.state, tuple) and len(value.state) > 1 else "<"
    return kind if isinstance(kind, str) and order in ("<", "|", "=") else ""
