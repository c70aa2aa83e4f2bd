"""Sends finished trajectories to a tuner and returns what it says of each. Keeps no spool and tries nothing twice.

The tuner takes an id once, so whoever is cut off may send everything again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import grpc
from coso.v1 import trajectory_pb2, tuner_pb2, tuner_pb2_grpc

from agent_runtime.errors import TunerError, TunerRefusedError
from agent_runtime.trajectory import PolicyIdentity
from agent_runtime.uplink.channel import FINAL_CODES, MAX_TRAJECTORY_BYTES, open_channel
from agent_runtime.uplink.registration import register
from agent_runtime.uplink.tls import ClientTls

UPLOAD_DEADLINE_SEC = 120.0


class Fate(Enum):
    """What became of a trajectory that was sent."""

    STORED = "stored"
    KNOWN = "known already"
    REFUSED = "refused"


_FATES = {
    tuner_pb2.SUBMIT_OUTCOME_STORED: Fate.STORED,
    tuner_pb2.SUBMIT_OUTCOME_DUPLICATE: Fate.KNOWN,
    tuner_pb2.SUBMIT_OUTCOME_REFUSED: Fate.REFUSED,
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What the tuner said of one trajectory; ``reason`` is its sentence where it refused."""

    fate: Fate
    reason: str = ""


class Upload:
    """A connection to the tuner at ``address`` (host:port); ``close`` it at the end."""

    def __init__(self, address: str, tls: ClientTls | None = None) -> None:
        self._address = address
        self._channel = open_channel(address, tls)
        self._stub = tuner_pb2_grpc.TunerServiceStub(self._channel)

    def register(self, runtime_id: str, identity: PolicyIdentity) -> None:
        """Be admitted as that runtime.

        Raises:
            TunerRefusedError: the tuner's model or wire is another, or it will not have this runtime.
            TunerError: it did not answer.
        """
        try:
            register(self._stub, runtime_id, identity)
        except grpc.RpcError as error:
            raise self._failure(error) from error

    def send(self, trajectories: Sequence[trajectory_pb2.Trajectory]) -> list[Answer]:
        """Send trajectories over one stream and return an answer for each, in order; stored ones are durable.

        Raises:
            TunerRefusedError: the tuner takes nothing from this caller.
            TunerError: it did not answer for all of them; those it stored it will know when they are sent again.
        """
        small = [item for item in trajectories if item.ByteSize() <= MAX_TRAJECTORY_BYTES]
        requests = (tuner_pb2.SubmitTrajectoriesRequest(trajectory=item) for item in small)
        answers: dict[int, Answer] = {}
        try:
            responses = self._stub.SubmitTrajectories(requests, timeout=UPLOAD_DEADLINE_SEC)
            for item, response in zip(small, responses, strict=False):
                if response.trajectory_id != item.trajectory_id or response.outcome not in _FATES:
                    raise TunerError(
                        f"Got the answer {response.outcome} for {response.trajectory_id!r} from {self._address}, "
                        f"expected one for {item.trajectory_id!r}: send again."
                    )
                answers[id(item)] = Answer(_FATES[response.outcome], response.reason)
        except grpc.RpcError as error:
            raise self._failure(error) from error
        if len(answers) < len(small):
            raise TunerError(
                f"Got {len(answers)} answers for {len(small)} episodes from {self._address}, expected one for each: "
                "send again."
            )
        too_large = Answer(Fate.REFUSED, f"it has more than {MAX_TRAJECTORY_BYTES} bytes")
        return [answers.get(id(item), too_large) for item in trajectories]

    def close(self) -> None:
        """End the connection."""
        self._channel.close()

    def _failure(self, error: grpc.RpcError) -> TunerError:
        code, said = error.code(), error.details() or ""
        if code in FINAL_CODES:
            return TunerRefusedError(f"The tuner at {self._address} refuses: {said or code.name}")
        return TunerError(
            f"Got {code.name} ({said}) from {self._address}, expected a tuner that takes episodes: start it with "
            "`tuner serve` and send again; what it has it knows."
        )
