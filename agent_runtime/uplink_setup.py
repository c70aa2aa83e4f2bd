"""From options to the link that all devices share, and its end. Knows no gRPC call and no episode's insides."""

import socket
from collections.abc import Callable, Sequence

from agent_runtime.adapters import ENCODINGS
from agent_runtime.errors import TunerError, TunerRefusedError, UsageError
from agent_runtime.options import Options
from agent_runtime.policy_setup import Policies
from agent_runtime.trajectory import Trajectory
from agent_runtime.uplink.client import TunerLink
from agent_runtime.uplink.codec import trajectory_to_message
from agent_runtime.uplink.room import submit_when_there_is_room
from agent_runtime.uplink.spool import Spool
from agent_runtime.uplink.tls import ClientTls

MAX_ID_LENGTH = 128
"""What a tuner takes (tuner/ingest/validate.py)."""
REGISTER_TIMEOUT_SEC = 15.0
DRAIN_TIMEOUT_SEC = 30.0
Note = Callable[[str], None]


class Uplink:
    """The link of all devices to the tuner, or nothing where no tuner was named."""

    def __init__(
        self, options: Options, serials: Sequence[str], policies: Policies, note: Note, tls: ClientTls | None
    ) -> None:
        name = socket.gethostname() if tls is None else tls.name
        self.runtime_ids = {serial: f"{name}/{serial}"[:MAX_ID_LENGTH] for serial in serials}
        """What each device's runs are called towards a tuner, by its serial."""
        self._tls = tls
        self._address = options.tuner
        self._spool = Spool(options.spool)
        self._identity = policies.of_device[0].identity
        self._inbox = policies.inbox
        self._note = note
        self._link: TunerLink | None = None
        self._left_in_spool = 0

    def open(self) -> None:
        """Connect; a tuner that is away is only told of, because episodes wait in the spool.

        Raises:
            TunerRefusedError: the tuner will not have this runtime.
            UsageError: the spool cannot be used.
        """
        if self._address is None:
            return
        try:
            self._spool.open()
        except OSError as error:
            raise UsageError(f"Got no spool ({error}), expected a folder to write to: name another.") from error
        self._link = self._new_link(self._address)
        self._link.start()
        try:
            self._link.wait_registered(REGISTER_TIMEOUT_SEC)
        except TunerRefusedError:
            self._link.close(0.0)
            raise
        except TunerError as error:
            self._note(f"{error} Episodes wait in the spool.")

    def _new_link(self, address: str) -> TunerLink:
        ids = list(self.runtime_ids.values())
        if self._inbox is None:
            return TunerLink(address, self._identity, ids, self._spool, lambda manifest, payload: None, tls=self._tls)
        return TunerLink(
            address,
            self._identity,
            ids,
            self._spool,
            self._inbox.receive,
            self._inbox.version,
            self._inbox.digest,
            ENCODINGS,
            self._tls,
            self._inbox.admits,
            self._inbox.before_digest,
        )

    def submit(self, trajectory: Trajectory, gives_up: Callable[[], bool]) -> None:
        """Hand an episode over, when there is room for it or until ``gives_up`` says so.

        Raises:
            UsageError, OSError: there was no room; the episode is lost.
        """
        if self._link is not None:
            submit_when_there_is_room(self._link, trajectory_to_message(trajectory), self._note, gives_up)

    def wait_for_learning(self, timeout_sec: float) -> None:
        """Wait, at most so long, for one more version, put it in place and keep it for the last evaluation."""
        if self._link is None or self._inbox is None:
            return
        if timeout_sec > 0:
            self._inbox.wait_for_version(timeout_sec)
        self._inbox.apply_waiting()
        self._inbox.hold()

    def close(self) -> None:
        """Drain the spool within a deadline and end the link."""
        if self._inbox is not None:
            self._inbox.close()
        if self._link is None:
            return
        self._left_in_spool = self._link.close(DRAIN_TIMEOUT_SEC)
        if self._left_in_spool:
            self._note(f"{self._left_in_spool} episodes still wait in the spool: the next run sends them.")

    def summary(self) -> dict[str, object]:
        """Return the link's counters as plain data."""
        counters = self._link.counters if self._link is not None else None
        return {
            "runtime_ids": list(self.runtime_ids.values()),
            "trajectories_accepted": counters.accepted if counters else 0,
            "versions_received": counters.versions_received if counters else 0,
            "deltas_received": counters.deltas_received if counters else 0,
            "payload_bytes_received": counters.payload_bytes_received if counters else 0,
            "versions_applied": self._inbox.applied if self._inbox is not None else 0,
            "left_in_spool": self._left_in_spool,
        }
