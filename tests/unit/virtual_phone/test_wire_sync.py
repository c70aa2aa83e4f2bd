"""The sync service, record by record."""

from __future__ import annotations

import stat
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device_scripts.virtual_phone.adb_wire.sync import MAX_DATA_BYTES, SyncSession
from device_scripts.virtual_phone.errors import WireError
from device_scripts.virtual_phone.filesystem import DeviceFiles

REGULAR = stat.S_IFREG | 0o644


@pytest.fixture
def files() -> DeviceFiles:
    return DeviceFiles(now_sec=100)


def request(name: bytes, path: str) -> bytes:
    raw = path.encode()
    return name + struct.pack("<I", len(raw)) + raw


def data(content: bytes) -> bytes:
    return b"DATA" + struct.pack("<I", len(content)) + content


def done(mtime_sec: int = 7) -> bytes:
    return b"DONE" + struct.pack("<I", mtime_sec)


def talk(files: DeviceFiles, raw: bytes, slice_bytes: int = 1 << 30) -> bytes:
    session = SyncSession(files, lambda: 100)
    answer = b""
    for start in range(0, len(raw), slice_bytes):
        session.receive(raw[start : start + slice_bytes])
        while (piece := session.pull()) is not None:
            answer += piece
    return answer


OKAY = b"OKAY" + bytes(4)


def fail(reason: str) -> bytes:
    return b"FAIL" + struct.pack("<I", len(reason)) + reason.encode()


@pytest.mark.parametrize("slice_bytes", [1, 3, 1000])
def test_send_stores_content_mode_and_date(files: DeviceFiles, slice_bytes: int) -> None:
    raw = request(b"SEND", f"/sdcard/a,b.txt,{REGULAR}") + data(b"hello ") + data(b"world") + done(7)
    assert talk(files, raw, slice_bytes) == OKAY
    node = files.find("/sdcard/a,b.txt")
    assert node is not None
    assert (node.data, node.mode, node.mtime_sec) == (b"hello world", REGULAR, 7)


def test_send_makes_missing_folders(files: DeviceFiles) -> None:
    assert talk(files, request(b"SEND", f"/sdcard/x/y/z,{REGULAR}") + done()) == OKAY
    assert files.read("/sdcard/x/y/z") == b""


def test_failed_send_is_read_to_its_done_and_the_stream_goes_on(files: DeviceFiles) -> None:
    raw = request(b"SEND", f"/system/x,{REGULAR}") + data(b"1" * 100) + done() + request(b"STAT", "/nowhere")
    assert talk(files, raw) == fail("couldn't create file: Read-only file system") + b"STAT" + bytes(12)


def test_send_with_a_bad_mode_fails_after_its_done(files: DeviceFiles) -> None:
    assert talk(files, request(b"SEND", "/sdcard/x") + data(b"1") + done()) == fail("bad mode in '/sdcard/x'")


def test_upload_beyond_the_quota_fails(files: DeviceFiles) -> None:
    files.quota_bytes = 1000
    raw = request(b"SEND", f"/sdcard/big,{REGULAR}") + data(bytes(900)) + data(bytes(900)) + done()
    assert talk(files, raw) == fail("write failed: No space left on device")
    assert files.find("/sdcard/big") is None


def test_symbolic_link_is_sent_as_its_target(files: DeviceFiles) -> None:
    raw = request(b"SEND", f"/sdcard/l,{stat.S_IFLNK | 0o777}") + data(b"/sdcard/t\0") + done()
    assert talk(files, raw) == OKAY
    node = files.find("/sdcard/l", follow_last=False)
    assert node is not None
    assert (node.is_link, node.data) == (True, b"/sdcard/t")


def test_v2_send_takes_mode_and_flags_from_its_second_message(files: DeviceFiles) -> None:
    raw = request(b"SND2", "/sdcard/a") + b"SND2" + struct.pack("<II", REGULAR, 0) + data(b"x") + done()
    assert talk(files, raw, 2) == OKAY
    dry = request(b"SND2", "/sdcard/b") + b"SND2" + struct.pack("<II", REGULAR, 0x80000000) + data(b"x") + done()
    assert talk(files, dry) == OKAY
    assert files.find("/sdcard/a") is not None
    assert files.find("/sdcard/b") is None


def test_compression_that_was_not_announced_is_refused(files: DeviceFiles) -> None:
    raw = request(b"SND2", "/sdcard/a") + b"SND2" + struct.pack("<II", REGULAR, 1) + data(b"x") + done()
    assert talk(files, raw) == fail("compression was not announced; send without it")
    raw = request(b"RCV2", "/sdcard/a") + b"RCV2" + struct.pack("<I", 4)
    assert talk(files, raw) == fail("compression was not announced; receive without it")


def test_receive_comes_in_64_kib_records(files: DeviceFiles) -> None:
    content = bytes(range(256)) * 300  # 76,800 bytes = 65,536 + 11,264
    files.write("/sdcard/a", content, now_sec=0)
    expected = data(content[:MAX_DATA_BYTES]) + data(content[MAX_DATA_BYTES:]) + done(0)
    assert talk(files, request(b"RECV", "/sdcard/a")) == expected
    assert talk(files, request(b"RCV2", "/sdcard/a") + b"RCV2" + bytes(4)) == expected


def test_receive_of_a_missing_file_fails(files: DeviceFiles) -> None:
    assert talk(files, request(b"RECV", "/sdcard/no")) == fail("open failed: No such file or directory")


def test_stat_v1_does_not_follow_a_link_and_v2_does_when_asked(files: DeviceFiles) -> None:
    link_mode, folder_mode = stat.S_IFLNK | 0o777, stat.S_IFDIR | 0o755
    target = "/storage/emulated/0"
    assert talk(files, request(b"STAT", "/sdcard")) == b"STAT" + struct.pack("<3I", link_mode, len(target), 100)
    assert struct.unpack_from("<I", talk(files, request(b"LST2", "/sdcard")), 24)[0] == link_mode
    assert struct.unpack_from("<I", talk(files, request(b"STA2", "/sdcard")), 24)[0] == folder_mode


def test_stat_v2_of_a_missing_file_is_72_bytes_with_enoent(files: DeviceFiles) -> None:
    answer = talk(files, request(b"STA2", "/no"))
    assert answer == b"STA2" + struct.pack("<I", 2) + bytes(64)
    assert len(answer) == 72


def test_list_ends_with_a_full_record(files: DeviceFiles) -> None:
    files.make_folder("/sdcard/d", now_sec=1)
    files.write("/sdcard/d/f", b"abc", now_sec=2)
    dent = b"DENT" + struct.pack("<4I", REGULAR, 3, 2, 1) + b"f"
    answer = talk(files, request(b"LIST", "/sdcard/d"))
    assert answer.endswith(dent + b"DONE" + bytes(16))
    v2 = talk(files, request(b"LIS2", "/sdcard/d"))
    assert v2.endswith(b"DONE" + bytes(72))
    assert v2.count(b"DNT2") == 3  # ".", ".." and "f"


def test_list_of_a_missing_folder_is_empty(files: DeviceFiles) -> None:
    assert talk(files, request(b"LIST", "/no")) == b"DONE" + bytes(16)


def test_quit_finishes() -> None:
    session = SyncSession(DeviceFiles(), lambda: 0)
    session.receive(b"QUIT" + bytes(4))
    assert session.finished


@pytest.mark.parametrize(
    "raw",
    [
        b"WHAT" + bytes(4),
        b"STAT" + struct.pack("<I", 1025),
        request(b"SEND", "/sdcard/a,1") + b"DATA" + struct.pack("<I", 65537),
        request(b"SEND", "/sdcard/a,1") + b"STAT" + bytes(4),
        request(b"SND2", "/sdcard/a") + b"RCV2" + bytes(8),
    ],
)
def test_request_that_cannot_be_is_a_wire_error(files: DeviceFiles, raw: bytes) -> None:
    with pytest.raises(WireError):
        talk(files, raw)


PIECES = st.lists(
    st.one_of(
        st.sampled_from([request(b"SEND", "/sdcard/a,1"), data(b"xy"), done(), request(b"LIS2", "/sdcard"), b"SND2"]),
        st.binary(max_size=12),
    ),
    max_size=8,
)


@given(PIECES, st.integers(1, 20))
@settings(max_examples=150, deadline=None)
def test_any_bytes_give_answers_or_a_wire_error(pieces: list[bytes], slice_bytes: int) -> None:
    try:
        talk(DeviceFiles(), b"".join(pieces), slice_bytes)
    except WireError:
        return
