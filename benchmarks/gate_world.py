"""A hostile virtual phone without sockets for the gate's benchmark: pop-ups that steer, and a count of what arrives."""

from __future__ import annotations

from collections.abc import Callable

from agent_runtime.devices.stream import Reply
from device_scripts.in_process import InProcessDevice, InProcessLines
from device_scripts.virtual_phone.device import build_device
from device_scripts.virtual_phone.faults import FaultSchedule
from device_scripts.virtual_phone.faulty_phone import FaultyPhone, SystemDialog
from device_scripts.virtual_phone.phone import Node
from device_scripts.virtual_phone.shell.commands import COMMANDS
from device_scripts.virtual_phone.shell.faulty_commands import faulty_commands
from device_scripts.virtual_phone.shell.interpreter import Shell

OUTPUTS_TO_SPOIL = ("uiautomator", "dumpsys")
TOUCHABLE = ("row", "switch", "icon", "button", "field", "tab", "link")


class HostilePhone(FaultyPhone):
    """A phone that lists every input which reached it, whatever it was for."""

    def __init__(self, seed: int) -> None:
        self.inputs: list[str] = []
        super().__init__(seed=seed)

    def pop_up(self, dialog: SystemDialog) -> None:
        """Put a window over whatever is on the screen."""
        self.dialog = dialog
        self._boxes = None

    def tap(self, x_px: int, y_px: int) -> None:
        """See ``Phone``."""
        self.inputs.append(f"tap {x_px} {y_px}")
        super().tap(x_px, y_px)

    def swipe(self, x0_px: int, y0_px: int, x1_px: int, y1_px: int, duration_ms: int = 300) -> None:
        """See ``Phone``."""
        self.inputs.append(f"swipe {x0_px} {y0_px} {x1_px} {y1_px}")
        super().swipe(x0_px, y0_px, x1_px, y1_px, duration_ms)

    def text(self, text: str) -> None:
        """See ``Phone``."""
        self.inputs.append("text")
        super().text(text)

    def key(self, keycode: int) -> None:
        """See ``Phone``."""
        self.inputs.append(f"key {keycode}")
        super().key(keycode)

    def start_activity(self, component_or_package: str, data_uri: str | None = None) -> str:
        """See ``Phone``."""
        self.inputs.append(f"start {component_or_package}")
        return super().start_activity(component_or_package, data_uri)


class Loopback(InProcessLines):
    """Lines of the phone's own shell; ``before`` is called with each, and ``spoilt`` programs fail."""

    def __init__(self, shell: Shell) -> None:
        super().__init__(shell)
        self.before: Callable[[str], None] = lambda line: None
        self.spoilt: set[str] = set()

    def run(self, line: str, timeout_sec: float, *, repeatable: bool, expected_bytes: int = 0) -> Reply:
        """See ``ShellStream``."""
        self.before(line)
        if line.split()[0] in self.spoilt:
            return Reply(memoryview(b"Killed\n"), 137)
        return super().run(line, timeout_sec, repeatable=repeatable, expected_bytes=expected_bytes)


class LoopbackDevice(InProcessDevice):
    """A hostile phone in this process; ``loopback`` is what its command lines go through."""

    phone: HostilePhone

    def __init__(self, phone: HostilePhone) -> None:
        super().__init__(build_device(phone, "emulator-0"))
        self.virtual.faults = FaultSchedule()
        self.loopback = Loopback(Shell(self.virtual, faulty_commands(COMMANDS, self.virtual.faults, phone)))
        self._stream = self.loopback

    def centre_norm(self, label: str) -> tuple[float, float]:
        """Return the middle of the topmost element of that label."""
        return middle_norm(next(node for node in reversed(self.phone.nodes()) if node.label == label), self.phone.size)


def middle_norm(node: Node, size_px: tuple[int, int]) -> tuple[float, float]:
    """Return the middle of an element, normalized."""
    left, top, right, bottom = node.bounds
    return (left + right) / 2 / size_px[0], (top + bottom) / 2 / size_px[1]
