"""Credentials of callers who have no business at a tuner, or not that one. Calls nobody."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Final

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from agent_runtime.uplink.tls import CA_FILE, CERTIFICATE_FILE, KEY_FILE
from benchmarks.guarded_tuner import Guarded, credentials
from tuner.certificates.authority import Pair, Role
from tuner.certificates.folder import FOLDER_NAME, issue_to, make_authority, revoke

STRANGERS: Final = (
    "plaintext",
    "no certificate",
    "a certificate of a foreign CA",
    "a certificate that is over",
    "a certificate of the future",
    "a revoked certificate",
    "a certificate signed by itself under our CA's name",
    "a certificate signed by an agent's",
    "the tuner's own certificate",
)
WRONG_ROLES: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "an agent that would roll back": ("lab", ("RollbackAdapter",)),
    "an operator that would send": ("ops", ("RegisterRuntime", "SubmitTrajectories", "FollowAdapters")),
}
"""Whose folder, and what it may not call."""
AS_ANOTHER: Final = "an agent as another"


def make_strangers(tuner: Guarded) -> Mapping[str, grpc.ChannelCredentials | None]:
    """Issue what is to be issued, once for a tuner, ``lab`` and ``ops`` who belong included."""
    now = datetime.now(timezone.utc)
    folder, foreign = tuner.folder, tuner.folder / "foreign-state"
    if not foreign.exists():
        tuner.issue("lab")
        tuner.issue("ops", Role.OPERATOR)
        make_authority(foreign, (), 90, now)
        issue_to(folder / "foreign", foreign, "lab", Role.AGENT, 90, now)
        tuner.issue("late", now=now - timedelta(days=9), days=1)
        tuner.issue("early", now=now + timedelta(days=9))
        tuner.issue("gone")
        revoke(tuner.state, "gone")
    lab, tls = folder / "lab", tuner.state / FOLDER_NAME
    ca = (lab / CA_FILE).read_bytes()
    itself = signed_by(None, ca, now)
    agent = Pair((lab / CERTIFICATE_FILE).read_bytes(), (lab / KEY_FILE).read_bytes())
    by_agent = signed_by(agent, agent.certificate, now)
    found = (
        None,
        grpc.ssl_channel_credentials(ca),
        credentials(folder / "foreign", trusts=lab),
        credentials(folder / "late"),
        credentials(folder / "early"),
        credentials(folder / "gone"),
        grpc.ssl_channel_credentials(ca, itself.key, itself.certificate),
        grpc.ssl_channel_credentials(ca, by_agent.key, by_agent.certificate + agent.certificate),
        grpc.ssl_channel_credentials(ca, (tls / "tuner.key").read_bytes(), (tls / "tuner.crt").read_bytes()),
    )
    return dict(zip(STRANGERS, found, strict=True))


def signed_by(signer: Pair | None, issuer_pem: bytes, now: datetime, serves: bool = False) -> Pair:
    """Return a certificate of ``lab`` that names an issuer and is signed by that pair, or by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    own_key = key if signer is None else serialization.load_pem_private_key(signer.key, None)
    assert isinstance(own_key, ec.EllipticCurvePrivateKey)
    subject = x509.Name(
        [x509.NameAttribute(NameOID.COMMON_NAME, "lab"), x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "agent")]
    )
    purpose = ExtendedKeyUsageOID.SERVER_AUTH if serves else ExtendedKeyUsageOID.CLIENT_AUTH
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(x509.load_pem_x509_certificate(issuer_pem).subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=9))
        .add_extension(x509.ExtendedKeyUsage([purpose]), critical=True)
        .sign(own_key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Pair(made.public_bytes(serialization.Encoding.PEM), private)
