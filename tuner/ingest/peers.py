"""Says whether a caller's certificate lets it do what it asks for. Knows no call's content but its runtime id.

TLS has checked by then that our CA signed the certificate; here come role, revocation, lifetime and name, again with
every message, so that a stream ends when its caller's time does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import lru_cache

from coso.v1 import tuner_pb2
from google.rpc import code_pb2

from tuner.certificates.authority import Holder, Role, holder_of
from tuner.certificates.revocations import Revocations
from tuner.errors import ConfigError

_SERVICE = tuner_pb2.DESCRIPTOR.services_by_name["TunerService"].full_name
_CALLERS = frozenset({Role.AGENT, Role.OPERATOR})
_ROLES = {
    f"/{_SERVICE}/RegisterRuntime": frozenset({Role.AGENT}),
    f"/{_SERVICE}/SubmitTrajectories": frozenset({Role.AGENT}),
    f"/{_SERVICE}/FollowAdapters": frozenset({Role.AGENT}),
    f"/{_SERVICE}/RollbackAdapter": frozenset({Role.OPERATOR}),
    f"/{_SERVICE}/GetStatus": _CALLERS,
    "/grpc.health.v1.Health/Check": _CALLERS,
    "/grpc.health.v1.Health/Watch": _CALLERS,
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": _CALLERS,
}
"""Who may call what; a method that is not here nobody may call."""


@dataclass(frozen=True, slots=True)
class Denial:
    """Why a call is refused."""

    code: int
    sentence: str
    reason: str


class Peers:
    """Who may do what by certificate."""

    def __init__(self, revocations: Revocations, now: Callable[[], datetime] = lambda: datetime.now(timezone.utc)):
        self._revocations = revocations
        self._now = now

    def holder(self, auth_context: Mapping[str, Iterable[bytes]]) -> Holder | None:
        """Return whom the caller's certificate names, None where there is none of ours."""
        for certificate_pem in auth_context.get("x509_pem_cert", ()):
            return _holder(certificate_pem)
        return None

    def denial(self, holder: Holder | None, method: str) -> Denial | None:
        """Return why the caller may not call the method, None when it may."""
        if holder is None:
            return _unauthenticated("Got no certificate of this tuner's CA, expected one of `tuner keys issue`.")
        if not holder.covers(self._now()):
            return _unauthenticated(
                f"Got a certificate of {holder.name} good until {holder.not_after:%Y-%m-%d}, expected one that is good "
                "today: ask for another."
            )
        try:
            if holder.serial in self._revocations:
                return _unauthenticated(f"Got a revoked certificate of {holder.name}, expected another: ask for one.")
        except ConfigError:
            sentence = "The tuner cannot read its list of revoked certificates and lets nobody in: mend it there."
            return Denial(code_pb2.UNAVAILABLE, sentence, "NO_REVOCATION_LIST")
        roles = _ROLES.get(method, frozenset())
        if holder.role not in roles:
            expected = " or ".join(sorted(role.value for role in roles)) or "nobody"
            called = method.rpartition("/")[2]
            return _denied(
                f"Got a call of {called} as {holder.role.value} {holder.name}, expected {expected}.", "WRONG_ROLE"
            )
        return None

    def foreign(self, holder: Holder, runtime_id: str) -> Denial | None:
        """Return why the caller may not speak for the runtime, None when it may."""
        if runtime_id == holder.name or runtime_id.startswith(f"{holder.name}/"):
            return None
        return _denied(
            f"Got the runtime id {runtime_id[:128]!r} from {holder.name}, expected {holder.name} or {holder.name}/…: "
            "use that runtime's own certificate.",
            "FOREIGN_RUNTIME_ID",
        )


@lru_cache(maxsize=1024)
def _holder(certificate_pem: bytes) -> Holder | None:
    try:
        return holder_of(certificate_pem)
    except ValueError:
        return None


def _unauthenticated(sentence: str) -> Denial:
    return Denial(code_pb2.UNAUTHENTICATED, sentence, "BAD_CERTIFICATE")


def _denied(sentence: str, reason: str) -> Denial:
    return Denial(code_pb2.PERMISSION_DENIED, sentence, reason)
