"""One ADB connection joined to its services: bytes in, bytes out. Does no I/O and knows no other connection."""

from __future__ import annotations

import secrets

from device_scripts.virtual_phone.adb_wire.auth import TOKEN_BYTES
from device_scripts.virtual_phone.adb_wire.connection import Authentication, Connection
from device_scripts.virtual_phone.adb_wire.events import (
    Event,
    KeyOffered,
    StreamClosed,
    StreamData,
    StreamDrained,
    StreamRequested,
)
from device_scripts.virtual_phone.adb_wire.streams import Stream
from device_scripts.virtual_phone.device import VirtualDevice
from device_scripts.virtual_phone.services import Service, banner, open_service


class DeviceSession:
    """The device end of one connection; WireError from `receive` means: drop it."""

    def __init__(self, device: VirtualDevice, authentication: Authentication | None = None) -> None:
        self._device = device
        self.shut_out_sec = 0.0 if device.faults is None else device.faults.shut_out_sec()
        """For how long the peer's key is not taken."""
        self._offered_key: bytes | None = None
        if self.shut_out_sec:
            authentication = Authentication([], lambda: secrets.token_bytes(TOKEN_BYTES))
        self._connection = Connection(banner(device), authentication)
        self._services: dict[int, Service] = {}

    @property
    def wants_disconnect(self) -> bool:
        """True after `reboot:` was answered: the device goes away and comes back."""
        return self._device.rebooting and not self._services

    def receive(self, data: bytes) -> list[bytes | memoryview]:
        """Take bytes from the peer and return the pieces to be written to it."""
        for event in self._connection.receive(data):
            self._handle(event)
        return self._connection.take_output()

    def poll(self) -> list[bytes | memoryview]:
        """Return output that came about through other connections, such as new log lines."""
        for local_id in list(self._services):
            stream = self._connection.streams.get(local_id)
            if stream is not None:
                self._pump(stream)
        return self._connection.take_output()

    def let_in(self) -> list[bytes | memoryview]:
        """Take the key that was kept waiting, and return what tells the peer."""
        self.shut_out_sec = 0.0
        if self._offered_key is not None:
            self._connection.accept_key(self._offered_key)
        return self._connection.take_output()

    def hang_up(self) -> None:
        """The connection is gone: let every service know."""
        services, self._services = self._services, {}
        for service in services.values():
            service.peer_closed()

    def _handle(self, event: Event) -> None:
        if isinstance(event, StreamData):
            service = self._services.get(event.stream.local_id)
            if service is not None:
                service.receive(event.data)
                self._pump(event.stream)
        elif isinstance(event, StreamDrained):
            self._pump(event.stream)
        elif isinstance(event, StreamRequested):
            self._open(event.stream)
        elif isinstance(event, StreamClosed):
            closed = self._services.pop(event.stream.local_id, None)
            if closed is not None:
                closed.peer_closed()
        elif isinstance(event, KeyOffered) and self.shut_out_sec:
            self._offered_key = event.public_key
        elif isinstance(event, KeyOffered):
            self._connection.accept_key(event.public_key)

    def _open(self, stream: Stream) -> None:
        service = open_service(stream.service, self._device)
        if service is None:
            self._connection.refuse(stream)
            return
        self._services[stream.local_id] = service
        self._connection.accept(stream)
        self._pump(stream)

    def _pump(self, stream: Stream) -> None:
        """Move output from the service to the stream while there is room; acknowledge input once it is worked off."""
        service = self._services.get(stream.local_id)
        if service is None:
            return
        connection = self._connection
        exhausted = False
        while stream.wants_output and not exhausted:
            piece = service.pull()
            exhausted = piece is None
            if piece is not None:
                connection.write(stream, piece)
        if exhausted:
            connection.acknowledge(stream)
        connection.flush(stream)
        if exhausted and service.finished:
            self._services.pop(stream.local_id, None)
            connection.close(stream)
