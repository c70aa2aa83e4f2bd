"""Signs manifests with Ed25519 and checks signatures. Keeps no key file, reads no payload.

What is signed is a prefix that no other use of the key has, then the manifest serialized deterministically without
its ``signature`` field; fields this release does not know stay in, so a newer tuner's manifests still verify. The
manifest binds the payload by its sha256, so a good signature covers every byte that is parsed afterwards.
"""

import base64
import binascii
import hashlib
from pathlib import Path

from coso.v1 import policy_pb2
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from agent_runtime.errors import AdapterError, UsageError

PREFIX = b"coso.v1.AdapterManifest ed25519\x00"
KEY_BYTES = 32
DEFAULT_LIFETIME_SEC = 30 * 24 * 3600
_KEY_ID_LENGTH = 16
_OTHERS = 0o077


def signed_bytes(manifest: policy_pb2.AdapterManifest) -> bytes:
    """Return what a signature of this manifest is over."""
    bare = policy_pb2.AdapterManifest()
    bare.CopyFrom(manifest)
    bare.ClearField("signature")
    return PREFIX + bare.SerializeToString(deterministic=True)


def key_id(public_key: bytes) -> str:
    """Return the name of a raw public key."""
    return hashlib.sha256(public_key).hexdigest()[:_KEY_ID_LENGTH]


class ManifestSigner:
    """Signs with one private key, given as its 32 raw bytes."""

    def __init__(self, private_key: bytes, lifetime_sec: int = DEFAULT_LIFETIME_SEC) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(private_key)
        self._lifetime_sec = lifetime_sec
        self.public_key = self._key.public_key().public_bytes_raw()
        self.key_id = key_id(self.public_key)

    def sign(self, manifest: policy_pb2.AdapterManifest, now_unix_sec: float) -> None:
        """Fill in key id, expiry and signature; nothing of the manifest may change afterwards."""
        manifest.signing_key_id = self.key_id
        manifest.expires_at.FromSeconds(int(now_unix_sec) + self._lifetime_sec)
        manifest.signature = self._key.sign(signed_bytes(manifest))


class ManifestVerifier:
    """Takes only manifests that the owner of one public key, given as its 32 raw bytes, signed."""

    def __init__(self, public_key: bytes) -> None:
        self._key = Ed25519PublicKey.from_public_bytes(public_key)
        self.key_id = key_id(public_key)

    def verify(self, manifest: policy_pb2.AdapterManifest, now_unix_sec: float) -> None:
        """Return when the signature is good.

        Raises:
            AdapterError: it is missing, of another key, wrong, or expired.
        """
        if not manifest.signature:
            raise AdapterError(
                f"Got version {manifest.version} without a signature, expected one by key {self.key_id}: "
                "run `tuner keys init` and restart the tuner, or leave --tuner-key out."
            )
        if manifest.signing_key_id != self.key_id:
            raise AdapterError(
                f"Got a signature by key {manifest.signing_key_id[:_KEY_ID_LENGTH]!r}, expected {self.key_id!r}: "
                "name the public key that this tuner prints."
            )
        try:
            self._key.verify(manifest.signature, signed_bytes(manifest))
        except InvalidSignature as error:
            raise AdapterError(
                f"Got a wrong signature on version {manifest.version}, expected one by key {self.key_id}: "
                "the manifest was changed on its way."
            ) from error
        expires_unix_sec = manifest.expires_at.seconds
        if expires_unix_sec <= now_unix_sec:
            raise AdapterError(
                f"Got a signature that ended {now_unix_sec - expires_unix_sec:.0f} s ago, expected one still good: "
                "follow the tuner again, and compare the clocks."
            )


def read_key(text_or_path: str) -> bytes:
    """Return a raw key from its base64 text, or from a file that holds that text.

    Raises:
        UsageError: it is neither.
    """
    key = _decoded(text_or_path)
    if key is not None:
        return key
    try:
        key = _decoded(Path(text_or_path).read_text("ascii").strip())
        why = "it holds something else"
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "it is no text"
    if key is None:
        raise UsageError(
            f"Got the key {text_or_path[:100]!r} ({why}), expected base64 of {KEY_BYTES} bytes or a file with it: "
            "`tuner keys init` makes and prints one."
        )
    return key


def read_private_key(path: Path) -> bytes:
    """Return the raw key of a file that its owner alone may read.

    Raises:
        UsageError: it cannot be read, is no key, or others may read it.
    """
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise UsageError(f"Got no key from {path} ({error.strerror}), expected one of `tuner keys init`.") from error
    if mode & _OTHERS:
        raise UsageError(
            f"Got {path} with mode {mode & 0o777:o}, expected 600: chmod it, or make another if someone read it."
        )
    return read_key(str(path))


def write_key(key: bytes) -> str:
    """Return a raw key as text."""
    return base64.b64encode(key).decode("ascii")


def _decoded(text: str) -> bytes | None:
    try:
        key = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, ValueError):
        return None
    return key if len(key) == KEY_BYTES else None
