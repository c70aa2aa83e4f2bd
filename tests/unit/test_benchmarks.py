"""What the benchmarks tell: the JSON, the table and the exit code. Times nothing."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Literal

import pytest

from benchmarks.measures import Measure, Rounds, in_turn, json_option, report

FAST = Measure("faster [x] than the plain loop", 2.5, 2.0, "higher", 12.0, "ms")
SMALL = Measure("memory", 0.5, 1.0, "lower", 60.0, "MB")
SLOW = Measure("slower", 1.5, 2.0, "higher", 20.0, "ms")
LARGE = Measure("too much memory", 1.5, 1.0, "lower", 180.0, "MB")


def test_the_json_has_the_agreed_shape(tmp_path: Path) -> None:
    path = tmp_path / "figures" / "result.json"
    report("A benchmark", [FAST, LARGE], path)
    told = json.loads(path.read_text())
    assert list(told) == ["pass", "measures", "machine"]
    assert told["pass"] is False
    assert told["measures"] == [
        {
            "name": "faster [x] than the plain loop",
            "ratio": 2.5,
            "bar": 2.0,
            "better": "higher",
            "value": 12.0,
            "unit": "ms",
        },
        {"name": "too much memory", "ratio": 1.5, "bar": 1.0, "better": "lower", "value": 180.0, "unit": "MB"},
    ]
    assert "cores" in told["machine"]
    assert "AVX512-BF16" in told["machine"]


@pytest.mark.parametrize(
    ("measures", "exit_code"),
    [([FAST, SMALL], 0), ([FAST, LARGE], 1), ([SLOW, SMALL], 1), ([SLOW, LARGE], 1)],
)
def test_the_exit_code_follows_the_bars(measures: list[Measure], exit_code: int) -> None:
    assert report("A benchmark", measures, None) == exit_code


@pytest.mark.parametrize("better", ["higher", "lower"])
def test_a_bar_is_met_exactly_and_by_no_nan(better: Literal["higher", "lower"]) -> None:
    assert Measure("name", 1.0, 1.0, better, 0.0, "").passes
    assert not Measure("name", float("nan"), 1.0, better, 0.0, "").passes


def test_the_table_is_plain_where_nobody_looks_at_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    report("A benchmark [of sorts]", [FAST, LARGE], None)
    told = capsys.readouterr().out
    lines = told.splitlines()
    assert all(line.isprintable() for line in lines)
    assert lines[0].startswith("A benchmark [of sorts]")
    assert lines[2].split() == ["faster", "[x]", "than", "the", "plain", "loop", "12", "ms", "2.5", "≥", "2", "pass"]
    assert lines[3].split()[-3:] == ["≤", "1", "MISSED"]


def test_works_take_turns() -> None:
    calls: list[str] = []
    rounds = in_turn(2, {"ours": lambda: calls.append("ours"), "theirs": lambda: calls.append("theirs")})
    assert calls == ["ours", "theirs", "ours", "theirs"]
    assert [len(times) for times in rounds.times_ms.values()] == [2, 2]


def test_a_ratio_is_the_median_of_the_ratios_within_a_round() -> None:
    rounds = Rounds({"ours": (1.0, 10.0, 100.0), "theirs": (2.0, 30.0, 100.0)})
    assert rounds.median_ratio("theirs", "ours") == 2.0
    assert rounds.median_ms("theirs") == 30.0


@pytest.mark.parametrize(("words", "expected"), [([], None), (["--json", "a.json"], Path("a.json"))])
def test_every_command_line_is_the_same(
    monkeypatch: pytest.MonkeyPatch, words: list[str], expected: Path | None
) -> None:
    monkeypatch.setattr(sys, "argv", ["benchmark", *words])
    assert json_option("name", "What it does.\n\nMore.") == expected
