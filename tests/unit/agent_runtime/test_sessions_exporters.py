"""A session in the formats of others: what goes out is valid there, and comes back."""

from __future__ import annotations

import io
import json
import math
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from agent_runtime.actions import LongPress, Malformed, Swipe, Tap, TypeText, Wait
from agent_runtime.sessions import schema
from agent_runtime.sessions.exporters.lerobot import action_vector
from agent_runtime.sessions.exporters.lerobot_stats import channel_stats, pixel_counts, vector_stats
from agent_runtime.sessions.exporters.rerun import touch_points_px
from agent_runtime.sessions.fields import Fields
from agent_runtime.sessions.reader import open_session, screen_png
from agent_runtime.sessions.recording import Redaction, Session
from tests import session_world as world
from tests.atif_models import Trajectory

RunProgram = Callable[..., tuple[int, str, str]]
TEXT = Redaction(text=True)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> RunProgram:
    return lambda *args: world.run_program(monkeypatch, capsys, *args)


@pytest.fixture
def session(tmp_path: Path) -> Session:
    world.record(tmp_path / "s", world.some_trajectories())
    return open_session(tmp_path / "s")


# --- ATIF


def atif_of(folder: Path) -> list[dict[str, Any]]:
    """Return the documents, each of which is valid."""
    found = [json.loads(path.read_text("utf-8")) for path in sorted(folder.glob("episode-*.json"))]
    for document in found:
        Trajectory.model_validate(document)
        images = [part["source"]["path"] for part in parts_of(document) if part["type"] == "image"]
        assert all((folder / image).read_bytes().startswith(b"\x89PNG") for image in images)
    return found


def parts_of(document: dict[str, Any]) -> list[dict[str, Any]]:
    steps = document["steps"]
    results = [result for step in steps[1:] for result in step.get("observation", {}).get("results", ())]
    return [*steps[0]["message"], *(part for result in results for part in result["content"])]


def test_atif_is_valid_and_comes_back_as_the_steps_they_were(session: Session, tmp_path: Path, run: RunProgram) -> None:
    code, out, err = run("export", session.folder, "--format", "atif", "--output", tmp_path / "out")
    assert (code, out, err) == (0, f"Wrote {tmp_path / 'out'}: 3 episodes.\n", "")
    documents = atif_of(tmp_path / "out")
    for document, episode in zip(documents, session.episodes, strict=True):
        assert document["steps"][0]["message"][0]["text"] == episode.start.goal
        pictures = [part["source"]["path"] for part in parts_of(document) if part["type"] == "image"]
        for step, written, picture in zip(episode.steps, document["steps"][1:], pictures, strict=True):
            call = written.get("tool_calls", [{"function_name": "malformed", "arguments": None}])[0]
            action = {"type": call["function_name"].title().replace("_", "")} | (
                call["arguments"] or {"reason": written["extra"].get("malformed")}
            )
            line = written["extra"] | {
                "action": action,
                "utterance": written["message"],
                "token_ids": written["metrics"]["completion_token_ids"],
                "log_probs": written["metrics"]["logprobs"],
                "screen_sha256": Path(picture).stem,
            }
            again = schema.step_from_record(Fields(line), step.line)
            assert again == replace(step, timings=replace(step.timings, judge_ms=0.0))
            assert (tmp_path / "out" / picture).read_bytes() == screen_png(session, step)
    assert [document["extra"]["verdict"] for document in documents] == ["success", "failure", "void"]
    assert [document["extra"]["reward"] for document in documents] == [1.0, 0.0, None]


def test_harbors_own_models_take_it(session: Session, tmp_path: Path, run: RunProgram) -> None:
    validator = pytest.importorskip("harbor.utils.trajectory_validator")
    assert run("export", session.folder, "--format", "atif", "--output", tmp_path / "out")[0] == 0
    for path in sorted((tmp_path / "out").glob("episode-*.json")):
        checked = validator.TrajectoryValidator()
        assert checked.validate(path), checked.errors


def test_atif_of_an_episode_without_steps_of_masked_words_and_of_a_log_prob_that_is_no_number(
    tmp_path: Path, run: RunProgram
) -> None:
    step = world.step(0, TypeText("secret"))
    broken = replace(step, decision=replace(step.decision, log_probs=(math.nan, *step.decision.log_probs[1:])))
    world.record(tmp_path / "s", [world.trajectory([]), world.trajectory([broken], 1)], TEXT)
    assert run("export", tmp_path / "s", "--format", "atif", "--output", tmp_path / "out")[0] == 0
    bare, masked = atif_of(tmp_path / "out")
    assert len(bare["steps"]) == 1
    metrics = masked["steps"][1]["metrics"]
    assert "logprobs" not in metrics
    assert "completion_token_ids" not in metrics
    assert masked["extra"]["redacted"]
    assert "secret" not in json.dumps(masked)


def test_a_folder_that_is_used_and_text_that_is_no_unicode_are_one_sentence(tmp_path: Path, run: RunProgram) -> None:
    step = world.step(0, TypeText("a"))
    step = replace(step, decision=replace(step.decision, utterance="\ud800"))
    world.record(tmp_path / "s", [world.trajectory([step])])
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "x").write_text("mine")
    for target in ("used", "new"):
        code, _, err = run("export", tmp_path / "s", "--format", "atif", "--output", tmp_path / target)
        assert code == 2
        assert len(err.strip().splitlines()) == 1
    assert (tmp_path / "used" / "x").read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["s", "used"]


# --- LeRobot


def test_a_lerobot_dataset_comes_back_as_it_went(session: Session, tmp_path: Path, run: RunProgram) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    code, out, _ = run("export", session.folder, "--format", "lerobot", "--output", tmp_path / "out")
    assert (code, out) == (0, f"Wrote {tmp_path / 'out'}: 2 episodes.\n")  # the void one has no outcome
    meta = tmp_path / "out" / "meta"
    info, stats = json.loads((meta / "info.json").read_text()), json.loads((meta / "stats.json").read_text())
    assert (info["codebase_version"], info["total_episodes"], info["total_frames"]) == ("v3.0", 2, 5)
    table = parquet.read_table(tmp_path / "out" / info["data_path"].format(chunk_index=0, file_index=0))
    assert set(table.column_names) == set(info["features"])
    assert set(json.loads(table.schema.metadata[b"huggingface"])["info"]["features"]) == set(info["features"])
    rows = table.to_pylist()
    steps = [(episode, step) for episode, step in session.steps() if episode.number < 3]
    for index, (row, (episode, step)) in enumerate(zip(rows, steps, strict=True)):
        assert row["observation.images.screen"]["bytes"] == screen_png(session, step)
        assert json.loads(row["action_json"]) == schema.action_record(step.action)
        assert row["action"] == pytest.approx(action_vector(step.action), abs=1e-7)
        assert (row["index"], row["frame_index"], row["episode_index"]) == (index, step.index, episode.number - 1)
        assert (row["utterance"], row["prompt"]) == (step.decision.utterance, step.prompt)
    assert [row["next.done"] for row in rows] == [False, False, True, False, True]
    assert [row["next.reward"] for row in rows] == [0.0, 0.0, 1.0, 0.0, 0.0]
    episodes = parquet.read_table(meta / "episodes" / "chunk-000" / "file-000.parquet").to_pylist()
    assert [(row["dataset_from_index"], row["dataset_to_index"], row["length"]) for row in episodes] == [
        (0, 3, 3),
        (3, 5, 2),
    ]
    assert parquet.read_table(meta / "tasks.parquet").to_pylist() == [{"task_index": 0, "task": "Open Notes"}]
    assert stats["frame_index"]["max"] == [2.0]
    assert stats["next.reward"]["mean"] == pytest.approx([1 / 5])


def test_what_lerobot_has_no_room_for_is_one_sentence(
    tmp_path: Path, run: RunProgram, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = world.step(0, Tap(0.5, 0.5))
    wide = replace(world.step(1, Tap(0.5, 0.5)), screenshot=replace(step.screenshot, width_px=24, height_px=16))
    world.record(tmp_path / "two", [world.trajectory([step, wide])])
    world.record(tmp_path / "none", [])
    world.record(tmp_path / "s", world.some_trajectories())
    said = []
    for name in ("two", "none", "s"):
        if name == "s":
            monkeypatch.setitem(sys.modules, "pyarrow", None)
        code, _, err = run("export", tmp_path / name, "--format", "lerobot", "--output", tmp_path / "out")
        assert code == 2
        assert len(err.strip().splitlines()) == 1
        said.append(err)
    assert "(16, 24), (24, 16)" in said[0]
    assert "no episode that ended" in said[1]
    assert "pip install 'coso-phone[parquet]'" in said[2]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["none", "s", "two"]


def test_an_action_is_a_vector_by_its_kind() -> None:
    assert action_vector(LongPress(0.1, 0.2)) == [1.0, 0.1, 0.2, 0.0, 0.0, 0.0]
    assert action_vector(Swipe(0.1, 0.2, 0.3, 0.4)) == [2.0, 0.1, 0.2, 0.3, 0.4, 0.0]
    assert action_vector(Wait(1.5)) == [6.0, 0.0, 0.0, 0.0, 0.0, 1.5]
    assert action_vector(Malformed("why"))[0] == 8.0


def test_statistics_are_those_of_the_arrays() -> None:
    # 0, 1, 2, 5: mean 2, variance (4 + 1 + 0 + 9) / 4 = 3.5; half of them are at most 1.5 by linear interpolation
    stats = vector_stats([[0.0], [1.0], [2.0], [5.0]])
    assert (stats["min"], stats["max"], stats["mean"], stats["count"]) == ([0.0], [5.0], [2.0], [4])
    assert stats["std"] == pytest.approx([math.sqrt(3.5)])
    assert stats["q50"] == [1.5]
    pictures = [world.png(seed) for seed in range(3)]
    told = channel_stats(sum(map(pixel_counts, pictures)), 3)
    pixels = np.stack([np.asarray(Image.open(io.BytesIO(picture)).convert("RGB")) for picture in pictures]) / 255.0
    assert np.shape(told["mean"]) == (3, 1, 1)
    assert np.ravel(told["mean"]) == pytest.approx(pixels.mean(axis=(0, 1, 2)))
    assert np.ravel(told["std"]) == pytest.approx(pixels.std(axis=(0, 1, 2)))
    assert np.ravel(told["max"]) == pytest.approx(pixels.max(axis=(0, 1, 2)))
    assert np.ravel(told["q10"]) == pytest.approx(
        np.quantile(pixels, 0.1, axis=(0, 1, 2), method="inverted_cdf"), abs=1e-9
    )
    assert told["count"] == [3]


# --- Rerun


def test_without_rerun_sdk_it_is_one_sentence(
    session: Session, tmp_path: Path, run: RunProgram, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "rerun", None)
    code, _, err = run("export", session.folder, "--format", "rrd", "--output", tmp_path / "x.rrd")
    assert code == 2
    assert "pip install 'coso-phone[rerun]'" in err
    assert len(err.strip().splitlines()) == 1
    assert not list(tmp_path.glob("x*"))


def test_touches_are_in_the_pictures_pixels() -> None:
    assert touch_points_px(Tap(0.5, 0.25), (16, 24)) == [(8.0, 6.0)]
    assert touch_points_px(Swipe(0.0, 0.5, 0.5, 1.0), (16, 24)) == [(0.0, 12.0), (8.0, 24.0)]
    assert touch_points_px(TypeText("a"), (16, 24)) == []


def test_a_rerun_recording_comes_back_as_it_went(session: Session, tmp_path: Path, run: RunProgram) -> None:
    chunks = pytest.importorskip("rerun.chunk")
    code, out, _ = run("export", session.folder, "--format", "rrd", "--output", tmp_path / "x.rrd")
    assert (code, out) == (0, f"Wrote {tmp_path / 'x.rrd'}: 6 steps.\n")
    found: dict[tuple[str, str], dict[int, list[Any]]] = {}
    for chunk in chunks.RrdReader(str(tmp_path / "x.rrd")).stream():
        batch = chunk.to_record_batch()
        if "step" not in batch.schema.names:
            continue
        places = batch.column("step").to_pylist()
        for name in batch.schema.names:
            if ":" in name:  # a component
                values = batch.column(name).to_pylist()
                found.setdefault((str(chunk.entity_path), name), {}).update(zip(places, values, strict=True))
    steps = [step for _, step in session.steps()]
    screens = [found["/screen", "EncodedImage:blob"][place][0] for place in range(6)]
    assert [bytes(screen) for screen in screens] == [screen_png(session, step) for step in steps]
    said = [found["/utterance", "TextDocument:text"][place][0] for place in range(6)]
    assert said == [step.decision.utterance for step in steps]
    log_probs = [found["/policy/log_prob", "Scalars:scalars"][place][0] for place in range(6)]
    assert log_probs == [sum(step.decision.log_probs) for step in steps]
    assert found["/screen/touch", "Points2D:positions"][0] == [pytest.approx([0.2505 * 16, 0.5005 * 24])]
