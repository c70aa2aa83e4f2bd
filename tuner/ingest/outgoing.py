"""What of a version goes to one follower: the manifest as it is sent, and its bytes in chunks. Makes no call."""

import hashlib
from collections.abc import Collection, Iterable, Iterator

from coso.v1 import policy_pb2, tuner_pb2

from tuner.adapters.store import AdapterStore

CHUNK_BYTES = 1 << 20


def as_sent(stored: policy_pb2.AdapterManifest) -> policy_pb2.AdapterManifest:
    """Return the manifest of what is sent when a version is sent whole."""
    manifest = policy_pb2.AdapterManifest()
    manifest.CopyFrom(stored)
    manifest.adapter_bytes, manifest.adapter_sha256 = stored.payload_bytes, stored.payload_sha256
    return manifest


def delta_for(
    store: AdapterStore,
    outgoing: policy_pb2.AdapterManifest,
    encodings: Collection["policy_pb2.AdapterEncoding"],
    have_sha256: str,
    before_sha256: str,
) -> bytes | None:
    """Return the smallest delta that a caller who holds these two takes, and say in the manifest what it is."""
    delta, encoding = None, policy_pb2.ADAPTER_ENCODING_EXTRAPOLATED_ZSTD
    if encoding in encodings:
        delta = store.extrapolated(outgoing, have_sha256, before_sha256)
        outgoing.grandparent_adapter_sha256 = "" if delta is None else before_sha256
    if delta is None and policy_pb2.ADAPTER_ENCODING_DELTA_ZSTD in encodings:
        delta, encoding = store.delta(outgoing, have_sha256), policy_pb2.ADAPTER_ENCODING_DELTA_ZSTD
    if delta is not None:
        outgoing.encoding = encoding
        outgoing.payload_bytes, outgoing.payload_sha256 = len(delta), hashlib.sha256(delta).hexdigest()
    return delta


def cut(content: bytes) -> Iterator[bytes]:
    """Yield the pieces of what is sent."""
    return (content[place : place + CHUNK_BYTES] for place in range(0, len(content), CHUNK_BYTES))


def parts(
    manifest: policy_pb2.AdapterManifest, pieces: Iterable[bytes], known_bytes: int
) -> Iterator[tuner_pb2.FollowAdaptersResponse]:
    """Yield the manifest, and the payload but for what is known of it; all of it where nothing would be left."""
    yield tuner_pb2.FollowAdaptersResponse(manifest=manifest)
    known, offset = known_bytes if known_bytes < manifest.payload_bytes else 0, 0
    for piece in pieces:
        fresh = piece[max(0, known - offset) :]
        offset += len(piece)
        if fresh:
            part = tuner_pb2.FollowAdaptersResponse()
            part.chunk.offset_bytes, part.chunk.data = offset - len(fresh), fresh
            yield part
