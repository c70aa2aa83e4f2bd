"""Registers the runtimes, then sends what waits in the spool and settles it by the answers. Follows nothing.

A trajectory leaves the spool once the tuner has it. When the tuner is away, or what it says does not fit, the delay
between two tries doubles; episodes wait in the spool meanwhile.
"""

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

import grpc
from coso.v1 import tuner_pb2, tuner_pb2_grpc

from agent_runtime.errors import TunerError, TunerRefusedError
from agent_runtime.trajectory import PolicyIdentity
from agent_runtime.uplink.channel import (
    CLOSED_CODES,
    FINAL_CODES,
    FIRST_RETRY_SEC,
    MAX_TRAJECTORY_BYTES,
    asked_to_wait_sec,
)
from agent_runtime.uplink.line import LOOK_SEC, Line, await_renewal
from agent_runtime.uplink.link_state import LinkState
from agent_runtime.uplink.registration import register
from agent_runtime.uplink.spool import Spool
from agent_runtime.uplink.tls import ClientTls

UPLOAD_DEADLINE_SEC = 120.0
UPLOAD_BATCH = 32
_LOG = logging.getLogger(__name__)


class Sender:
    """The way out for the runtimes of those ids; ``run`` is its thread."""

    def __init__(
        self,
        state: LinkState,
        identity: PolicyIdentity,
        runtime_ids: Sequence[str],
        spool: Spool,
    ) -> None:
        self._state = state
        self._identity = identity
        self._runtime_ids = runtime_ids
        self._spool = spool

    def run(self, line: Line) -> None:
        """Send until the link is closed or the tuner refuses for good."""
        retry_sec = FIRST_RETRY_SEC
        while not self._state.stopping:
            used = line.tls
            try:
                if not self._state.registered:
                    self._register(line.stub())
                self._send_waiting(line)
                retry_sec = FIRST_RETRY_SEC
            except grpc.RpcError as error:
                if error.code() is grpc.StatusCode.UNAUTHENTICATED and line.is_renewed(used):
                    continue
                if error.code() in FINAL_CODES:
                    self._state.note_refusal(error.details() or error.code().name)
                    if error.code() in CLOSED_CODES and await_renewal(line, self._state, used):
                        continue
                    return
                _LOG.info("tuner at %s: %s", self._state.address, error.code())
                retry_sec = self._state.pause(retry_sec, asked_to_wait_sec(error))
                continue
            except TunerRefusedError as error:
                self._state.note_refusal(str(error))
                return
            except (TunerError, OSError) as error:  # the spool's disk may be the one in trouble
                _LOG.warning("tuner at %s: %s", self._state.address, error)
                retry_sec = self._state.pause(retry_sec)
                continue
            while not self._has_work():
                line.renew()

    def _has_work(self) -> bool:
        """Wait for work or the end, at most until it is time to look for a renewed certificate."""
        state = self._state
        with state.changed:
            has_work = state.changed.wait_for(lambda: state.work or state.stopping, LOOK_SEC)
            state.work = False
        return has_work

    def _register(self, stub: tuner_pb2_grpc.TunerServiceStub) -> None:
        for runtime_id in self._runtime_ids:
            register(stub, runtime_id, self._identity)
        self._state.note_registered()

    def _send_waiting(self, line: Line) -> None:
        while not self._state.stopping and self._send_batch(line.stub(), line.tls):
            pass

    def _send_batch(self, stub: tuner_pb2_grpc.TunerServiceStub, tls: ClientTls | None) -> int:
        """Send the oldest trajectories and settle each with its answer; return how many there were.

        Raises:
            TunerError: the answers are not those of the trajectories; what has none stays in the spool.
        """
        sent: list[tuple[Path, str]] = []

        def requests() -> Iterator[tuner_pb2.SubmitTrajectoriesRequest]:
            for path, trajectory in self._spool.waiting():
                if len(sent) == UPLOAD_BATCH or self._state.stopping:
                    return
                if trajectory.ByteSize() > MAX_TRAJECTORY_BYTES:
                    self._refuse(path, trajectory.trajectory_id, f"it has more than {MAX_TRAJECTORY_BYTES} bytes")
                    continue
                if tls is not None and not tls.owns(trajectory.runtime_id):
                    reason = f"{trajectory.runtime_id} made it, and the certificate is for {tls.name}"
                    self._refuse(path, trajectory.trajectory_id, reason)
                    continue
                sent.append((path, trajectory.trajectory_id))
                yield tuner_pb2.SubmitTrajectoriesRequest(trajectory=trajectory)

        answered = 0
        for response in stub.SubmitTrajectories(requests(), timeout=UPLOAD_DEADLINE_SEC):
            if answered == len(sent) or response.trajectory_id != sent[answered][1]:
                raise TunerError(f"Got an answer for {response.trajectory_id!r} out of turn, expected them in order.")
            self._settle(sent[answered][0], response)
            answered += 1
        if answered < len(sent):
            raise TunerError(f"Got {answered} answers for {len(sent)} trajectories, expected one for each.")
        return answered

    def _settle(self, path: Path, response: tuner_pb2.SubmitTrajectoriesResponse) -> None:
        if response.outcome == tuner_pb2.SUBMIT_OUTCOME_REFUSED:
            self._refuse(path, response.trajectory_id, response.reason)
            return
        if response.outcome not in (tuner_pb2.SUBMIT_OUTCOME_STORED, tuner_pb2.SUBMIT_OUTCOME_DUPLICATE):
            raise TunerError(f"Got the outcome {response.outcome}, expected STORED, DUPLICATE or REFUSED.")
        with self._state.changed:
            stored = response.outcome == tuner_pb2.SUBMIT_OUTCOME_STORED
            self._state.counters.accepted += stored
            self._state.counters.duplicate += not stored
            self._spool.remove(path)
            self._state.changed.notify_all()

    def _refuse(self, path: Path, trajectory_id: str, reason: str) -> None:
        _LOG.warning("the tuner refuses %s: %s", trajectory_id, reason)
        with self._state.changed:
            self._state.counters.refused += 1
            self._spool.refuse(path)
            self._state.changed.notify_all()
