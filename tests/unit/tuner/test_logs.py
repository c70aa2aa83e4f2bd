"""The log as lines of JSON, and that no trajectory's content and no key gets into it."""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path

import pytest

from tests.tuner_process import serve_options, tuner, write_model
from tests.wire_world import message
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


def test_a_served_tuner_takes_the_option_and_refuses_another(tmp_path: Path) -> None:
    options = serve_options(write_model(tmp_path), tmp_path / "state", listen="127.0.0.1:nowhere")
    refused = tuner(*options, "--log-format", "xml")
    assert refused.returncode == 2
    assert "xml" in refused.stderr
    assert "log-format" in refused.stderr


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
