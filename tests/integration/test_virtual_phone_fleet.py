"""Several phones of one process behind a real adb server: own ports, own state, own faults, own end."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner

from agent_runtime.devices.adb import AdbDevice, open_device
from device_scripts.virtual_phone.cli import app
from device_scripts.virtual_phone.private_adb import AdbServer
from device_scripts.virtual_phone.server import LOOPBACK, free_port_pair

COUNT = 3


@contextmanager
def phone_process(*options: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "device_scripts.virtual_phone", "--phones", str(COUNT), *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=30)


def ready_lines(process: subprocess.Popen[str]) -> list[list[str]]:
    assert process.stdout is not None
    return [process.stdout.readline().split() for _ in range(COUNT)]


@pytest.fixture
def opened(adb_server: AdbServer) -> Iterator[Callable[[str], AdbDevice]]:
    with ExitStack() as stack:

        def reach(serial: str) -> AdbDevice:
            adb_server.wait_for(serial)
            device = open_device(serial, server_port=adb_server.port)
            stack.callback(device.close)
            return device

        yield reach


def test_phones_of_one_process_have_their_own_contents_state_and_end(
    adb_server: AdbServer, opened: Callable[[str], AdbDevice]
) -> None:
    with phone_process("--port", "0", "--adb-server-port", str(adb_server.port)) as process:
        lines = ready_lines(process)
        serials = [words[0] for words in lines]
        assert len(set(serials)) == COUNT
        devices = [opened(serial) for serial in serials]
        frames = [bytes(device.observe_settled(30).pixels) for device in devices]
        assert len(set(frames)) > 1, "seeds differ, and so does the order of the icons"
        devices[0].shell(["settings", "put", "system", "mark", "first"])
        devices[1].shell(["am", "start", "-n", "com.android.settings/.Settings"])
        marks = [device.shell(["settings", "get", "system", "mark"]).stdout for device in devices]
        assert marks == ["first\n", "null\n", "null\n"]
        assert bytes(devices[1].observe_settled(30).pixels) != frames[1]
        assert [bytes(devices[n].observe_settled(30).pixels) for n in (0, 2)] == [frames[0], frames[2]]
        kill(console_port=int(lines[1][-1].rpartition(":")[2]))
        assert bytes(devices[0].observe().pixels) == frames[0]
        assert bytes(devices[2].observe().pixels) == frames[2]
        for words in (lines[0], lines[2]):
            kill(console_port=int(words[-1].rpartition(":")[2]))
        assert process.wait(timeout=30) == 0


def kill(console_port: int) -> None:
    with socket.create_connection((LOOPBACK, console_port), timeout=30) as console:
        console.sendall(b"kill\r\n")
        while console.recv(4096):
            pass


def test_each_phone_has_its_own_faults(
    adb_server: AdbServer, opened: Callable[[str], AdbDevice], tmp_path: Path
) -> None:
    faults = tmp_path / "faults.json"
    faults.write_text(json.dumps({"faults": [{"kind": "system_popup", "nth": 1}]}))
    options = ("--port", "0", "--adb-server-port", str(adb_server.port), "--faults", str(faults))
    with phone_process(*options) as process:
        devices = [opened(words[0]) for words in ready_lines(process)]
        devices[1].shell(["input", "keyevent", "3"])
        assert ["Update ready" in _texts(device) for device in devices] == [False, True, False]
        devices[2].shell(["input", "keyevent", "3"])
        assert ["Update ready" in _texts(device) for device in devices] == [False, True, True]


def _texts(device: AdbDevice) -> str:
    device.shell(["uiautomator", "dump", "/sdcard/d.xml"])
    return device.shell(["cat", "/sdcard/d.xml"]).stdout


def test_ports_follow_each_other_and_a_taken_one_is_named() -> None:
    port = free_port_pair()
    with socket.create_server((LOOPBACK, port + 2)), phone_process("--port", str(port)) as process:
        _, said = process.communicate(timeout=30)
        assert process.returncode == 2
        assert f"Port {port + 2} on {LOOPBACK} cannot be opened" in said
        assert "Traceback" not in said


@pytest.mark.parametrize("count", ["0", "65", "-1"])
def test_a_number_of_phones_that_cannot_be_is_refused(count: str) -> None:
    done = CliRunner().invoke(app, ["--phones", count])
    assert done.exit_code == 2
    assert f"Got --phones {count}; give 1 to 64." in done.output
