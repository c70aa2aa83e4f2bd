"""The private adb server starts although the first port it is given was taken in between."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from device_scripts.virtual_phone import private_adb
from device_scripts.virtual_phone.errors import LaunchError


@pytest.fixture
def taken_port() -> Iterator[int]:
    """A loopback port on which something answers that is no adb server."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    connection.sendall(b"000chost:version")

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield int(listener.getsockname()[1])
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(10)


def test_a_port_taken_in_between_is_given_up_for_another(
    tmp_path: Path, taken_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    ports = iter([taken_port, private_adb._free_port()])
    monkeypatch.setattr(private_adb, "_free_port", lambda: next(ports))
    with private_adb.private_adb_server(tmp_path / "home") as server:
        assert server.port != taken_port
        assert server.client.device_list() == []


def test_a_server_that_starts_nowhere_is_one_sentence(
    tmp_path: Path, taken_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(private_adb, "_free_port", lambda: taken_port)
    with (
        pytest.raises(LaunchError, match=r"on any of 5 free ports \(.*protocol fault.*\); check that .* is writable"),
        private_adb.private_adb_server(tmp_path / "home"),
    ):
        raise AssertionError("unreachable")
