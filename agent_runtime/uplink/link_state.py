"""What the threads of a link tell each other: admitted, refused, closing, work to do. Makes no call."""

import logging
import threading
from dataclasses import dataclass

from agent_runtime.uplink.channel import LONGEST_RETRY_SEC

_LOG = logging.getLogger(__name__)


@dataclass
class LinkCounters:
    """What went over the link so far."""

    accepted: int = 0
    duplicate: int = 0
    refused: int = 0
    versions_received: int = 0
    deltas_received: int = 0
    payload_bytes_received: int = 0


class LinkState:
    """Whoever changes or waits for anything here holds ``changed``."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.counters = LinkCounters()
        self.changed = threading.Condition()
        self.registered = False
        self.refusal = ""
        """Why the tuner will not have this runtime, in its own words."""
        self.work = False
        """Whether something may wait in the spool that was not looked at."""
        self.stopping = False

    def pause(self, seconds: float, at_least_sec: float = 0.0) -> float:
        """Wait so long, less when the link is closed; return how long to wait the next time."""
        with self.changed:
            self.changed.wait_for(lambda: self.stopping, max(seconds, at_least_sec))
        return min(2 * seconds, LONGEST_RETRY_SEC)

    def is_stopped_within(self, seconds: float) -> bool:
        """Wait so long, and say whether the link was closed meanwhile."""
        with self.changed:
            return self.changed.wait_for(lambda: self.stopping, seconds)

    def note_renewed(self) -> None:
        """Forget a refusal: the next calls are made with another certificate."""
        with self.changed:
            self.refusal = ""
            self.changed.notify_all()

    def note_registered(self) -> None:
        """Let the sending and the following begin."""
        with self.changed:
            self.registered = True
            self.work = True
            self.changed.notify_all()

    def note_refusal(self, sentence: str) -> None:
        """End both threads, or have them wait for another certificate; trying again would change nothing."""
        if self.registered:  # otherwise wait_registered says so
            _LOG.warning("the tuner at %s refuses this runtime now: %s", self.address, sentence)
        with self.changed:
            self.refusal = sentence
            self.changed.notify_all()
