"""The time that deadlines and pauses go by: the host's own, or one of a test's. Asks no device what time it is."""

import time
from collections.abc import Iterator
from typing import Protocol

FIRST_PAUSE_SEC, LONGEST_PAUSE_SEC = 0.01, 1.0


class Clock(Protocol):
    """Seconds that only go forward, and a way to let some pass."""

    def monotonic(self) -> float:
        """Return the seconds since some fixed moment."""

    def wait(self, seconds: float) -> None:
        """Return after so many seconds."""


class HostClock:
    """The computer's own: a device that sets its date does not move it."""

    def monotonic(self) -> float:
        """See ``Clock``."""
        return time.monotonic()

    def wait(self, seconds: float) -> None:
        """See ``Clock``."""
        time.sleep(seconds)


HOST_CLOCK: Clock = HostClock()


def tries(clock: Clock, allowed_sec: float, at_least: int = 1) -> Iterator[None]:
    """Yield at once, and until the deadline again after pauses that grow from 10 ms to 1 s.

    ``at_least`` so many times, however long each try takes.
    """
    ends_at, pause_sec, made = clock.monotonic() + allowed_sec, FIRST_PAUSE_SEC, 1
    yield
    while clock.monotonic() < ends_at or made < at_least:
        clock.wait(pause_sec)
        pause_sec = min(2 * pause_sec, LONGEST_PAUSE_SEC)
        made += 1
        yield
