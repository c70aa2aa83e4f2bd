"""The demo's figures and report, from files as its processes write them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from coso.v1 import tuner_pb2
from PIL import Image

from device_scripts.demo.figures import Figures, collect, rows, write_summary
from device_scripts.demo.report import write_report

TIMINGS = {"observe_ms": 10.0, "decide_ms": 200.0, "act_ms": 4.0, "judge_ms": 0.0}


def _episode(number: int, verdict: str, purpose: str, version: int) -> dict[str, object]:
    step = {
        "utterance": '{"action":"tap","x":500,"y":250}',
        "action": {"type": "Tap", "x_norm": 0.5, "y_norm": 0.25},
        "adapter_version": version,
        "adapter_digest": "0" * 64,
        "timings": TIMINGS,
        "screen": "s",
    }
    return {
        "id": f"e{number}",
        "task_name": "apps/open",
        "goal": f"Open <b>{number}</b>",
        "purpose": purpose,
        "verdict": verdict,
        "steps": [step],
    }


@pytest.fixture
def output(tmp_path: Path) -> Path:
    episodes = [
        _episode(1, "success", "explore", 0),
        _episode(2, "failure", "explore", 1),
        _episode(3, "void", "explore", 1),
    ]
    (tmp_path / "records.jsonl").write_text("".join(json.dumps(episode) + "\n" for episode in episodes))
    before = {"successes": 1, "failures": 3, "rate": 0.25, "by_task": {"apps/open": [1, 4]}}
    after = {"successes": 3, "failures": 1, "rate": 0.75, "by_task": {"apps/open": [3, 4]}}
    counters = {"versions_applied": 2, "versions_received": 2, "deltas_received": 1, "payload_bytes_received": 1700}
    (tmp_path / "runtime.json").write_text(json.dumps({"before": before, "after": after, **counters}))
    (tmp_path / "screens").mkdir()
    Image.new("RGB", (128, 224), "white").save(tmp_path / "screens/s.png")
    folder = tmp_path / "tuner/adapters/00000001"
    folder.mkdir(parents=True)
    (folder / "adapter_model.safetensors").write_bytes(bytes(1000))
    weights = {"trajectory_id": "e1", "step_index": 0, "version": 1, "tokens": ["tap", "500"], "weights": [0.1, 0.8]}
    (tmp_path / "tuner/weights.jsonl").write_text(json.dumps(weights) + "\n")
    return tmp_path


def _collected(output: Path) -> Figures:
    status = tuner_pb2.GetStatusResponse(trajectories_stored=3, latest_version=2, latest_payload_bytes=1000)
    return collect(output, status, seed=7)


def test_the_summary_holds_what_was_promised(output: Path) -> None:
    write_summary(_collected(output), output / "summary.json")
    summary = json.loads((output / "summary.json").read_text())
    promised = {"success_first", "success_last", "trajectories_accepted", "versions_published", "versions_applied"}
    assert promised | {"delta_bytes", "step_ms", "seed"} <= set(summary)
    assert (summary["success_first"], summary["success_last"], summary["seed"]) == (0.25, 0.75, 7)
    assert summary["step_ms"] == TIMINGS
    assert (summary["trajectories_accepted"], summary["versions_published"]) == (3, 2)
    assert (summary["delta_bytes"], summary["deltas"], summary["whole_bytes"]) == (850, 1, 1000)


def test_void_episodes_are_counted_and_not_judged(output: Path) -> None:
    figures = _collected(output)
    assert (figures.episodes, figures.voids) == (3, 1)
    assert figures.explored == ((0, True), (1, False))
    assert dict(rows(figures))["episodes"] == "3 (1 void)"


def test_the_report_is_one_file_with_the_tap_and_the_shaded_tokens(output: Path) -> None:
    write_report(_collected(output), output / "report.html")
    page = (output / "report.html").read_text()
    assert page.count("data:image/png;base64,") == 1
    assert "data:image/svg+xml;base64," in page
    assert 'title="0.800"' in page
    assert "Open &lt;b&gt;1&lt;/b&gt;" in page
    assert "<b>1</b>" not in page
