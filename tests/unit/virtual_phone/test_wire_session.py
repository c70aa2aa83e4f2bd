"""Services over a connection, in memory: shells of every kind, screens, refusals, back-pressure."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device_scripts.virtual_phone.adb_wire import messages
from device_scripts.virtual_phone.device import VirtualDevice, build_device
from device_scripts.virtual_phone.errors import WireError
from device_scripts.virtual_phone.phone import Phone
from device_scripts.virtual_phone.session import DeviceSession

if TYPE_CHECKING:
    from tests.unit.virtual_phone.conftest import Host

    NewHost = Callable[..., Host]

SHARED_DEVICE = build_device(Phone((128, 224), 160, seed=0), "emulator-5554")
FRAME_BYTES = 16 + 128 * 224 * 4
PacketCutter = Callable[[bytes], list[tuple[int, bytes]]]


def test_banner_names_product_and_features(new_host: NewHost) -> None:
    (hello,) = new_host().connect()
    assert hello.payload == (
        b"device::ro.product.name=virtual_phone;ro.product.model=Virtual_Phone;ro.product.device=virtual_phone;"
        b"features=shell_v2,cmd,stat_v2,ls_v2,fixed_push_mkdir,sendrecv_v2"
    )


@pytest.mark.parametrize("slice_bytes", [1, 7, 1 << 20])
def test_shell_v1_merges_and_closes(new_host: NewHost, slice_bytes: int) -> None:
    host = new_host(slice_bytes=slice_bytes)
    host.connect()
    host.open("shell:echo out; nope; echo $?")
    assert host.output() == b"out\n/system/bin/sh: nope: inaccessible or not found\n127\n"
    assert host.was_closed()


def test_shell_v2_keeps_streams_apart_and_ends_with_the_status(host: Host, packets: PacketCutter) -> None:
    host.open("shell,v2,raw:echo out; nope")
    found = packets(host.output())
    assert found == [(1, b"out\n"), (2, b"/system/bin/sh: nope: inaccessible or not found\n"), (3, b"\x7f")]
    assert host.was_closed()


def test_shell_v2_reads_standard_input_to_its_end(host: Host, packets: PacketCutter) -> None:
    stream = host.open("shell,v2,TERM=xterm,raw:cat > /sdcard/in.bin")
    for packet in (b"\0" + struct.pack("<I", 4) + b"\0\xff\r\n", b"\0" + struct.pack("<I", 2) + b"ab"):
        host.write(stream, packet)
    assert not host.was_closed()
    host.write(stream, b"\x04" + bytes(4))
    assert packets(host.output()) == [(3, b"\0")]
    assert host.session._device.files.read("/sdcard/in.bin") == b"\0\xff\r\nab"


def test_exec_in_takes_what_came_before_the_stream_was_closed(host: Host) -> None:
    stream = host.open("exec:cat > /sdcard/in.bin")
    host.write(stream, b"payload")
    host.send(messages.CLSE, 7, stream)
    assert host.session._device.files.read("/sdcard/in.bin") == b"payload"


@pytest.mark.parametrize("service", ["shell:", "exec:sh", "exec:sh -", "shell:sh"])
def test_interactive_shell_runs_each_line_without_echo_or_prompt(host: Host, service: str) -> None:
    stream = host.open(service)
    host.write(stream, b"cd /sdcard; echo one\n")
    assert host.output() == b"one\n"
    host.write(stream, b"pw")
    assert host.output() == b"one\n"
    host.write(stream, b"d\nnope\necho $?\n")
    assert host.output() == b"one\n/sdcard\n/system/bin/sh: nope: inaccessible or not found\n127\n"
    assert not host.was_closed()
    host.write(stream, b"exit\n")
    assert host.was_closed()


def test_interactive_shell_sends_raw_frames_of_known_length(host: Host) -> None:
    stream = host.open("exec:sh")
    host.write(stream, b"input tap 5 6; screencap\nscreencap\n")
    output = host.output()
    assert len(output) == 2 * FRAME_BYTES
    assert struct.unpack("<4I", output[:16]) == (128, 224, 1, 0)


def test_interactive_shell_waits_for_the_line_that_closes_a_quote(host: Host) -> None:
    stream = host.open("shell:")
    host.write(stream, b"echo 'a\n")
    assert host.output() == b""
    host.write(stream, b"b'\n")
    assert host.output() == b"a\nb\n"


def test_interactive_v2_shell_ends_with_its_input(host: Host, packets: PacketCutter) -> None:
    stream = host.open("shell,v2,raw:")
    script = b"echo hi\nfalse"
    host.write(stream, b"\0" + struct.pack("<I", len(script)) + script)
    host.write(stream, b"\x04" + bytes(4))
    assert packets(host.output()) == [(1, b"hi\n"), (3, b"\1")]


def test_terminal_shell_prompts_and_echoes(host: Host, packets: PacketCutter) -> None:
    stream = host.open("shell,v2,pty,TERM=xterm:")
    keys = b"pwx\x7fd\r"
    host.write(stream, b"\0" + struct.pack("<I", len(keys)) + keys)
    text = b"".join(data for _, data in packets(host.output()))
    assert text == b"virtual_phone:/ $ pwx\b \bd\r\n/\r\nvirtual_phone:/ $ "
    host.write(stream, b"\0" + struct.pack("<I", 1) + b"\x04")
    assert host.was_closed()


def test_peer_that_does_not_read_stops_the_shell(new_host: NewHost) -> None:
    host = new_host(acknowledges=False)
    host.connect()
    stream = host.open("exec:sh")
    before_ms = host.session._device.phone.clock_ms
    host.write(stream, b"screencap\n" * 1000)
    frames_drawn = (host.session._device.phone.clock_ms - before_ms) // 16
    assert frames_drawn <= 20  # two high-water marks of 1 MiB hold 18 frames of 114,704 bytes
    assert not any(m.command == messages.OKAY and m.arg1 == 7 for m in host.received[2:])


def test_screenshot_larger_than_the_agreed_payload_is_split(device: VirtualDevice, new_host: NewHost) -> None:
    host = new_host()
    host.connect(max_payload=4096)
    host.open("exec:screencap '-p'")
    writes = [m for m in host.received if m.command == messages.WRTE]
    assert max(len(m.payload) for m in writes) <= 4096
    assert host.output().startswith(b"\x89PNG")
    assert host.output().endswith(b"IEND\xaeB`\x82")


def test_framebuffer_has_fourteen_words_then_pixels(host: Host) -> None:
    host.open("framebuffer:")
    words = struct.unpack_from("<14I", host.output())
    assert words == (2, 32, 1, 128 * 224 * 4, 128, 224, 0, 8, 16, 8, 8, 8, 24, 8)
    assert len(host.output()) == 56 + 128 * 224 * 4


@pytest.mark.parametrize("service", ["tcp:5000", "localabstract:x", "jdwp", "backup:", "", "track-jdwp"])
def test_unknown_service_is_closed(host: Host, service: str) -> None:
    assert host.open(service) == 0
    assert host.was_closed()


@pytest.mark.parametrize(
    ("service", "answer"),
    [
        ("root:", b"adbd cannot run as root in production builds\n"),
        ("unroot:", b"adbd not running as root\n"),
        ("reverse:forward:tcp:1;tcp:2", b"OKAY"),
        ("reverse:list-forward", b"0000"),
        ("reverse:killforward:tcp:9", b"FAIL001alistener 'tcp:9' not found"),
        ("reverse:killforward-all", b"OKAY"),
        ("reverse:nonsense", b"FAIL0015bad forward: nonsense"),
    ],
)
def test_short_services_answer_and_close(host: Host, service: str, answer: bytes) -> None:
    host.open(service)
    assert host.output() == answer
    assert host.was_closed()


def test_reboot_closes_cleanly_and_wants_the_connection_dropped(host: Host) -> None:
    host.open("reboot:")
    assert host.was_closed()
    assert host.session.wants_disconnect


def test_logcat_follows_what_another_stream_causes(host: Host) -> None:
    host.open("shell:logcat", local_id=20)
    host.open("shell:am start -n com.android.settings/.Settings", local_id=21)
    host.take(host.session.poll())
    assert b"START u0 {cmp=com.android.settings/.Settings}" in host.output(20)
    assert not host.was_closed(20)


def test_two_streams_do_not_mix(host: Host) -> None:
    first, second = host.open("shell:", local_id=30), host.open("shell:", local_id=31)
    host.write(first, b"X=1; cd /data\n", local_id=30)
    host.write(second, b"echo [$X]; pwd\n", local_id=31)
    assert host.output(31) == b"[]\n/\n"


SERVICES = st.sampled_from(
    ["shell:", "shell:cat", "shell,v2:ls", "shell,v2,pty:", "sync:", "exec:sh", "framebuffer:", "x:"]
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just(messages.OPEN), st.integers(1, 3), st.just(0), SERVICES.map(str.encode)),
        st.tuples(st.sampled_from([messages.OKAY, messages.CLSE]), st.integers(0, 3), st.integers(0, 3), st.just(b"")),
        st.tuples(st.just(messages.WRTE), st.integers(1, 3), st.integers(1, 3), st.binary(max_size=30)),
        st.tuples(st.just(messages.WRTE), st.integers(1, 3), st.integers(1, 3), st.just(b"input tap 9 9; pwd\n")),
    ),
    max_size=12,
)


@given(STEPS)
@settings(max_examples=100, deadline=None)
def test_any_conversation_goes_on_or_ends_in_a_wire_error(steps: list[tuple[int, int, int, bytes]]) -> None:
    session = DeviceSession(SHARED_DEVICE)
    session.receive(messages.pack_header(messages.CNXN, messages.VERSION_SKIPS_CHECKSUM, 1 << 20))
    for command, arg0, arg1, payload in steps:
        try:
            session.receive(messages.pack_header(command, arg0, arg1, len(payload)) + payload)
        except WireError:
            break
    session.hang_up()


def test_same_seed_and_same_bytes_give_same_bytes() -> None:
    def play() -> bytes:
        session = DeviceSession(build_device(Phone(seed=3), "emulator-5554"))
        pieces = session.receive(messages.pack_header(messages.CNXN, messages.VERSION_SKIPS_CHECKSUM, 1 << 20))
        opening = b"exec:input tap 60 60; screencap; uiautomator dump /dev/tty; dumpsys window; date\0"
        total = messages.payload_checksum(opening)
        pieces += session.receive(messages.pack_header(messages.OPEN, 5, 0, len(opening), total) + opening)
        return b"".join(pieces)

    assert play() == play()
