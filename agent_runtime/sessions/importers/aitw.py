"""Reads Android in the Wild as Google published it: TFRecords of steps. Needs no TensorFlow, writes nothing.

SOURCE is a shard, gzipped or not, or a folder of shards. A record is a `tf.train.Example` of one step, and an episode's
steps follow one another: ``episode_id``, ``step_id``, ``goal_info``, ``image/encoded`` (raw RGB rows, or a PNG or
JPEG), ``image/height``, ``image/width``, ``results/action_type``, ``results/type_action``, ``results/yx_touch`` and
``results/yx_lift``. Actions are read as AitZ's, which is made of these: [y, x] from 0 to 1, a tap within 0.04.
Checksums of records are not looked at; gzip has its own.
"""

import gzip
import io
import struct
import zlib
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any, BinaryIO

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError
from PIL import Image

from agent_runtime.errors import UsageError
from agent_runtime.sessions.fields import Fields
from agent_runtime.sessions.importers import aitz
from agent_runtime.sessions.importers.demonstration import Demonstration, Refused, Shown, SizePx, said_by_the_last
from agent_runtime.sessions.pictures import encoded

_WHAT = "Android in the Wild's TFRecords"
_HEAD = struct.Struct("<QI")
_TAIL_BYTES = 4
MAX_RECORD_BYTES = 256 << 20
_GZIP = b"\x1f\x8b"
_CHANNELS = {3: "RGB", 4: "RGBA"}
Values = Mapping[str, list[Any]]


def read(source: Path, images: Path | None = None) -> Iterator[Demonstration | Refused]:
    """Yield the episodes shard by shard; the pictures are in the records.

    Raises:
        UsageError: there is no shard.
    """
    files = sorted(path for path in source.iterdir() if path.is_file()) if source.is_dir() else [source]
    if not files or not files[0].is_file():
        raise UsageError(f"Got {source} without a file, expected {_WHAT}: name a shard or a folder of shards.")
    for path in files:
        try:
            for name, steps in groupby(records(path), lambda values: _text(values, "episode_id")):
                yield _episode(path, name, list(steps))
        except (OSError, EOFError, zlib.error, DecodeError, ValueError) as error:
            yield Refused(f"Got {path} unusable from some record on ({error}), expected {_WHAT}: take it from a copy.")


def records(path: Path) -> Iterator[Values]:
    """Yield every record's features by name.

    Raises:
        ValueError: the file is no whole file of records.
        OSError: it cannot be read.
    """
    with path.open("rb") as plain:
        is_packed = plain.read(2) == _GZIP
    with gzip.open(path, "rb") if is_packed else path.open("rb") as file:
        while head := file.read(_HEAD.size):
            yield _features(_record(file, head))


def _record(file: BinaryIO | gzip.GzipFile, head: bytes) -> bytes:
    if len(head) < _HEAD.size:
        raise ValueError("it ends in the midst of a record")
    size, _ = _HEAD.unpack(head)
    if size > MAX_RECORD_BYTES:
        raise ValueError(f"a record claims {size} bytes")
    content = file.read(size)
    if len(content) < size or len(file.read(_TAIL_BYTES)) < _TAIL_BYTES:
        raise ValueError("it ends in the midst of a record")
    return content


def _episode(path: Path, name: str, steps: list[Values]) -> Demonstration | Refused:
    try:
        goals = {_text(step, "goal_info") for step in steps}
        if len(goals) != 1:
            raise ValueError(f"it has {len(goals)} goals")
        shown = tuple(_shown(number, step) for number, step in enumerate(steps))
    except ValueError as error:
        return Refused(f"Got episode {name[:80]!r} of {path} unusable ({error}), expected {_WHAT}: leave it out.")
    return Demonstration(f"aitw/{name}", goals.pop(), shown, said_by_the_last([step.action for step in shown]))


def _shown(number: int, step: Values) -> Shown:
    if _one(step, "step_id") != number:
        raise ValueError(f"step_id is {_one(step, 'step_id')!r:.80}, not {number}: a step is missing or moved")
    png, size_px = _picture(step)
    fields: dict[str, object] = {
        "result_action_type": _one(step, "results/action_type"),
        "result_action_text": _text(step, "results/type_action") if step.get("results/type_action") else "",
        "result_touch_yx": list(step.get("results/yx_touch", ())),
        "result_lift_yx": list(step.get("results/yx_lift", ())),
    }
    return Shown(png, size_px, aitz.action_of(Fields(fields)))


def _picture(step: Values) -> tuple[bytes, SizePx]:
    """Return the step's picture as a PNG, and its (width, height)."""
    content = _one(step, "image/encoded")
    width_px, height_px = _one(step, "image/width"), _one(step, "image/height")
    if not isinstance(content, bytes) or not isinstance(width_px, int) or not isinstance(height_px, int):
        raise ValueError("it has no picture")
    pixels = width_px * height_px
    mode = next((mode for channels, mode in _CHANNELS.items() if 0 < pixels * channels == len(content)), None)
    try:
        if mode is not None:
            picture = Image.frombytes(mode, (width_px, height_px), content)
        else:
            picture = Image.open(io.BytesIO(content), formats=("PNG", "JPEG"))
            picture.load()
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(f"its picture is neither {width_px}x{height_px} pixels nor a PNG or JPEG ({error})") from error
    return encoded(picture.convert("RGB")), picture.size


def _one(step: Values, name: str) -> object:
    values = step.get(name, [])
    if len(values) != 1:
        raise ValueError(f"{name} has {len(values)} values, not one")
    return values[0]


def _text(step: Values, name: str) -> str:
    value = _one(step, name)
    if not isinstance(value, bytes):
        raise ValueError(f"{name} is no text")
    return value.decode("utf-8", "replace")


def _features(content: bytes) -> Values:
    example = _example_class().FromString(content)
    found: dict[str, list[Any]] = {}
    for name, feature in example.features.feature.items():
        kind = feature.WhichOneof("kind")
        found[name] = [] if kind is None else list(getattr(feature, kind).value)
    return found


@cache
def _example_class() -> Any:
    """Return the message class of `tf.train.Example`, described here: field numbers as TensorFlow has them."""
    file = descriptor_pb2.FileDescriptorProto(name="example.proto", package="aitw", syntax="proto3")
    field = descriptor_pb2.FieldDescriptorProto
    kinds = (("BytesList", field.TYPE_BYTES), ("FloatList", field.TYPE_FLOAT), ("Int64List", field.TYPE_INT64))
    feature = descriptor_pb2.DescriptorProto(name="Feature")
    feature.oneof_decl.add(name="kind")
    for number, (name, kind) in enumerate(kinds, start=1):
        file.message_type.add(name=name).field.add(name="value", number=1, type=kind, label=field.LABEL_REPEATED)
        own = {"BytesList": "bytes_list", "FloatList": "float_list", "Int64List": "int64_list"}[name]
        feature.field.add(
            name=own,
            number=number,
            type=field.TYPE_MESSAGE,
            type_name=f".aitw.{name}",
            label=field.LABEL_OPTIONAL,
            oneof_index=0,
        )
    file.message_type.append(feature)
    features = file.message_type.add(name="Features")
    entry = features.nested_type.add(name="FeatureEntry")
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, type=field.TYPE_STRING, label=field.LABEL_OPTIONAL)
    entry.field.add(
        name="value", number=2, type=field.TYPE_MESSAGE, type_name=".aitw.Feature", label=field.LABEL_OPTIONAL
    )
    features.field.add(
        name="feature",
        number=1,
        type=field.TYPE_MESSAGE,
        type_name=".aitw.Features.FeatureEntry",
        label=field.LABEL_REPEATED,
    )
    example = file.message_type.add(name="Example")
    example.field.add(
        name="features", number=1, type=field.TYPE_MESSAGE, type_name=".aitw.Features", label=field.LABEL_OPTIONAL
    )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("aitw.Example"))
