"""A sample of kills of a learner, and the planted bugs. The full run is `benchmarks.resume`.

In a process of its own: it forks, which one that has threads and has run a backward pass should not.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.timeout(600)
def test_a_killed_learner_ends_where_an_undisturbed_one_does_and_planted_bugs_show(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.resume", "--kills", "6", "--seed", "3"]
    ended = subprocess.run(
        [*command, "--json", str(tmp_path / "json")], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "planted and unseen: none" in ended.stdout
    measures = {measure["name"]: measure for measure in json.loads((tmp_path / "json").read_text())["measures"]}
    assert measures["runs that ended elsewhere than the undisturbed one"]["value"] >= 6
