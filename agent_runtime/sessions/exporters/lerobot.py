"""Writes a session as a LeRobot dataset, layout v3.0: Parquet, meta files, pictures inside. Trains nothing.

The layout is that of `lerobot.datasets` 0.6 (``CODEBASE_VERSION`` "v3.0"). A frame is a step. It has no clock of even
ticks: ``fps`` is 1 and ``timestamp`` the step's index. Void and cut episodes have no outcome and are left out.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from agent_runtime.actions import Action, LongPress, Swipe, Tap, Wait
from agent_runtime.errors import SessionError
from agent_runtime.sessions import schema
from agent_runtime.sessions.exporters.lerobot_stats import channel_stats, pixel_counts, vector_stats
from agent_runtime.sessions.reader import screen_png
from agent_runtime.sessions.recording import RecordedEpisode, Session
from agent_runtime.trajectory import Verdict

if TYPE_CHECKING:
    import pyarrow

VERSION = "v3.0"
KINDS = ("Tap", "LongPress", "Swipe", "TypeText", "PressKey", "OpenApp", "Wait", "Finish", "Malformed")
"""``action[0]`` counts in this list."""
SCREEN = "observation.images.screen"
_FILE_BYTES = 100 << 20
_FILES_PER_CHUNK = 1000
_PATH = "chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
_NUMBERS = ("timestamp", "frame_index", "episode_index", "index", "task_index", "next.reward", "next.done")
_ACTION_NAMES = ("kind", "x_norm", "y_norm", "x1_norm", "y1_norm", "seconds")
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Placed:
    """An episode and where its frames go."""

    number: int
    episode: RecordedEpisode
    first_frame: int
    file: int

    @property
    def end_frame(self) -> int:
        return self.first_frame + len(self.episode.steps)


def write_lerobot(session: Session, folder: Path) -> int:
    """Write the dataset into a folder that is there and empty; return how many episodes it has.

    Raises:
        SessionError: no episode has an outcome, pictures differ in size, or text is no Unicode.
        ImportError: pyarrow is not installed.
    """
    placed = list(_placed(session))
    size_px = _one_size_px(placed)
    tasks = list(dict.fromkeys(one.episode.start.goal for one in placed))
    try:
        _write_data(session, placed, tasks, folder)
        _write_episodes(placed, folder)
        _write_tasks(tasks, folder)
    except (ValueError, OverflowError) as error:  # pyarrow's errors about values are ValueErrors
        raise SessionError(
            f"Got a session that Parquet cannot hold ({error}), expected UTF-8 text and 64-bit numbers: export jsonl."
        ) from error
    _write_json(folder / "meta" / "info.json", _info(placed, tasks, size_px))
    _write_json(folder / "meta" / "stats.json", _stats(session, placed, tasks))
    return len(placed)


def action_vector(action: Action) -> list[float]:
    """Return an action as [kind, x, y, x1, y1, seconds], 0 where it has no such field; text is in ``action_json``."""
    kind = float(KINDS.index(type(action).__name__))
    match action:
        case Tap(x, y) | LongPress(x, y):
            return [kind, x, y, 0.0, 0.0, 0.0]
        case Swipe(x0, y0, x1, y1):
            return [kind, x0, y0, x1, y1, 0.0]
        case Wait(seconds):
            return [kind, 0.0, 0.0, 0.0, 0.0, seconds]
        case _:
            return [kind, 0.0, 0.0, 0.0, 0.0, 0.0]


def _placed(session: Session) -> Iterator[_Placed]:
    number = frame = file = written = 0
    for episode in session.episodes:
        if episode.end is None or episode.end.verdict is Verdict.VOID or not episode.steps:
            continue
        yield _Placed(number, episode, frame, file)
        number, frame = number + 1, frame + len(episode.steps)
        written += sum(len(screen_png(session, step)) for step in episode.steps)
        if written >= _FILE_BYTES:
            file, written = file + 1, 0


def _one_size_px(placed: Sequence[_Placed]) -> tuple[int, int]:
    sizes = {step.picture_size_px for one in placed for step in one.episode.steps}
    if len(sizes) != 1:
        got = "no episode that ended in success or failure" if not sizes else f"pictures of the sizes {sorted(sizes)}"
        raise SessionError(f"Got a session with {got}, expected pictures of one size, as LeRobot has: export jsonl.")
    return sizes.pop()


def _rows(session: Session, one: _Placed, tasks: Sequence[str]) -> Iterator[Json]:
    end, steps = one.episode.end, one.episode.steps
    assert end is not None, "only episodes with an outcome are placed"
    for step in steps:
        is_last = step.index == len(steps) - 1
        yield {
            SCREEN: {"bytes": screen_png(session, step), "path": f"{step.screen_sha256}.png"},
            "action": action_vector(step.action),
            "action_json": json.dumps(schema.action_record(step.action)),
            "utterance": step.decision.utterance,
            "prompt": step.prompt,
            "next.reward": end.reward if is_last else 0.0,
            "next.done": is_last,
            "timestamp": float(step.index),
            "frame_index": step.index,
            "episode_index": one.number,
            "index": one.first_frame + step.index,
            "task_index": tasks.index(one.episode.start.goal),
        }


def _write_data(session: Session, placed: Sequence[_Placed], tasks: Sequence[str], folder: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    columns = _columns()
    for file in sorted({one.file for one in placed}):
        path = folder / "data" / _PATH.format(**_place(file))
        path.parent.mkdir(parents=True, exist_ok=True)
        with parquet.ParquetWriter(path, columns) as writer:
            for one in placed:
                if one.file == file:  # a row group is an episode, as LeRobot's recorder has it
                    writer.write_table(pa.Table.from_pylist(list(_rows(session, one, tasks)), schema=columns))


def _write_episodes(placed: Sequence[_Placed], folder: Path) -> None:
    import pyarrow as pa

    rows = []
    for one in placed:
        row: Json = {"episode_index": one.number, "tasks": [one.episode.start.goal], "length": len(one.episode.steps)}
        row |= {f"data/{name}": value for name, value in _place(one.file).items()}
        row |= {f"meta/episodes/{name}": value for name, value in _place(0).items()}
        rows.append(row | {"dataset_from_index": one.first_frame, "dataset_to_index": one.end_frame})
    _write_table(pa.Table.from_pylist(rows), folder / "meta" / "episodes" / _PATH.format(**_place(0)))


def _write_tasks(tasks: Sequence[str], folder: Path) -> None:
    """Write the tasks as pandas writes a frame whose index is the task: LeRobot reads it so."""
    import pyarrow as pa

    def column(name: str, kind: str, of: str) -> Json:
        return {"name": name, "field_name": name, "pandas_type": kind, "numpy_type": of, "metadata": None}

    told = {
        "index_columns": ["task"],
        "column_indexes": [],
        "columns": [column("task_index", "int64", "int64"), column("task", "unicode", "object")],
        "pandas_version": "2.0.0",
    }
    table = pa.table({"task_index": pa.array(range(len(tasks)), pa.int64()), "task": pa.array(tasks, pa.string())})
    table = table.replace_schema_metadata({"pandas": json.dumps(told)})
    _write_table(table, folder / "meta" / "tasks.parquet")


def _write_table(table: "pyarrow.Table", path: Path) -> None:
    from pyarrow import parquet

    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(table, path)


def _write_json(path: Path, content: Json) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=4) + "\n", "utf-8")


def _place(file: int) -> dict[str, int]:
    return {"chunk_index": file // _FILES_PER_CHUNK, "file_index": file % _FILES_PER_CHUNK}


def _columns() -> "pyarrow.Schema":
    """Return the columns, with the note by which `datasets` knows that a struct of bytes and path is a picture."""
    import pyarrow as pa

    picture = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    kinds = {SCREEN: picture, "action": pa.list_(pa.float32(), len(_ACTION_NAMES))}
    notes: Json = {SCREEN: {"_type": "Image"}}
    action = {"feature": {"dtype": "float32", "_type": "Value"}, "length": len(_ACTION_NAMES), "_type": "List"}
    notes["action"] = action
    for name, feature in _plain_features().items():
        kinds[name] = {"bool": pa.bool_(), "string": pa.string()}.get(feature) or getattr(pa, feature)()
        notes[name] = {"dtype": feature, "_type": "Value"}
    return pa.schema(list(kinds.items()), metadata={"huggingface": json.dumps({"info": {"features": notes}})})


def _plain_features() -> dict[str, str]:
    return {
        **dict.fromkeys(("action_json", "utterance", "prompt"), "string"),
        "next.reward": "float32",
        "next.done": "bool",
        "timestamp": "float32",
        **dict.fromkeys(("frame_index", "episode_index", "index", "task_index"), "int64"),
    }


def _info(placed: Sequence[_Placed], tasks: Sequence[str], size_px: tuple[int, int]) -> Json:
    width_px, height_px = size_px
    features: Json = {
        SCREEN: {"dtype": "image", "shape": [height_px, width_px, 3], "names": ["height", "width", "channels"]},
        "action": {"dtype": "float32", "shape": [len(_ACTION_NAMES)], "names": list(_ACTION_NAMES)},
    }
    features |= {name: {"dtype": kind, "shape": [1], "names": None} for name, kind in _plain_features().items()}
    return {
        "codebase_version": VERSION,
        "robot_type": "android-phone",
        "total_episodes": len(placed),
        "total_frames": placed[-1].end_frame,
        "total_tasks": len(tasks),
        "chunks_size": _FILES_PER_CHUNK,
        "data_files_size_in_mb": _FILE_BYTES >> 20,
        "video_files_size_in_mb": 200,
        "fps": 1,
        "splits": {"train": f"0:{len(placed)}"},
        "data_path": f"data/{_PATH}",
        "video_path": None,
        "features": features,
    }


def _stats(session: Session, placed: Sequence[_Placed], tasks: Sequence[str]) -> Json:
    numbers: dict[str, list[list[float]]] = {name: [] for name in ("action", *_NUMBERS)}
    pixels = np.zeros((3, 256), dtype=np.int64)
    for one in placed:
        for row in _rows(session, one, tasks):
            pixels += pixel_counts(row[SCREEN]["bytes"])
            numbers["action"].append(row["action"])
            for name in _NUMBERS:
                numbers[name].append([float(row[name])])
    stats = {name: vector_stats(values) for name, values in numbers.items()}
    return stats | {SCREEN: channel_stats(pixels, placed[-1].end_frame)}
