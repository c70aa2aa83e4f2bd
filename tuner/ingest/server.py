"""Opens the tuner's port with health checking and reflection, and closes it in order. Answers no call itself."""

from __future__ import annotations

import logging
import re
import resource
from collections.abc import Sequence
from typing import Any

import grpc
import grpc.aio
from coso.v1 import tuner_pb2, tuner_pb2_grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from agent_runtime.uplink.tls import is_loopback
from tuner.errors import ConfigError
from tuner.ingest.service import TunerService

MAX_MESSAGE_BYTES = 64 << 20
DRAIN_SEC = 5.0
_HOST_AND_PORT = re.compile(r"(?:\[.+\]|[^:]+):(?P<port>[0-9]{1,5})")
_LAST_PORT = 65535
SERVICE_NAME = tuner_pb2.DESCRIPTOR.services_by_name["TunerService"].full_name
MAX_CALLS = 1024
"""Calls in progress from all peers together; gRPC answers RESOURCE_EXHAUSTED beyond."""
MAX_CONNECTIONS = 4096
"""Many, because whoever holds them all keeps everybody else out; an idle one takes some 50 kB."""
_OPTIONS = [
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.so_reuseport", 0),
    ("grpc.max_concurrent_streams", 16),  # of one connection
    ("grpc.max_allowed_incoming_connections", MAX_CONNECTIONS),
    ("grpc.max_metadata_size", 8 << 10),
    ("grpc.absolute_max_metadata_size", 16 << 10),
    ("grpc.compression_enabled_algorithms_bitset", 1),  # none but identity: a compressed message may be a bomb
    ("grpc.http2.bdp_probe", 0),  # or gRPC takes in as much of every stream as the link carries, asked for or not
    ("grpc.http2.lookahead_bytes", 256 << 10),  # so much instead, until a message is asked for
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.http2.ping_timeout_ms", 10_000),  # of keepalive's pings too; a minute otherwise
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    ("grpc.max_connection_idle_ms", 60_000),  # without a call; a follower has one
    ("grpc.server_handshake_timeout_ms", 10_000),
]


class Front:
    """The gRPC server around one service; with credentials it speaks TLS and nothing else."""

    def __init__(
        self,
        service: TunerService,
        credentials: grpc.ServerCredentials | None = None,
        interceptors: Sequence[grpc.aio.ServerInterceptor[Any, Any]] = (),
    ) -> None:
        self._service = service
        self._credentials = credentials
        self._interceptors = interceptors
        self._server: grpc.aio.Server | None = None
        self._health = health.aio.HealthServicer()  # type: ignore[attr-defined]  # the stubs know no aio

    async def start(self, listen: str) -> int:
        """Open ``host:port`` and return the port in use; port 0 takes a free one.

        Raises:
            ConfigError: the address cannot be listened on, or others reach it and there is no TLS.
        """
        if self._credentials is None and _HOST_AND_PORT.fullmatch(listen) and not is_loopback(listen):
            raise ConfigError(
                f"Got {listen} to listen on without TLS, expected an address only this machine reaches: "
                "add --tls (see docs/security.md), or listen on 127.0.0.1."
            )
        server = grpc.aio.server(
            options=_OPTIONS, interceptors=tuple(self._interceptors), maximum_concurrent_rpcs=MAX_CALLS
        )
        tuner_pb2_grpc.add_TunerServiceServicer_to_server(self._service, server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        reflection.enable_server_reflection((SERVICE_NAME, health.SERVICE_NAME, reflection.SERVICE_NAME), server)
        logging.getLogger("grpc").setLevel(logging.CRITICAL)
        _allow_connections()
        try:
            if self._credentials is None:
                port = server.add_insecure_port(_checked(listen))
            else:
                port = server.add_secure_port(_checked(listen), self._credentials)
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


def _allow_connections() -> None:
    """Let the process have as many descriptors as connections are taken, and some, as far as the system allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_CONNECTIONS + 1024
    if soft != resource.RLIM_INFINITY and soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _checked(listen: str) -> str:
    """Return ``host:port`` as it came; gRPC itself takes 443 where there is no port, and wraps one too large.

    Raises:
        ValueError: it is not of that form.
    """
    found = _HOST_AND_PORT.fullmatch(listen)
    if found is None or int(found["port"]) > _LAST_PORT:
        raise ValueError(listen)
    return listen
