"""Recorded sessions as tests: pytest in a process of its own, with a policy that recalls what was recorded."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from agent_runtime.actions import Finish, Tap
from agent_runtime.sessions.recording import Redaction
from tests import session_world as world

ROOT = Path(__file__).parents[3]
CONFTEST = """
import os
from dataclasses import replace

from agent_runtime.actions import grammar_named
from agent_runtime.sessions import commands

class Recalling:
    image_size_px = None

    def __init__(self, session):
        self.answers = {(step.prompt, step.seed): step.decision for _, step in session.steps()}

    def decide(self, image_png, prompt, *, temperature, seed):
        decision = self.answers[prompt, seed]
        if str(seed) == os.environ.get("CHANGED_SEED"):
            said = '{"action":"tap","x":1,"y":2}'
            return replace(decision, utterance=said, token_ids=tuple(said.encode()))
        return decision

def load_for(session, model, quantization, grammar):
    return Recalling(session), grammar_named(grammar)

commands.load_for = load_for
"""


def run_pytest(folder: Path, *arguments: object, changed_seed: int = -1, conftest: str = CONFTEST) -> tuple[int, str]:
    project = folder / "project"
    project.mkdir(exist_ok=True)
    (project / "conftest.py").write_text(conftest)
    (project / "test_own.py").write_text("def test_own():\n    pass\n")
    environment = {
        **os.environ,
        "PYTHONPATH": f"{ROOT}:{ROOT / 'protos'}",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "CHANGED_SEED": str(changed_seed),
        "COLUMNS": "200",
    }
    command = [sys.executable, "-m", "pytest", "-p", "agent_runtime.sessions.pytest_plugin", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, "-rA", *map(str, arguments)],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        timeout=100,
    )
    return done.returncode, done.stdout + done.stderr


def test_every_episode_is_a_test_that_passes(tmp_path: Path) -> None:
    world.record(tmp_path / "all" / "one", world.some_trajectories())
    world.record(tmp_path / "all" / "two", world.some_trajectories()[:1])
    code, out = run_pytest(tmp_path, "--sessions", tmp_path / "all")
    assert code == 0, out
    assert "5 passed" in out  # four episodes and the project's own
    assert "one::episode-3" in out
    assert "two::episode-1" in out
    code, out = run_pytest(tmp_path, "--sessions", tmp_path / "all" / "one", "-k", "episode-2")
    assert code == 0, out
    assert "1 passed, 3 deselected" in out


def test_a_decision_that_differs_fails_with_all_a_person_needs(tmp_path: Path) -> None:
    done = world.some_trajectories()[0]
    world.record(tmp_path / "s", [done])
    code, out = run_pytest(tmp_path, "--sessions", tmp_path / "s", changed_seed=done.seed * 1000 + 1)
    assert code == 1, out
    recorded = done.steps[1]
    assert "Step 1 of episode 1 is decided otherwise than recorded." in out
    assert f"  goal:              {done.goal}" in out
    assert f"  expected answer:   {recorded.decision.utterance}" in out
    assert '  actual answer:     {"action":"tap","x":1,"y":2}' in out
    assert f"  expected action:   {recorded.action}" in out
    assert f"  actual action:     {Tap(0.0015, 0.0025)}" in out
    (line,) = {line for line in out.splitlines() if line.startswith("  screenshot: ")}  # twice where CI is set
    assert Path(line.split(": ", 1)[1].strip()).read_bytes() == recorded.screenshot.png
    assert "Traceback" not in out


def test_what_cannot_be_replayed_wholly_is_skipped_and_what_does_not_open_fails(tmp_path: Path) -> None:
    steps = [world.step(0, Tap(0.1, 0.2)), world.step(1, Tap(0.1, 0.2), version=3)]
    world.record(tmp_path / "all" / "adapted", [world.trajectory(steps)])
    world.record(tmp_path / "all" / "masked", world.some_trajectories()[:1], Redaction(text=True))
    world.record(tmp_path / "all" / "broken", world.some_trajectories()[:1])
    with (tmp_path / "all" / "broken" / "steps.jsonl").open("r+b") as file:
        file.seek(30)
        file.write(b"#")
    code, out = run_pytest(tmp_path, "--sessions", tmp_path / "all")
    assert code == 1, out
    assert "1 failed, 1 passed, 2 skipped" in out
    assert "1 of 2 steps ran under adapters that are not to be had (versions 3)" in out
    assert "which was redacted when it was recorded" in out
    assert "broken::opens" in out
    assert "Got line 1 of" in out


def test_one_adapter_version_may_stand_for_every_step(tmp_path: Path) -> None:
    steps = [world.step(0, Tap(0.5, 0.5), version=3), world.step(1, Finish(True), version=4)]
    world.record(tmp_path / "s", [world.trajectory(steps)])
    conftest = CONFTEST + (
        "def adapter_source(policy, adapter, adapters):\n"
        "    assert (str(adapter), adapters) == ('some/version', None)\n"
        "    return lambda version, digest: True\n"
        "commands.adapter_source = adapter_source\n"
    )
    one = ("--session-adapter", "some/version")
    code, out = run_pytest(tmp_path, "--sessions", tmp_path / "s", *one, conftest=conftest)
    assert code == 0, out
    assert "2 passed" in out  # the episode and the project's own
    code, out = run_pytest(tmp_path, "--sessions", tmp_path / "s", *one, "--session-adapters", "all")
    assert code == pytest.ExitCode.USAGE_ERROR
    assert "Got --session-adapter and --session-adapters, expected one" in out


def test_a_folder_without_sessions_is_one_sentence(tmp_path: Path) -> None:
    code, out = run_pytest(tmp_path, "--sessions", tmp_path)
    assert code == pytest.ExitCode.USAGE_ERROR
    assert "without a session.json, expected a folder of sessions" in out
    assert "Traceback" not in out


def test_without_the_option_nothing_heavy_is_loaded(tmp_path: Path) -> None:
    conftest = (
        "import sys\n"
        "def pytest_sessionfinish(session):\n"
        "    heavy = {'torch', 'transformers', 'PIL', 'numpy', 'typer', 'agent_runtime.sessions.replay'}\n"
        "    print('loaded:', sorted(heavy & set(sys.modules)))\n"
    )
    code, out = run_pytest(tmp_path, "-s", conftest=conftest)
    assert code == 0, out
    assert "loaded: []" in out
    assert "1 passed" in out


def test_a_model_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    world.record(tmp_path / "s", world.some_trajectories()[:1])
    nowhere = tmp_path / "nowhere"
    code, out = run_pytest(tmp_path, "--sessions", tmp_path / "s", "--session-model", nowhere, conftest="")
    assert code == 1, out
    assert f"Got the model '{nowhere}', expected 'small-vlm' or a folder with a config.json" in out
    assert "Traceback" not in out
