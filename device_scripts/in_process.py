"""A virtual phone in this process as a `Device`: no socket, no adb server, no thread. Holds no behaviour of a phone.

Everything but the screenshot goes through the phone's own shell, as over adb: the same commands, the same answers.
Faults of the link need a link; see `virtual_phone.launch` for a phone that has them.
"""

from __future__ import annotations

from agent_runtime.devices.base import Frame
from agent_runtime.devices.shell_device import ShellDevice
from agent_runtime.devices.stream import Reply
from device_scripts.virtual_phone.device import VirtualDevice, build_device
from device_scripts.virtual_phone.phone import Phone
from device_scripts.virtual_phone.shell.commands import COMMANDS
from device_scripts.virtual_phone.shell.interpreter import Shell, Streams


class InProcessLines:
    """Command lines of one phone's shell, run at once; see ``CommandLines``."""

    def __init__(self, shell: Shell) -> None:
        self.shell = shell

    def run(self, line: str, timeout_sec: float, *, repeatable: bool, expected_bytes: int = 0) -> Reply:
        """See ``CommandLines``; nothing is ever waited for."""
        pieces: list[bytes] = []
        status = self.shell.run_to_end(line, Streams(b"", pieces.append, pieces.append))
        return Reply(memoryview(b"".join(pieces)), status)

    def close(self) -> None:
        """See ``CommandLines``; there is nothing to let go of."""


class InProcessDevice(ShellDevice):
    """A virtual phone, acted on where it is. One thread at a time may use it.

    ``phone`` is the phone itself, for set-up and for looking at what it is.
    """

    def __init__(self, virtual: VirtualDevice) -> None:
        super().__init__(virtual.serial, InProcessLines(Shell(virtual, COMMANDS)))
        assert isinstance(virtual.phone, Phone), f"got {type(virtual.phone).__name__}, expected a Phone"
        self.virtual, self.phone = virtual, virtual.phone

    def screen_size_px(self) -> tuple[int, int]:
        """See ``Device``."""
        return self.phone.size

    def observe(self) -> Frame:
        """See ``Device``; the pixels are the phone's own bytes, not a copy."""
        return Frame(self.phone.frame_bytes(), *self.phone.size)

    def fork(self) -> InProcessDevice:
        """Return an independent device in the same state: the same actions give the same frames on both."""
        return InProcessDevice(self.virtual.fork())


def in_process_device(
    seed: int = 0,
    *,
    apps: str = "basic",
    size_px: tuple[int, int] = (128, 224),
    density_dpi: int = 160,
    phone: Phone | None = None,
) -> InProcessDevice:
    """Return a new virtual phone in this process, or ``phone``; the same arguments give the same phone.

    ``apps`` is the set of apps: basic or full.
    """
    served = Phone(size_px, density_dpi, seed, apps=apps) if phone is None else phone
    return InProcessDevice(build_device(served, f"in-process-{seed}"))
