"""Bugs planted in the recovery, each of which the counts of a kind of fault must show. Plays no trial itself."""

from __future__ import annotations

from dataclasses import dataclass

from agent_runtime.actions import Action
from agent_runtime.devices import Frame
from agent_runtime.devices.adb import AdbDevice
from agent_runtime.devices.faults import DeviceFault
from agent_runtime.devices.recovery import RecoveringDevice
from agent_runtime.errors import DeviceError
from benchmarks.fault_stages import simulated_stage
from benchmarks.fault_trials import run_kind
from benchmarks.simulated_adb import SimulatedServer


class StaleFrameReused(RecoveringDevice):
    """Believes a frame that did not change."""

    def _after_no_effect(self, frame: Frame, action: Action, deadline_sec: float) -> Frame:
        return frame


class TapRetried(RecoveringDevice):
    """Sends an input again when the way to the device broke under it."""

    def perform(self, action: Action) -> None:
        try:
            self._inner.perform(action)
        except DeviceError:
            self._inner.perform(action)


class OutageIsFailure(RecoveringDevice):
    """Excuses nobody."""

    def excuses(self) -> tuple[str, ...]:
        super().excuses()
        return ()


class ServerKilled(RecoveringDevice):
    """Does what `adb kill-server` does whenever something goes wrong."""

    def _note(self, fault: DeviceFault) -> None:
        super()._note(fault)
        assert isinstance(self._inner, AdbDevice), "it is played on a simulated stage"
        assert isinstance(self._inner._server, SimulatedServer), "it is played on a simulated stage"
        self._inner._server.kill()


class BlackFrameShown(RecoveringDevice):
    """Takes any frame for the screen."""

    def _sound(self) -> Frame:
        return self._link.look()


class DateUnwatched(RecoveringDevice):
    """Does not remember the date."""

    def begin_episode(self) -> None:
        super().begin_episode()
        self._surroundings._booted_at_sec = None


class RotationIgnored(RecoveringDevice):
    """Takes a turned screen as it is."""

    def _turned_back(self, frame: Frame) -> Frame:
        return frame


class FocusIgnored(RecoveringDevice):
    """Believes that keys and texts go to the display it sees."""

    def _after_no_effect(self, frame: Frame, action: Action, deadline_sec: float) -> Frame:
        self._surroundings.focus_first_display = lambda window_dump: False  # type: ignore[method-assign]
        return super()._after_no_effect(frame, action, deadline_sec)


@dataclass(frozen=True)
class Mutant:
    """A planted bug, the kind of fault it is played under, and the count that shows it."""

    recovery: type[RecoveringDevice]
    kind: str
    shown_by: str


MUTANTS = (
    Mutant(StaleFrameReused, "stale_frame", "bad_frames"),
    Mutant(TapRetried, "hung_shell", "taps_repeated"),
    Mutant(OutageIsFailure, "app_killed", "blamed"),
    Mutant(ServerKilled, "offline", "disturbed"),
    Mutant(BlackFrameShown, "black_frame", "bad_frames"),
    Mutant(DateUnwatched, "clock_jump", "blamed"),
    Mutant(RotationIgnored, "rotation", "unnamed"),
    Mutant(FocusIgnored, "wrong_display_focus", "unnamed"),
)


def shown(mutant: Mutant, trials: int) -> tuple[int, int]:
    """Return what the count comes to with the bug and without it."""
    found = []
    for recovery in (mutant.recovery, RecoveringDevice):
        with simulated_stage(seed=1) as stage:
            found.append(int(getattr(run_kind(stage, mutant.kind, trials, recovery), mutant.shown_by)))
    return found[0], found[1]
