"""JSON lines in and out: what the front tells the learner, and what the learner answers. Decides nothing.

in    {"event": "trajectory_stored"} · {"event": "rollback", "request": …, "version": …, "latest_version": …}
      {"event": "stop"} · end of input counts as a stop
out   state · published · metrics · consumed · rolled_back · rollback_refused (see ``tuner.supervisor``)
"""

import json
import queue
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TextIO

STOP = "stop"


@dataclass(frozen=True, slots=True)
class RollbackWish:
    """An operator's wish to use an older version's tensors; ``request`` names it in the answer."""

    request: int
    version: int
    latest_version: int


class Mailbox:
    """Reads one stream from a thread of its own and writes the other."""

    def __init__(self, incoming: TextIO, outgoing: TextIO) -> None:
        self._incoming = incoming
        self._outgoing = outgoing
        self._events: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._wishes: queue.SimpleQueue[RollbackWish] = queue.SimpleQueue()
        self._stopping = threading.Event()

    def start(self) -> None:
        """Begin to read."""
        threading.Thread(target=self._read, name="mailbox", daemon=True).start()

    @property
    def stop_requested(self) -> bool:
        """True once a stop was read or the input ended."""
        return self._stopping.is_set()

    def stopped_within(self, seconds: float) -> bool:
        """Wait for a stop, at most so long, and tell whether it came."""
        return self._stopping.wait(seconds)

    def next_rollback(self) -> RollbackWish | None:
        """Return the oldest wish not yet returned, None when there is none."""
        try:
            return self._wishes.get_nowait()
        except queue.Empty:
            return None

    def wait(self) -> None:
        """Return once something was read since the last call; several events count as one."""
        if self.stop_requested:
            return
        self._events.get()
        while not self._events.empty():
            self._events.get()

    def state(self, state: str, message: str = "") -> None:
        """Say "starting", "waiting", "training", "stopped" or "failed"."""
        self._tell({"event": "state", "state": state, "message": message})

    def published(self, version: int) -> None:
        """Say that the store holds a new version."""
        self._tell({"event": "published", "version": version})

    def rolled_back(self, request: int, version: int) -> None:
        """Say that a wish was fulfilled as this new version."""
        self._tell({"event": "rolled_back", "request": request, "version": version})

    def rollback_refused(self, request: int, message: str) -> None:
        """Say in a sentence why a wish was not fulfilled."""
        self._tell({"event": "rollback_refused", "request": request, "message": message})

    def consumed(self, count: int) -> None:
        """Say how many trajectories an update used."""
        self._tell({"event": "consumed", "count": count})

    def metrics(self, metrics: Mapping[str, float]) -> None:
        """Say the latest figures."""
        self._tell({"event": "metrics", "metrics": dict(metrics)})

    def _tell(self, event: Mapping[str, object]) -> None:
        self._outgoing.write(json.dumps(event) + "\n")
        self._outgoing.flush()

    def _read(self) -> None:
        for line in self._incoming:
            event = _event(line)
            match event:
                case {"event": "stop"}:
                    break
                case {
                    "event": "rollback",
                    "request": int(request),
                    "version": int(version),
                    "latest_version": int(latest),
                }:
                    self._wishes.put(RollbackWish(request, version, latest))
            self._events.put(str(event.get("event", "")))
        self._stopping.set()
        self._events.put(STOP)


def _event(line: str) -> dict[str, object]:
    """Return the event, or an empty one for a line that is none: it then only wakes the loop."""
    try:
        event = json.loads(line)
    except ValueError:
        return {}
    return event if isinstance(event, dict) else {}
