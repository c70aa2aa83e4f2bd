"""The status table: every figure is shown, as it came, whatever characters it has."""

from __future__ import annotations

import pytest
from coso.v1 import tuner_pb2

from tuner.status_table import print_status


@pytest.fixture(autouse=True)
def wide_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "160")


def status() -> tuner_pb2.GetStatusResponse:
    return tuner_pb2.GetStatusResponse(
        software_version="1.2.3",
        base_model_digest="abcdef" * 11,
        quantization="nf4",
        action_grammar="json",
        uptime_seconds=7_385,  # 2 h · 3600 + 3 min · 60 + 5 s
        trajectories_stored=1_234,
        trajectories_void=5,
        trajectories_waiting=6,
        trajectories_consumed=1_223,
        trajectories_damaged=2,
        latest_version=7,
        latest_payload_bytes=1_234_567,
        learner_state="waiting",
        learner_message="for 8 new trajectories",
        runtime_ids=["pc/phone-1", "pc/phone-2"],
        learner_metrics={"policy_loss": 0.123456, "causal_entropy": 12.0},
    )


def rows(printed: str) -> dict[str, str]:
    """Return the table's rows by their first column."""
    cells = [line.split("│")[1:3] for line in printed.splitlines() if line.count("│") == 3]
    return {name.strip(): value.strip() for name, value in cells}


def test_every_figure_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    print_status("127.0.0.1:50051", status())
    printed = capsys.readouterr().out
    assert "tuner at 127.0.0.1:50051" in printed
    assert rows(printed) == {
        "software": "1.2.3",
        "base model": "abcdefabcdef…, nf4, json grammar",
        "up": "2 h 3 min",
        "trajectories stored": "1234",
        "void": "5",
        "waiting": "6",
        "consumed": "1223",
        "damaged": "2",
        "adapter version": "7 (1,234,567 bytes)",
        "learner": "waiting for 8 new trajectories",
        "runtimes": "pc/phone-1, pc/phone-2",
        "causal_entropy": "12",
        "policy_loss": "0.1235",
    }


def test_a_tuner_that_has_just_started_has_its_zeros(capsys: pytest.CaptureFixture[str]) -> None:
    print_status("host:1", tuner_pb2.GetStatusResponse(learner_state="starting"))
    shown = rows(capsys.readouterr().out)
    assert (shown["learner"], shown["runtimes"]) == ("starting", "none yet")
    assert (shown["up"], shown["adapter version"]) == ("0 h 0 min", "0 (0 bytes)")


@pytest.mark.parametrize("text", ["[/tmp/state]", "[bold]", "a[/]b", "[red]x[/red]", "back\\[slash]", ":warning:"])
def test_what_looks_like_markup_is_shown_as_it_came(capsys: pytest.CaptureFixture[str], text: str) -> None:
    told = status()
    told.learner_message = f"the learner ended with {text}"
    told.runtime_ids[:] = [text]
    told.learner_metrics[text] = 1.0
    print_status(text, told)
    printed = capsys.readouterr().out
    shown = rows(printed)
    assert shown["learner"] == f"waiting the learner ended with {text}"
    assert (shown["runtimes"], shown[text]) == (text, "1")
    assert f"tuner at {text}" in printed


def test_a_narrow_terminal_loses_nothing(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "50")
    told = status()
    told.runtime_ids[:] = [f"phone-{number}" for number in range(20)]
    print_status("host:1", told)
    printed = capsys.readouterr().out
    assert all(f"phone-{number}" in printed for number in range(20))
    assert max(map(len, printed.splitlines())) <= 50
