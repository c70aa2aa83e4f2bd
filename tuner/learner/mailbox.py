"""JSON lines in and out: what the front tells the learner, and what the learner answers. Decides nothing.

in    {"event": "trajectory_stored"} · {"event": "stop"} · end of input counts as a stop
out   state · published · metrics · consumed (see ``tuner.supervisor``)
"""

import json
import queue
import threading
from collections.abc import Mapping
from typing import TextIO

STOP = "stop"


class Mailbox:
    """Reads one stream from a thread of its own and writes the other."""

    def __init__(self, incoming: TextIO, outgoing: TextIO) -> None:
        self._incoming = incoming
        self._outgoing = outgoing
        self._events: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._stopping = threading.Event()

    def start(self) -> None:
        """Begin to read."""
        threading.Thread(target=self._read, name="mailbox", daemon=True).start()

    @property
    def stop_requested(self) -> bool:
        """True once a stop was read or the input ended."""
        return self._stopping.is_set()

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
            event = _event_name(line)
            if event == STOP:
                break
            self._events.put(event)
        self._stopping.set()
        self._events.put(STOP)


def _event_name(line: str) -> str:
    """Return the event's name, or "" for a line that is no event: it then only wakes the loop."""
    try:
        event = json.loads(line)
    except ValueError:
        return ""
    return str(event.get("event", "")) if isinstance(event, dict) else ""
