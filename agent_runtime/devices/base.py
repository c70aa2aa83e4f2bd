"""What the runtime asks of any device. Speaks to none itself: `adb` does, and `replay` has none."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import numpy as np
from PIL import Image

from agent_runtime.actions.ruling import Ruling
from agent_runtime.actions.vocabulary import Action
from agent_runtime.devices.clock import HOST_CLOCK, Clock
from agent_runtime.errors import BadFrameError

BYTES_PER_PIXEL = 4


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One look at the screen: RGBA_8888 rows from the top, [height_px, width_px, 4] bytes, not to be changed."""

    pixels: bytes | memoryview
    width_px: int
    height_px: int

    def __post_init__(self) -> None:
        expected = self.width_px * self.height_px * BYTES_PER_PIXEL
        if len(self.pixels) != expected or not expected:
            raise BadFrameError(
                f"Got {len(self.pixels)} bytes for a screen of {self.width_px}x{self.height_px} pixels, expected "
                f"{expected or 'some'}: look again, or reconnect the device."
            )

    def __eq__(self, other: object) -> bool:
        """Equal size and equal pixels; the alpha counts, as it costs nothing."""
        if not isinstance(other, Frame):
            return NotImplemented
        if (self.width_px, self.height_px) != (other.width_px, other.height_px):
            return False
        if isinstance(self.pixels, bytes) and isinstance(other.pixels, bytes):
            return self.pixels == other.pixels
        return bool(np.array_equal(np.frombuffer(self.pixels, np.uint32), np.frombuffer(other.pixels, np.uint32)))

    __hash__ = None  # type: ignore[assignment]  # pixels are too many to hash

    def to_image(self) -> Image.Image:
        """Return the picture as RGB; the alpha of a screen means nothing."""
        return self.to_shared_image().convert("RGB")

    def to_shared_image(self) -> Image.Image:
        """Return the picture as RGBX over the frame's own bytes, without copying them; not to be drawn on."""
        pixels: Any = self.pixels  # Pillow's hints leave memoryview out
        return Image.frombuffer("RGBX", (self.width_px, self.height_px), pixels, "raw", "RGBX", 0, 1)


@dataclass(frozen=True, slots=True)
class ShellResult:
    """What a command on the device printed (both of its outputs) and its exit status."""

    stdout: str
    exit_code: int


class Device(ABC):
    """A phone that can be looked at and acted on. Every call ends within a deadline of its own.

    All methods raise ``DeviceError`` (or a kind of it) when the device or the way to it fails.
    """

    serial: str
    clock: Clock = HOST_CLOCK
    """What every deadline goes by; never the device's own date."""

    @property
    def mended(self) -> Counter[str]:
        """How often what was wrong with it, by name, and was got over without a word; counts only go up."""
        return Counter()

    def begin_episode(self) -> None:  # noqa: B027  # a plain device has nothing to forget
        """An episode begins: whatever went wrong before it does not count for it."""

    def faults_so_far(self) -> tuple[str, ...]:
        """Return the names of all faults noticed since ``begin_episode``, in order, recovered from or not."""
        return ()

    def excuses(self) -> tuple[str, ...]:
        """Return the names of faults since then for which an agent that failed is not to blame."""
        return ()

    @abstractmethod
    def screen_size_px(self) -> tuple[int, int]:
        """Return (width, height) of the space that taps are given in, in the current rotation."""

    @abstractmethod
    def observe(self) -> Frame:
        """Return the screen as it is now."""

    @abstractmethod
    def perform(self, action: Action) -> Ruling | None:
        """Carry out one action, once; ``Finish`` and ``Malformed`` do nothing.

        Return what a gate in front of the device said: where it does not allow the action, nothing was done. None
        where there is no gate.
        """

    @abstractmethod
    def shell(self, args: Sequence[str]) -> ShellResult:
        """Run a command with exactly these arguments; nothing in them is read as shell syntax."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the device; calling it again does nothing."""

    def observe_settled(self, deadline_sec: float) -> Frame:
        """Look until two consecutive frames are equal, or until the deadline; return the last one.

        Looking is what takes the time, so a device that answers fast is never waited for. A screen that never
        rests (a running clock) is returned as it is at the deadline.
        """
        ends_at = self.clock.monotonic() + deadline_sec
        last = self.observe()
        while self.clock.monotonic() < ends_at:
            frame = self.observe()
            if frame == last:
                return frame
            last = frame
        return last

    def __enter__(self) -> "Device":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
