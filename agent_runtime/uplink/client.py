"""The runtime's link to its tuner: two background threads over one channel. Decides nothing about episodes.

One thread registers and then sends what waits in the spool, removing a trajectory once the tuner has it; the
other follows adapter versions and hands each complete payload to ``on_adapter``; a delta that is not taken is asked
for again as a whole. When the tuner is away, or what
it says does not fit, both keep trying with a delay that doubles up to ``LONGEST_RETRY_SEC``; episodes wait in the
spool meanwhile.
"""

import hashlib
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import grpc
from coso.v1 import policy_pb2, trajectory_pb2, tuner_pb2, tuner_pb2_grpc

from agent_runtime import __version__
from agent_runtime.errors import TunerError, TunerRefusedError
from agent_runtime.trajectory import PolicyIdentity
from agent_runtime.uplink.channel import (
    FINAL_CODES,
    FIRST_RETRY_SEC,
    LONGEST_RETRY_SEC,
    MAX_MESSAGE_BYTES,
    asked_to_wait_sec,
    open_channel,
)
from agent_runtime.uplink.spool import Spool
from agent_runtime.uplink.tls import ClientTls

_ENVELOPE_BYTES = 16
"""More than a request adds around its trajectory: a tag and a length."""
CALL_DEADLINE_SEC = 20.0
UPLOAD_DEADLINE_SEC = 120.0
UPLOAD_BATCH = 32
_CLOSED_CODES = (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED)
_LOG = logging.getLogger(__name__)
OnAdapter = Callable[[policy_pb2.AdapterManifest, bytes], bool | None]
"""Takes a version; False when it will not be used."""


@dataclass
class LinkCounters:
    """What went over the link so far."""

    accepted: int = 0
    duplicate: int = 0
    refused: int = 0
    versions_received: int = 0
    deltas_received: int = 0
    payload_bytes_received: int = 0


class TunerLink:
    """One runtime's link to ``address`` (host:port)."""

    def __init__(
        self,
        address: str,
        identity: PolicyIdentity,
        runtime_id: str,
        spool: Spool,
        on_adapter: OnAdapter,
        have_version: Callable[[], int] = lambda: 0,
        have_digest: Callable[[], str] = lambda: "",
        encodings: Sequence[policy_pb2.AdapterEncoding] = (),
        tls: ClientTls | None = None,
    ) -> None:
        self.counters = LinkCounters()
        self._address = address
        self._identity = identity
        self._runtime_id = runtime_id
        self._spool = spool
        self._on_adapter = on_adapter
        self._have_version = have_version
        self._have_digest = have_digest
        self._encodings = encodings
        self._tls = tls
        self._wants_whole = False
        self._changed = threading.Condition()
        self._registered = False
        self._refusal = ""
        self._work = False
        self._stopping = False
        self._channel: grpc.Channel | None = None
        self._follow: grpc.Call | None = None
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Begin to connect; returns at once."""
        self._channel = open_channel(self._address, self._tls)
        stub = tuner_pb2_grpc.TunerServiceStub(self._channel)
        for name, loop in (("uplink-send", self._send_loop), ("uplink-follow", self._follow_loop)):
            thread = threading.Thread(target=loop, args=(stub,), name=name, daemon=True)
            thread.start()
            self._threads.append(thread)

    def wait_registered(self, timeout_sec: float) -> None:
        """Return once the tuner has admitted this runtime.

        Raises:
            TunerRefusedError: the tuner will not have it; the sentence is the tuner's.
            TunerError: it could not be reached in time; the link keeps trying.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._registered or bool(self._refusal), timeout_sec)
            if self._refusal:
                raise TunerRefusedError(f"The tuner at {self._address} refuses this runtime: {self._refusal}")
            if not self._registered:
                raise TunerError(
                    f"Got no answer from {self._address} within {timeout_sec:g} s, expected a tuner: "
                    "start one with `tuner serve`, or leave --tuner out."
                )

    def submit(self, trajectory: trajectory_pb2.Trajectory) -> None:
        """Make a trajectory durable and have it sent when the tuner is there.

        Raises:
            SpoolFullError: too much waits already.
            OSError: the disk refused.
        """
        with self._changed:
            self._spool.put(trajectory)
            self._work = True
            self._changed.notify_all()

    def close(self, drain_timeout_sec: float) -> int:
        """Wait for the spool to empty, at most so long, then end the link and the spool; return how many still wait."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._spool) == 0 or bool(self._refusal), drain_timeout_sec)
            self._stopping = True
            self._changed.notify_all()
        if self._follow is not None:
            self._follow.cancel()  # type: ignore[no-untyped-call]  # the stubs leave it so
        for thread in self._threads:
            thread.join(timeout=CALL_DEADLINE_SEC)
        if self._channel is not None:
            self._channel.close()
        self._spool.close()
        return len(self._spool)

    # --- sending

    def _send_loop(self, stub: tuner_pb2_grpc.TunerServiceStub) -> None:
        retry_sec = FIRST_RETRY_SEC
        while not self._stopping:
            try:
                if not self._registered:
                    self._register(stub)
                self._send_waiting(stub)
                retry_sec = FIRST_RETRY_SEC
            except grpc.RpcError as error:
                if error.code() in FINAL_CODES:
                    self._note_refusal(error.details() or error.code().name)
                    return
                _LOG.info("tuner at %s: %s", self._address, error.code())
                retry_sec = self._pause(retry_sec, asked_to_wait_sec(error))
                continue
            except (TunerError, OSError) as error:  # the spool's disk may be the one in trouble
                _LOG.warning("tuner at %s: %s", self._address, error)
                retry_sec = self._pause(retry_sec)
                continue
            with self._changed:
                self._changed.wait_for(lambda: self._work or self._stopping)
                self._work = False

    def _register(self, stub: tuner_pb2_grpc.TunerServiceStub) -> None:
        identity = self._identity
        stub.RegisterRuntime(
            tuner_pb2.RegisterRuntimeRequest(
                runtime_id=self._runtime_id,
                base_model_digest=identity.base_model_digest,
                tokenizer_digest=identity.tokenizer_digest,
                quantization=identity.quantization,
                action_grammar=identity.action_grammar,
                software_version=__version__,
            ),
            timeout=CALL_DEADLINE_SEC,
        )
        with self._changed:
            self._registered = True
            self._work = True
            self._changed.notify_all()

    def _send_waiting(self, stub: tuner_pb2_grpc.TunerServiceStub) -> None:
        while not self._stopping and self._send_batch(stub):
            pass

    def _send_batch(self, stub: tuner_pb2_grpc.TunerServiceStub) -> int:
        """Send the oldest trajectories and settle each with its answer; return how many there were.

        Raises:
            TunerError: the answers are not those of the trajectories; what has none stays in the spool.
        """
        sent: list[tuple[Path, str]] = []

        def requests() -> Iterator[tuner_pb2.SubmitTrajectoriesRequest]:
            for path, trajectory in self._spool.waiting():
                if len(sent) == UPLOAD_BATCH or self._stopping:
                    return
                if trajectory.ByteSize() + _ENVELOPE_BYTES > MAX_MESSAGE_BYTES:
                    self._refuse(path, trajectory.trajectory_id, f"it has more than {MAX_MESSAGE_BYTES} bytes")
                    continue
                if self._tls is not None and not self._tls.owns(trajectory.runtime_id):
                    reason = f"{trajectory.runtime_id} made it, and the certificate is for {self._tls.name}"
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
        with self._changed:
            stored = response.outcome == tuner_pb2.SUBMIT_OUTCOME_STORED
            self.counters.accepted += stored
            self.counters.duplicate += not stored
            self._spool.remove(path)
            self._changed.notify_all()

    def _refuse(self, path: Path, trajectory_id: str, reason: str) -> None:
        _LOG.warning("the tuner refuses %s: %s", trajectory_id, reason)
        with self._changed:
            self.counters.refused += 1
            self._spool.refuse(path)
            self._changed.notify_all()

    # --- following

    def _follow_loop(self, stub: tuner_pb2_grpc.TunerServiceStub) -> None:
        retry_sec = FIRST_RETRY_SEC
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._registered or self._stopping or bool(self._refusal))
                if self._stopping or self._refusal:
                    return
            try:
                self._follow_once(stub)
                retry_sec = FIRST_RETRY_SEC
            except grpc.RpcError as error:
                if error.code() in _CLOSED_CODES:
                    self._note_refusal(error.details() or error.code().name)
                    return
                if not self._stopping:
                    _LOG.info("following adapters of %s: %s", self._address, error.code())
            except TunerError as error:
                _LOG.warning("following adapters of %s: %s", self._address, error)
            retry_sec = self._pause(retry_sec)

    def _follow_once(self, stub: tuner_pb2_grpc.TunerServiceStub) -> None:
        """Hand on versions until the stream ends.

        Raises:
            TunerError: the parts do not make a version; following again asks for it again.
        """
        request = tuner_pb2.FollowAdaptersRequest(
            runtime_id=self._runtime_id,
            have_version=self._have_version(),
            encodings=() if self._wants_whole else self._encodings,
            have_adapter_sha256=self._have_digest(),
        )
        call = stub.FollowAdapters(request)
        self._follow = call
        if self._stopping:  # close came before there was a call to cancel
            call.cancel()  # type: ignore[no-untyped-call]  # the stubs leave it so
        manifest, payload = policy_pb2.AdapterManifest(), bytearray()
        try:
            for part in call:
                if part.WhichOneof("part") == "manifest":
                    manifest, payload = part.manifest, bytearray()
                    continue
                _append(payload, part.chunk, manifest)
                if len(payload) == manifest.payload_bytes:
                    self._deliver(manifest, bytes(payload))
                    manifest, payload = policy_pb2.AdapterManifest(), bytearray()
        finally:
            call.cancel()  # type: ignore[no-untyped-call]

    def _deliver(self, manifest: policy_pb2.AdapterManifest, payload: bytes) -> None:
        if hashlib.sha256(payload).hexdigest() != manifest.payload_sha256:
            raise TunerError(f"Got version {manifest.version} damaged, expected the payload of its manifest's sha256.")
        self.counters.versions_received += 1
        self.counters.payload_bytes_received += len(payload)
        is_delta = manifest.encoding == policy_pb2.ADAPTER_ENCODING_DELTA_ZSTD
        self.counters.deltas_received += is_delta
        is_taken = self._on_adapter(manifest, payload) is not False
        self._wants_whole = is_delta and not is_taken
        if is_taken or manifest.replaces_any:
            return
        if is_delta or manifest.parent_version != self._have_version():  # the stream takes us to be where we are not
            raise TunerError(f"Got version {manifest.version} for another one than that in use: following again.")

    def _pause(self, seconds: float, at_least_sec: float = 0.0) -> float:
        """Wait so long, less when the link is closed; return how long to wait the next time."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopping, max(seconds, at_least_sec))
        return min(2 * seconds, LONGEST_RETRY_SEC)

    def _note_refusal(self, sentence: str) -> None:
        if self._registered:  # otherwise wait_registered says so
            _LOG.warning("the tuner at %s refuses this runtime now: %s", self._address, sentence)
        with self._changed:
            self._refusal = sentence
            self._changed.notify_all()


def _append(payload: bytearray, chunk: policy_pb2.AdapterChunk, manifest: policy_pb2.AdapterManifest) -> None:
    """Add the chunk to the payload so far.

    Raises:
        TunerError: it is not the one that comes next, or goes beyond the manifest's size.
    """
    if chunk.offset_bytes != len(payload) or len(payload) + len(chunk.data) > manifest.payload_bytes:
        raise TunerError(
            f"Got {len(chunk.data)} bytes for place {chunk.offset_bytes} of version {manifest.version}, expected "
            f"place {len(payload)} of {manifest.payload_bytes}."
        )
    payload += chunk.data
