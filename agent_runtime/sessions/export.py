"""Writes a session for other programs: as a table with a row a step here, else by ``exporters``. Changes no session.

A row holds the step, the episode it is of and that episode's end, so that it can be read alone. Pictures stay where
they are: ``screen`` is the path under the session's folder. Parquet needs pyarrow, the extra ``parquet``.
"""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent_runtime.errors import SessionError, UsageError
from agent_runtime.sessions import schema
from agent_runtime.sessions.exporters.atif import write_atif
from agent_runtime.sessions.exporters.lerobot import write_lerobot
from agent_runtime.sessions.exporters.rerun import write_rerun
from agent_runtime.sessions.recording import SCREENS_NAME, RecordedEpisode, RecordedStep, Session
from agent_runtime.sessions.writer import refuse_used_folder

if TYPE_CHECKING:
    import pyarrow

Row = dict[str, Any]
_ACTION_TEXTS = ("type", "text", "key", "name", "reason")
_ACTION_NUMBERS = ("x_norm", "y_norm", "x0_norm", "y0_norm", "x1_norm", "y1_norm", "seconds")


def rows(session: Session) -> Iterator[Row]:
    """Yield a row for every step, in order."""
    for episode, step in session.steps():
        yield _row(session, episode, step)


def export_session(session: Session, kind: str, path: Path) -> int:
    """Write a format's file or folder, whole or not at all; return how many rows, steps or episodes it has.

    A file that is there is replaced; a folder must be new or empty.

    Raises:
        UsageError: there is no such kind, or its package is not installed.
        SessionError: it cannot be written, or has no words for what was recorded.
    """
    if kind not in FORMATS:
        raise UsageError(f"Got the format {kind!r}, expected one of {', '.join(FORMATS)}: choose one of these.")
    form = FORMATS[kind]
    unfinished = path.with_name(f"{path.name}.tmp")
    if form.is_folder:
        refuse_used_folder(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            if form.is_folder:
                unfinished.mkdir()
            count = form.write(session, unfinished)
            os.replace(unfinished, path)
        except ImportError as error:
            raise UsageError(
                f"Got the format {kind} without the package {form.package} ({error}), expected it installed: "
                f"pip install 'coso-phone[{form.extra}]', or export jsonl."
            ) from error
        finally:
            _remove(unfinished)
    except OSError as error:
        raise SessionError(f"Got no place for {path} ({error}), expected it to be writable: name another.") from error
    return count


def _remove(unfinished: Path) -> None:
    if unfinished.is_dir():
        shutil.rmtree(unfinished)
    else:
        unfinished.unlink(missing_ok=True)


def _row(session: Session, episode: RecordedEpisode, step: RecordedStep) -> Row:
    start, end, identity = episode.start, episode.end, session.info.identity
    row: Row = {
        "episode": episode.number,
        "trajectory_id": start.trajectory_id,
        "task_name": start.task_name,
        "task_params": dict(start.task_params),
        "goal": start.goal,
        "purpose": start.purpose.value,
        "temperature": start.temperature,
        "verdict": None if end is None else end.verdict.value,
        "reward": None if end is None else end.reward,
        "void_reason": None if end is None else end.void_reason,
    }
    row |= {key: value for key, value in schema.step_record(step).items() if key != "event"}
    row["screen"] = f"{SCREENS_NAME}/{step.screen_sha256}.png"
    row["base_model_digest"], row["action_grammar"] = identity.base_model_digest, identity.action_grammar
    row["imported_from"] = None if session.info.imported is None else session.info.imported.kind
    return row


def _write_jsonl(session: Session, path: Path) -> int:
    count = 0
    with path.open("wb") as file:
        for row in rows(session):
            try:
                line = json.dumps(row, ensure_ascii=False).encode()
            except UnicodeEncodeError:  # a lone surrogate is no UTF-8, but its escape is
                line = json.dumps(row).encode()
            file.write(line + b"\n")
            count += 1
    return count


def _write_parquet(session: Session, path: Path) -> int:
    import pyarrow
    from pyarrow import parquet

    columns, count = _parquet_columns(), 0
    with parquet.ParquetWriter(path, columns) as writer:
        for episode in session.episodes:
            part = [_row(session, episode, step) for step in episode.steps]
            try:
                table = pyarrow.Table.from_pylist(part, schema=columns)
            except (ValueError, OverflowError) as error:  # pyarrow's errors about values are ValueErrors
                raise SessionError(
                    f"Got episode {episode.number} that Parquet cannot hold ({error}), expected UTF-8 text and 64-bit "
                    "numbers: export jsonl."
                ) from error
            writer.write_table(table)
            count += len(part)
    return count


def _parquet_columns() -> "pyarrow.Schema":
    import pyarrow as pa

    text, whole, number = pa.string(), pa.int64(), pa.float64()
    action = [*((name, text) for name in _ACTION_TEXTS), *((name, number) for name in _ACTION_NUMBERS)]
    size_px = pa.list_(whole)
    kinds = {
        **dict.fromkeys(("episode", "index", "seed", "adapter_version"), whole),
        **dict.fromkeys(("temperature", "reward"), number),
        "task_params": pa.map_(text, text),
        "action": pa.struct([*action, ("succeeded", pa.bool_())]),
        "timings_ms": pa.struct([(name, number) for name in ("observe", "decide", "act")]),
        "picture_size_px": size_px,
        "device_size_px": size_px,
        "token_ids": pa.list_(whole),
        "log_probs": pa.list_(number),
    }
    return pa.schema([(name, kinds.get(name, text)) for name in COLUMNS])


COLUMNS = (
    *("episode", "trajectory_id", "task_name", "task_params", "goal", "purpose", "temperature"),
    *("verdict", "reward", "void_reason", "index", "action", "utterance", "prompt", "seed"),
    *("adapter_version", "adapter_digest", "timings_ms", "screen_sha256", "picture_size_px", "device_size_px"),
    *("token_ids", "log_probs", "screen", "base_model_digest", "action_grammar", "imported_from"),
)
"""A row's columns in order, in either format."""


@dataclass(frozen=True, slots=True)
class Format:
    """How a session is written: ``write`` gets the file's path, or a folder that is there and empty."""

    write: Callable[[Session, Path], int]
    counts: str
    is_folder: bool = False
    package: str = ""
    extra: str = ""


FORMATS = {
    "jsonl": Format(_write_jsonl, "rows"),
    "parquet": Format(_write_parquet, "rows", package="pyarrow", extra="parquet"),
    "atif": Format(write_atif, "episodes", is_folder=True),
    "lerobot": Format(write_lerobot, "episodes", is_folder=True, package="pyarrow", extra="parquet"),
    "rrd": Format(write_rerun, "steps", package="rerun-sdk", extra="rerun"),
}
"""By the name `agent-runtime export` takes."""
