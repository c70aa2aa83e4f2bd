"""Android in the Wild's shards: records put together here byte by byte, as TensorFlow writes them."""

from __future__ import annotations

import gzip
import io
import struct
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from agent_runtime.actions import Action, Finish, Key, PressKey, Swipe, Tap, TypeText
from agent_runtime.sessions.importers import aitw
from agent_runtime.sessions.importers.demonstration import Demonstration, Refused
from agent_runtime.sessions.importing import import_session
from agent_runtime.sessions.reader import open_session
from agent_runtime.sessions.recording import Origin
from agent_runtime.trajectory import Verdict

SIZE_PX = (6, 10)
NOWHERE = [-1.0, -1.0]


def varint(value: int) -> bytes:
    found = bytearray()
    value &= (1 << 64) - 1
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(found) + bytes([value])


def field(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


def feature(values: list[Any]) -> bytes:
    if isinstance(values[0], bytes):
        return field(1, b"".join(field(1, value) for value in values))
    if isinstance(values[0], float):
        return field(2, field(1, struct.pack(f"<{len(values)}f", *values)))
    return field(3, field(1, b"".join(varint(value) for value in values)))


def record(values: dict[str, list[Any]]) -> bytes:
    entries = (field(1, field(1, name.encode()) + field(2, feature(value))) for name, value in values.items())
    content = field(1, b"".join(entries))
    return struct.pack("<QI", len(content), 0) + content + b"\0\0\0\0"


def step(number: int, kind: int, **changed: Any) -> dict[str, list[Any]]:
    return {
        "episode_id": [b"123"],
        "step_id": [number],
        "episode_length": [6],
        "goal_info": ["Öffne die Uhr".encode()],
        "image/encoded": [bytes((number, 20, 30)) * (SIZE_PX[0] * SIZE_PX[1])],
        "image/width": [SIZE_PX[0]],
        "image/height": [SIZE_PX[1]],
        "image/channels": [3],
        "results/action_type": [kind],
        "results/type_action": [b""],
        "results/yx_touch": NOWHERE,
        "results/yx_lift": NOWHERE,
        **{name.replace("__", "/"): value for name, value in changed.items()},
    }


def shard(path: Path, *steps: dict[str, list[Any]], packed: bool = True) -> Path:
    content = b"".join(map(record, steps))
    path.write_bytes(gzip.compress(content) if packed else content)
    return path


WHOLE = [
    step(0, 6),
    step(1, 4, results__yx_touch=[0.75, 0.25], results__yx_lift=[0.5, 0.25]),
    step(2, 4, results__yx_touch=[0.75, 0.25], results__yx_lift=[0.75, 0.28125]),
    step(3, 3, results__type_action=["naïve ☃".encode()]),
    step(4, 7),
    step(5, 10),
]


@pytest.mark.parametrize("packed", [True, False])
def test_a_shard_becomes_a_session(tmp_path: Path, packed: bool) -> None:
    other = [{**one, "episode_id": [b"124"]} for one in (step(0, 5), step(1, 11))]
    shard(tmp_path / "general-00000-of-00321", *WHOLE, *other, packed=packed)
    source = tmp_path / "general-00000-of-00321"
    report = import_session(Origin("aitw", str(source)), aitw.read(source), tmp_path / "s")
    assert (report.episodes, report.steps, report.refused) == (2, 8, [])
    first, second = open_session(tmp_path / "s").episodes
    expected: list[Action] = [PressKey(Key.HOME), Swipe(0.25, 0.75, 0.25, 0.5), Tap(0.25, 0.75), TypeText("naïve ☃")]
    assert [one.action for one in first.steps] == [*expected, PressKey(Key.ENTER), Finish(True)]
    assert (first.start.goal, first.start.task_name) == ("Öffne die Uhr", "aitw/123")
    assert [episode.end and episode.end.verdict for episode in (first, second)] == [Verdict.SUCCESS, Verdict.FAILURE]
    png = tmp_path / "s" / "screens" / f"{first.steps[3].screen_sha256}.png"
    picture = Image.open(png)
    assert (picture.size, picture.getpixel((0, 0))) == (SIZE_PX, (3, 20, 30))


def test_pictures_may_be_encoded(tmp_path: Path) -> None:
    content = io.BytesIO()
    Image.new("RGB", SIZE_PX, (1, 2, 3)).save(content, "PNG")
    (found,) = aitw.read(shard(tmp_path / "a", step(0, 10, image__encoded=[content.getvalue()])))
    assert isinstance(found, Demonstration)
    assert found.steps[0].size_px == SIZE_PX


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"step_id": [2]}, "a step is missing or moved"),
        ({"results__action_type": [9]}, "result_action_type is 9"),
        ({"image__encoded": [b"pixels"]}, "neither 6x10 pixels nor a PNG"),
        ({"image__width": [1, 2]}, "image/width has 2 values"),
        ({"goal_info": [b"another"]}, "2 goals"),
    ],
)
def test_an_episode_that_cannot_be_had_is_refused_and_the_next_one_read(
    tmp_path: Path, changed: dict[str, Any], why: str
) -> None:
    good = {**step(0, 10), "episode_id": [b"9"]}
    bad, read = aitw.read(shard(tmp_path / "a", step(0, 6), step(1, 5, **changed), good))
    assert isinstance(bad, Refused)
    assert why in bad.sentence
    assert isinstance(read, Demonstration)


def test_what_is_no_shard_is_refused(tmp_path: Path) -> None:
    whole = shard(tmp_path / "b", step(0, 10)).read_bytes()
    cut = b"".join(map(record, [step(0, 10)]))
    for content in (b"\x1f\x8bno", whole[:-9], cut[:-1], cut[:30], struct.pack("<QI", 1 << 40, 0), b"x" * 40):
        (tmp_path / "c").write_bytes(content)
        assert [type(one) for one in aitw.read(tmp_path / "c")] == [Refused]
