"""Servers that play a tuner and are none: they take every call, and would hand out an adapter. Judges nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import Any, Final

import grpc
from coso.v1 import policy_pb2, tuner_pb2, tuner_pb2_grpc

from agent_runtime.uplink.tls import CERTIFICATE_FILE, KEY_FILE
from benchmarks.guarded_tuner import Guarded
from tuner.certificates.authority import Pair, Role, issue
from tuner.certificates.folder import FOLDER_NAME


class Impostor(tuner_pb2_grpc.TunerServiceServicer):
    """Answers whatever it is asked; ``heard`` names the calls."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.address = ""

    @classmethod
    @contextmanager
    def serving(cls, tuner: Guarded) -> Iterator[Impostor]:
        """Serve while the block runs."""
        made = cls()
        server = grpc.server(ThreadPoolExecutor(1))
        tuner_pb2_grpc.add_TunerServiceServicer_to_server(made, server)
        pair = made.pair(tuner)
        if pair is None:
            port = server.add_insecure_port("127.0.0.1:0")
        else:
            port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([(pair.key, pair.certificate)]))
        made.address = f"{made.host()}:{port}"
        server.start()
        try:
            yield made
        finally:
            server.stop(None)

    def pair(self, tuner: Guarded) -> Pair | None:
        """Return what it shows; None: it speaks no TLS."""
        return None

    def host(self) -> str:
        """Return the name it is called by."""
        return "127.0.0.1"

    def RegisterRuntime(self, request: Any, context: Any) -> tuner_pb2.RegisterRuntimeResponse:  # noqa: N802
        """Admit anyone."""
        self.heard.append("RegisterRuntime")
        return tuner_pb2.RegisterRuntimeResponse(latest_version=9)

    def SubmitTrajectories(  # noqa: N802
        self, request_iterator: Any, context: Any
    ) -> Iterator[tuner_pb2.SubmitTrajectoriesResponse]:
        """Take everything."""
        for request in request_iterator:
            self.heard.append("SubmitTrajectories")
            stored = tuner_pb2.SUBMIT_OUTCOME_STORED
            yield tuner_pb2.SubmitTrajectoriesResponse(trajectory_id=request.trajectory.trajectory_id, outcome=stored)

    def FollowAdapters(self, request: Any, context: Any) -> Iterator[tuner_pb2.FollowAdaptersResponse]:  # noqa: N802
        """Hand out an adapter."""
        self.heard.append("FollowAdapters")
        yield tuner_pb2.FollowAdaptersResponse(manifest=policy_pb2.AdapterManifest(version=9, payload_bytes=1))
        yield tuner_pb2.FollowAdaptersResponse(chunk=policy_pb2.AdapterChunk(data=b"x"))


class OfForeignCa(Impostor):
    """Shows a good tuner's certificate, of another CA."""

    def pair(self, tuner: Guarded) -> Pair:
        """Return the foreign tuner's own."""
        tls = tuner.folder / "foreign-state" / FOLDER_NAME
        return Pair((tls / "tuner.crt").read_bytes(), (tls / "tuner.key").read_bytes())


class WithAgentsCertificate(Impostor):
    """Shows the certificate of an agent of our own CA."""

    def pair(self, tuner: Guarded) -> Pair:
        """Return the agent's."""
        folder = tuner.folder / "lab"
        return Pair((folder / CERTIFICATE_FILE).read_bytes(), (folder / KEY_FILE).read_bytes())


class UnderAnotherName(Impostor):
    """Shows a tuner's certificate of our own CA that is for another host than the one that is called."""

    def pair(self, tuner: Guarded) -> Pair:
        """Return one for loopback, which is called by another of this machine's addresses."""
        tls = tuner.state / FOLDER_NAME
        ca = Pair((tls / "ca.crt").read_bytes(), (tls / "ca.key").read_bytes())
        return issue(ca, "tuner", Role.TUNER, ("other.lan",), 9, datetime.now(timezone.utc))

    def host(self) -> str:
        """Return an address of loopback that no certificate names."""
        return "127.0.0.2"


IMPOSTORS: Final[Mapping[str, type[Impostor]]] = {
    "an impostor without TLS": Impostor,  # type: ignore[type-abstract]
    "an impostor of a foreign CA": OfForeignCa,  # type: ignore[type-abstract]
    "an impostor with an agent's certificate": WithAgentsCertificate,  # type: ignore[type-abstract]
    "an impostor under another host's name": UnderAnotherName,  # type: ignore[type-abstract]
}
