"""The way to a device: asks again what may be asked again, waits for one that went away. Looks at no picture."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from agent_runtime.devices import faults
from agent_runtime.devices.base import Device, Frame, ShellResult
from agent_runtime.devices.clock import tries
from agent_runtime.devices.faults import ABSENCES, DeviceFault
from agent_runtime.errors import BadFrameError, DeviceError, DeviceFaultError

_ONCE_PROGRAMS = ("input", "monkey", "reboot")
_ONCE_COMMANDS = (("content", "insert"), ("am", "broadcast"), ("am", "start"))
LOOKS_AT_LEAST = 3
"""However slow each of them is."""
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Patience:
    """How long each step of the recovery may take."""

    look_again_sec: float = 5.0
    effect_looks: int = 8
    """How many more looks an action that changed nothing is given: about a second on a real phone, 20 ms on ours."""
    return_sec: float = 120.0
    slow_sec: float = 5.0
    space_sec: float = 30.0
    """How long a full disk is waited for."""


class Link:
    """The way to ``inner``; every fault on it is told to ``note``."""

    def __init__(self, inner: Device, patience: Patience, note: Callable[[DeviceFault], None]) -> None:
        self._inner = inner
        self._patience = patience
        self._note = note
        self._clock = inner.clock
        self._mended = Counter(inner.mended)

    def shell(self, args: Sequence[str]) -> ShellResult:
        """Run a command; one that does something twice when sent twice is sent once.

        One that wrote nothing because the disk is full did nothing: it is run again once there is room.

        Raises:
            DeviceFaultError: the way stayed broken, or the disk full.
        """
        result = self._through(lambda: self._inner.shell(args), repeatable=_is_repeatable(args))
        if faults.is_disk_full(args, result.stdout):
            result = self._with_room(args, result)
        self._notice()
        return result

    def _with_room(self, args: Sequence[str], result: ShellResult) -> ShellResult:
        self._note(DeviceFault("disk_full", excuses=True, about=" ".join(result.stdout.split())[:120]))
        for _ in tries(self._clock, self._patience.space_sec):
            result = self._through(lambda: self._inner.shell(args), repeatable=_is_repeatable(args))
            if not faults.is_disk_full(args, result.stdout):
                return result
        raise DeviceFaultError(f"disk_full, for {self._patience.space_sec:g} s: remove files or apps from the device.")

    def _through(self, call: Callable[[], _Result], *, repeatable: bool = True) -> _Result:
        """Call, and on a fault with a name call again until it works or the deadline, if it may be repeated."""
        started_at = self._clock.monotonic()
        try:
            result = call()
        except DeviceError as error:
            return self._again(call, error, repeatable=repeatable)
        self.notice_slowness(started_at)
        return result

    def _again(self, call: Callable[[], _Result], error: DeviceError, *, repeatable: bool) -> _Result:
        """Call until it works; another fault on the way has its own time, all of them together the longest."""
        fault, allowed_sec = self._named(error, repeatable=repeatable)
        ends_at, tries_left = self._clock.monotonic() + allowed_sec, LOOKS_AT_LEAST
        for _ in tries(self._clock, self._patience.return_sec, LOOKS_AT_LEAST):
            try:
                return call()
            except DeviceError as later:
                if type(later) is not type(error):
                    fault, allowed_sec = self._named(later, repeatable=repeatable)
                    ends_at, tries_left = self._clock.monotonic() + allowed_sec, LOOKS_AT_LEAST
                error = later
            tries_left -= 1
            if tries_left <= 0 and self._clock.monotonic() >= ends_at:
                break
        raise DeviceFaultError(f"{fault.name}, for {allowed_sec:g} s: {error}") from error

    def _named(self, error: DeviceError, *, repeatable: bool) -> tuple[DeviceFault, float]:
        """Return the fault behind an error, noted, and for how long it is borne with; raise where it is not."""
        fault = faults.fault_of_error(error)
        if fault is None:
            raise error
        self._note(fault)
        if not repeatable:
            raise DeviceFaultError(f"{fault.name}, under a command that is sent once only: {error}") from error
        is_frame = isinstance(error, BadFrameError)
        return fault, self._patience.look_again_sec if is_frame else self._patience.return_sec

    def look(self) -> Frame:
        """Return a frame of a device that is up."""
        frame = self._through(self._inner.observe)
        while self._notice():
            frame = self._through(self._inner.observe)
        return frame

    def _notice(self) -> bool:
        """Name a break that was mended without a word; wait for the boot of a device that was away, and say so."""
        new = Counter(self._inner.mended) - self._mended
        if not new:
            return False
        self._mended = Counter(self._inner.mended)
        for name in sorted(new.keys() - ABSENCES):
            self._note(DeviceFault(name))
        absences = sorted(new.keys() & ABSENCES)
        if not absences:
            return False
        is_reboot = self._wait_booted()
        for name in ["reboot"] if is_reboot else absences:
            self._note(DeviceFault(name, excuses=is_reboot))
        return True

    def _wait_booted(self) -> bool:
        """Return once the device has booted: whether it had to be waited for."""
        for number, _ in enumerate(tries(self._clock, self._patience.return_sec)):
            answer = self._through(lambda: self._inner.shell(["getprop", "sys.boot_completed"]))
            if answer.stdout.strip() == "1":
                return number > 0
        self._note(DeviceFault("reboot", recoverable=False))
        raise DeviceFaultError(f"reboot, not over within {self._patience.return_sec:g} s: see its screen.")

    def notice_slowness(self, started_at: float) -> None:
        """Name an answer that took too long."""
        took_sec = self._clock.monotonic() - started_at
        if took_sec > self._patience.slow_sec:
            self._note(DeviceFault("slow_shell", about=f"{took_sec:.1f} s"))


def _is_repeatable(args: Sequence[str]) -> bool:
    return args[0] not in _ONCE_PROGRAMS and tuple(args[:2]) not in _ONCE_COMMANDS
