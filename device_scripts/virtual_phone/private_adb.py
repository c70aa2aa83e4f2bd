"""A real adb server of our own: free port, own home, looks for nothing by itself. Never touches another adb server."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import adbutils

from device_scripts.virtual_phone.errors import LaunchError
from device_scripts.virtual_phone.server import LOOPBACK

_COMMAND_TIMEOUT_SEC: Final = 60.0
_WAIT_TIMEOUT_SEC: Final = 30.0
_POLL_SEC: Final = 0.02
_PORTS_TRIED: Final = 5


@dataclass(frozen=True)
class AdbServer:
    """A running private adb server; `environment` makes any adb program talk to it."""

    port: int
    home: Path
    environment: dict[str, str] = field(repr=False)

    @property
    def client(self) -> adbutils.AdbClient:
        """adbutils on this server."""
        return adbutils.AdbClient(host=LOOPBACK, port=self.port)

    def run(self, *args: str, data: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """Run the real adb program with `data` on its standard input; TimeoutExpired after a minute."""
        return subprocess.run(
            [adbutils.adb_path(), *args],
            env=self.environment,
            capture_output=True,
            timeout=_COMMAND_TIMEOUT_SEC,
            check=False,
            input=data,
        )

    def text(self, *args: str) -> str:
        """Run adb and return its standard output; CalledProcessError when it fails."""
        result = self.run(*args)
        result.check_returncode()
        return result.stdout.decode()

    def wait_for(self, serial: str, state: str = "device") -> None:
        """Return once this server shows `serial` in `state`; TimeoutError after 30 s."""
        deadline = time.monotonic() + _WAIT_TIMEOUT_SEC
        while f"{serial}\t{state}" not in self.text("devices"):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{serial} was not shown as {state} within {_WAIT_TIMEOUT_SEC:.0f} s")
            time.sleep(_POLL_SEC)


@contextmanager
def private_adb_server(home: Path) -> Iterator[AdbServer]:
    """Run an adb server on a free port until the block ends; keys and logs go to `home`.

    Raises:
        LaunchError: it started on none of a few ports.
    """
    home.mkdir(parents=True, exist_ok=True)
    server = _started(home)
    try:
        yield server
    finally:
        server.run("kill-server")  # only the server on the port in `environment`


def _started(home: Path) -> AdbServer:
    """Start a server; a port that was free a moment ago may have been taken since, so another one is tried."""
    said = ""
    for _ in range(_PORTS_TRIED):
        server = _server_on(_free_port(), home)
        started = server.run("start-server")
        if started.returncode == 0:
            return server
        said = " ".join(started.stderr.decode(errors="replace").strip().splitlines()[-1:])
    raise LaunchError(
        f"adb did not start a server on any of {_PORTS_TRIED} free ports ({said}); check that {home} is writable."
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def _server_on(port: int, home: Path) -> AdbServer:
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("ADB_", "ANDROID_"))}
    environment |= {
        "HOME": str(home.resolve()),
        "TMPDIR": str(home),
        "ANDROID_ADB_SERVER_PORT": str(port),
        "ADB_LOCAL_TRANSPORT_MAX_PORT": "1",
        "ADB_MDNS": "0",
    }
    return AdbServer(port, home, environment)
