"""AUTH: RSA signatures over a 20-byte token, and Android's own public key format. Keeps no list of keys.

Source: AOSP packages/modules/adb, docs/dev/protocol.md (AUTH) and adb/crypto (android_pubkey: 524 bytes).
"""

from __future__ import annotations

import base64
import binascii
import struct
from dataclasses import dataclass
from typing import Final

from device_scripts.virtual_phone.errors import WireError

TOKEN: Final = 1
SIGNATURE: Final = 2
RSA_PUBLIC_KEY: Final = 3
TOKEN_BYTES: Final = 20

_MODULUS_BYTES: Final = 256
_MODULUS_WORDS: Final = _MODULUS_BYTES // 4
_KEY_BYTES: Final = 4 + 4 + _MODULUS_BYTES + _MODULUS_BYTES + 4
_SHA1_DIGEST_INFO: Final = bytes.fromhex("3021300906052b0e03021a05000414")


@dataclass(frozen=True, slots=True)
class PublicKey:
    """An RSA-2048 public key and the `user@host` it came with."""

    modulus: int
    exponent: int
    owner: str

    def verifies(self, token: bytes, signature: bytes) -> bool:
        """Return whether `signature` is PKCS#1 v1.5 over the token itself, taken as if it were a SHA-1 digest."""
        if len(signature) != _MODULUS_BYTES:
            return False
        opened = pow(int.from_bytes(signature, "big"), self.exponent, self.modulus)
        tail = b"\x00" + _SHA1_DIGEST_INFO + token
        padding = b"\x00\x01" + b"\xff" * (_MODULUS_BYTES - len(tail) - 2)
        return opened.to_bytes(_MODULUS_BYTES, "big") == padding + tail


def parse_public_key(payload: bytes) -> PublicKey:
    """Return the key in an AUTH(3) payload or a line of `adbkey.pub`; WireError when it is none.

    The base64 part holds u32 words (64), u32 n0inv, the modulus and R² (256 bytes each, little-endian), u32 exponent.
    """
    encoded, _, owner = payload.rstrip(b"\0\n ").partition(b" ")
    try:
        raw = base64.b64decode(encoded, validate=True)
    except binascii.Error as error:
        raise WireError("Got an AUTH public key that is not base64; send the content of adbkey.pub.") from error
    if len(raw) != _KEY_BYTES or struct.unpack_from("<I", raw)[0] != _MODULUS_WORDS:
        raise WireError(f"Got an AUTH public key of {len(raw)} bytes; expected {_KEY_BYTES} of an RSA-2048 key.")
    modulus = int.from_bytes(raw[8 : 8 + _MODULUS_BYTES], "little")
    if modulus == 0:
        raise WireError("Got an AUTH public key whose modulus is zero; send the content of adbkey.pub.")
    exponent = struct.unpack_from("<I", raw, _KEY_BYTES - 4)[0]
    return PublicKey(modulus, exponent, owner.decode("utf-8", "replace"))
