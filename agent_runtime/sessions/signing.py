"""Signs what a folder holds, a session or an adapter version, and checks such a signature. Trusts nobody.

``signature.json`` beside the files holds one Ed25519 signature over a prefix that no other use of a key has and these
fields as compact JSON: ``format``, ``format_version``, ``subject`` (session or adapter), ``digest``,
``signed_at_unix_sec``, ``public_key``. A session's digest is the chain of its last line, which every byte of its
lines, and by their hashes every screen, went into. An adapter's is the sha256 of the compact JSON of name and sha256
of each of its files.
"""

import base64
import hashlib
import json
import time
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from agent_runtime.adapters.signatures import KEY_BYTES, key_id, write_key
from agent_runtime.errors import SessionError, UsageError
from agent_runtime.sessions.chain import canonical
from agent_runtime.sessions.fields import Fields

SIGNATURE_NAME = "signature.json"
SESSION, ADAPTER = "session", "adapter"
ADAPTER_FILES = ("adapter_config.json", "adapter_model.safetensors", "manifest.pb")
PREFIX = b"agent-runtime signature ed25519\x00"
_FORMAT, _VERSION = "agent-runtime signature", 1


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature that is good; ``public_key`` is base64, ``key_id`` its short name."""

    subject: str
    digest: str
    signed_at_unix_sec: float
    public_key: str

    @property
    def key_id(self) -> str:
        """The key's name, as the tuner prints it."""
        return key_id(base64.b64decode(self.public_key))


def sign(folder: Path, subject: str, digest: str, private_key: bytes) -> Signature:
    """Write ``signature.json``, over one that is there; ``private_key`` is 32 raw bytes.

    Raises:
        UsageError: it cannot be written.
    """
    key = Ed25519PrivateKey.from_private_bytes(private_key)
    public_key = write_key(key.public_key().public_bytes_raw())
    made = Signature(subject, digest, float(int(time.time())), public_key)
    fields = _signed_fields(made)
    told = {**fields, "signature": base64.b64encode(key.sign(PREFIX + canonical(fields))).decode()}
    path = folder / SIGNATURE_NAME
    unfinished = path.with_suffix(".tmp")
    try:
        unfinished.write_text(json.dumps(told, indent=1) + "\n", "utf-8")
        unfinished.replace(path)
    except OSError as error:
        raise UsageError(
            f"Got {path} that cannot be written ({error.strerror}), expected a folder of yours."
        ) from error
    return made


def signature_of(folder: Path, subject: str, digest: str) -> Signature | None:
    """Return the good signature over what the folder holds, None where there is none.

    Raises:
        SessionError: there is one, and it is not of this.
    """
    path = folder / SIGNATURE_NAME
    if not path.exists():
        return None
    try:
        plain = Fields(json.loads(path.read_bytes()))
        if (plain.text("format"), plain.whole("format_version")) != (_FORMAT, _VERSION):
            raise ValueError(f"it is no signature of format version {_VERSION}")
        found = Signature(
            plain.text("subject"), plain.text("digest"), plain.number("signed_at_unix_sec"), plain.text("public_key")
        )
        raw_key = base64.b64decode(found.public_key, validate=True)
        if len(raw_key) != KEY_BYTES or write_key(raw_key) != found.public_key:
            raise ValueError("its key is none")
        signed = base64.b64decode(plain.text("signature"), validate=True)
        Ed25519PublicKey.from_public_bytes(raw_key).verify(signed, PREFIX + canonical(_signed_fields(found)))
    except (OSError, ValueError, RecursionError, InvalidSignature) as error:
        raise _wrong(path, str(error) or "the signature does not fit its fields") from error
    if (found.subject, found.digest) != (subject, digest):
        raise _wrong(path, f"it is of another {found.subject}, or of this {subject} before it was changed")
    return found


def adapter_digest(folder: Path) -> str:
    """Return the digest of an adapter version's folder, or of an exported one.

    Raises:
        UsageError: there is no adapter in it.
    """
    try:
        hashes = {
            name: hashlib.sha256((folder / name).read_bytes()).hexdigest()
            for name in ADAPTER_FILES
            if (folder / name).is_file()
        }
    except OSError as error:
        raise UsageError(f"Got {folder} that cannot be read ({error}), expected a version of an adapter.") from error
    if ADAPTER_FILES[1] not in hashes:
        raise UsageError(
            f"Got {folder} with neither a session nor an adapter in it, expected session.json or {ADAPTER_FILES[1]}: "
            "name such a folder."
        )
    return hashlib.sha256(canonical(hashes)).hexdigest()


def _signed_fields(signature: Signature) -> dict[str, object]:
    return {
        "format": _FORMAT,
        "format_version": _VERSION,
        "subject": signature.subject,
        "digest": signature.digest,
        "signed_at_unix_sec": signature.signed_at_unix_sec,
        "public_key": signature.public_key,
    }


def _wrong(path: Path, why: str) -> SessionError:
    return SessionError(
        f"Got {path} that does not vouch for what lies beside it ({why}), expected one that does: take the folder from "
        "a copy, or remove the file and trust nothing of it unseen."
    )
