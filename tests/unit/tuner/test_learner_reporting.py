"""Figures of updates: event files that TensorBoard reads, and a tracker that may be missing or broken."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from typer.testing import CliRunner

from tuner.cli import app
from tuner.config import LearnerConfig
from tuner.learner.reporting import TENSORBOARD_NAME, Reports


def config(state: Path, **settings: Any) -> LearnerConfig:
    return LearnerConfig(state=state, model=state, base_model_digest="b" * 64, **settings)


class Tracker(ModuleType):
    """What wandb and trackio have in common."""

    class Error(Exception):
        """Their own errors."""

    def __init__(self, is_reachable: bool = True) -> None:
        super().__init__("wandb")
        self.calls: list[tuple[str, Any]] = []
        self._is_reachable = is_reachable

    def init(self, project: str, name: str, config: Mapping[str, Any]) -> None:
        if not self._is_reachable:
            raise self.Error("no key")
        self.calls.append(("init", (project, name, config["learning_rate"])))

    def log(self, figures: Mapping[str, float], step: int) -> None:
        self.calls.append(("log", (step, dict(figures))))

    def finish(self) -> None:
        self.calls.append(("finish", None))


def test_tensorboard_reads_every_figure_at_its_update(tmp_path: Path) -> None:
    reports = Reports(config(tmp_path))
    reports.add(1, {"policy_loss": 0.5, "entropy": 2.0})
    reports.add(2, {"policy_loss": 0.25, "entropy": 1.0})
    read = EventAccumulator(str(tmp_path / TENSORBOARD_NAME)).Reload()
    assert [(event.step, event.value) for event in read.Scalars("learner/policy_loss")] == [(1, 0.5), (2, 0.25)]
    assert read.Tags()["scalars"] == ["learner/policy_loss", "learner/entropy"]
    reports.close()
    reports.close()


def test_a_tracker_gets_the_run_its_figures_and_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tracker = Tracker()
    monkeypatch.setitem(sys.modules, "wandb", tracker)
    reports = Reports(config(tmp_path, report_to="wandb", run_name="night", learning_rate=3e-4))
    reports.add(7, {"entropy": 2.0})
    reports.close()
    assert tracker.calls == [("init", ("coso-phone", "night", 3e-4)), ("log", (7, {"entropy": 2.0})), ("finish", None)]


def test_a_tracker_that_cannot_be_reached_stops_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "wandb", Tracker(is_reachable=False))
    reports = Reports(config(tmp_path, report_to="wandb"))
    reports.add(1, {"entropy": 2.0})
    reports.add(2, {"entropy": 2.0})
    reports.close()
    assert [record.getMessage() for record in caplog.records] == ["no figures go to wandb: no key"]
    assert list((tmp_path / TENSORBOARD_NAME).iterdir())


def test_a_package_that_is_not_there_is_said_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    done = CliRunner().invoke(app, ["serve", "--state", str(tmp_path / "s"), "--report-to", "trackio"])
    assert done.exit_code == 2
    assert "pip install 'coso-phone[trackio]'" in done.output
    assert not (tmp_path / "s").exists()
