"""`agent-runtime` from the outside: bad input is one sentence and exit 2, and a run leaves what it was asked for."""

from __future__ import annotations

import hashlib
import json
import re
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agent_runtime import cli
from agent_runtime.stopping import stop_on_signals

DONE = '{"thought":"","action":"finish","status":"success"}'
OPEN_NOTES = '{"action":"open_app","app":"Notes"}'
RunCli = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run_cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> RunCli:
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    monkeypatch.chdir(tmp_path)

    def run(*args: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["agent-runtime", *args])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        for number, handler in handlers.items():
            signal.signal(number, handler)
        printed = capsys.readouterr()
        return int(ended.value.code or 0), printed.out, printed.err

    return run


def script(folder: Path, *lines: str) -> str:
    path = folder / "script.txt"
    path.write_text("\n".join(lines))
    return f"scripted:{path}"


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("run",), "neither --device nor --devices all"),
        (("--device", "x", "--device", "y", "--device", "x"), "the device x twice"),
        (("--device", "x", "--devices", "all"), "both --device and --devices all"),
        (("--devices", "two"), "expected all"),
        (("--devices", "all", "--adb-server-port", "1"), "adb start-server"),
        (("dance",), "dance"),
        (("--device", "x", "--quantization", "int3"), "expected one of nf4, int8, none"),
        (("--device", "x", "--grammar", "xml"), "expected one of auto-ui, json, agentcpm"),
        (("--device", "x", "--suite", "phone"), "expected one of basics, cards, general"),
        (("--device", "x", "--evaluate-split", "held"), "expected one of train, unseen-instances"),
        (
            ("--device", "x", "--evaluate-goals", "1", "--evaluate-split", "unseen-apps"),
            "Got the split unseen-apps for the suite basics",
        ),
        (("--device", "x", "--temperature", "-1"), "--temperature"),
        (("--device", "x", "--episodes", "many"), "--episodes"),
        (("--device", "x", "--tasks", "none.json"), "none.json"),
        (("--device", "x", "--gate", "none.json"), "expected emulator, strict or a JSON file"),
        (("--device", "x", "--records", "/proc/none/r.jsonl"), "name another"),
        (("--device", "x", "--adb-server-port", "1"), "adb start-server"),
        (("--no-such-option",), "No such option"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_2(run_cli: RunCli, args: tuple[str, ...], says: str) -> None:
    code, _, err = run_cli(*args)
    assert code == 2
    assert says in err
    assert len(err.strip().splitlines()) == 1, err


def phone_args(adb_server: Any, running: Any) -> tuple[str, ...]:
    return ("--device", running.serial, "--adb-server-port", str(adb_server.port))


def test_a_serial_that_is_not_there_is_exit_2(run_cli: RunCli, adb_server: Any) -> None:
    code, _, err = run_cli("--device", "nobody", "--adb-server-port", str(adb_server.port))
    assert code == 2
    assert "'nobody'" in err


@pytest.mark.parametrize(
    ("policy", "says"),
    [("scripted:none.txt", "none.txt"), ("magic", "expected scripted:FILE")],
)
def test_a_bad_policy_is_exit_2(
    run_cli: RunCli, adb_server: Any, virtual_phone: Callable[..., Any], policy: str, says: str
) -> None:
    code, _, err = run_cli(*phone_args(adb_server, virtual_phone()), "--policy", policy)
    assert code == 2
    assert says in err


def test_a_run_writes_records_screens_and_a_summary(
    run_cli: RunCli, adb_server: Any, virtual_phone: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "tasks.json").write_text(json.dumps([{"name": "apps/open", "params": {"app": "Notes"}}]))
    code, out, err = run_cli(
        *phone_args(adb_server, virtual_phone()),
        *("--policy", script(tmp_path, OPEN_NOTES, DONE), "--tasks", "tasks.json", "--episodes", "2"),
        *("--evaluate-goals", "1", "--records", "r/episodes.jsonl", "--save-screens", "screens"),
        *("--summary", "out/summary.json", "--seed", "5"),
    )
    assert (code, err) == (0, "")
    assert "apps/open" in out
    records = [json.loads(line) for line in (tmp_path / "r/episodes.jsonl").read_text().splitlines()]
    assert [record["purpose"] for record in records] == ["evaluate", "explore", "explore", "evaluate"]
    assert {record["verdict"] for record in records} == {"success"}
    first = records[0]["steps"][0]
    assert first["utterance"] == OPEN_NOTES
    assert first["action"] == {"type": "OpenApp", "name": "Notes"}
    assert (first["adapter_version"], first["adapter_digest"]) == (0, hashlib.sha256(b"").hexdigest())
    assert set(first["timings"]) == {"observe_ms", "decide_ms", "act_ms", "judge_ms"}
    for record in records:
        for step in record["steps"]:
            png = (tmp_path / "screens" / f"{step['screen']}.png").read_bytes()
            assert hashlib.sha256(png).hexdigest() == step["screen"]
    summary = json.loads((tmp_path / "out/summary.json").read_text())
    assert (summary["before"]["rate"], summary["explore"]["successes"], summary["after"]["rate"]) == (1.0, 2, 1.0)


def test_success_is_told_by_split(
    run_cli: RunCli, adb_server: Any, virtual_phone: Callable[..., Any], tmp_path: Path
) -> None:
    code, out, err = run_cli(
        *phone_args(adb_server, virtual_phone(apps="full")),
        *("--policy", script(tmp_path, DONE), "--suite", "general", "--episodes", "0", "--evaluate-goals", "2"),
        *("--evaluate-split", "unseen-apps", "--evaluate-split", "unseen-instances", "--summary", "summary.json"),
    )
    assert (code, err) == (0, "")
    by_split = json.loads((tmp_path / "summary.json").read_text())["before"]["by_split"]
    assert by_split == {"unseen-instances": [0, 2], "unseen-apps": [0, 2]}
    assert re.search(r"unseen-apps\s+│\s+0/2\s+│\s+-\s+│\s+0/2", out), out


def test_a_tuner_that_is_away_leaves_the_episodes_in_the_spool(
    run_cli: RunCli,
    adb_server: Any,
    virtual_phone: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("agent_runtime.uplink_setup.REGISTER_TIMEOUT_SEC", 0.1)
    monkeypatch.setattr("agent_runtime.uplink_setup.DRAIN_TIMEOUT_SEC", 0.1)
    code, out, _ = run_cli(
        *phone_args(adb_server, virtual_phone()),
        *("--policy", script(tmp_path, DONE), "--tuner", "127.0.0.1:1", "--episodes", "2", "--spool", "spool"),
    )
    assert code == 0
    assert "2 episodes still wait in the spool" in out
    assert len(list((tmp_path / "spool").glob("*.trajectory"))) == 2


def test_the_first_signal_asks_for_a_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    try:
        should_stop = stop_on_signals()
        assert not should_stop()
        signal.raise_signal(signal.SIGTERM)
        assert should_stop()
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL  # a second one ends the program
    finally:
        signal.signal(signal.SIGTERM, before[0])
        signal.signal(signal.SIGINT, before[1])
