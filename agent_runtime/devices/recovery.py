"""A device around a device that recovers from faults, mildest first. Classifies none itself, repeats no input.

A frame that looks sound costs a sample of its pixels and no command. One that does not is looked at again; a stream
that broke is opened anew; a device that went away is waited for until it has booted; a dialog of the system is closed
by its own button. An input whose outcome is unknown is never sent again: the policy sees the screen and decides.
"""

import logging
from collections import Counter
from collections.abc import Sequence

from agent_runtime.actions.vocabulary import Action, Finish, Malformed, Tap, Wait
from agent_runtime.devices import dialogs, faults
from agent_runtime.devices.base import Device, Frame, ShellResult
from agent_runtime.devices.clock import tries
from agent_runtime.devices.faults import DeviceFault
from agent_runtime.devices.hierarchy import visible_nodes
from agent_runtime.devices.link import LOOKS_AT_LEAST, Link, Patience
from agent_runtime.devices.screen_checks import secure_windows
from agent_runtime.devices.surroundings import Surroundings
from agent_runtime.errors import DeviceError, DeviceFaultError

_LOG = logging.getLogger(__name__)
_LOG_LINES = "500"
_DISMISSALS = 2
_SETTLINGS = 3


class RecoveringDevice(Device):
    """Wraps ``inner``; ``noted`` lists the faults since ``begin_episode``, recovered from or not."""

    def __init__(self, inner: Device, patience: Patience | None = None) -> None:
        self.serial = inner.serial
        self.clock = inner.clock
        self.noted: list[DeviceFault] = []
        self._inner = inner
        self._patience = patience or Patience()
        self._size_px: tuple[int, int] | None = None
        self._last: Frame | None = None
        self._acted: tuple[Action, Frame] | None = None
        self._still: tuple[Frame, int] | None = None
        self._is_landscape: bool | None = None
        self._is_first_look = False
        self._link = Link(inner, self._patience, self._note)
        self._surroundings = Surroundings(inner.serial, self.shell, self._note)
        self._deaths: set[str] = set()

    @property
    def mended(self) -> Counter[str]:
        """See ``Device``."""
        return self._inner.mended

    def screen_size_px(self) -> tuple[int, int]:
        """See ``Device``."""
        return self._inner.screen_size_px()

    def close(self) -> None:
        """See ``Device``."""
        self._inner.close()

    def begin_episode(self) -> None:
        """See ``Device``; costs three commands."""
        self.noted.clear()
        self._last = self._acted = self._still = None
        self._is_first_look = True
        self._deaths = self._read_deaths()
        self._surroundings.begin_episode()

    def faults_so_far(self) -> tuple[str, ...]:
        """See ``Device``."""
        return tuple(fault.name for fault in self.noted)

    def excuses(self) -> tuple[str, ...]:
        """See ``Device``; looks what struck without a word and whether a dialog is in the way, at four commands."""
        self._surroundings.end_episode()
        new_deaths = self._read_deaths() - self._deaths
        if new_deaths:
            self._note(DeviceFault("app_killed", excuses=True, about=min(new_deaths)))
        left = self._dialog()
        if left is not None:
            self._note(DeviceFault(left.name, excuses=True, about=left.about))
        return tuple(dict.fromkeys(fault.name for fault in self.noted if fault.excuses))

    def shell(self, args: Sequence[str]) -> ShellResult:
        """See ``Device``; a command that does something twice when sent twice is sent once."""
        return self._link.shell(args)

    def perform(self, action: Action) -> None:
        """See ``Device``; where nobody knows whether it took effect, the next look shows."""
        is_input = not isinstance(action, Finish | Malformed | Wait)
        self._acted = (action, self._last) if is_input and self._last is not None else None
        started_at = self.clock.monotonic()
        try:
            self._inner.perform(action)
        except DeviceError as error:
            fault = faults.fault_of_error(error)
            if fault is None:
                raise
            if not fault.recoverable:
                self._note(fault)
                raise DeviceFaultError(f"{fault.name}: {error}") from error
            self._note(DeviceFault(fault.name, excuses=True, about=f"it is unknown whether {action} took effect"))
            return
        if is_input:
            self._link.notice_slowness(started_at)

    def observe(self) -> Frame:
        """See ``Device``; never returns a black, blank, torn or misshapen frame.

        Raises:
            DeviceFaultError: the fault stayed until its deadline.
        """
        frame = self._sound()
        if self._is_landscape not in (None, _is_landscape(frame)):
            frame = self._turned_back(frame)
        self._is_landscape = _is_landscape(frame)
        return frame

    def observe_settled(self, deadline_sec: float) -> Frame:
        """See ``Device``; a frame older than the last action, or under a system dialog, is not returned."""
        frame = self._settled(deadline_sec)
        acted, self._acted = self._acted, None
        if self._is_first_look:
            frame, _ = self._looked_again(frame, deadline_sec)
        self._is_first_look = False
        if acted is not None and not faults.has_changed(frame, acted[1]):
            frame = self._after_no_effect(frame, acted[0], deadline_sec)
        if self._last is not None and faults.looks_covered(frame, self._last):
            frame = self._uncovered(frame, deadline_sec)
        self._last = frame
        return frame

    # --- the frame

    def _settled(self, deadline_sec: float) -> Frame:
        """Look until the screen rests; time that recovery took of the deadline is given again."""
        for _ in range(_SETTLINGS):
            known = len(self.noted)
            frame = super().observe_settled(deadline_sec)
            if len(self.noted) == known:
                break
        return frame

    def _sound(self) -> Frame:
        frame = self._link.look()
        fault = faults.fault_of_shape(frame, self._expected_size())
        return frame if fault is None else self._look_past(fault, frame)

    def _turned_back(self, frame: Frame) -> Frame:
        """Turn the screen as it was; where it stays turned, taps are for the screen as it is (`screen_size_px`)."""
        if self._surroundings.turn_back(landscape=bool(self._is_landscape)):
            for _ in tries(self.clock, self._patience.look_again_sec):
                frame = self._sound()
                if _is_landscape(frame) == self._is_landscape:
                    break
        return frame

    def _expected_size(self) -> tuple[int, int]:
        if self._size_px is None:
            self._size_px = self._inner.screen_size_px()
        return self._size_px

    def _look_past(self, fault: DeviceFault, frame: Frame) -> Frame:
        """Look again until the frame is sound; a screen of one colour that no window explains is the app's own."""
        if fault.name in ("black_frame", "white_frame"):
            dump = self.shell(["dumpsys", "window"]).stdout
            if fault.name == "white_frame" and not faults.is_starting(dump):
                return frame
            secure = secure_windows(dump)
            about = f"{secure[0]} forbids screenshots" if secure else fault.about
            fault = DeviceFault(fault.name, fault.recoverable, fault.excuses, about)
        self._note(fault)
        for _ in tries(self.clock, self._patience.look_again_sec, LOOKS_AT_LEAST):
            frame = self._link.look()
            if faults.fault_of_shape(frame, self._expected_size()) is None:
                return frame
        raise DeviceFaultError(f"{fault.name}, for {self._patience.look_again_sec:g} s: {fault.about}.")

    def _after_no_effect(self, frame: Frame, action: Action, deadline_sec: float) -> Frame:
        """An action changed nothing: is the frame old, is a dialog in the way, was the input lost?"""
        frame, was_stale = self._looked_again(frame, deadline_sec)
        if was_stale:
            return frame
        dump = self.shell(["dumpsys", "window"]).stdout
        if self._surroundings.focus_first_display(dump):
            return self._settled(deadline_sec)
        if dialogs.dialog_of(dump) is not None:
            return self._uncovered(frame, deadline_sec)
        try:
            nodes = visible_nodes(self.shell, self.serial)
        except DeviceError as error:
            _LOG.info("nothing known about an action without effect: %s", error)
            return frame
        digest = hash(tuple(tuple(sorted(node.items())) for node in nodes))
        if self._still is not None and self._still[1] != digest and faults.is_equal(self._still[0], frame):
            self._note(DeviceFault("stale_frame", recoverable=False))
            raise DeviceFaultError("stale_frame: the elements on the screen changed and its picture did not.")
        self._still = (frame, digest)
        fault = faults.fault_of_no_effect(action, nodes, self.screen_size_px())
        if fault is not None:
            self._note(fault)
        return frame

    def _looked_again(self, frame: Frame, deadline_sec: float) -> tuple[Frame, bool]:
        """Return the screen after a few more looks, and whether it proved not to be the one that seemed to rest."""
        for _ in range(self._patience.effect_looks):
            later = self.observe()
            if faults.has_changed(later, frame):
                self._note(DeviceFault("stale_frame", about="the screen had changed before it showed"))
                return self._settled(deadline_sec), True
            frame = later
        return frame, False

    # --- dialogs of the system

    def _dialog(self) -> DeviceFault | None:
        return dialogs.dialog_of(self.shell(["dumpsys", "window"]).stdout)

    def _uncovered(self, frame: Frame, deadline_sec: float) -> Frame:
        """Close the system's dialogs, if there are any; each button is tapped again only where a dump still shows it.

        Raises:
            DeviceFaultError: a dialog has no button that is known, or stays.
        """
        dismissals_left = _DISMISSALS
        while (fault := self._dialog()) is not None:
            self._note(fault)
            point = dialogs.way_out(fault, visible_nodes(self.shell, self.serial)) if dismissals_left else None
            if point is None:
                raise DeviceFaultError(f"{fault.name}, which no known button closes ({fault.about}): see its screen.")
            width_px, height_px = self.screen_size_px()
            self.perform(Tap(point[0] / width_px, point[1] / height_px))
            self._acted = None
            frame = self._settled(deadline_sec)
            dismissals_left -= 1
        return frame

    def _read_deaths(self) -> set[str]:
        return set(faults.deaths(self.shell(["logcat", "-d", "-t", _LOG_LINES]).stdout))

    def _note(self, fault: DeviceFault) -> None:
        _LOG.info("fault of %s: %s %s", self.serial, fault.name, fault.about)
        self.noted.append(fault)


def _is_landscape(frame: Frame) -> bool:
    return frame.width_px > frame.height_px
