"""ADB messages as bytes: the 24-byte header, its checks, and an incremental reader. Keeps no connection state.

Source: AOSP packages/modules/adb, docs/dev/protocol.md ("Protocol overview and basics").
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

from device_scripts.virtual_phone.errors import WireError

CNXN: Final = 0x4E584E43
AUTH: Final = 0x48545541
OPEN: Final = 0x4E45504F
OKAY: Final = 0x59414B4F
WRTE: Final = 0x45545257
CLSE: Final = 0x45534C43
STLS: Final = 0x534C5453

COMMAND_NAMES: Final = {
    CNXN: "CNXN", AUTH: "AUTH", OPEN: "OPEN", OKAY: "OKAY", WRTE: "WRTE", CLSE: "CLSE", STLS: "STLS"
}  # fmt: skip

VERSION_WITH_CHECKSUM: Final = 0x01000000
VERSION_SKIPS_CHECKSUM: Final = 0x01000001
"""From this version on (as the lower of both sides) `data_check` is sent as 0 and not looked at."""

MAX_PAYLOAD_UNNEGOTIATED: Final = 4096
MAX_PAYLOAD: Final = 1024 * 1024

HEADER_SIZE: Final = 24
_HEADER: Final = struct.Struct("<6I")
_UINT32_MASK: Final = 0xFFFFFFFF
_KEEP_CONSUMED_BYTES: Final = 64 * 1024


class Message(NamedTuple):
    """One ADB message; `payload` is empty for OKAY and CLSE."""

    command: int
    arg0: int
    arg1: int
    payload: bytes


def payload_checksum(payload: bytes) -> int:
    """Return the sum of all bytes modulo 2**32 (the documents call it a crc32; it is not)."""
    return sum(payload) & _UINT32_MASK


def pack_header(command: int, arg0: int, arg1: int, length_bytes: int = 0, checksum: int = 0) -> bytes:
    """Return the 24-byte little-endian header whose magic is the command's complement."""
    return _HEADER.pack(command, arg0, arg1, length_bytes, checksum, command ^ _UINT32_MASK)


class MessageReader:
    """Cuts a byte stream into messages. `max_payload` and `check_sums` follow the connection's negotiation."""

    def __init__(self) -> None:
        self.max_payload = MAX_PAYLOAD_UNNEGOTIATED
        self.check_sums = True
        self._buffer = bytearray()
        self._start = 0

    def feed(self, data: bytes) -> None:
        """Add bytes as they came from the peer, in any slicing."""
        self._buffer += data

    def next_message(self) -> Message | None:
        """Return the next whole message, or None when more bytes are needed; WireError for a header that cannot be."""
        start = self._start
        if len(self._buffer) - start < HEADER_SIZE:
            self._compact()
            return None
        command, arg0, arg1, length, checksum, magic = _HEADER.unpack_from(self._buffer, start)
        self._check_header(command, length, magic)
        end = start + HEADER_SIZE + length
        if len(self._buffer) < end:
            return None
        payload = bytes(memoryview(self._buffer)[start + HEADER_SIZE : end]) if length else b""
        self._start = end
        self._check_sum(command, payload, checksum)
        return Message(command, arg0, arg1, payload)

    def _check_header(self, command: int, length: int, magic: int) -> None:
        if magic != command ^ _UINT32_MASK or command not in COMMAND_NAMES:
            raise WireError(f"Got an ADB header whose command {command:#x} and magic {magic:#x} do not match.")
        if length > self.max_payload:
            raise WireError(f"Got an ADB payload of {length} bytes where at most {self.max_payload} were agreed.")

    def _check_sum(self, command: int, payload: bytes, checksum: int) -> None:
        if not self.check_sums and command not in (CNXN, AUTH):
            return
        if payload and checksum != payload_checksum(payload):
            raise WireError(f"Got {COMMAND_NAMES[command]} with data_check {checksum:#x}, not its payload's byte sum.")

    def _compact(self) -> None:
        if self._start == len(self._buffer) or self._start > _KEEP_CONSUMED_BYTES:
            del self._buffer[: self._start]
            self._start = 0
