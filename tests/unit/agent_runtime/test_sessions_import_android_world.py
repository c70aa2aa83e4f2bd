"""AndroidWorld's checkpoints: read as data, pickled here as its checkpointer does, and never run."""

from __future__ import annotations

import dataclasses
import datetime
import gzip
import io
import os
import pickle
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from agent_runtime.actions import Finish, Key, LongPress, OpenApp, PressKey, Swipe, Tap, TypeText
from agent_runtime.sessions.importers import android_world, inert_pickle
from agent_runtime.sessions.importers.demonstration import Demonstration, Refused
from agent_runtime.sessions.importers.inert_pickle import Made, Named, Packed
from agent_runtime.sessions.importing import import_session
from agent_runtime.sessions.reader import open_session
from agent_runtime.sessions.recording import Origin
from agent_runtime.trajectory import Verdict

SIZE_PX = (200, 400)


@dataclasses.dataclass
class Evil:
    """Makes a folder where it is unpickled."""

    folder: Path

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return os.mkdir, (str(self.folder),)


@pytest.fixture
def world() -> Iterator[types.SimpleNamespace]:
    """AndroidWorld's classes under their own names, for pickling only: they are gone when the files are read."""
    names = (
        "android_world",
        "android_world.env",
        "android_world.env.json_action",
        "android_world.env.representation_utils",
    )
    made: dict[str, types.ModuleType] = {name: types.ModuleType(name) for name in names}

    def define(module: str, name: str, fields: list[str]) -> Any:
        kind = dataclasses.make_dataclass(name, [(field, Any, None) for field in fields])
        kind.__module__, kind.__qualname__ = module, name
        setattr(made[module], name, kind)
        return kind

    action = define(
        names[2], "JSONAction", ["action_type", "index", "x", "y", "text", "direction", "goal_status", "app_name"]
    )
    box = define(names[3], "BoundingBox", ["x_min", "x_max", "y_min", "y_max"])
    element = define(names[3], "UIElement", ["text", "bbox_pixels"])
    chosen = define(names[3], "AndroidElement", ["index", "ui_element", "description"])
    sys.modules.update(made)
    yield types.SimpleNamespace(action=action, box=box, element=element, chosen=chosen)
    for name in names:
        sys.modules.pop(name, None)


def forget_the_world() -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "android_world"]:
        del sys.modules[name]


def pixels(shade: int) -> Any:
    return np.full((SIZE_PX[1], SIZE_PX[0], 3), shade, np.uint8)


def written(path: Path, episodes: object, protocol: int | None = None) -> Path:
    """Write a file as the checkpointer does."""
    path.write_bytes(gzip.compress(pickle.dumps(episodes, protocol), 5))
    return path


def episode(data: dict[str, list[Any]], succeeded: Any = 1.0, **more: Any) -> dict[str, Any]:
    return {
        "goal": "Add a contact",
        "task_template": "ContactsAdd",
        "episode_data": {**data, "step_number": list(range(len(next(iter(data.values())))))},
        "is_successful": succeeded,
        "run_time": 12.5,
        "finish_dtime": datetime.datetime(2025, 1, 2),
        "instance_id": 0,
        "exception_info": None,
        "aux_data": None,
        **more,
    }


def t3a(world: types.SimpleNamespace, *outputs: str) -> dict[str, list[Any]]:
    elements = [
        world.element("Add", world.box(20, 60, 100, 200)),
        world.element("list", world.box(np.int64(0), 200, -50, 450)),
    ]
    return {
        "before_screenshot": [pixels(10 + n) for n in range(len(outputs))],
        "after_screenshot": [pixels(90 + n) for n in range(len(outputs))],
        "before_element_list": [elements] * len(outputs),
        "action_output": list(outputs),
        "summary": ["so"] * len(outputs),
    }


def said(action: str, reason: str = "It is there.") -> str:
    return f"Reason: {reason}\nAction: {{{action}}}"


@pytest.mark.parametrize("protocol", [3, 4, 5])
def test_an_episode_of_t3a_is_read_from_its_pickle(tmp_path: Path, world: types.SimpleNamespace, protocol: int) -> None:
    data = t3a(
        world,
        said('"action_type": "open_app", "app_name": "Contacts"', "Contacts hold them."),
        said('"action_type": "click", "index": 0'),
        said('"action_type": "input_text", "text": "naïve ☃", "index": 0'),
        said('"action_type": "scroll", "direction": "down", "index": 1'),
        said('"action_type": "long_press", "x": 50, "y": 100'),
        said('"action_type": "click", "index": 7'),
        "I do not know.",
        said('"action_type": "answer", "text": "done"'),
        said('"action_type": "navigate_back"'),
        said('"action_type": "status", "goal_status": "complete"'),
    )
    written(tmp_path / "ContactsAdd_0.pkl.gz", [episode(data, np.float64(1.0))], protocol)
    forget_the_world()
    report = import_session(Origin("android-world", "run"), android_world.read(tmp_path), tmp_path / "session")
    assert (report.episodes, report.refused) == (1, [])
    session = open_session(tmp_path / "session")
    (read,) = session.episodes
    assert [step.action for step in read.steps] == [
        OpenApp("Contacts"),
        Tap(40 / 200, 150 / 400),
        TypeText("naïve ☃"),
        Swipe(0.5, 0.5, 0.5, 0.0),
        LongPress(50 / 200, 100 / 400),
        PressKey(Key.BACK),
        Finish(True),
    ]
    assert read.end is not None
    assert (read.start.task_name, read.end.verdict) == ("android-world/ContactsAdd_0", Verdict.SUCCESS)
    assert '"thought":"Contacts hold them."' in read.steps[0].decision.utterance.replace(": ", ":")
    shades = [
        Image.open(tmp_path / "session" / "screens" / f"{step.screen_sha256}.png").getpixel((0, 0))
        for step in read.steps
    ]
    assert shades == [(10 + n,) * 3 for n in (0, 1, 2, 3, 4, 8, 9)]
    assert "android_world" not in sys.modules


def only(path: Path) -> Demonstration | Refused:
    (found,) = android_world.read(path)
    return found


def test_seeact_names_its_elements_itself(tmp_path: Path, world: types.SimpleNamespace) -> None:
    chosen = [world.chosen(0, world.element("Add", world.box(20, 60, 100, 200)), "a button")]
    data = {
        "screenshot": [pixels(1)],
        "actionable_elements": [chosen],
        "ui_elements": [[]],
        "action": [world.action("click", 0)],
    }
    path = written(tmp_path / "A_0.pkl.gz", ([episode(data, False)], ["A"]))
    forget_the_world()
    found = only(path)
    assert isinstance(found, Demonstration)
    assert ([shown.action for shown in found.steps], found.succeeded) == ([Tap(40 / 200, 150 / 400)], False)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"exception_info": "Traceback\nRuntimeError: no adb", "episode_data": np.nan}, "RuntimeError: no adb"),
        (
            {
                "episode_data": {
                    "raw_screenshot": [pixels(1)],
                    "action_output": [said('"action_type": "click", "index": 3')],
                }
            },
            "cannot be placed",
        ),
        ({"episode_data": {"action_output": [said('"action_type": "wait"')]}}, "a screenshot is missing"),
        (
            {
                "episode_data": {
                    "screenshot": [np.zeros((4, 4), np.uint8)],
                    "action_output": [said('"action_type": "wait"')],
                }
            },
            "not of [height, width, 3]",
        ),
        (
            {
                "episode_data": {
                    "screenshot": [pixels(1)],
                    "action_output": [said('"action_type": "double_tap", "x": 3, "y": 3')],
                }
            },
            "double_tap",
        ),
        ({"episode_data": {"screenshot": [pixels(1)], "action_output": ["nothing"]}}, "none of its steps"),
        ({"goal": None}, "no goal"),
    ],
)
def test_an_episode_that_cannot_be_had_is_refused_in_a_sentence(
    tmp_path: Path, change: dict[str, Any], why: str
) -> None:
    whole = episode({"screenshot": [pixels(1)], "action_output": [said('"action_type": "navigate_home"')]})
    path = written(tmp_path / "A_0.pkl.gz", [whole, {**whole, **change}])
    good, bad = android_world.read(path)
    assert isinstance(good, Demonstration)
    assert isinstance(bad, Refused)
    assert why in bad.sentence
    assert "episode 1 of" in bad.sentence


def test_a_run_that_ended_in_nobody_knows_what_has_no_verdict(tmp_path: Path) -> None:
    whole = episode(
        {"screenshot": [pixels(1)], "action_output": [said('"action_type": "navigate_home"')]}, float("nan")
    )
    found = only(written(tmp_path / "A_0.pkl.gz", [whole]))
    assert isinstance(found, Demonstration)
    assert found.succeeded is None


def test_nothing_that_a_file_names_is_run(tmp_path: Path) -> None:
    evil = Evil(tmp_path / "ran")
    data = {"screenshot": [evil], "action_output": [said('"action_type": "wait"')]}
    assert isinstance(only(written(tmp_path / "A_0.pkl.gz", [episode(data)])), Refused)
    read = inert_pickle.read(io.BytesIO(pickle.dumps([evil, len, [1].append])))
    assert isinstance(read, list)
    assert (read[0].name, read[0].args, read[1]) == ("posix.mkdir", (str(evil.folder),), Named("builtins.len"))
    assert isinstance(read[2], Made)
    assert not evil.folder.exists()
    pickle.loads(pickle.dumps(evil))  # noqa: S301  # what the file would have done
    assert evil.folder.exists()


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
        max_leaves=20,
    ),
    st.integers(3, 5),
)
def test_plain_data_is_read_as_pickle_reads_it(value: object, protocol: int) -> None:
    content = pickle.dumps(value, protocol)
    assert inert_pickle.read(io.BytesIO(content)) == value


@given(st.binary(max_size=60), st.integers(0, 200), st.binary(min_size=1, max_size=3))
def test_a_damaged_or_foreign_file_is_a_value_error_or_data(content: bytes, at: int, change: bytes) -> None:
    whole = pickle.dumps([{"goal": "x", "n": 1.5, "d": datetime.date(2025, 1, 1)}, (1, [2, {3}])])
    for damaged in (content, whole[:at], whole[: at % len(whole)] + change + whole[at % len(whole) + len(change) :]):
        try:
            inert_pickle.read(io.BytesIO(damaged))
        except ValueError:
            continue


def test_a_length_that_is_claimed_is_not_believed() -> None:
    with pytest.raises(ValueError, match="claims"):
        inert_pickle.read(io.BytesIO(b"\x80\x04\x8e" + (1 << 40).to_bytes(8, "little") + b"x."))


def test_a_line_without_an_end_is_not_read_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inert_pickle, "MAX_READ_BYTES", 100)
    assert inert_pickle.read(io.BytesIO(b"V" + b"x" * 99 + b"\n.")) == "x" * 99
    source = io.BytesIO(b"V" + b"x" * 5000 + b"\n.")
    with pytest.raises(ValueError, match="a line"):
        inert_pickle.read(source)
    assert source.tell() <= 102


def test_what_is_small_in_the_file_and_huge_written_out_is_not_written_out(tmp_path: Path) -> None:
    laughs: Any = "ha"
    for _ in range(20):
        laughs = [laughs, laughs]
    data = {"screenshot": [pixels(1)], "action_output": [said('"action_type": "navigate_home"')]}
    failed = only(written(tmp_path / "A_0.pkl.gz", [episode(data, exception_info=laughs)]))
    assert isinstance(failed, Refused)
    assert len(failed.sentence) < 1000
    named = only(written(tmp_path / "A_0.pkl.gz", [episode(data, task_template=laughs, instance_id=laughs)]))
    assert isinstance(named, Demonstration)
    assert named.name == "android-world/list_list"
    with pytest.raises(ValueError, match="a name is no text"):
        inert_pickle.read(io.BytesIO(pickle.dumps(laughs, 4)[:-1] + b"h\x01\x93."))
    calls = inert_pickle.read(io.BytesIO(b"cos\nsystem\n" + b")R" * 5000 + b"."))
    assert isinstance(calls, Made)
    assert calls.name == "os.system"


def test_large_bytes_are_kept_small() -> None:
    packed = inert_pickle.read(io.BytesIO(pickle.dumps(bytes(1 << 20))))
    assert isinstance(packed, Packed)
    assert packed.unpacked() == bytes(1 << 20)


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "A_0.pkl.gz").write_bytes(b"not gzip")
    (tmp_path / "B_0.pkl.gz").write_bytes(gzip.compress(pickle.dumps({"no": "list"})))
    (tmp_path / "C_0.pkl.gz").write_bytes(gzip.compress(pickle.dumps([1]))[:-4])
    refused = list(android_world.read(tmp_path))
    assert [type(one) for one in refused] == [Refused, Refused, Refused]
