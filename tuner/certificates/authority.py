"""Makes the CA's certificate and those it signs, and reads whose one is. Knows no folder and no gRPC.

ECDSA P-256 throughout: gRPC's TLS takes no Ed25519 certificate. A subject has two parts: the common name says who,
the organizational unit says in what role.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tuner.errors import ConfigError

CA_LIFETIME_DAYS = 3650
LONGEST_LIFETIME_DAYS = 825
CLOCK_SKEW = timedelta(minutes=5)
LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_HOST = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9]([A-Za-z0-9-]{0,62})(\.[A-Za-z0-9][A-Za-z0-9-]{0,62})*")


class Role(str, Enum):
    """What a certificate lets its holder be."""

    AGENT = "agent"
    OPERATOR = "operator"
    TUNER = "tuner"


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its private key, both PEM."""

    certificate: bytes
    key: bytes


@dataclass(frozen=True, slots=True)
class Holder:
    """Whom a certificate names, and until when."""

    name: str
    role: Role
    serial: int
    not_before: datetime
    not_after: datetime

    def covers(self, now: datetime) -> bool:
        """Return whether the certificate is good at that time."""
        return self.not_before <= now <= self.not_after


def make_ca(now: datetime) -> Pair:
    """Make a CA that signs end certificates and no other CA."""
    key = ec.generate_private_key(ec.SECP256R1())
    serial = x509.random_serial_number()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"coso tuner CA {serial:x}"[:64])])
    builder = (
        _builder(name, name, key.public_key(), serial, now, CA_LIFETIME_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    return _pair(builder.sign(key, hashes.SHA256()), key)


def issue(ca: Pair, name: str, role: Role, hosts: Sequence[str], lifetime_days: int, now: datetime) -> Pair:
    """Make a certificate signed by the CA; only a tuner's has hosts and may serve, every other one may only call.

    Raises:
        ConfigError: the name, a host or the lifetime cannot be.
    """
    _check(name, lifetime_days)
    ca_certificate = x509.load_pem_x509_certificate(ca.certificate)
    ca_key = serialization.load_pem_private_key(ca.key, None)
    if not isinstance(ca_key, ec.EllipticCurvePrivateKey):
        raise ConfigError("Got a CA key of another kind, expected one of `tuner keys init`: restore it.")
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, name),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, role.value),
        ]
    )
    serves = role is Role.TUNER
    purpose = ExtendedKeyUsageOID.SERVER_AUTH if serves else ExtendedKeyUsageOID.CLIENT_AUTH
    serial = x509.random_serial_number()
    builder = (
        _builder(subject, ca_certificate.subject, key.public_key(), serial, now, lifetime_days)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([purpose]), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
    )
    if serves:
        builder = builder.add_extension(x509.SubjectAlternativeName(host_names(hosts)), critical=False)
    return _pair(builder.sign(ca_key, hashes.SHA256()), key)


def host_names(hosts: Sequence[str]) -> list[x509.GeneralName]:
    """Return the hosts, those of loopback first, as a certificate has them.

    Raises:
        ConfigError: one is neither a host name nor an address.
    """
    found: list[x509.GeneralName] = []
    for host in dict.fromkeys((*LOCAL_HOSTS, *hosts)):
        try:
            found.append(x509.IPAddress(ipaddress.ip_address(host)))
        except ValueError:
            if _HOST.fullmatch(host) is None:
                raise ConfigError(
                    f"Got the host {host!r}, expected a name such as tuner.lan or an address, without a port."
                ) from None
            found.append(x509.DNSName(host))
    return found


def holder_of(certificate_pem: bytes) -> Holder:
    """Return whom the certificate names. The signature is not looked at: TLS has done that.

    Raises:
        ValueError: it is none, or not one this CA makes.
    """
    certificate = x509.load_pem_x509_certificate(certificate_pem)
    names, roles = (
        [str(attribute.value) for attribute in certificate.subject.get_attributes_for_oid(oid)]
        for oid in (NameOID.COMMON_NAME, NameOID.ORGANIZATIONAL_UNIT_NAME)
    )
    if len(names) != 1 or len(roles) != 1 or _NAME.fullmatch(names[0]) is None:
        raise ValueError("the subject is not one name and one role")
    validity = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return Holder(names[0], Role(roles[0]), certificate.serial_number, *validity)


def is_pair(pair: Pair) -> bool:
    """Return whether the key is the certificate's own."""
    try:
        key = serialization.load_pem_private_key(pair.key, None)
        return key.public_key() == x509.load_pem_x509_certificate(pair.certificate).public_key()
    except (ValueError, TypeError):
        return False


def _check(name: str, lifetime_days: int) -> None:
    if _NAME.fullmatch(name) is None:
        raise ConfigError(
            f"Got the name {name!r}, expected 1 to 64 letters, digits, dots, dashes and underscores, such as lab-1."
        )
    if not 0 < lifetime_days <= LONGEST_LIFETIME_DAYS:
        raise ConfigError(f"Got a lifetime of {lifetime_days} days, expected 1 to {LONGEST_LIFETIME_DAYS}.")


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    public_key: ec.EllipticCurvePublicKey,
    serial: int,
    now: datetime,
    lifetime_days: int,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(serial)
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(now + timedelta(days=lifetime_days))
    )


def _key_usage(signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pair(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> Pair:
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Pair(certificate.public_bytes(serialization.Encoding.PEM), private)
