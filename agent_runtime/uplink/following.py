"""Follows adapter versions and hands each complete payload on. Sends no trajectory, puts nothing in place.

A delta that is not taken is asked for again as a whole.
"""

import logging
from collections.abc import Callable, Sequence

import grpc
from coso.v1 import policy_pb2, tuner_pb2, tuner_pb2_grpc

from agent_runtime.adapters.hashed import HashedPayload, HashingBuffer
from agent_runtime.errors import TunerError
from agent_runtime.uplink.channel import FIRST_RETRY_SEC
from agent_runtime.uplink.link_state import LinkState

_CLOSED_CODES = (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED)
_LOG = logging.getLogger(__name__)
OnAdapter = Callable[[policy_pb2.AdapterManifest, bytes], bool | None]
"""Takes a version; False when it will not be used."""


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
    ) -> None:
        self._state = state
        self._runtime_id = runtime_id
        self._on_adapter = on_adapter
        self._have_version = have_version
        self._have_digest = have_digest
        self._encodings = encodings
        self._wants_whole = False
        self._call: grpc.Call | None = None

    def cancel(self) -> None:
        """End the stream there is; the state says already that the link is closing."""
        if self._call is not None:
            self._call.cancel()  # type: ignore[no-untyped-call]  # the stubs leave it so

    def run(self, stub: tuner_pb2_grpc.TunerServiceStub) -> None:
        """Follow until the link is closed or the tuner refuses for good."""
        retry_sec = FIRST_RETRY_SEC
        state = self._state
        while True:
            with state.changed:
                state.changed.wait_for(lambda: state.registered or state.stopping or bool(state.refusal))
                if state.stopping or state.refusal:
                    return
            try:
                self._follow(stub)
                retry_sec = FIRST_RETRY_SEC
            except grpc.RpcError as error:
                if error.code() in _CLOSED_CODES:
                    state.note_refusal(error.details() or error.code().name)
                    return
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
        request = tuner_pb2.FollowAdaptersRequest(
            runtime_id=self._runtime_id,
            have_version=self._have_version(),
            encodings=() if self._wants_whole else self._encodings,
            have_adapter_sha256=self._have_digest(),
        )
        call = stub.FollowAdapters(request)
        self._call = call
        if self._state.stopping:  # close came before there was a call to cancel
            call.cancel()  # type: ignore[no-untyped-call]  # the stubs leave it so
        manifest, payload = policy_pb2.AdapterManifest(), HashingBuffer()
        try:
            for part in call:
                if part.WhichOneof("part") == "manifest":
                    manifest, payload = part.manifest, HashingBuffer()
                    continue
                _check_next(len(payload), part.chunk, manifest)
                payload += part.chunk.data
                if len(payload) == manifest.payload_bytes:
                    self._deliver(manifest, payload.whole())
                    manifest, payload = policy_pb2.AdapterManifest(), HashingBuffer()
        finally:
            call.cancel()  # type: ignore[no-untyped-call]

    def _deliver(self, manifest: policy_pb2.AdapterManifest, payload: HashedPayload) -> None:
        if payload.sha256 != manifest.payload_sha256:
            raise TunerError(f"Got version {manifest.version} damaged, expected the payload of its manifest's sha256.")
        self._state.counters.versions_received += 1
        self._state.counters.payload_bytes_received += len(payload)
        is_delta = manifest.encoding == policy_pb2.ADAPTER_ENCODING_DELTA_ZSTD
        self._state.counters.deltas_received += is_delta
        is_taken = self._on_adapter(manifest, payload) is not False
        self._wants_whole = is_delta and not is_taken
        if is_taken or manifest.replaces_any:
            return
        if is_delta or manifest.parent_version != self._have_version():  # the stream takes us to be where we are not
            raise TunerError(f"Got version {manifest.version} for another one than that in use: following again.")


def _check_next(reached: int, chunk: policy_pb2.AdapterChunk, manifest: policy_pb2.AdapterManifest) -> None:
    """Look whether a chunk goes on from what there is so far.

    Raises:
        TunerError: it is not the one that comes next, or goes beyond the manifest's size.
    """
    if chunk.offset_bytes != reached or reached + len(chunk.data) > manifest.payload_bytes:
        raise TunerError(
            f"Got {len(chunk.data)} bytes for place {chunk.offset_bytes} of version {manifest.version}, expected "
            f"place {reached} of {manifest.payload_bytes}."
        )
