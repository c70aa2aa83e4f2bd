"""Samples of `benchmarks.kills` and `benchmarks.swaps` with their planted bugs, in processes of their own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def said_by(*command: str) -> str:
    """Run a harness to its end, which is to be a good one, and return what it printed."""
    line = [sys.executable, "-m", *command]
    ended = subprocess.run(line, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert ended.returncode == 0, ended.stdout
    return ended.stdout


@pytest.mark.timeout(900)
def test_nothing_is_lost_or_doubled_when_processes_are_killed() -> None:
    said = said_by("benchmarks.kills", "--kills", "10", "--ready-sec", "60")
    assert "planted and unseen: none" in said


@pytest.mark.timeout(600)
def test_swaps_are_whole_and_the_last_good_version_boots() -> None:
    said = said_by("benchmarks.swaps", "--swaps", "40", "--kills", "10", "--pause-sec", "60")
    assert "planted and unseen: none" in said
