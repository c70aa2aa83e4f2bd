"""A phone without sockets: its shell as a function, and a host that speaks ADB with its session in memory."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from device_scripts.virtual_phone.adb_wire import messages
from device_scripts.virtual_phone.adb_wire.messages import Message, MessageReader, pack_header, payload_checksum
from device_scripts.virtual_phone.device import VirtualDevice, build_device
from device_scripts.virtual_phone.phone import Phone
from device_scripts.virtual_phone.session import DeviceSession
from device_scripts.virtual_phone.shell.commands import COMMANDS
from device_scripts.virtual_phone.shell.interpreter import Shell, Streams

NEW_VERSION = messages.VERSION_SKIPS_CHECKSUM


@dataclass
class Host:
    """The other end of a DeviceSession: sends messages, collects answers, acknowledges writes."""

    session: DeviceSession
    slice_bytes: int = 1 << 30
    acknowledges: bool = True
    reader: MessageReader = field(default_factory=MessageReader)
    received: list[Message] = field(default_factory=list)

    def send(self, command: int, arg0: int, arg1: int, payload: bytes = b"") -> list[Message]:
        """Send one message, sliced, and return what came back (acknowledged WRTEs included)."""
        return self.send_raw(pack_header(command, arg0, arg1, len(payload), payload_checksum(payload)) + payload)

    def send_raw(self, raw: bytes) -> list[Message]:
        before = len(self.received)
        for start in range(0, len(raw), self.slice_bytes):
            self.take(self.session.receive(raw[start : start + self.slice_bytes]))
        return self.received[before:]

    def take(self, pieces: list[bytes | memoryview]) -> None:
        self.reader.check_sums = False
        self.reader.max_payload = messages.MAX_PAYLOAD
        self.reader.feed(b"".join(pieces))
        while (message := self.reader.next_message()) is not None:
            self.received.append(message)
            if message.command == messages.WRTE and self.acknowledges:
                self.send(messages.OKAY, message.arg1, message.arg0)

    def connect(self, version: int = NEW_VERSION, max_payload: int = messages.MAX_PAYLOAD) -> list[Message]:
        return self.send(messages.CNXN, version, max_payload, b"host::features=shell_v2\0")

    def open(self, service: str, local_id: int = 7) -> int:
        """Open a service and return the phone's stream number; 0 when it was refused."""
        answers = self.send(messages.OPEN, local_id, 0, service.encode() + b"\0")
        return next((m.arg0 for m in answers if m.command == messages.OKAY and m.arg1 == local_id), 0)

    def write(self, remote_id: int, data: bytes, local_id: int = 7) -> None:
        self.send(messages.WRTE, local_id, remote_id, data)

    def output(self, local_id: int = 7) -> bytes:
        """Return everything written to a stream so far."""
        return b"".join(m.payload for m in self.received if m.command == messages.WRTE and m.arg1 == local_id)

    def was_closed(self, local_id: int = 7) -> bool:
        return any(m.command == messages.CLSE and m.arg1 == local_id for m in self.received)


@dataclass
class Ran:
    """What a command line wrote and returned."""

    out: bytes
    err: bytes
    status: int

    @property
    def text(self) -> str:
        return self.out.decode()


@pytest.fixture
def device() -> VirtualDevice:
    """A phone of 128x224 with seed 0."""
    return build_device(Phone((128, 224), 160, seed=0), "emulator-5554")


@pytest.fixture
def sh(device: VirtualDevice) -> Callable[[str], Ran]:
    """Run a command line in one persistent shell of `device`."""
    shell = Shell(device, COMMANDS)

    def run(line: str, stdin: bytes = b"") -> Ran:
        out: list[bytes] = []
        err: list[bytes] = []
        status = shell.run_to_end(line, Streams(stdin, out.append, err.append))
        return Ran(b"".join(out), b"".join(err), status)

    return run


@pytest.fixture
def host(device: VirtualDevice) -> Host:
    """A connected host."""
    connected = Host(DeviceSession(device))
    connected.connect()
    return connected


@pytest.fixture
def packets() -> Callable[[bytes], list[tuple[int, bytes]]]:
    """Cut shell-protocol bytes into (id, data)."""

    def cut(raw: bytes) -> list[tuple[int, bytes]]:
        found = []
        while raw:
            packet_id, length = struct.unpack_from("<BI", raw)
            found.append((packet_id, raw[5 : 5 + length]))
            raw = raw[5 + length :]
        return found

    return cut


@pytest.fixture
def new_host(device: VirtualDevice) -> Callable[..., Host]:
    """A factory of hosts that have not said CNXN yet."""
    return lambda **options: Host(DeviceSession(device), **options)
