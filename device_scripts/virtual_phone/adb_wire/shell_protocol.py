"""Packets inside a `shell,v2:` stream: u8 id, u32 LE length, data. Runs no command.

Source: AOSP packages/modules/adb, shell_protocol.h (ShellProtocol::Id).
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

from device_scripts.virtual_phone.errors import WireError

STDIN: Final = 0
STDOUT: Final = 1
STDERR: Final = 2
EXIT: Final = 3
CLOSE_STDIN: Final = 4
WINDOW_SIZE: Final = 5

_HEADER: Final = struct.Struct("<BI")
_MAX_DATA_BYTES: Final = 4 * 1024 * 1024


class ShellPacket(NamedTuple):
    """One packet; `data` may be empty."""

    packet_id: int
    data: bytes


def pack_header(packet_id: int, length_bytes: int) -> bytes:
    """Return the 5-byte header of a packet."""
    return _HEADER.pack(packet_id, length_bytes)


class ShellPacketReader:
    """Cuts the stream's bytes into packets, however WRTEs split or joined them."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[ShellPacket]:
        """Add bytes and return the packets now whole; WireError for a length nothing real sends."""
        self._buffer += data
        packets: list[ShellPacket] = []
        start = 0
        while len(self._buffer) - start >= _HEADER.size:
            packet_id, length = _HEADER.unpack_from(self._buffer, start)
            if length > _MAX_DATA_BYTES:
                raise WireError(f"Got a shell packet of {length} bytes; expected at most {_MAX_DATA_BYTES}.")
            end = start + _HEADER.size + length
            if len(self._buffer) < end:
                break
            packets.append(ShellPacket(packet_id, bytes(self._buffer[start + _HEADER.size : end])))
            start = end
        del self._buffer[:start]
        return packets
