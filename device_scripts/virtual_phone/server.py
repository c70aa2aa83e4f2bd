"""The sockets: an ADB port and a console port on loopback, asyncio, one thread. The only file here that opens any."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, cast

from device_scripts.virtual_phone.adb_wire.connection import Authentication
from device_scripts.virtual_phone.console import ConsoleSession
from device_scripts.virtual_phone.device import VirtualDevice
from device_scripts.virtual_phone.errors import LaunchError, WireError
from device_scripts.virtual_phone.session import DeviceSession

LOOPBACK: Final = "127.0.0.1"
_ADB_SERVER_TIMEOUT_SEC: Final = 10.0
_MAX_PORT_TRIES: Final = 200

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """Ports are on loopback; `console_port` None means no console; an empty `console_token` asks for none."""

    port: int
    console_port: int | None
    console_token: str = ""
    console_token_path: str = ""
    authentication: Authentication | None = None


class PhoneServer:
    """Serves one device to any number of connections; `stopped` is set when the console was told to kill it."""

    def __init__(self, device: VirtualDevice, options: ServerOptions) -> None:
        self.device = device
        self.options = options
        self.stopped = asyncio.Event()
        self._servers: list[asyncio.Server] = []
        self._connections: set[_AdbProtocol] = set()

    async def start(self) -> None:
        """Open both ports; LaunchError when one cannot be had."""
        try:
            self._servers.append(await self._listen(self._new_connection, self.options.port))
            if self.options.console_port is not None:
                self._servers.append(await self._listen(self._new_console, self.options.console_port))
        except LaunchError:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Close the ports and every connection."""
        self.stopped.set()
        for server in self._servers:
            server.close()
        for connection in list(self._connections):
            connection.abort()
        for server in self._servers:
            await server.wait_closed()
        self._servers.clear()

    def drop_connections(self) -> None:
        """Cut every ADB connection, as a reboot or a pulled cable does; adb finds the phone again by itself."""
        for connection in list(self._connections):
            connection.abort()

    def _new_connection(self) -> _AdbProtocol:
        return _AdbProtocol(self)

    def _new_console(self) -> _ConsoleProtocol:
        return _ConsoleProtocol(self)

    async def _listen(self, factory: Callable[[], asyncio.Protocol], port: int) -> asyncio.Server:
        loop = asyncio.get_running_loop()
        try:
            return await loop.create_server(factory, LOOPBACK, port)
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else str(error)
            raise LaunchError(f"Port {port} on {LOOPBACK} cannot be opened ({reason}); choose another.") from error

    def remember(self, connection: _AdbProtocol) -> None:
        """Keep a connection until it is lost."""
        self._connections.add(connection)

    def forget(self, connection: _AdbProtocol) -> None:
        """Let a lost connection go."""
        self._connections.discard(connection)

    def after_input(self, source: _AdbProtocol) -> None:
        """Let other streams send what this input brought about (new log lines), and carry out a reboot."""
        for connection in self._connections:
            connection.poll()
        if self.device.rebooting and source.session.wants_disconnect:
            self.device.finish_reboot()
            self.drop_connections()
        faults = self.device.faults
        if faults is not None and faults.take_wakeup():
            asyncio.get_running_loop().call_later(faults.slow_answer_sec, self.after_input, source)
        if faults is not None and faults.take_drop():
            self.drop_connections()


class _AdbProtocol(asyncio.Protocol):
    """One ADB connection."""

    def __init__(self, server: PhoneServer) -> None:
        self.session = DeviceSession(server.device, server.options.authentication)
        self._server = server
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        connection_socket = transport.get_extra_info("socket")
        connection_socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._server.remember(self)
        faults = self._server.device.faults
        if faults is not None and faults.refuses_connection():
            self.abort()
        elif faults is not None and self.session.shut_out_sec:
            asyncio.get_running_loop().call_later(self.session.shut_out_sec, self._let_in)

    def data_received(self, data: bytes) -> None:
        try:
            pieces = self.session.receive(data)
        except WireError as error:
            _log.warning("connection dropped: %s", error)
            self.abort()
            return
        self._write(pieces)
        self._server.after_input(self)

    def poll(self) -> None:
        """Send what came about through another connection."""
        self._write(self.session.poll())

    def _let_in(self) -> None:
        self._write(self.session.let_in())

    def abort(self) -> None:
        """Drop the connection at once."""
        if self._transport is not None:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._server.forget(self)
        self.session.hang_up()

    def _write(self, pieces: list[bytes | memoryview]) -> None:
        if pieces and self._transport is not None and not self._transport.is_closing():
            self._transport.writelines(pieces)


class _ConsoleProtocol(asyncio.Protocol):
    """One console connection."""

    def __init__(self, server: PhoneServer) -> None:
        self._server = server
        options = server.options
        self._session = ConsoleSession(server.device, options.console_token, options.console_token_path)
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(self._session.greeting())

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None, "data comes after the connection was made"
        self._transport.write(self._session.receive(data))
        if self._session.ended:
            self._transport.close()
        if self._session.killed:
            self._server.stopped.set()


def serial_for(port: int) -> str:
    """Return the serial adb shows for a phone on an odd ADB port: `emulator-(port - 1)`."""
    return f"emulator-{port - 1}"


def free_port_pair() -> int:
    """Return a free odd port whose even neighbour below is free too; LaunchError when none is found."""
    for _ in range(_MAX_PORT_TRIES):
        with socket.socket() as probe:
            probe.bind((LOOPBACK, 0))
            port = int(probe.getsockname()[1]) | 1
        if is_free(port) and is_free(port - 1):
            return port
    raise LaunchError("No two free neighbouring ports were found on 127.0.0.1; name one with --port.")


def is_free(port: int) -> bool:
    """Tell whether nothing listens on a loopback port."""
    with socket.socket() as probe:
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


async def announce(adb_server_port: int, port: int) -> None:
    """Ask the adb server on loopback to look at `port` now (`host:emulator:PORT`); LaunchError when it cannot be asked.

    Source: AOSP packages/modules/adb, docs/dev/services.md (host:emulator).
    """
    try:
        reader, writer = await asyncio.wait_for(
            asyncio.open_connection(LOOPBACK, adb_server_port), _ADB_SERVER_TIMEOUT_SEC
        )
    except (OSError, asyncio.TimeoutError) as error:
        problem = f"No adb server answers on port {adb_server_port}; start it with `adb start-server`."
        raise LaunchError(problem) from error
    request = f"host:emulator:{port}".encode()
    writer.write(b"%04x" % len(request) + request)
    try:
        await asyncio.wait_for(reader.read(), _ADB_SERVER_TIMEOUT_SEC)  # it closes without a word
    except (OSError, asyncio.TimeoutError) as error:
        problem = f"The adb server on port {adb_server_port} did not take host:emulator:{port}; restart it."
        raise LaunchError(problem) from error
    finally:
        writer.close()
