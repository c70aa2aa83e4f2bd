"""Handshake, negotiation, streams and flow control, in every order a peer may choose."""

from __future__ import annotations

import base64
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device_scripts.virtual_phone.adb_wire import auth, messages
from device_scripts.virtual_phone.adb_wire.connection import Authentication, Connection
from device_scripts.virtual_phone.adb_wire.events import (
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

OLD, NEW = messages.VERSION_WITH_CHECKSUM, messages.VERSION_SKIPS_CHECKSUM
MIB = 1024 * 1024


def raw(command: int, arg0: int, arg1: int, payload: bytes = b"") -> bytes:
    return pack_header(command, arg0, arg1, len(payload), payload_checksum(payload)) + payload


def sent_by(connection: Connection, *, check_sums: bool = False) -> list[Message]:
    reader = MessageReader()
    reader.max_payload = MIB
    reader.check_sums = check_sums
    reader.feed(b"".join(connection.take_output()))
    found = []
    while (message := reader.next_message()) is not None:
        found.append(message)
    return found


def connected(version: int = NEW, max_payload: int = MIB) -> Connection:
    connection = Connection("device::features=shell_v2")
    connection.receive(raw(messages.CNXN, version, max_payload, b"host::\0"))
    connection.take_output()
    return connection


def with_stream(connection: Connection, remote_id: int = 9) -> Stream:
    (event,) = connection.receive(raw(messages.OPEN, remote_id, 0, b"shell:x\0"))
    assert isinstance(event, StreamRequested)
    connection.accept(event.stream)
    assert sent_by(connection) == [Message(messages.OKAY, event.stream.local_id, remote_id, b"")]
    return event.stream


def test_cnxn_is_answered_with_banner_and_the_lower_of_both_limits_holds() -> None:
    connection = Connection("device::x")
    events = connection.receive(raw(messages.CNXN, NEW, 256 * 1024, b"host::features=cmd\0"))
    assert events == [PeerConnected("host::features=cmd", NEW, 256 * 1024)]
    assert sent_by(connection, check_sums=True) == [Message(messages.CNXN, NEW, MIB, b"device::x")]
    assert connection.max_payload == 256 * 1024


def test_old_version_gets_real_sums_on_every_message() -> None:
    connection = connected(version=OLD)
    stream = with_stream(connection)
    connection.write(stream, b"\x01\x02")
    connection.flush(stream)
    header = bytes(connection.take_output()[0])
    assert struct.unpack("<6I", header)[4] == 3  # 1 + 2


def test_new_version_gets_zero_as_sum() -> None:
    connection = connected(version=NEW)
    stream = with_stream(connection)
    connection.write(stream, b"\x01\x02")
    connection.flush(stream)
    assert struct.unpack("<6I", bytes(connection.take_output()[0]))[4] == 0


@pytest.mark.parametrize(("version", "max_payload"), [(OLD - 1, MIB), (NEW, 4095)])
def test_impossible_cnxn_is_a_wire_error(version: int, max_payload: int) -> None:
    with pytest.raises(WireError, match="CNXN"):
        Connection("device::x").receive(raw(messages.CNXN, version, max_payload, b"host::\0"))


def test_messages_before_cnxn_are_not_answered() -> None:
    connection = Connection("device::x")
    assert connection.receive(raw(messages.OPEN, 1, 0, b"shell:\0") + raw(messages.OKAY, 1, 1)) == []
    assert sent_by(connection) == []


def test_new_cnxn_closes_every_stream() -> None:
    connection = connected()
    stream = with_stream(connection)
    closed, hello = connection.receive(raw(messages.CNXN, OLD, MIB, b"host::\0"))
    assert closed == StreamClosed(stream)
    assert isinstance(hello, PeerConnected)
    assert connection.streams == {}


def test_one_write_is_in_flight_until_its_okay() -> None:
    connection = connected(max_payload=4096)
    stream = with_stream(connection)
    connection.write(stream, b"a" * 5000)
    connection.flush(stream)
    connection.flush(stream)
    (first,) = sent_by(connection)
    assert len(first.payload) == 4096
    assert connection.receive(raw(messages.OKAY, 9, stream.local_id)) == [StreamDrained(stream)]
    (second,) = sent_by(connection)
    assert len(second.payload) == 5000 - 4096


def test_pieces_are_joined_up_to_the_payload_limit() -> None:
    connection = connected(max_payload=4096)
    stream = with_stream(connection)
    for piece in (b"a" * 16, b"b" * 4000, b"c" * 100):
        connection.write(stream, piece)
    connection.flush(stream)
    (message,) = sent_by(connection)
    assert message.payload == b"a" * 16 + b"b" * 4000 + b"c" * 80


def test_close_waits_for_what_is_queued() -> None:
    connection = connected()
    stream = with_stream(connection)
    connection.write(stream, b"last words")
    connection.close(stream)
    assert [m.command for m in sent_by(connection)] == [messages.WRTE]
    connection.receive(raw(messages.OKAY, 9, stream.local_id))
    assert sent_by(connection) == [Message(messages.CLSE, stream.local_id, 9, b"")]


def test_peers_close_is_answered_once() -> None:
    connection = connected()
    stream = with_stream(connection)
    assert connection.receive(raw(messages.CLSE, 9, stream.local_id)) == [StreamClosed(stream)]
    assert sent_by(connection) == [Message(messages.CLSE, stream.local_id, 9, b"")]
    assert connection.receive(raw(messages.CLSE, 9, stream.local_id)) == []
    assert sent_by(connection) == []


def test_refused_open_is_closed_with_zero() -> None:
    connection = connected()
    (event,) = connection.receive(raw(messages.OPEN, 9, 0, b"tcp:1\0"))
    assert isinstance(event, StreamRequested)
    connection.refuse(event.stream)
    assert sent_by(connection) == [Message(messages.CLSE, 0, 9, b"")]


@pytest.mark.parametrize("message", [raw(messages.OPEN, 0, 0, b"shell:\0"), raw(messages.OPEN, 5, 0)])
def test_open_without_number_or_name_is_not_answered(message: bytes) -> None:
    connection = connected()
    assert connection.receive(message) == []
    assert sent_by(connection) == []


def test_write_is_acknowledged_once_and_only_when_asked_for() -> None:
    connection = connected()
    stream = with_stream(connection)
    assert connection.receive(raw(messages.WRTE, 9, stream.local_id, b"ls\n")) == [StreamData(stream, b"ls\n")]
    assert sent_by(connection) == []
    connection.acknowledge(stream)
    connection.acknowledge(stream)
    assert sent_by(connection) == [Message(messages.OKAY, stream.local_id, 9, b"")]


def test_second_write_before_the_okay_is_a_wire_error() -> None:
    connection = connected()
    stream = with_stream(connection)
    connection.receive(raw(messages.WRTE, 9, stream.local_id, b"a"))
    with pytest.raises(WireError, match="second WRTE"):
        connection.receive(raw(messages.WRTE, 9, stream.local_id, b"b"))


def test_message_with_a_foreign_number_means_no_stream() -> None:
    connection = connected()
    stream = with_stream(connection)
    assert connection.receive(raw(messages.WRTE, 8, stream.local_id, b"x")) == []
    assert connection.receive(raw(messages.OKAY, 9, stream.local_id)) == []  # nothing is in flight


def test_stls_is_a_wire_error() -> None:
    with pytest.raises(WireError, match="STLS"):
        connected().receive(raw(messages.STLS, 0x01000000, 0))


COMMANDS = st.sampled_from(sorted(messages.COMMAND_NAMES))
SMALL = st.integers(0, 4)
SCRIPT = st.lists(st.tuples(COMMANDS, SMALL, SMALL, st.binary(max_size=20)), max_size=12)


@given(SCRIPT, st.integers(1, 50))
@settings(max_examples=150, deadline=None)
def test_any_order_of_messages_keeps_the_rules(script: list[tuple[int, int, int, bytes]], slice_bytes: int) -> None:
    connection = connected()
    data = b"".join(raw(*step) for step in script)
    in_flight: dict[int, int] = {}
    for start in range(0, len(data), slice_bytes):
        try:
            events = connection.receive(data[start : start + slice_bytes])
        except WireError:
            return
        for event in events:
            if isinstance(event, StreamRequested):
                connection.accept(event.stream)
                connection.write(event.stream, b"0123456789")
                connection.flush(event.stream)
            elif isinstance(event, StreamData):
                connection.acknowledge(event.stream)
            elif isinstance(event, StreamDrained):
                in_flight[event.stream.local_id] = 0
        for message in sent_by(connection):
            if message.command == messages.WRTE:
                in_flight[message.arg0] = in_flight.get(message.arg0, 0) + 1
                assert in_flight[message.arg0] == 1


# --- AUTH, with a key that is no secret: its modulus is the largest 2048-bit prime, so phi = modulus - 1


def make_key() -> tuple[int, int, bytes]:
    """Return (modulus, private exponent, AUTH(3) payload)."""
    modulus = 2**2048 - 1942289
    private = pow(65537, -1, modulus - 1)
    key = struct.pack("<II", 64, 0) + modulus.to_bytes(256, "little") + bytes(256) + struct.pack("<I", 65537)
    return modulus, private, base64.b64encode(key) + b" tester@host\0"


@pytest.fixture(scope="module")
def key() -> tuple[int, int, bytes]:
    return make_key()


def sign(token: bytes, key: tuple[int, int, bytes]) -> bytes:
    tail = b"\0" + bytes.fromhex("3021300906052b0e03021a05000414") + token
    block = b"\0\1" + b"\xff" * (256 - len(tail) - 2) + tail
    return pow(int.from_bytes(block, "big"), key[1], key[0]).to_bytes(256, "big")


def asking(keys: list[auth.PublicKey]) -> Connection:
    tokens = iter(bytes([n]) * 20 for n in range(1, 9))
    connection = Connection("device::x", Authentication(keys, lambda: next(tokens)))
    assert connection.receive(raw(messages.CNXN, NEW, MIB, b"host::\0")) == []
    assert sent_by(connection, check_sums=True) == [Message(messages.AUTH, auth.TOKEN, 0, b"\1" * 20)]
    return connection


def test_known_key_signs_its_way_in(key: tuple[int, int, bytes]) -> None:
    connection = asking([auth.parse_public_key(key[2])])
    (event,) = connection.receive(raw(messages.AUTH, auth.SIGNATURE, 0, sign(b"\1" * 20, key)))
    assert isinstance(event, PeerConnected)
    assert connection.connected


def test_wrong_signature_gets_a_fresh_token(key: tuple[int, int, bytes]) -> None:
    connection = asking([auth.parse_public_key(key[2])])
    assert connection.receive(raw(messages.AUTH, auth.SIGNATURE, 0, sign(b"\2" * 20, key))) == []
    assert sent_by(connection)[0].payload == b"\2" * 20
    assert not connection.connected


def test_offered_key_is_let_in_when_accepted_and_remembered(key: tuple[int, int, bytes]) -> None:
    keys: list[auth.PublicKey] = []
    connection = asking(keys)
    assert connection.receive(raw(messages.AUTH, auth.RSA_PUBLIC_KEY, 0, key[2])) == [KeyOffered(key[2])]
    assert not connection.connected
    connection.accept_key(key[2])
    assert connection.connected
    assert [kept.owner for kept in keys] == ["tester@host"]


@pytest.mark.parametrize("payload", [b"", b"!!!! x", b"QUJD x@y", base64.b64encode(bytes(524)) + b" x"])
def test_payload_that_is_no_key_is_a_wire_error(payload: bytes) -> None:
    with pytest.raises(WireError, match="AUTH public key"):
        auth.parse_public_key(payload)
