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


def test_two_phones_over_one_link_are_two_runtimes_in_the_ledger(
    adb_server: Any,
    virtual_phone: Callable[..., Any],
    start_tuner: Callable[[Identity], str],
    tmp_path: Path,
) -> None:
    phones = [virtual_phone(seed=seed) for seed in (1, 2)]
    serials = [phone.serial for phone in phones]
    address = start_tuner(Identity(NOBODY, NOBODY, "none", "json"))
    command = runtime_command(adb_server, phones[0], tmp_path, "--device", serials[1], "--tuner", address)
    command += ["--episodes", "6", "--record", str(tmp_path / "session"), "--records", str(tmp_path / "records.jsonl")]
    done = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, ""), done
    lines = [line for line in done.stdout.splitlines() if " explore " in line]
    assert len(lines) == 6
    assert all(any(serial in line for serial in serials) for line in lines)
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert list(summary["devices"]) == serials
    by_device = [summary["devices"][serial]["explore"]["failures"] for serial in serials]
    assert sum(by_device) == summary["explore"]["failures"] == summary["trajectories_accepted"] == 6
    assert len((tmp_path / "records.jsonl").read_text().splitlines()) == 6
    for serial in serials:
        header = json.loads((tmp_path / "session" / serial / "session.json").read_text())
        assert header["device"]["serial"] == serial
    ledger = Ledger(tmp_path / "state")
    ledger.open()
    assert sorted(ledger.runtime_ids()) == sorted(summary["runtime_ids"])
    stored = [one.message for one in ledger.waiting(10)]
    ledger.close()
    assert len(stored) == 6
    for message in stored:
        assert message.runtime_id.endswith(f"/{message.device_serial}")


def test_devices_that_all_die_end_the_run_with_exit_code_1(
    adb_server: Any, virtual_phone: Callable[..., Any], tmp_path: Path
) -> None:
    phones = [virtual_phone(seed=seed) for seed in (1, 2)]
    (tmp_path / "tasks.json").write_text('[{"name": "apps/open", "params": {"app": "Notes"}}]')
    broken = "import agent_runtime.tasks.system as s\ndef fail(*_): raise s.DeviceError('The cable is out.')\n"
    broken += (
        "from agent_runtime.errors import DeviceError\ns.DeviceError = DeviceError\ns.OpenAppTask.prepare = fail\n"
    )
    command = runtime_command(adb_server, phones[0], tmp_path, "--device", phones[1].serial)
    command[1:3] = ["-c", f"{broken}from agent_runtime.cli import main; main()"]
    command += ["--tasks", str(tmp_path / "tasks.json"), "--episodes", "1000"]
    done = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=60)
    assert done.returncode == 1, done
    for phone in phones:
        assert f"{phone.serial}: 5 episodes in a row were void" in done.stderr
