"""A process's link to its tuner: one line, and a thread for each direction. Decides nothing about episodes.

The sending thread (`sending.py`) registers and empties the spool, the following one (`following.py`) hands on adapter
versions; what they share is in `link_state.py`. When the tuner is away, or what it says does not fit, both keep trying
with a delay that doubles up to ``LONGEST_RETRY_SEC``; episodes wait in the spool meanwhile.
"""

import threading
from collections.abc import Callable, Sequence

from coso.v1 import policy_pb2, trajectory_pb2

from agent_runtime.errors import TunerError, TunerRefusedError
from agent_runtime.trajectory import PolicyIdentity
from agent_runtime.uplink.channel import CALL_DEADLINE_SEC
from agent_runtime.uplink.following import Admits, Follower, OnAdapter
from agent_runtime.uplink.line import Line
from agent_runtime.uplink.link_state import LinkCounters, LinkState
from agent_runtime.uplink.sending import Sender
from agent_runtime.uplink.spool import Spool
from agent_runtime.uplink.tls import ClientTls


class TunerLink:
    """The link to ``address`` (host:port) of one process, whose devices are runtimes of these ids, at least one.

    Adapters are followed in the name of the first: all of them share one policy.
    """

    def __init__(
        self,
        address: str,
        identity: PolicyIdentity,
        runtime_ids: Sequence[str],
        spool: Spool,
        on_adapter: OnAdapter,
        have_version: Callable[[], int] = lambda: 0,
        have_digest: Callable[[], str] = lambda: "",
        encodings: Sequence[policy_pb2.AdapterEncoding] = (),
        tls: ClientTls | None = None,
        admits: Admits = lambda manifest: True,
        before_digest: Callable[[], str] = lambda: "",
    ) -> None:
        self._state = LinkState(address)
        self._spool = spool
        self._line = Line(address, tls)
        self._sender = Sender(self._state, identity, runtime_ids, spool)
        self._follower = Follower(
            self._state, runtime_ids[0], on_adapter, have_version, have_digest, encodings, admits, before_digest
        )
        self._threads: list[threading.Thread] = []

    @property
    def counters(self) -> LinkCounters:
        """What went over the link so far."""
        return self._state.counters

    @property
    def refusal(self) -> str:
        """Why the tuner will not have this runtime, in its own words; empty where it will."""
        return self._state.refusal

    def start(self) -> None:
        """Begin to connect; returns at once."""
        for name, loop in (("uplink-send", self._sender.run), ("uplink-follow", self._follower.run)):
            thread = threading.Thread(target=loop, args=(self._line,), name=name, daemon=True)
            thread.start()
            self._threads.append(thread)

    def wait_registered(self, timeout_sec: float) -> None:
        """Return once the tuner has admitted this runtime.

        Raises:
            TunerRefusedError: the tuner will not have it; the sentence is the tuner's.
            TunerError: it could not be reached in time; the link keeps trying.
        """
        state = self._state
        with state.changed:
            state.changed.wait_for(lambda: state.registered or bool(state.refusal), timeout_sec)
            if state.refusal:
                raise TunerRefusedError(f"The tuner at {state.address} refuses this runtime: {state.refusal}")
            if not state.registered:
                raise TunerError(
                    f"Got no answer from {state.address} within {timeout_sec:g} s, expected a tuner: "
                    "start one with `tuner serve`, or leave --tuner out."
                )

    def submit(self, trajectory: trajectory_pb2.Trajectory) -> None:
        """Make a trajectory durable and have it sent when the tuner is there.

        Raises:
            SpoolFullError: too much waits already.
            UsageError: it is larger than the whole spool may be.
            OSError: the disk refused.
        """
        with self._state.changed:
            try:
                self._spool.put(trajectory)
            finally:  # what fills a spool is work too: it may be there only because it could not be read before
                self._state.work = True
                self._state.changed.notify_all()

    def wait_for_change(self, timeout_sec: float) -> None:
        """Return when something left the spool or the link's state changed, after so long at the latest."""
        with self._state.changed:
            self._state.changed.wait(timeout_sec)

    def close(self, drain_timeout_sec: float) -> int:
        """Wait for the spool to empty, at most so long, then end the link and the spool; return how many still wait."""
        with self._state.changed:
            self._state.changed.wait_for(lambda: len(self._spool) == 0 or bool(self._state.refusal), drain_timeout_sec)
            self._state.stopping = True
            self._state.changed.notify_all()
        self._follower.cancel()
        for thread in self._threads:
            thread.join(timeout=CALL_DEADLINE_SEC)
        self._line.close()
        self._spool.close()
        return len(self._spool)
