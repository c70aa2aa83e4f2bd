"""The device end of one ADB connection: handshake, negotiation, streams, flow control. Does no I/O and runs no service.

Use: `receive(bytes)` returns events; answer them; then write what `take_output()` returns to the peer.
Source: AOSP packages/modules/adb, docs/dev/protocol.md and adb.cpp (handle_packet).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from device_scripts.virtual_phone.adb_wire import auth, messages
from device_scripts.virtual_phone.adb_wire.events import (
    Event,
    KeyOffered,
    PeerConnected,
    StreamClosed,
    StreamData,
    StreamDrained,
    StreamRequested,
)
from device_scripts.virtual_phone.adb_wire.messages import Message, MessageReader, pack_header, payload_checksum
from device_scripts.virtual_phone.adb_wire.streams import Stream
from device_scripts.virtual_phone.errors import WireError


@dataclass(frozen=True, slots=True)
class Authentication:
    """Keys that may connect, and where tokens come from (20 fresh bytes a call)."""

    keys: list[auth.PublicKey]
    new_token: Callable[[], bytes]


class Connection:
    """One connection; a new CNXN from the peer starts it over (protocol.md, CONNECT)."""

    def __init__(self, banner: str, authentication: Authentication | None = None) -> None:
        self.banner = banner
        self.version = messages.VERSION_SKIPS_CHECKSUM
        self.max_payload = messages.MAX_PAYLOAD_UNNEGOTIATED
        self.connected = False
        self.streams: dict[int, Stream] = {}
        self._authentication = authentication
        self._token = b""
        self._pending_hello: Message | None = None
        self._next_id = 1
        self._reader = MessageReader()
        self._output: list[bytes | memoryview] = []
        self._handlers: dict[int, Callable[[Message], Sequence[Event]]] = {
            messages.WRTE: self._on_write,
            messages.OKAY: self._on_okay,
            messages.OPEN: self._on_open,
            messages.CLSE: self._on_close,
        }

    def receive(self, data: bytes) -> list[Event]:
        """Take bytes from the peer and return what they mean; WireError ends the connection."""
        self._reader.feed(data)
        events: list[Event] = []
        while (message := self._reader.next_message()) is not None:
            events += self._handle(message)
        return events

    def take_output(self) -> list[bytes | memoryview]:
        """Return and forget the pieces to be written to the peer, in order."""
        output, self._output = self._output, []
        return output

    def accept(self, stream: Stream) -> None:
        """Answer an OPEN with OKAY(ours, theirs)."""
        self.streams[stream.local_id] = stream
        self._send(messages.OKAY, stream.local_id, stream.remote_id)

    def refuse(self, stream: Stream) -> None:
        """Answer an OPEN with CLSE(0, theirs)."""
        self._send(messages.CLSE, 0, stream.remote_id)

    def acknowledge(self, stream: Stream) -> None:
        """Answer the stream's last WRTE with OKAY, once; call it late to hold the peer back."""
        if stream.owes_okay:
            stream.owes_okay = False
            self._send(messages.OKAY, stream.local_id, stream.remote_id)

    def write(self, stream: Stream, piece: bytes) -> None:
        """Queue output; it leaves in WRTEs of at most the agreed payload, one in flight at a time (`flush`)."""
        stream.queue(piece)

    def flush(self, stream: Stream) -> None:
        """Send the next WRTE if none is in flight, and the CLSE of a closing stream that has nothing left."""
        if stream.in_flight or stream.local_id not in self.streams:
            return
        if stream.queued_bytes:
            pieces = stream.take(self.max_payload)
            stream.in_flight = True
            self._send_pieces(messages.WRTE, stream.local_id, stream.remote_id, pieces)
        elif stream.closing:
            del self.streams[stream.local_id]
            self._send(messages.CLSE, stream.local_id, stream.remote_id)

    def close(self, stream: Stream) -> None:
        """Close from our side, after everything queued has been sent and acknowledged."""
        stream.closing = True
        self.flush(stream)

    def accept_key(self, public_key: bytes) -> None:
        """Let in the peer whose key was offered and remember the key."""
        if self._authentication is None or self._pending_hello is None:
            return
        self._authentication.keys.append(auth.parse_public_key(public_key))
        self._send_hello()

    def _handle(self, message: Message) -> Sequence[Event]:
        if message.command == messages.CNXN:
            return self._on_connect(message)
        if message.command == messages.AUTH:
            return self._on_auth(message)
        if message.command == messages.STLS:
            raise WireError("Got STLS, which was not offered; connect without TLS.")
        if not self.connected:
            return ()  # adb.cpp drops stream messages of a peer that is not online
        return self._handlers[message.command](message)

    def _on_connect(self, message: Message) -> Sequence[Event]:
        closed = [StreamClosed(stream) for stream in self.streams.values()]
        self.streams = {}
        self.connected = False
        self._negotiate(message)
        self._pending_hello = message
        if self._authentication is None:
            return [*closed, self._send_hello()]
        self._send_token(self._authentication)
        return closed

    def _negotiate(self, message: Message) -> None:
        if message.arg0 < messages.VERSION_WITH_CHECKSUM:
            raise WireError(f"Got CNXN with version {message.arg0:#x}; expected at least 0x1000000.")
        if not message.arg1 >= messages.MAX_PAYLOAD_UNNEGOTIATED:
            raise WireError(f"Got CNXN with maxdata {message.arg1}; expected at least 4096.")
        self.version = min(messages.VERSION_SKIPS_CHECKSUM, message.arg0)
        self.max_payload = min(messages.MAX_PAYLOAD, message.arg1)
        self._reader.max_payload = self.max_payload
        self._reader.check_sums = self.version < messages.VERSION_SKIPS_CHECKSUM

    def _send_hello(self) -> PeerConnected:
        peer = self._pending_hello
        assert peer is not None, "a hello answers a CNXN"
        self._pending_hello = None
        self.connected = True
        self._send_pieces(messages.CNXN, messages.VERSION_SKIPS_CHECKSUM, messages.MAX_PAYLOAD, [self.banner.encode()])
        return PeerConnected(peer.payload.rstrip(b"\0").decode("utf-8", "replace"), self.version, self.max_payload)

    def _send_token(self, authentication: Authentication) -> None:
        self._token = authentication.new_token()
        self._send_pieces(messages.AUTH, auth.TOKEN, 0, [self._token])

    def _on_auth(self, message: Message) -> Sequence[Event]:
        if self._authentication is None or self._pending_hello is None:
            return ()
        if message.arg0 == auth.RSA_PUBLIC_KEY:
            auth.parse_public_key(message.payload)
            return (KeyOffered(message.payload),)
        if message.arg0 != auth.SIGNATURE:
            raise WireError(f"Got AUTH of type {message.arg0}; expected a signature (2) or a public key (3).")
        if any(key.verifies(self._token, message.payload) for key in self._authentication.keys):
            return (self._send_hello(),)
        self._send_token(self._authentication)
        return ()

    def _on_open(self, message: Message) -> Sequence[Event]:
        if message.arg0 == 0 or not message.payload:
            return ()  # adb.cpp: "OPEN(local-id, [send-buffer], destination)" needs both
        name = message.payload.rstrip(b"\0").decode("utf-8", "surrogateescape")
        stream = Stream(self._next_id, message.arg0, name)
        self._next_id = self._next_id % 0xFFFFFFFF + 1
        return (StreamRequested(stream),)

    def _on_write(self, message: Message) -> Sequence[Event]:
        stream = self._find(message)
        if stream is None:
            return ()
        if stream.owes_okay:
            raise WireError(f"Got a second WRTE on stream {stream.local_id} before the OKAY of the first; wait for it.")
        stream.owes_okay = True
        return (StreamData(stream, message.payload),)

    def _on_okay(self, message: Message) -> Sequence[Event]:
        stream = self._find(message)
        if stream is None or not stream.in_flight:
            return ()
        stream.in_flight = False
        self.flush(stream)
        return (StreamDrained(stream),)

    def _on_close(self, message: Message) -> Sequence[Event]:
        stream = self._find(message)
        if stream is None:
            return ()
        del self.streams[stream.local_id]
        self._send(messages.CLSE, stream.local_id, stream.remote_id)
        return (StreamClosed(stream),)

    def _find(self, message: Message) -> Stream | None:
        """Find the stream a message means: ours by arg1, and the peer's number must agree (a CLSE may leave it 0)."""
        stream = self.streams.get(message.arg1)
        if stream is None or message.arg0 == stream.remote_id:
            return stream
        return stream if message.arg0 == 0 and message.command == messages.CLSE else None

    def _send(self, command: int, arg0: int, arg1: int) -> None:
        self._output.append(pack_header(command, arg0, arg1))

    def _send_pieces(self, command: int, arg0: int, arg1: int, pieces: list[bytes | memoryview]) -> None:
        """Queue a message whose payload is the pieces joined; CNXN and AUTH always carry their sum."""
        checksum = 0
        if self.version < messages.VERSION_SKIPS_CHECKSUM or command in (messages.CNXN, messages.AUTH):
            checksum = payload_checksum(b"".join(pieces))
        self._output.append(pack_header(command, arg0, arg1, sum(map(len, pieces)), checksum))
        self._output += pieces
