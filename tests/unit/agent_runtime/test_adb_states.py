"""A serial that is listed but not ready, as a scripted adb server shows it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from agent_runtime.devices.adb import open_device
from agent_runtime.errors import DeviceNotFoundError


@contextmanager
def adb_server_showing(listing: str) -> Iterator[int]:
    """Serve `host:devices` with this listing and nothing else; give the port."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    client, _ = server.accept()
                except OSError:
                    return
                with client:
                    length = client.recv(4)
                    if length and client.recv(int(length, 16)) == b"host:devices":
                        client.sendall(b"OKAY" + f"{len(listing):04x}{listing}".encode())

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join(10)


@pytest.mark.parametrize(
    ("state", "todo"),
    [
        ("offline", "adb reconnect offline"),
        ("unauthorized", "accept this computer's key"),
        ("authorizing", "accept this computer's key"),
        ("recovery", "boot it into Android"),
    ],
)
def test_a_device_that_is_not_ready_says_what_to_do(state: str, todo: str) -> None:
    with adb_server_showing(f"R58\t{state}\n") as port, pytest.raises(DeviceNotFoundError) as caught:
        open_device("R58", server_port=port)
    assert f"The device R58 is {state}" in str(caught.value)
    assert todo in str(caught.value)


def test_no_device_at_all() -> None:
    with adb_server_showing("") as port, pytest.raises(DeviceNotFoundError, match="shows no device at all"):
        open_device("R58", server_port=port)
