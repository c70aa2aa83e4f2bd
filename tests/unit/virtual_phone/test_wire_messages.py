"""Headers, sums and slicing of ADB messages."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device_scripts.virtual_phone.adb_wire import messages
from device_scripts.virtual_phone.adb_wire.messages import Message, MessageReader, pack_header, payload_checksum
from device_scripts.virtual_phone.adb_wire.shell_protocol import ShellPacketReader
from device_scripts.virtual_phone.errors import WireError


def encoded(message: Message) -> bytes:
    checksum = payload_checksum(message.payload)
    return pack_header(message.command, message.arg0, message.arg1, len(message.payload), checksum) + message.payload


def read_all(reader: MessageReader) -> list[Message]:
    found = []
    while (message := reader.next_message()) is not None:
        found.append(message)
    return found


def test_header_is_six_little_endian_words_with_the_complement_as_magic() -> None:
    # OKAY = 0x59414b4f is the text "OKAY"; its complement 0xa6beb4b0 ends the header
    assert pack_header(messages.OKAY, 1, 2).hex() == "4f4b4159" + "01000000" + "02000000" + "00000000" * 2 + "b0b4bea6"


def test_checksum_is_the_byte_sum() -> None:
    assert payload_checksum(b"\xff\xff\x01") == 511


MESSAGES = st.lists(
    st.builds(
        Message,
        st.sampled_from(sorted(messages.COMMAND_NAMES)),
        st.integers(0, 2**32 - 1),
        st.integers(0, 2**32 - 1),
        st.binary(max_size=200),
    ),
    max_size=6,
)


@given(MESSAGES, st.integers(1, 60))
@settings(max_examples=60, deadline=None)
def test_messages_come_out_whole_however_they_were_sliced(sent: list[Message], slice_bytes: int) -> None:
    reader = MessageReader()
    raw = b"".join(map(encoded, sent))
    found = []
    for start in range(0, len(raw), slice_bytes):
        reader.feed(raw[start : start + slice_bytes])
        found += read_all(reader)
    assert found == sent


@given(st.binary(max_size=300))
@settings(max_examples=200, deadline=None)
def test_any_bytes_give_messages_or_a_wire_error(raw: bytes) -> None:
    reader = MessageReader()
    reader.feed(raw)
    try:
        read_all(reader)
    except WireError:
        return


@given(st.binary(max_size=300))
@settings(max_examples=200, deadline=None)
def test_any_bytes_give_shell_packets_or_a_wire_error(raw: bytes) -> None:
    try:
        ShellPacketReader().feed(raw)
    except WireError:
        return


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        (messages._HEADER.pack(messages.OKAY, 0, 0, 0, 0, messages.OKAY), "magic"),
        (messages._HEADER.pack(0x21212121, 0, 0, 0, 0, 0xDEDEDEDE), "command"),
        (pack_header(messages.WRTE, 1, 1, 4097), "4097 bytes where at most 4096"),
    ],
)
def test_impossible_header_is_a_wire_error(header: bytes, reason: str) -> None:
    reader = MessageReader()
    reader.feed(header)
    with pytest.raises(WireError, match=reason):
        reader.next_message()


def test_wrong_sum_is_refused_only_while_sums_are_checked() -> None:
    raw = pack_header(messages.WRTE, 1, 1, 2, 999) + b"ab"
    strict, lenient = MessageReader(), MessageReader()
    lenient.check_sums = False
    strict.feed(raw)
    lenient.feed(raw)
    with pytest.raises(WireError, match="data_check"):
        strict.next_message()
    assert lenient.next_message() == Message(messages.WRTE, 1, 1, b"ab")


def test_cnxn_sum_is_checked_always() -> None:
    reader = MessageReader()
    reader.check_sums = False
    reader.feed(pack_header(messages.CNXN, 1, 1, 2, 999) + b"ab")
    with pytest.raises(WireError, match="CNXN"):
        reader.next_message()
