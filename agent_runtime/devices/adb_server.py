"""What an adb server says of its devices, and streams to them. Here it alone knows adbutils; runs no command.

It never stops or starts a server, and touches no device but the one it is asked about.
"""

import socket
from typing import Protocol

import adbutils

from agent_runtime.devices.stream import ByteStream, StreamBrokenError
from agent_runtime.errors import DeviceNotFoundError

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 5037
CONNECT_TIMEOUT_SEC = 10.0
READY = "device"


class Server(Protocol):
    """What a device needs of the server that shows it."""

    @property
    def address(self) -> str:
        """Where it listens, for people."""

    def states(self) -> dict[str, str]:
        """Return the state of every serial it shows; DeviceNotFoundError when it does not answer."""

    def open(self, serial: str, service: str) -> ByteStream:
        """Open a stream to a service of a device; StreamBrokenError when there is none."""

    def reconnect(self, serial: str) -> None:
        """Have it connect to that one device anew; a device that is not there is let be."""


class AdbServer:
    """A real one; nothing is sent before a method is called."""

    def __init__(self, host: str = DEFAULT_HOST, port: int = DEFAULT_PORT) -> None:
        self._host, self._port = host, port
        self._client = adbutils.AdbClient(host=host, port=port, socket_timeout=CONNECT_TIMEOUT_SEC)

    @property
    def address(self) -> str:
        """See ``Server``."""
        return f"{self._host}:{self._port}"

    def states(self) -> dict[str, str]:
        """See ``Server``; asking starts no server."""
        try:
            socket.create_connection((self._host, self._port), CONNECT_TIMEOUT_SEC).close()
            return {info.serial: info.state for info in self._client.list(extended=False)}
        except (adbutils.AdbError, OSError) as error:
            raise DeviceNotFoundError(
                f"Got no answer from an adb server at {self.address} ({error}), expected one: run `adb start-server`."
            ) from error

    def open(self, serial: str, service: str) -> ByteStream:
        """See ``Server``."""
        try:
            connection = self._client.device(serial).open_transport(timeout=CONNECT_TIMEOUT_SEC)
            connection.send_command(service)
            connection.check_okay()
        except (adbutils.AdbError, OSError, EOFError) as error:
            raise StreamBrokenError(f"{serial} does not open a shell ({error}): reconnect or restart it.") from error
        stream: socket.socket = connection.conn
        return stream

    def reconnect(self, serial: str) -> None:
        """See ``Server``: `host-serial:SERIAL:reconnect`, as `adb -s SERIAL reconnect` sends it."""
        try:
            self._client.device(serial).open_transport("reconnect", timeout=CONNECT_TIMEOUT_SEC).close()
        except (adbutils.AdbError, OSError, EOFError):
            return
