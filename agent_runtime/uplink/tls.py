"""Reads the folder that `tuner keys issue` wrote and makes gRPC credentials of it. Opens no connection."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import grpc

from agent_runtime.errors import UsageError

CA_FILE = "ca.crt"
CERTIFICATE_FILE = "agent.crt"
KEY_FILE = "agent.key"
_OTHERS = 0o077


@dataclass(frozen=True, slots=True)
class ClientTls:
    """A caller's name, as its certificate has it, and the credentials to call with."""

    name: str
    credentials: grpc.ChannelCredentials
    folder: Path | None = None
    stamps: tuple[tuple[int, int, int], ...] = ()
    """What tells one writing of the folder's files from another."""

    def is_current(self) -> bool:
        """Return whether the folder's files are still those that were read; also where they cannot be looked at."""
        try:
            return self.folder is None or _stamps(self.folder) == self.stamps
        except OSError:
            return True

    def owns(self, runtime_id: str) -> bool:
        """Return whether the tuner takes that runtime id from this caller."""
        return runtime_id == self.name or runtime_id.startswith(f"{self.name}/")


def load_client_tls(folder: Path, now: datetime | None = None) -> ClientTls:
    """Return the credentials of an issued folder; ``now`` is this moment unless given.

    Raises:
        UsageError: a file is missing or is not what it should be, others may read the key, or the time is over.
    """
    from cryptography import x509  # needed only where there is TLS
    from cryptography.hazmat.primitives.serialization import load_pem_private_key
    from cryptography.x509.oid import NameOID

    try:
        stamps = _stamps(folder)
        mode = (folder / KEY_FILE).stat().st_mode
        ca, certificate, key = ((folder / name).read_bytes() for name in (CA_FILE, CERTIFICATE_FILE, KEY_FILE))
        x509.load_pem_x509_certificate(ca)
        own = x509.load_pem_x509_certificate(certificate)
        is_pair = load_pem_private_key(key, None).public_key() == own.public_key()
        (name,) = (str(attribute.value) for attribute in own.subject.get_attributes_for_oid(NameOID.COMMON_NAME))
    except (OSError, ValueError, TypeError) as error:
        raise UsageError(
            f"Got the folder {folder} ({error}), expected {CA_FILE}, {CERTIFICATE_FILE} and {KEY_FILE} "
            "of `tuner keys issue`."
        ) from error
    if mode & _OTHERS:
        raise UsageError(f"Got {folder / KEY_FILE} with mode {mode & 0o777:o}, expected 600: chmod it.")
    if not is_pair:
        raise UsageError(f"Got a key in {folder} that is not its certificate's, expected a pair: copy both again.")
    if not own.not_valid_before_utc <= (now or datetime.now(timezone.utc)) <= own.not_valid_after_utc:
        raise UsageError(
            f"Got a certificate good from {own.not_valid_before_utc:%Y-%m-%d} to {own.not_valid_after_utc:%Y-%m-%d} "
            f"in {folder}, expected one that is good today: ask for another from `tuner keys issue`."
        )
    return ClientTls(name, grpc.ssl_channel_credentials(ca, key, certificate), folder, stamps)


def _stamps(folder: Path) -> tuple[tuple[int, int, int], ...]:
    found = [(folder / name).stat() for name in (CA_FILE, CERTIFICATE_FILE, KEY_FILE)]
    return tuple((each.st_mtime_ns, each.st_ino, each.st_size) for each in found)


def client_tls(folder: Path | None, tuner: str | None) -> ClientTls | None:
    """Return the folder's credentials, None where none is named and the tuner, if any, is on this machine.

    Raises:
        UsageError: the folder cannot be used, or the tuner is elsewhere and there is no folder.
    """
    if folder is not None:
        return load_client_tls(folder)
    if tuner is not None and not is_loopback(tuner):
        raise UsageError(
            f"Got the tuner {tuner} without --tls, expected a folder of `tuner keys issue` for one that is not on this "
            "machine (see docs/security.md), or a tunnel to 127.0.0.1."
        )
    return None


def is_loopback(address: str) -> bool:
    """Return whether ``host:port`` is on this machine's loopback; a name other than localhost counts as elsewhere."""
    host = address.rpartition(":")[0].strip("[]")
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
