"""A device that goes away under an open stream: what is waited for, what the server is asked, and what it is called."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from agent_runtime.devices.adb import AdbDevice
from agent_runtime.devices.stream import StreamBrokenError
from agent_runtime.errors import DeviceNotFoundError, UnauthorizedError
from benchmarks.simulated_adb import SimulatedClock
from tests.fakes import FakeShell

MINE, OTHER = "R58", "R59"


@dataclass
class Server:
    """Shows two devices; the state of the first is the next of ``course``, its last one ever after."""

    clock: SimulatedClock
    course: list[str] = field(default_factory=lambda: ["device"])
    reconnected: list[str] = field(default_factory=list)
    address: str = "scripted"

    def states(self) -> dict[str, str]:
        state = self.course.pop(0) if len(self.course) > 1 else self.course[0]
        return {OTHER: "device"} | ({MINE: state} if state else {})

    def open(self, serial: str, service: str) -> object:
        assert serial == MINE
        if self.course[0] != "device":
            raise StreamBrokenError("closed")
        return FakeShell(lambda command: (b"Physical size: 8x16\n", 0)).connect(service)

    def reconnect(self, serial: str) -> None:
        self.reconnected.append(serial)


def opened(course: Sequence[str]) -> tuple[AdbDevice, Server, SimulatedClock]:
    clock = SimulatedClock()
    server = Server(clock)
    device = AdbDevice(MINE, server, clock)  # type: ignore[arg-type]  # a socket is all of a stream
    device.open()
    device.close()
    server.course = list(course)
    return device, server, clock


@pytest.mark.parametrize(
    ("course", "name"),
    [
        (["", "", "device"], "offline"),
        (["offline", "device"], "offline"),
        (["", "unauthorized", "unauthorized", "device"], "unauthorized"),
        (["offline", "authorizing", "device"], "unauthorized"),
    ],
)
def test_a_device_that_comes_back_is_waited_for_and_why_it_was_away_is_kept(course: list[str], name: str) -> None:
    device, server, _ = opened(course)
    device.shell(["wm", "size"])
    assert device.mended == {name: 1}
    assert server.reconnected == []


@pytest.mark.parametrize(
    ("state", "error", "reconnected"),
    [
        ("offline", DeviceNotFoundError, [MINE]),
        ("unauthorized", UnauthorizedError, []),
        ("", DeviceNotFoundError, []),
    ],
)
def test_only_a_device_that_stays_offline_is_connected_to_anew_and_no_other(
    state: str, error: type[DeviceNotFoundError], reconnected: list[str]
) -> None:
    device, server, clock = opened([state])
    with pytest.raises(error):
        device.shell(["wm", "size"])
    assert server.reconnected == reconnected
    assert 10 <= clock.monotonic() < 12


def test_a_device_that_was_there_all_the_time_is_not_waited_for() -> None:
    device, server, clock = opened(["device"])
    device.shell(["wm", "size"])
    assert (dict(device.mended), server.reconnected, clock.monotonic()) == ({}, [], 0.0)
