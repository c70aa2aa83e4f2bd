"""The runtime's command line, a virtual phone behind a real adb server, and the tuner's real front together."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tuner.ingest.identity import Identity
from tuner.ingest.ledger import Ledger

ROOT = Path(__file__).parents[2]
DONE = '{"action":"finish","status":"success"}'
NOBODY = "0" * 64
SERVE = """
import asyncio, sys
from pathlib import Path
from tuner.ingest.identity import Identity
from tuner.serve import serve
learner = [sys.executable, "-c", "import sys; any('stop' in line and 'stored' not in line for line in sys.stdin)"]
print_port = lambda port: print(port, flush=True)
asyncio.run(serve("127.0.0.1:0", Path(sys.argv[1]), Identity(*sys.argv[2:]), learner, print_port))
"""


@pytest.fixture
def start_tuner(tmp_path: Path) -> Iterator[Callable[[Identity], str]]:
    """A factory of tuners without a learner; gives the address. All are stopped at the end."""
    started: list[subprocess.Popen[str]] = []

    def start(identity: Identity) -> str:
        words = (identity.base_model_digest, identity.tokenizer_digest, identity.quantization, identity.action_grammar)
        command = [sys.executable, "-c", SERVE, str(tmp_path / "state"), *words]
        process = subprocess.Popen(command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout is not None
        return f"127.0.0.1:{int(process.stdout.readline())}"

    yield start
    for process in started:
        process.terminate()
        process.wait(30)


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'protos'}"}


def runtime_command(adb_server: Any, running: Any, folder: Path, *more: str) -> list[str]:
    (folder / "script.txt").write_text(DONE)
    command = [sys.executable, "-m", "agent_runtime.cli", "--device", running.serial]
    command += ["--adb-server-port", str(adb_server.port), "--policy", f"scripted:{folder / 'script.txt'}"]
    return [*command, "--spool", str(folder / "spool"), "--summary", str(folder / "summary.json"), *more]


def test_every_episode_reaches_the_ledger(
    adb_server: Any, virtual_phone: Callable[..., Any], start_tuner: Callable[[Identity], str], tmp_path: Path
) -> None:
    address = start_tuner(Identity(NOBODY, NOBODY, "none", "json"))
    command = runtime_command(adb_server, virtual_phone(), tmp_path, "--tuner", address, "--episodes", "3")
    done = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, ""), done
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert (summary["trajectories_accepted"], summary["left_in_spool"]) == (3, 0)
    ledger = Ledger(tmp_path / "state")
    ledger.open()
    assert len(ledger.waiting(10)) == 3
    ledger.close()


def test_a_tuner_of_another_model_refuses_in_one_sentence(
    adb_server: Any, virtual_phone: Callable[..., Any], start_tuner: Callable[[Identity], str], tmp_path: Path
) -> None:
    address = start_tuner(Identity("1" * 64, NOBODY, "none", "json"))
    command = runtime_command(adb_server, virtual_phone(), tmp_path, "--tuner", address)
    done = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "refuses this runtime" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_run_cleanly(
    adb_server: Any, virtual_phone: Callable[..., Any], tmp_path: Path, number: signal.Signals
) -> None:
    command = runtime_command(adb_server, virtual_phone(), tmp_path, "--minutes", "5")
    with subprocess.Popen(command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, text=True) as process:
        watchdog = threading.Timer(60, process.kill)
        watchdog.start()
        assert process.stdout is not None
        assert "explore" in process.stdout.readline()  # the first episode is over, the next one runs
        process.send_signal(number)
        rest = process.stdout.read()
        watchdog.cancel()
    assert process.returncode == 0
    assert "all" in rest  # the table
    assert json.loads((tmp_path / "summary.json").read_text())["stopped"] == "asked to stop"
