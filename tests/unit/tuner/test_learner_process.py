"""The learner as the process the front starts: events in, events out, a clean stop."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.learner_world import REWARDED, UNREWARDED, World, learner_config, tiny_checkpoint
from tuner.adapters.store import AdapterStore
from tuner.folder_lock import folder_locked
from tuner.ingest.ledger import Ledger

ROOT = Path(__file__).parents[3]
STORED = '{"event": "trajectory_stored"}\n'
STOP = '{"event": "stop"}\n'


def _learner(config_json: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tuner.learner", "--config", config_json]
    return subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )


def _until(process: subprocess.Popen[str], event: str, **fields: object) -> list[dict[str, object]]:
    """Read events up to the first one that has these fields."""
    assert process.stdout is not None
    heard: list[dict[str, object]] = []
    for line in process.stdout:
        heard.append(json.loads(line))
        if heard[-1].items() >= {"event": event, **fields}.items():
            return heard
    pytest.fail(f"no {event} {fields} in {heard}")


def _say(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdin is not None
    process.stdin.write(line)
    process.stdin.flush()


def test_it_waits_learns_publishes_and_stops(tmp_path: Path) -> None:
    checkpoint = tiny_checkpoint(tmp_path / "checkpoint")
    config = learner_config(tmp_path / "state", checkpoint)
    ledger = Ledger(config.state)
    ledger.open()
    with _learner(config.model_dump_json()) as process:
        assert _until(process, "state", state="waiting")[0] == {"event": "state", "state": "starting", "message": ""}
        World(checkpoint).store(ledger, 0, [REWARDED, UNREWARDED] * 2)
        _say(process, STORED)
        _until(process, "published", version=1)
        metrics = _until(process, "metrics")[-1]["metrics"]
        assert isinstance(metrics, dict)
        assert metrics["version"] == 1.0
        _until(process, "state", state="waiting")
        _say(process, STOP)
        _until(process, "state", state="stopped")
        assert process.wait(60) == 0
    assert AdapterStore(config.state / "adapters").versions() == [1]
    assert ledger.counts().consumed == 4


def test_it_waits_for_the_learner_before_it_and_can_be_stopped_meanwhile(tmp_path: Path) -> None:
    config = learner_config(tmp_path / "state", tmp_path / "no checkpoint", base_model_digest="b" * 64)
    (config.state / "learner").mkdir()
    with folder_locked(config.state / "learner", "none"), _learner(config.model_dump_json()) as process:
        _until(process, "state", state="starting")
        _say(process, STOP)
        assert _until(process, "state", state="stopped") == [{"event": "state", "state": "stopped", "message": ""}]
        assert process.wait(60) == 0  # it never came to loading a checkpoint that is not there


def test_a_checkpoint_that_does_not_load_is_one_sentence_and_a_failure(tmp_path: Path) -> None:
    checkpoint = tiny_checkpoint(tmp_path / "checkpoint")
    config = learner_config(tmp_path / "state", checkpoint)
    (checkpoint / "config.json").write_text("{}")
    with _learner(config.model_dump_json()) as process:
        said = _until(process, "state", state="failed")[-1]["message"]
        assert "expected" in str(said)
        assert process.wait(60) == 1
