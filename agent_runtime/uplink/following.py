"""Follows adapter versions and hands each complete payload on. Sends no trajectory, puts nothing in place.

A payload whose stream breaks off is gone on with where it ended, in the next one. A delta that is not taken is asked
for again as a whole. The payload of a manifest that is not admitted is let pass by, not kept: before the signature was
looked at nobody may fill the memory.
"""

import logging
from collections.abc import Callable, Sequence

import grpc
from coso.v1 import policy_pb2, tuner_pb2, tuner_pb2_grpc

from agent_runtime.adapters import DELTAS
from agent_runtime.adapters.hashed import HashedPayload, Payload
from agent_runtime.errors import TunerError
from agent_runtime.uplink.channel import CLOSED_CODES, FIRST_RETRY_SEC
from agent_runtime.uplink.line import Line, await_renewal
from agent_runtime.uplink.link_state import LinkState

_LOG = logging.getLogger(__name__)
OnAdapter = Callable[[policy_pb2.AdapterManifest, Payload], bool | None]
"""Takes a version; False when it will not be used."""
Admits = Callable[[policy_pb2.AdapterManifest], bool]
"""Says of a manifest whether its payload is worth fetching."""


class Follower:
    """The way in, asked for in the name of one runtime; ``run`` is its thread."""

    def __init__(
        self,
        state: LinkState,
        runtime_id: str,
        on_adapter: OnAdapter,
        have_version: Callable[[], int],
        have_digest: Callable[[], str],
        encodings: Sequence[policy_pb2.AdapterEncoding],
        admits: Admits = lambda manifest: True,
        before_digest: Callable[[], str] = lambda: "",
    ) -> None:
        self._state = state
        self._runtime_id = runtime_id
        self._on_adapter = on_adapter
        self._have_version = have_version
        self._have_digest = have_digest
        self._encodings = encodings
        self._admits = admits
        self._before_digest = before_digest
        self._wants_whole = False
        self._unfinished: _Arriving | None = None
        """What a stream that broke off left, until a manifest comes again."""
        self._call: grpc.Call | None = None

    def cancel(self) -> None:
        """End the stream there is; the state says already that the link is closing."""
        if self._call is not None:
            self._call.cancel()  # type: ignore[no-untyped-call]  # the stubs leave it so

    def run(self, line: Line) -> None:
        """Follow until the link is closed or the tuner refuses for good."""
        retry_sec = FIRST_RETRY_SEC
        state = self._state
        while True:
            used = line.tls
            with state.changed:
                state.changed.wait_for(lambda: state.registered or state.stopping or bool(state.refusal))
            if state.refusal and not state.stopping and await_renewal(line, state, used):
                continue
            if state.stopping or state.refusal:
                return
            try:
                self._follow(line.stub())
                retry_sec = FIRST_RETRY_SEC
            except grpc.RpcError as error:
                if error.code() is grpc.StatusCode.UNAUTHENTICATED and line.is_renewed(used):
                    continue
                if error.code() in CLOSED_CODES:
                    state.note_refusal(error.details() or error.code().name)
                    continue
                if not state.stopping:
                    _LOG.info("following adapters of %s: %s", state.address, error.code())
            except TunerError as error:
                _LOG.warning("following adapters of %s: %s", state.address, error)
            retry_sec = state.pause(retry_sec)

    def _follow(self, stub: tuner_pb2_grpc.TunerServiceStub) -> None:
        """Hand on versions until the stream ends.

        Raises:
            TunerError: the parts do not make a version; following again asks for it again.
        """
        left, self._unfinished = self._unfinished, None
        request = tuner_pb2.FollowAdaptersRequest(
            runtime_id=self._runtime_id,
            have_version=self._have_version(),
            encodings=() if self._wants_whole else self._encodings,
            have_adapter_sha256=self._have_digest(),
            before_adapter_sha256=self._before_digest(),
            partial_payload_sha256=left.manifest.payload_sha256 if left else "",
            partial_bytes=len(left.payload) if left else 0,
        )
        call = stub.FollowAdapters(request)
        self._call = call
        if self._state.stopping:  # close came before there was a call to cancel
            call.cancel()  # type: ignore[no-untyped-call]  # the stubs leave it so
        arriving = _Arriving(policy_pb2.AdapterManifest(), is_admitted=False)
        try:
            for part in call:
                if part.WhichOneof("part") == "manifest":
                    arriving = _Arriving(part.manifest, self._admits(part.manifest))
                    if left is not None:
                        arriving.go_on_from(left)
                    left = None
                    continue
                arriving.add(part.chunk)
                if arriving.is_complete:
                    self._deliver(arriving)
                    arriving = _Arriving(policy_pb2.AdapterManifest(), is_admitted=False)
        except TunerError:
            arriving, left = _Arriving(policy_pb2.AdapterManifest(), is_admitted=False), None
            raise
        finally:
            self._unfinished = arriving if len(arriving.payload) else left
            call.cancel()  # type: ignore[no-untyped-call]

    def _deliver(self, arrived: "_Arriving") -> None:
        manifest = arrived.manifest
        is_delta = manifest.encoding in DELTAS
        is_taken = False
        if arrived.is_admitted:
            payload = arrived.payload
            if payload.sha256 != manifest.payload_sha256:
                raise TunerError(
                    f"Got version {manifest.version} damaged, expected the payload of its manifest's sha256."
                )
            self._state.counters.versions_received += 1
            self._state.counters.payload_bytes_received += len(payload)
            self._state.counters.deltas_received += is_delta
            is_taken = self._on_adapter(manifest, payload) is not False
        self._wants_whole = is_delta and not is_taken
        if is_taken or manifest.replaces_any:
            return
        if is_delta or manifest.parent_version != self._have_version():  # the stream takes us to be where we are not
            raise TunerError(f"Got version {manifest.version} for another one than that in use: following again.")


class _Arriving:
    """A version on its way in; nothing of the payload is kept when its manifest was not admitted."""

    def __init__(self, manifest: policy_pb2.AdapterManifest, is_admitted: bool) -> None:
        self.manifest = manifest
        self.is_admitted = is_admitted
        self.payload = HashedPayload()
        self._arrived_bytes = 0
        self._goes_on = False

    @property
    def is_complete(self) -> bool:
        """Whether all of the payload came."""
        return self._arrived_bytes == self.manifest.payload_bytes

    def go_on_from(self, left: "_Arriving") -> None:
        """Take over what came of the same payload before, unless it then comes from its beginning again."""
        told, before = self.manifest, left.manifest
        if self.is_admitted and (told.payload_sha256, told.payload_bytes) == (
            before.payload_sha256,
            before.payload_bytes,
        ):
            self.payload, self._arrived_bytes, self._goes_on = left.payload, len(left.payload), True

    def add(self, chunk: policy_pb2.AdapterChunk) -> None:
        """Add the chunk to the payload so far.

        Raises:
            TunerError: it is not the one that comes next, or goes beyond the manifest's size.
        """
        if self._goes_on and chunk.offset_bytes == 0:  # a tuner that does not know how
            self.payload, self._arrived_bytes = HashedPayload(), 0
        self._goes_on = False
        manifest, reached = self.manifest, self._arrived_bytes
        data = chunk.data  # a copy each time it is asked for
        if chunk.offset_bytes != reached or reached + len(data) > manifest.payload_bytes:
            raise TunerError(
                f"Got {len(data)} bytes for place {chunk.offset_bytes} of version {manifest.version}, expected "
                f"place {reached} of {manifest.payload_bytes}."
            )
        self._arrived_bytes += len(data)
        if self.is_admitted:
            self.payload.add(data)
