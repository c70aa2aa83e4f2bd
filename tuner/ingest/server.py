"""Opens the tuner's port with health checking and reflection, and closes it in order. Answers no call itself."""

from __future__ import annotations

import logging
import re

import grpc.aio
from coso.v1 import tuner_pb2, tuner_pb2_grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from tuner.errors import ConfigError
from tuner.ingest.service import TunerService

MAX_MESSAGE_BYTES = 64 << 20
DRAIN_SEC = 5.0
_HOST_AND_PORT = re.compile(r"(?:\[.+\]|[^:]+):(?P<port>[0-9]{1,5})")
_LAST_PORT = 65535
SERVICE_NAME = tuner_pb2.DESCRIPTOR.services_by_name["TunerService"].full_name
_OPTIONS = [
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.so_reuseport", 0),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 10_000),
]


class Front:
    """The gRPC server around one service."""

    def __init__(self, service: TunerService) -> None:
        self._service = service
        self._server: grpc.aio.Server | None = None
        self._health = health.aio.HealthServicer()  # type: ignore[attr-defined]  # the stubs know no aio

    async def start(self, listen: str) -> int:
        """Open ``host:port`` and return the port in use; port 0 takes a free one.

        Raises:
            ConfigError: the address cannot be listened on.
        """
        server = grpc.aio.server(options=_OPTIONS)
        tuner_pb2_grpc.add_TunerServiceServicer_to_server(self._service, server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        reflection.enable_server_reflection((SERVICE_NAME, health.SERVICE_NAME, reflection.SERVICE_NAME), server)
        logging.getLogger("grpc").setLevel(logging.CRITICAL)
        try:
            port = server.add_insecure_port(_checked(listen))
        except (RuntimeError, ValueError) as error:
            raise ConfigError(
                f"Got {listen} to listen on, expected a free host:port of this machine: choose another."
            ) from error
        await server.start()
        await self._health.set(SERVICE_NAME, health_pb2.HealthCheckResponse.SERVING)
        self._server = server
        return int(port)

    async def stop(self) -> None:
        """Report NOT_SERVING, let calls in progress end, then close the port."""
        if self._server is None:
            return
        await self._health.enter_graceful_shutdown()
        self._service.close()
        await self._server.stop(DRAIN_SEC)
        self._server = None


def _checked(listen: str) -> str:
    """Return ``host:port`` as it came; gRPC itself takes 443 where there is no port, and wraps one too large.

    Raises:
        ValueError: it is not of that form.
    """
    found = _HOST_AND_PORT.fullmatch(listen)
    if found is None or int(found["port"]) > _LAST_PORT:
        raise ValueError(listen)
    return listen
