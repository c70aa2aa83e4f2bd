"""The log as lines of JSON, and that no trajectory's content and no key gets into it."""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.tuner_process import tuner
from tests.wire_world import message
from tuner.cli import app
from tuner.ingest.ledger import Ledger
from tuner.logs import JsonLines


def written(record: logging.LogRecord) -> dict[str, str]:
    line = JsonLines().format(record)
    assert "\n" not in line
    found: dict[str, str] = json.loads(line)
    return found


def test_a_line_is_an_object_whatever_is_in_it() -> None:
    record = logging.LogRecord("tuner.x", logging.WARNING, __file__, 1, "got %r\nfrom %s", ("é\x00", "a"), None)
    record.created = 0.25
    assert written(record) == {
        "time": "1970-01-01T00:00:00.250+00:00",
        "level": "WARNING",
        "logger": "tuner.x",
        "message": "got 'é\\x00'\nfrom a",
    }


def test_an_exception_is_a_field() -> None:
    try:
        raise ValueError("no number")
    except ValueError:
        record = logging.LogRecord("tuner", logging.ERROR, __file__, 1, "failed", (), sys.exc_info())
    assert written(record)["exception"].endswith("ValueError: no number")


@pytest.mark.parametrize("command", ["serve", "train"])
def test_another_format_is_refused_in_one_sentence(command: str, tmp_path: Path) -> None:
    refused = tuner(command, "--state", str(tmp_path / "state"), "--log-format", "xml")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr == "tuner: Got 'xml' for --log-format, expected one of 'text', 'json': choose one of these.\n"


@pytest.mark.parametrize("command", ["serve", "train"])
def test_the_log_has_the_format_that_was_asked_for(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(f"tuner.{command}_command.set_up_logs", asked.append)
    for options in ([], ["--log-format", "json"]):
        told = CliRunner().invoke(app, [command, "--state", str(tmp_path), "--model", str(tmp_path), *options])
        assert told.exit_code == 2, "there is no model in the folder"
    assert asked == ["text", "json"]


def test_what_is_said_of_a_damaged_record_has_nothing_of_it(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    trajectory = message("a")
    trajectory.goal = "the secret goal"
    ledger = Ledger(tmp_path)
    ledger.open()
    ledger.store(trajectory)
    with ledger.sql() as sql:
        sql.execute("UPDATE trajectories SET content_sha256 = 'other'")
    with caplog.at_level(logging.DEBUG):
        assert ledger.waiting(10) == []
    ledger.close()
    assert "set aside" in caplog.text
    for secret in ("secret goal", trajectory.steps[0].utterance, "PNG"):
        assert secret
        assert secret not in caplog.text
