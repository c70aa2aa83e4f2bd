"""The way to a device: asks again what may be asked again, waits for one that went away. Looks at no picture."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from agent_runtime.devices import faults
from agent_runtime.devices.base import Device, Frame, ShellResult
from agent_runtime.devices.faults import DeviceFault
from agent_runtime.errors import BadFrameError, DeviceError, DeviceFaultError

_FIRST_PAUSE_SEC, _LONGEST_PAUSE_SEC = 0.01, 1.0
_ONCE_PROGRAMS = ("input", "monkey", "reboot")
_ONCE_COMMANDS = (("content", "insert"), ("am", "broadcast"), ("am", "start"))
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Patience:
    """How long each step of the recovery may take."""

    look_again_sec: float = 5.0
    effect_looks: int = 8
    """How many more looks an action that changed nothing is given: about a second on a real phone, 20 ms on ours."""
    return_sec: float = 120.0
    slow_sec: float = 5.0


class Link:
    """The way to ``inner``; every fault on it is told to ``note``."""

    def __init__(self, inner: Device, patience: Patience, note: Callable[[DeviceFault], None]) -> None:
        self._inner = inner
        self._patience = patience
        self._note = note
        self._breaks, self._absences = inner.breaks, inner.absences

    def shell(self, args: Sequence[str]) -> ShellResult:
        """Run a command; one that does something twice when sent twice is sent once."""
        result = self._through(lambda: self._inner.shell(args), repeatable=_is_repeatable(args))
        self._notice()
        return result

    def _through(self, call: Callable[[], _Result], *, repeatable: bool = True) -> _Result:
        """Call, and on a fault with a name call again until it works or the deadline, if it may be repeated."""
        started_at = time.monotonic()
        try:
            result = call()
        except DeviceError as error:
            return self._again(call, error, repeatable=repeatable)
        self.notice_slowness(started_at)
        return result

    def _again(self, call: Callable[[], _Result], error: DeviceError, *, repeatable: bool) -> _Result:
        fault = faults.fault_of_error(error)
        if fault is None:
            raise error
        self._note(fault)
        if not repeatable:
            raise DeviceFaultError(f"{fault.name}, under a command that is sent once only: {error}") from error
        patience = self._patience
        allowed_sec = patience.look_again_sec if isinstance(error, BadFrameError) else patience.return_sec
        ends_at, pause_sec = time.monotonic() + allowed_sec, _FIRST_PAUSE_SEC
        while time.monotonic() < ends_at:
            try:
                return call()
            except DeviceError as later:
                error = later
            time.sleep(pause_sec)  # between two looks at a condition: a device that is gone answers at once
            pause_sec = min(2 * pause_sec, _LONGEST_PAUSE_SEC)
        raise DeviceFaultError(f"{fault.name}, for {allowed_sec:g} s: {error}") from error

    def look(self) -> Frame:
        """Return a frame of a device that is up."""
        frame = self._through(self._inner.observe)
        while self._notice():
            frame = self._through(self._inner.observe)
        return frame

    def _notice(self) -> bool:
        """Name a break that was mended without a word; wait for the boot of a device that was away, and say so."""
        if (self._breaks, self._absences) == (self._inner.breaks, self._inner.absences):
            return False
        was_away = self._absences != self._inner.absences
        self._breaks, self._absences = self._inner.breaks, self._inner.absences
        if not was_away:
            self._note(DeviceFault("closed_stream"))
            return False
        is_reboot = self._wait_booted()
        self._note(DeviceFault("reboot" if is_reboot else "offline", excuses=is_reboot))
        return True

    def _wait_booted(self) -> bool:
        """Return once the device has booted: whether it had to be waited for."""
        ends_at, pause_sec, waited = time.monotonic() + self._patience.return_sec, _FIRST_PAUSE_SEC, False
        while self._through(lambda: self._inner.shell(["getprop", "sys.boot_completed"])).stdout.strip() != "1":
            waited = True
            if time.monotonic() >= ends_at:
                raise DeviceFaultError(f"reboot, not over within {self._patience.return_sec:g} s: see its screen.")
            time.sleep(pause_sec)
            pause_sec = min(2 * pause_sec, _LONGEST_PAUSE_SEC)
        return waited

    def notice_slowness(self, started_at: float) -> None:
        """Name an answer that took too long."""
        took_sec = time.monotonic() - started_at
        if took_sec > self._patience.slow_sec:
            self._note(DeviceFault("slow_shell", about=f"{took_sec:.1f} s"))


def _is_repeatable(args: Sequence[str]) -> bool:
    return args[0] not in _ONCE_PROGRAMS and tuple(args[:2]) not in _ONCE_COMMANDS
