"""A phone whose course is fixed: it shows recorded screens and takes the recorded actions. Reads no recording itself.

What is recorded are the pictures a policy saw, so the screen has their size. There is no phone behind it: a command is
refused, and so is every action but the one that was recorded next.
"""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PIL import Image

from agent_runtime.actions.vocabulary import Action, Finish, Malformed
from agent_runtime.devices.base import Device, Frame, ShellResult
from agent_runtime.errors import BadFrameError, DeviceError


@dataclass(frozen=True, slots=True)
class Station:
    """One recorded step: ``png`` gives its screen when it is asked for, ``action`` leads on to the next."""

    png: Callable[[], bytes]
    action: Action


class ReplayDevice(Device):
    """Leads through stations in order: the action that was recorded leads on, looking does not.

    ``Finish`` and ``Malformed`` do nothing to a phone. Where one was recorded it leads on to the next step's screen,
    but never past the last; where none was, nothing happens.
    """

    def __init__(self, serial: str, stations: Sequence[Station]) -> None:
        self.serial = serial
        self._stations = tuple(stations)
        self._at = 0
        self._shown: tuple[int, Frame] | None = None

    def screen_size_px(self) -> tuple[int, int]:
        """See ``Device``: the size of the recorded picture."""
        frame = self.observe()
        return frame.width_px, frame.height_px

    def observe(self) -> Frame:
        """See ``Device``; looking never leads on."""
        if self._shown is None or self._shown[0] != self._at:
            self._shown = self._at, _frame(self._station().png())
        return self._shown[1]

    def observe_settled(self, deadline_sec: float) -> Frame:
        """Return the screen, which always rests, without waiting."""
        return self.observe()

    def perform(self, action: Action) -> None:
        """See ``Device``.

        Raises:
            DeviceError: another action was recorded here, or the recording is over.
        """
        recorded = self._station().action
        if isinstance(action, Finish | Malformed):
            was_recorded = isinstance(recorded, Finish | Malformed)
            self._at += was_recorded and self._at + 1 < len(self._stations)
            return
        if action != recorded:
            raise DeviceError(
                f"Got {action} at step {self._at} of a recording, expected {recorded}, which was recorded there: what "
                "another action leads to is not known, so give the device the policy that was recorded."
            )
        self._at += 1

    def shell(self, args: Sequence[str]) -> ShellResult:
        """Refuse: nothing is there to run a command."""
        raise DeviceError(
            f"Got the command {' '.join(args)[:80]!r} for a recording, expected none: run tasks on a phone."
        )

    def close(self) -> None:
        """See ``Device``; there is nothing to let go of."""

    def _station(self) -> Station:
        if self._at >= len(self._stations):
            raise DeviceError(
                f"Got asked for what came after step {self._at - 1} of a recording, expected an end there: no later "
                "screen was recorded."
            )
        return self._stations[self._at]


def _frame(png: bytes) -> Frame:
    try:
        picture = Image.open(io.BytesIO(png), formats=("PNG",)).convert("RGBA")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise BadFrameError(
            f"Got a recorded screen that is no picture ({error}), expected a PNG: record again."
        ) from error
    return Frame(picture.tobytes(), *picture.size)
