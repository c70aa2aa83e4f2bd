"""An adb server without sockets over phones in this process, on a clock of its own: no wait takes real time.

It stands where `agent_runtime.devices.adb_server` does and carries what the real wire would: bytes to a shell and
back, silence until a deadline, ends of streams. Faults come from the phones' schedules alone.
"""

from __future__ import annotations

import math
import socket
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from agent_runtime.devices.stream import StreamBrokenError
from agent_runtime.errors import DeviceNotFoundError
from device_scripts.virtual_phone.device import VirtualDevice
from device_scripts.virtual_phone.phone_api import PhoneLike
from device_scripts.virtual_phone.services import Service, open_service

LATENCY_SEC = 0.02
"""What one question to the server, or one answer of a device, takes of the simulated time."""
_Result = TypeVar("_Result")


@dataclass
class SimulatedClock:
    """A clock that moves only when somebody waits; see ``agent_runtime.devices.clock``."""

    now_sec: float = 0.0

    def monotonic(self) -> float:
        """See ``Clock``."""
        return self.now_sec

    def wait(self, seconds: float) -> None:
        """See ``Clock``."""
        self.now_sec += seconds


@dataclass
class InProcessPhone:
    """A phone without a server of its own; see ``launch.RunningPhone``."""

    device: VirtualDevice

    @property
    def serial(self) -> str:
        """The serial the server shows."""
        return self.device.serial

    @property
    def phone(self) -> PhoneLike:
        """The phone itself."""
        return self.device.phone

    def call(self, function: Callable[[], _Result]) -> _Result:
        """Run `function`: there is no other thread."""
        return function()


@dataclass
class SimulatedServer:
    """Shows its phones; see ``adb_server.Server``. From ``gone_at_sec`` on it neither answers nor carries anything."""

    clock: SimulatedClock
    gone_at_sec: float = math.inf
    reconnects: Counter[str] = field(default_factory=Counter)
    _devices: dict[str, VirtualDevice] = field(default_factory=dict)
    _streams: list[_Stream] = field(default_factory=list)

    @property
    def address(self) -> str:
        """See ``Server``."""
        return "simulated"

    @property
    def is_gone(self) -> bool:
        """Whether it is over with it."""
        return self.clock.now_sec >= self.gone_at_sec

    def add(self, device: VirtualDevice) -> InProcessPhone:
        """Show one more device; its schedule goes by this server's clock from now on."""
        self._devices[device.serial] = device
        if device.faults is not None:
            device.faults.now = self.clock.monotonic
        return InProcessPhone(device)

    def states(self) -> dict[str, str]:
        """See ``Server``; a phone that refuses connections is not shown."""
        self.clock.wait(LATENCY_SEC)
        if self.is_gone:
            raise DeviceNotFoundError("Got no answer from the simulated adb server, expected one: start it.")
        states = {serial: _state_of(device) for serial, device in self._devices.items()}
        return {serial: state for serial, state in states.items() if state}

    def open(self, serial: str, service: str) -> _Stream:
        """See ``Server``."""
        self.clock.wait(LATENCY_SEC)
        device = self._devices[serial]
        opened = None if self.is_gone or _state_of(device) != "device" else open_service(service, device)
        if opened is None:
            raise StreamBrokenError(f"{serial} does not open a shell (closed): reconnect or restart it.")
        self._streams = [stream for stream in self._streams if not stream.has_ended]
        self._streams.append(_Stream(opened, device, self))
        return self._streams[-1]

    def reconnect(self, serial: str) -> None:
        """See ``Server``."""
        self.reconnects[serial] += 1
        self.drop(serial)

    def kill(self) -> None:
        """Do what `adb kill-server` does to everybody: every stream of every device ends."""
        for serial in self._devices:
            self.drop(serial)

    def drop(self, serial: str) -> None:
        """End every stream of a device."""
        for stream in self._streams:
            if stream.device.serial == serial:
                stream.end()


class _Stream:
    """One stream: what `agent_runtime.devices.stream.ByteStream` asks of a socket."""

    def __init__(self, service: Service, device: VirtualDevice, server: SimulatedServer) -> None:
        self.device = device
        self._is_over = False
        self._service = service
        self._server = server
        self._timeout_sec: float | None = None
        self._received = b""
        self._shown, self._other_end = socket.socketpair()
        """Readable once the stream has ended: a device is asked for that by `select`."""

    @property
    def has_ended(self) -> bool:
        """Whether nothing comes any more."""
        return self._is_over or self._server.is_gone

    def settimeout(self, value: float | None, /) -> None:
        """Set how long `recv_into` waits."""
        self._timeout_sec = value

    def fileno(self) -> int:
        """Return a descriptor that is readable at the end."""
        return self._shown.fileno()

    def sendall(self, data: bytes, /) -> None:
        """Hand bytes to the service."""
        if self.has_ended:
            raise BrokenPipeError("the stream has ended")
        self._service.receive(data)

    def recv_into(self, buffer: memoryview, /) -> int:
        """Read what there is; TimeoutError after the whole time has passed, 0 at the end."""
        if not self._received:
            self._received = self._next_piece()
        count = min(len(buffer), len(self._received))
        buffer[:count] = self._received[:count]
        self._received = self._received[count:]
        return count

    def close(self) -> None:
        """Let go of it."""
        if not self.has_ended:
            self._service.peer_closed()
        self.end()
        self._shown.close()

    def end(self) -> None:
        """The device's side is gone."""
        self._is_over = True
        self._other_end.close()

    def _next_piece(self) -> bytes:
        clock, faults = self._server.clock, self.device.faults
        while not self.has_ended:
            piece = self._service.pull()
            if faults is not None and faults.take_drop():
                self._server.drop(self.device.serial)
            elif piece:
                clock.wait(LATENCY_SEC)
                return piece
            elif self._service.finished:
                self.end()
            elif faults is not None and faults.take_wakeup():
                clock.wait(faults.slow_answer_sec)
            elif self._timeout_sec is None:
                raise AssertionError("a device never waits without a deadline")
            else:
                clock.wait(self._timeout_sec)
                raise TimeoutError
        return b""


def _state_of(device: VirtualDevice) -> str:
    faults = device.faults
    if faults is not None and faults.refuses_connection():
        return ""
    return "unauthorized" if faults is not None and faults.shut_out_sec() else "device"
