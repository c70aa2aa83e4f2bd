"""What a connection reports to its user. Plain values, no behaviour."""

from __future__ import annotations

from dataclasses import dataclass

from device_scripts.virtual_phone.adb_wire.streams import Stream


@dataclass(frozen=True, slots=True)
class PeerConnected:
    """CNXN was exchanged: every earlier stream is gone. `banner` is the peer's, such as `host::features=shell_v2`."""

    banner: str
    version: int
    max_payload: int


@dataclass(frozen=True, slots=True)
class StreamRequested:
    """OPEN: answer with `accept` or `refuse` before anything else is done with the stream."""

    stream: Stream


@dataclass(frozen=True, slots=True)
class StreamData:
    """WRTE: the peer waits until `acknowledge` is called for the stream."""

    stream: Stream
    data: bytes


@dataclass(frozen=True, slots=True)
class StreamDrained:
    """OKAY: the WRTE in flight arrived, so more may be queued."""

    stream: Stream


@dataclass(frozen=True, slots=True)
class StreamClosed:
    """CLSE: the peer will neither send nor read any more."""

    stream: Stream


@dataclass(frozen=True, slots=True)
class KeyOffered:
    """AUTH public key: call `accept_key` to let the peer in; until then it is shown as unauthorized."""

    public_key: bytes


Event = PeerConnected | StreamRequested | StreamData | StreamDrained | StreamClosed | KeyOffered
