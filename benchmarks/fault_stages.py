"""Where fault trials are played: a phone that can have faults, and a sound one beside it, on a simulated or a real adb.

The simulated stage has no sockets and a clock of its own, so its deadlines are the runtime's real ones and take no
time. The real one has an adb server, sockets and the host's clock, so its deadlines are short.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from agent_runtime.devices.adb import AdbDevice, open_device
from agent_runtime.devices.link import Patience
from agent_runtime.errors import DeviceError
from benchmarks.fault_oracle import Scene
from benchmarks.simulated_adb import SimulatedClock, SimulatedServer
from device_scripts.virtual_phone.device import build_device
from device_scripts.virtual_phone.faults import FaultSchedule
from device_scripts.virtual_phone.faulty_phone import FaultyPhone
from device_scripts.virtual_phone.launch import running_phone
from device_scripts.virtual_phone.phone import Phone
from device_scripts.virtual_phone.private_adb import AdbServer

QUICK = Patience(look_again_sec=0.5, return_sec=30.0, slow_sec=0.25, space_sec=0.5)
QUICK_COMMAND_SEC = 1.0
SLOW_ANSWER_SEC = 8.0
"""More than `Patience.slow_sec`, in simulated time."""


@dataclass
class Bystander:
    """A sound device on the same server, with a stream that stays open."""

    device: AdbDevice
    phone: Phone
    _state: str = ""

    def begin(self) -> None:
        """Remember how it is."""
        self.device.shell(["echo", "here"])
        self._state = self.phone.state.to_json()

    def is_undisturbed(self) -> bool:
        """Say whether nothing reached it since and its stream is the one it was."""
        breaks = self.device.mended.total()
        try:
            answers = self.device.shell(["echo", "here"]).stdout == "here\n"
        except DeviceError:
            return False
        return answers and self.device.mended.total() == breaks and self.phone.state.to_json() == self._state


@dataclass
class Stage:
    """The phone of the trials, the device the runtime opened on it, and what stands beside it."""

    name: str
    scene: Scene
    device: AdbDevice
    bystander: Bystander
    patience: Patience
    server: SimulatedServer | None = None
    """None on the real stage."""

    @property
    def is_simulated(self) -> bool:
        """Whether waits take no time here."""
        return self.server is not None


@contextmanager
def simulated_stage(seed: int) -> Iterator[Stage]:
    """Set the scene in this process."""
    clock = SimulatedClock()
    server = SimulatedServer(clock)
    phone = build_device(FaultyPhone(seed=seed), "emulator-5554")
    phone.faults = FaultSchedule(seed, slow_answer_sec=SLOW_ANSWER_SEC)
    other = Phone(seed=seed + 1)
    scene = server.add(phone)
    server.add(build_device(other, "emulator-5556"))
    device, beside = AdbDevice(phone.serial, server, clock), AdbDevice("emulator-5556", server, clock)
    with ExitStack() as stack:
        for one in (device, beside):
            one.open()
            stack.callback(one.close)
        yield Stage("simulated", scene, device, Bystander(beside, other), Patience(), server)


@contextmanager
def real_stage(adb: AdbServer, seed: int) -> Iterator[Stage]:
    """Set the scene behind a real adb server."""
    with ExitStack() as stack:
        schedule = FaultSchedule(seed)
        running = stack.enter_context(running_phone(seed=seed, adb_server_port=adb.port, faults=schedule))
        other = Phone(seed=seed + 1)
        aside = stack.enter_context(running_phone(phone=other, adb_server_port=adb.port))
        for serial in (running.serial, aside.serial):
            adb.wait_for(serial)
        device = open_device(running.serial, server_port=adb.port)
        stack.callback(device.close)
        device.command_timeout_sec = QUICK_COMMAND_SEC
        device.typing_deadline_sec = QUICK_COMMAND_SEC
        beside = open_device(aside.serial, server_port=adb.port)
        stack.callback(beside.close)
        yield Stage("adb", running, device, Bystander(beside, other), QUICK)
