"""The long-lived shell: framing, re-opening, and what is never sent twice."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent_runtime.devices.stream import ShellStream, StreamBrokenError
from agent_runtime.errors import DeviceError, DeviceNotFoundError
from tests.fakes import FakeShell


def test_one_stream_carries_many_commands() -> None:
    shell = FakeShell(lambda command: (command.encode() + b"\n", 0))
    stream = ShellStream(shell.connect)
    for number in range(3):
        assert bytes(stream.run(f"echo {number}", 5, repeatable=True).body) == f"echo {number}\n".encode()
    assert shell.services == ["exec:sh"]


def test_exit_status_comes_back() -> None:
    stream = ShellStream(FakeShell(lambda command: (b"", 255)).connect)
    assert stream.run("false", 5, repeatable=True).exit_code == 255


@settings(max_examples=25, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_come_through(body: bytes) -> None:
    stream = ShellStream(FakeShell(lambda command: (body, 0)).connect)
    assert bytes(stream.run("screencap", 5, repeatable=True).body) == body
    stream.close()


def test_a_reply_larger_than_the_buffer_comes_through() -> None:
    body = bytes(range(256)) * 4096  # 1 MiB; the first buffer holds 16 KiB
    stream = ShellStream(FakeShell(lambda command: (body, 0)).connect)
    assert stream.run("screencap", 5, repeatable=True).body == body
    assert stream.run("screencap", 5, repeatable=True, expected_bytes=len(body)).body == body


def test_a_command_that_prints_something_like_the_end_does_not_end_it() -> None:
    body = b"0123456789abcdef0123456789abcdef 0\nmore\n"
    stream = ShellStream(FakeShell(lambda command: (body, 0)).connect)
    assert bytes(stream.run("cat", 5, repeatable=True).body) == body


def test_a_repeatable_command_is_tried_again_on_a_new_stream() -> None:
    shell = FakeShell(lambda command: None if len(shell.commands) == 1 else (b"ok", 0))
    stream = ShellStream(shell.connect)
    assert bytes(stream.run("wm size", 5, repeatable=True).body) == b"ok"
    assert shell.services == ["exec:sh", "exec:sh"]


def test_an_input_event_is_never_sent_twice() -> None:
    shell = FakeShell(lambda command: None)
    stream = ShellStream(shell.connect)
    with pytest.raises(StreamBrokenError, match="reconnect"):
        stream.run("input tap 1 2", 5, repeatable=False)
    assert shell.commands == ["input tap 1 2"]


def test_after_a_break_the_next_command_opens_a_new_stream() -> None:
    shell = FakeShell(lambda command: None if command == "die" else (b"alive", 0))
    stream = ShellStream(shell.connect)
    with pytest.raises(DeviceError):
        stream.run("die", 5, repeatable=False)
    assert bytes(stream.run("live", 5, repeatable=False).body) == b"alive"


def test_a_device_without_a_long_lived_shell_gets_a_stream_a_command() -> None:
    shell = FakeShell(lambda command: (b"ok", 3), refuses=("exec:sh",))
    stream = ShellStream(shell.connect)
    for _ in range(2):
        reply = stream.run("id", 5, repeatable=False)
        assert (bytes(reply.body), reply.exit_code) == (b"ok", 3)
    assert stream.one_stream_per_command
    assert [service.split(";")[0] for service in shell.services] == ["exec:sh", "exec:id", "exec:id"]


def test_a_deadline_that_has_passed_says_so() -> None:
    stream = ShellStream(FakeShell(lambda command: (b"", 0)).connect)
    with pytest.raises(DeviceError, match="no complete answer to 'screencap' within 0 s"):
        stream.run("screencap", 0, repeatable=True)


def test_a_device_that_is_not_there_is_not_taken_for_one_without_a_shell() -> None:
    def connect(service: str) -> None:
        raise DeviceNotFoundError("unplugged")

    stream = ShellStream(connect)  # type: ignore[arg-type]
    with pytest.raises(DeviceNotFoundError):
        stream.run("id", 5, repeatable=True)
    assert not stream.one_stream_per_command
