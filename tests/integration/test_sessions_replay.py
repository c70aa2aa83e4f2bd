"""Record once, replay for ever: the runtime on the virtual phone, and a real (tiny) checkpoint asked again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agent_runtime.actions import grammar_named
from agent_runtime.devices.adb import open_device
from agent_runtime.episode import EpisodeConfig, run_episode
from agent_runtime.policy.scripted import ScriptedPolicy
from agent_runtime.sessions.course import recorded_task, replay_device
from agent_runtime.sessions.provenance import require_trusted
from agent_runtime.sessions.reader import open_session, screen_png
from agent_runtime.sessions.recording import Redaction
from agent_runtime.sessions.start import RunOf, accept_own, start_recording
from agent_runtime.tasks import suite_named
from agent_runtime.trajectory import Purpose, Verdict
from device_scripts.oracle.policy import OraclePolicy
from tests import session_world as world

ROOT = Path(__file__).parents[2]
JSON = grammar_named("json")
OPEN_NOTES = '{"action":"open_app","app":"Notes"}'
HOME = '{"action":"press","key":"home"}'
DONE = '{"action":"finish","status":"success"}'
RunProgram = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> RunProgram:
    return lambda *args: world.run_program(monkeypatch, capsys, *args)


def run_arguments(adb_server: Any, running: Any, folder: Path, *script: str) -> list[str]:
    (folder / "script.txt").write_text("\n".join(script))
    (folder / "tasks.json").write_text(json.dumps([{"name": "apps/open", "params": {"app": "Notes"}}]))
    arguments = ["run", "--device", running.serial, "--adb-server-port", str(adb_server.port)]
    arguments += ["--policy", f"scripted:{folder / 'script.txt'}", "--tasks", str(folder / "tasks.json")]
    return [*arguments, "--spool", str(folder / "spool"), "--record", str(folder / "session")]


def test_a_run_is_recorded_and_runs_again_without_its_phone(
    adb_server: Any, virtual_phone: Callable[..., Any], tmp_path: Path, run: RunProgram
) -> None:
    running = virtual_phone()
    arguments = run_arguments(adb_server, running, tmp_path, OPEN_NOTES, DONE)
    code, _, err = run(
        *arguments, "--episodes", 2, "--evaluate-goals", 1, "--records", tmp_path / "r.jsonl", "--seed", 5
    )
    assert (code, err) == (0, "")
    session = open_session(tmp_path / "session")
    require_trusted(session)
    assert session.is_closed
    assert (session.info.device_serial, session.info.screen_size_px) == (running.serial, (128, 224))
    assert session.info.device_fingerprint
    records = [json.loads(line) for line in (tmp_path / "r.jsonl").read_text().splitlines()]
    assert [episode.start.trajectory_id for episode in session.episodes] == [record["id"] for record in records]
    for episode, record in zip(session.episodes, records, strict=True):
        assert [step.screen_sha256 for step in episode.steps] == [step["screen"] for step in record["steps"]]
        again = run_episode(
            replay_device(session, episode),
            ScriptedPolicy([OPEN_NOTES, DONE]),
            JSON,
            recorded_task(episode),
            EpisodeConfig("again", episode.start.purpose, episode.start.seed, episode.start.temperature),
        )
        assert again.verdict is Verdict.SUCCESS
        assert [step.screenshot.png for step in again.steps] == [screen_png(session, step) for step in episode.steps]


def test_a_run_that_is_killed_leaves_a_session_that_opens(
    adb_server: Any, virtual_phone: Callable[..., Any], tmp_path: Path
) -> None:
    arguments = run_arguments(adb_server, virtual_phone(), tmp_path, OPEN_NOTES, DONE)
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'protos'}"}
    command = [sys.executable, "-m", "agent_runtime.cli", *arguments, "--minutes", "5"]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = tmp_path / "session" / "steps.jsonl"
        for line in process.stdout:  # lines reach the disk from a thread of their own
            assert "explore" in line
            if lines.read_text().count('"episode_end"') >= 2:
                break
        process.send_signal(signal.SIGKILL)
    session = open_session(tmp_path / "session")
    assert not session.is_closed
    assert len(session.episodes) >= 2


def test_a_disk_that_fills_ends_the_run_in_one_sentence(
    adb_server: Any,
    virtual_phone: Callable[..., Any],
    tmp_path: Path,
    run: RunProgram,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from agent_runtime.sessions import writer

    written, left = writer._write_durably, [2]  # session.json and one screen

    def until_it_is_full(path: Path, content: bytes) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(28, "No space left on device")
        written(path, content)

    monkeypatch.setattr(writer, "_write_durably", until_it_is_full)
    arguments = run_arguments(adb_server, virtual_phone(), tmp_path, OPEN_NOTES, HOME, DONE)
    code, _, err = run(*arguments, "--episodes", 50, "--records", tmp_path / "r.jsonl")
    assert code == 2
    assert "Got no place to record to ([Errno 28] No space left on device)" in err
    assert len(err.strip().splitlines()) == 1
    assert 1 <= len((tmp_path / "r.jsonl").read_text().splitlines()) < 50  # told when the episode is over, not lost
    assert not open_session(tmp_path / "session").is_closed


def test_redaction_leaves_no_typed_letter_of_a_real_run(
    adb_server: Any, virtual_phone: Callable[..., Any], tmp_path: Path
) -> None:
    running = virtual_phone()
    template = next(template for template in suite_named("basics") if template.name == "notes/write")
    task = template.instances("train")[0]
    with open_device(running.serial, server_port=adb_server.port) as device:
        policy = OraclePolicy(device, task)
        run_of = RunOf("host", 1, 1.0)
        recorder = start_recording(tmp_path / "s", device, policy.identity, run_of, Redaction(text=True))
        config = EpisodeConfig(
            "host", Purpose.EXPLORE, 1, 1.0, on_start=recorder.episode_started, on_step=recorder.step_taken
        )
        done = run_episode(device, policy, JSON, task, config)
        recorder.episode_ended(done)
        recorder.close()
    assert done.verdict is Verdict.SUCCESS
    typed = task.params["word"]
    assert any(typed in step.decision.utterance for step in done.steps)
    for path in [*(tmp_path / "s").rglob("*.json*"), *(tmp_path / "s").rglob("*.png")]:
        assert typed.encode() not in path.read_bytes(), path


# --- a checkpoint


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.tiny_vlm import tiny_checkpoint

    return tiny_checkpoint(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def with_adapters(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a session of three episodes, decided under versions 0, 1 and 2, and a tuner's adapters."""
    from agent_runtime.policy.generate import load_policy
    from tests.fakes import FakeDevice, fake_task, frame
    from tests.tiny_vlm import manifest_of, payload_of, random_adapter
    from tuner.adapters.store import AdapterStore

    folder = tmp_path_factory.mktemp("adapted")
    policy = load_policy(tiny, "nf4", None)
    store = AdapterStore(folder / "adapters")
    device = FakeDevice([frame(shade, (64, 96)) for shade in range(0, 250, 10)])
    run_of = RunOf("host", 1, 1.3)
    accepted = accept_own(folder / "session")
    recorder = start_recording(folder / "session", device, policy.identity, run_of, Redaction(), on_closed=accepted)
    for number in range(3):
        if number:
            payload = payload_of(random_adapter(tiny, seed=number, scale=0.5))
            policy.stage_and_apply(*store_version(store, manifest_of(tiny, payload, number, number - 1), payload))
        config = EpisodeConfig(
            *("host", Purpose.EXPLORE, 7 + number, 1.3),
            on_start=recorder.episode_started,
            on_step=recorder.step_taken,
            settle_deadline_sec=0,
            step_limit=3,
        )
        recorder.episode_ended(run_episode(device, policy, JSON, fake_task(), config))
    recorder.close()
    return folder


def store_version(store: Any, manifest: Any, payload: bytes) -> tuple[Any, bytes]:
    return store.publish(manifest, payload), payload


def test_a_checkpoint_decides_every_step_identically_under_its_own_versions(
    tiny: Path, with_adapters: Path, run: RunProgram
) -> None:
    code, out, err = run("replay", with_adapters / "session", "--model", tiny, "--adapters", with_adapters / "adapters")
    assert (code, out, err) == (0, "9 of 9 decisions are identical.\n", "")


def test_without_the_adapters_the_base_model_is_replayed_and_the_rest_counted(
    tiny: Path, with_adapters: Path, run: RunProgram
) -> None:
    code, out, _ = run("replay", with_adapters / "session", "--model", tiny)
    assert code == 0
    assert "Skipped 6 steps whose adapter is not to be had (3 under version 1, 3 under version 2)" in out
    assert "3 of 3 decisions are identical." in out


def test_a_changed_adapter_shows_the_first_difference(tiny: Path, with_adapters: Path, run: RunProgram) -> None:
    changed = with_adapters / "adapters" / "00000002"
    code, out, err = run("replay", with_adapters / "session", "--model", tiny, "--adapter", changed)
    assert (code, err) == (1, "")
    assert "3 of 9 decisions are identical." in out  # those that ran under this very version
    assert "The first that differs: episode 1 (Act on a), step 0" in out
    recorded = open_session(with_adapters / "session").episodes[0].steps[0]
    assert f"  recorded: {recorded.decision.utterance}\n            {recorded.action} (line 2)\n  now:      " in out


def test_another_quantization_is_told(tiny: Path, with_adapters: Path, run: RunProgram) -> None:
    code, out, _ = run("replay", with_adapters / "session", "--model", tiny, "--quantization", "none")
    assert code in (0, 1)
    assert "The quantization is none and not the recorded nf4" in out


def test_any_checkpoint_can_be_held_against_a_session(tiny: Path, tmp_path: Path, run: RunProgram) -> None:
    world.record(tmp_path / "s", world.some_trajectories())
    code, out, err = run("replay", tmp_path / "s", "--model", tiny, "--against")
    assert (code, err) == (0, "")
    assert "5 recorded states; 1 more left out, as no action was recorded. 5 answers are malformed." in out
    assert "0 match (0.0 %) by AitW as published (typed text unread)" in out


def test_the_page_takes_the_checkpoints_tokens(tiny: Path, with_adapters: Path, run: RunProgram) -> None:
    page = with_adapters / "page.html"
    code, _, err = run("inspect", with_adapters / "session", "--model", tiny, "--output", page)
    assert (code, err) == (0, "")
    assert '<p class="cells"' not in page.read_text("utf-8")


def test_the_pytest_plugin_replays_a_checkpoint_under_its_adapters(tiny: Path, with_adapters: Path) -> None:
    options = ["--sessions", with_adapters / "session", "--session-model", tiny]
    command = [sys.executable, "-m", "pytest", "-p", "agent_runtime.sessions.pytest_plugin", "-rA"]
    command += ["-c", os.devnull, "-p", "no:cacheprovider", "--import-mode=importlib"]
    environment = {
        **os.environ,
        "PYTHONPATH": f"{ROOT}:{ROOT / 'protos'}",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }

    def ended_with(*more: object) -> str:
        done = subprocess.run(
            [*command, *map(str, (*options, *more, with_adapters / "session"))],
            cwd=with_adapters,
            env=environment,
            capture_output=True,
            text=True,
            timeout=100,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    assert "3 passed" in ended_with("--session-adapters", with_adapters / "adapters")
    assert "1 passed, 2 skipped" in ended_with()
