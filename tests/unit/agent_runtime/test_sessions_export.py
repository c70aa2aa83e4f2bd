"""A session as a table: what goes out comes back, to the last bit."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent_runtime.actions import Tap, TypeText
from agent_runtime.sessions import export
from agent_runtime.sessions.reader import open_session
from agent_runtime.sessions.recording import Session
from agent_runtime.sessions.schema import step_from_record
from tests import session_world as world

RunProgram = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> RunProgram:
    return lambda *args: world.run_program(monkeypatch, capsys, *args)


@pytest.fixture
def session(tmp_path: Path) -> Session:
    world.record(tmp_path / "s", world.some_trajectories())
    return open_session(tmp_path / "s")


def test_json_lines_come_back_as_the_steps_they_were(session: Session, tmp_path: Path, run: RunProgram) -> None:
    path = tmp_path / "out" / "steps.jsonl"
    code, out, err = run("export", session.folder, "--output", path)
    assert (code, out, err) == (0, f"Wrote {path}: 6 rows.\n", "")
    back = [json.loads(line) for line in path.read_bytes().split(b"\n") if line]
    assert back == list(export.rows(session))
    for row, (episode, step) in zip(back, session.steps(), strict=True):
        assert tuple(row) == export.COLUMNS
        again = step_from_record(export_fields(row), step.line)
        assert again == replace(step, timings=replace(step.timings, judge_ms=0.0))
        assert (row["goal"], row["trajectory_id"]) == (episode.start.goal, episode.start.trajectory_id)
        assert (session.folder / row["screen"]).is_file()
    assert [row["verdict"] for row in back] == ["success"] * 3 + ["failure"] * 2 + ["void"]


def export_fields(row: dict[str, Any]) -> Any:
    from agent_runtime.sessions.fields import Fields

    return Fields(row)


def test_parquet_comes_back_as_it_went(session: Session, tmp_path: Path, run: RunProgram) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "steps.parquet"
    code, out, err = run("export", session.folder, "--format", "parquet", "--output", path)
    assert (code, out, err) == (0, f"Wrote {path}: 6 rows.\n", "")
    back = parquet.read_table(path).to_pylist()
    for row in back:
        row["task_params"] = dict(row["task_params"])
        row["action"] = {name: value for name, value in row["action"].items() if value is not None}
    assert back == list(export.rows(session))


def test_a_cut_recording_is_exported_and_told(tmp_path: Path, run: RunProgram) -> None:
    world.record(tmp_path / "s", world.some_trajectories(), close=False)._thread.shutdown()
    code, out, _ = run("export", tmp_path / "s", "--output", tmp_path / "x.jsonl")
    assert code == 0
    assert out.endswith("6 rows. The recording was cut short.\n")


def test_a_lone_surrogate_goes_to_json_and_is_refused_by_parquet(tmp_path: Path, run: RunProgram) -> None:
    step = world.step(0, TypeText("a"))
    step = replace(step, decision=replace(step.decision, utterance="\ud800"))
    world.record(tmp_path / "s", [world.trajectory([step])])
    assert run("export", tmp_path / "s", "--output", tmp_path / "x.jsonl")[0] == 0
    assert json.loads((tmp_path / "x.jsonl").read_text())["utterance"] == "\ud800"
    pytest.importorskip("pyarrow")
    code, _, err = run("export", tmp_path / "s", "--format", "parquet", "--output", tmp_path / "x.parquet")
    assert code == 2
    assert "that Parquet cannot hold" in err
    assert len(err.strip().splitlines()) == 1
    assert [path.name for path in tmp_path.glob("x.*")] == ["x.jsonl"]


def test_without_pyarrow_parquet_is_one_sentence(
    session: Session, tmp_path: Path, run: RunProgram, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    code, _, err = run("export", session.folder, "--format", "parquet", "--output", tmp_path / "x.parquet")
    assert code == 2
    assert "pip install 'coso-phone[parquet]'" in err
    assert len(err.strip().splitlines()) == 1


def test_what_cannot_be_exported_is_one_sentence(session: Session, tmp_path: Path, run: RunProgram) -> None:
    (tmp_path / "taken").mkdir()
    for arguments in (
        (session.folder, "--format", "csv", "--output", tmp_path / "x"),
        (tmp_path / "nowhere", "--output", tmp_path / "x"),
        (session.folder, "--output", tmp_path / "taken"),
    ):
        code, _, err = run("export", *arguments)
        assert code == 2
        assert err.startswith("Got ")
        assert len(err.strip().splitlines()) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["s", "taken"]


def test_an_empty_session_is_a_table_without_rows(tmp_path: Path, run: RunProgram) -> None:
    world.record(tmp_path / "s", [])
    assert run("export", tmp_path / "s", "--output", tmp_path / "x.jsonl")[0] == 0
    assert (tmp_path / "x.jsonl").read_bytes() == b""
    parquet = pytest.importorskip("pyarrow.parquet")
    assert run("export", tmp_path / "s", "--format", "parquet", "--output", tmp_path / "x.parquet")[0] == 0
    table = parquet.read_table(tmp_path / "x.parquet")
    assert (table.num_rows, tuple(table.column_names)) == (0, export.COLUMNS)


def test_a_tap_keeps_its_bits(tmp_path: Path) -> None:
    tap = Tap(0.1 + 0.2, 1 / 3)
    world.record(tmp_path / "s", [world.trajectory([world.step(0, tap)])])
    session = open_session(tmp_path / "s")
    export.export_session(session, "jsonl", tmp_path / "x.jsonl")
    row = json.loads((tmp_path / "x.jsonl").read_text())
    assert row["action"] == {"type": "Tap", "x_norm": tap.x_norm, "y_norm": tap.y_norm}
