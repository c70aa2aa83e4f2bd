"""Ends a call with a status that carries a sentence and machine-readable details. Decides nothing."""

from __future__ import annotations

from typing import Any, NoReturn

import grpc
from google.protobuf import any_pb2, duration_pb2
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

ERROR_DOMAIN = "coso.v1"
Context = grpc.aio.ServicerContext[Any, Any]


async def refuse(
    context: Context, code: int, sentence: str, reason: str, retry_after_sec: float | None = None
) -> NoReturn:
    """End the call with the sentence and google.rpc.ErrorInfo; google.rpc.RetryInfo too where waiting helps."""
    details = [_packed(error_details_pb2.ErrorInfo(reason=reason, domain=ERROR_DOMAIN))]
    if retry_after_sec is not None:
        delay = duration_pb2.Duration()
        delay.FromMilliseconds(round(1e3 * retry_after_sec))
        details.append(_packed(error_details_pb2.RetryInfo(retry_delay=delay)))
    status = rpc_status.to_status(status_pb2.Status(code=code, message=sentence, details=details))
    await context.abort(status.code, status.details, status.trailing_metadata)
    raise AssertionError("abort always raises")


def _packed(detail: Message) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(detail)
    return packed
