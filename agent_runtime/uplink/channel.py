"""Opens the channel to a tuner and reads what its refusals mean for the next try. Makes no call."""

from __future__ import annotations

from typing import cast

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from agent_runtime.uplink.tls import ClientTls

WIRE_VERSION = 2
"""Which form of the contract in ``protos`` this release speaks; also the one before it is understood."""
MAX_MESSAGE_BYTES = 64 << 20
MAX_TRAJECTORY_BYTES = MAX_MESSAGE_BYTES - 16
"""A request adds a tag and a length around its trajectory, less than that."""
CALL_DEADLINE_SEC = 20.0
FIRST_RETRY_SEC = 0.2
LONGEST_RETRY_SEC = 3.0
"""With what it takes to connect anew less than five seconds after a tuner is there again, or has room."""
LONGEST_HINT_SEC = 60.0
CLOSED_CODES = (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED)
"""Answers that only another certificate changes."""
FINAL_CODES = (
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.UNIMPLEMENTED,
    *CLOSED_CODES,
)
"""Answers that trying again does not change."""
_OPTIONS = [
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.http2.lookahead_bytes", 16 << 20),  # of an adapter on its way, so that its sender need not wait for us
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.http2.ping_timeout_ms", 10_000),  # of keepalive's pings too; a minute otherwise
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.initial_reconnect_backoff_ms", round(1e3 * FIRST_RETRY_SEC)),
    ("grpc.max_reconnect_backoff_ms", round(1e3 * LONGEST_RETRY_SEC)),
]


def wire_mismatch(theirs: int) -> str | None:
    """Return why a side that told this wire version cannot be worked with, None where it can; 0 stands for 1."""
    if abs((theirs or 1) - WIRE_VERSION) <= 1:
        return None
    older = "the other side" if theirs < WIRE_VERSION else "this side"
    return f"Got wire version {theirs or 1}, expected one next to {WIRE_VERSION}: update {older}."


def open_channel(address: str, tls: ClientTls | None) -> grpc.Channel:
    """Return a channel to ``host:port``, over TLS where there are credentials; it connects by itself."""
    if tls is None:
        return grpc.insecure_channel(address, options=_OPTIONS)
    return grpc.secure_channel(address, tls.credentials, options=_OPTIONS)


def asked_to_wait_sec(error: grpc.RpcError) -> float:
    """Return how long the tuner asks to wait before the next try, a minute at most; 0 where it asks nothing."""
    if error.code() is not grpc.StatusCode.RESOURCE_EXHAUSTED:
        return 0.0
    try:
        status = rpc_status.from_call(cast(grpc.Call, error))  # what a call raises is the call
    except ValueError:  # details that are not those of its own code and sentence
        return 0.0
    hint = error_details_pb2.RetryInfo()
    for detail in status.details if status is not None else ():
        if detail.Unpack(hint):
            asked_sec: float = hint.retry_delay.ToMilliseconds() / 1e3
            return min(max(0.0, asked_sec), LONGEST_HINT_SEC)
    return 0.0
