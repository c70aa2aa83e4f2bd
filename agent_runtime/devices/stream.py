"""Runs shell command lines over one long-lived stream, or one stream a command. Opens no sockets, builds no commands.

A line is written to a shell without a terminal (`exec:sh`: 8-bit clean, no echo, no prompt), followed by an echo
of a random token and the exit status; whatever comes before that token is the command's output, pixels included.
"""

import re
import secrets
import select
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from agent_runtime.devices.clock import HOST_CLOCK, Clock
from agent_runtime.errors import DeviceError, DeviceNotFoundError

LONG_LIVED_SERVICE = "exec:sh"
ONE_COMMAND_SERVICE = "exec:"
HANDSHAKE_TIMEOUT_SEC = 10.0
_SMALL_REPLY_BYTES = 1 << 14
_LONGEST_TAIL_BYTES = 64


class ByteStream(Protocol):
    """What is asked of a stream: the part of a socket that reads and writes within a time."""

    def settimeout(self, value: float | None, /) -> None: ...
    def sendall(self, data: bytes, /) -> None: ...
    def recv_into(self, buffer: memoryview, /) -> int: ...
    def fileno(self) -> int: ...
    def close(self) -> None: ...


Connect = Callable[[str], ByteStream]


@dataclass(frozen=True, slots=True)
class Reply:
    """What a line printed and its exit status. ``body`` belongs to whoever asked."""

    body: memoryview
    exit_code: int


class StreamBrokenError(DeviceError):
    """The stream ended before the reply did; whether the line took effect is unknown."""


class StreamSilentError(DeviceError):
    """No complete reply came in time; whether the line took effect is unknown."""


class ShellStream:
    """A shell on a device. ``connect(service)`` opens a stream to that service and raises ``DeviceError``.

    ``on_break`` is called when the stream ended without being asked to.
    """

    def __init__(
        self, connect: Connect, clock: Clock = HOST_CLOCK, on_break: Callable[[], None] = lambda: None
    ) -> None:
        self._connect = connect
        self._clock = clock
        self._on_break = on_break
        self._token = secrets.token_hex(16)
        self._end = re.compile(rf"{self._token} (\d{{1,18}})\n\Z".encode())
        self._expected_bytes = _SMALL_REPLY_BYTES
        self._socket: ByteStream | None = None
        self.one_stream_per_command = False

    def run(self, line: str, timeout_sec: float, *, repeatable: bool, expected_bytes: int = 0) -> Reply:
        """Run one line and return its output, both streams merged as the line says.

        A line that is not ``repeatable`` (an input event) is written at most once: when the stream breaks under
        it, nobody knows whether it took effect, and the caller has to look. A good guess of ``expected_bytes``
        spares copies of a large reply.

        Raises:
            StreamBrokenError: the stream broke (a repeatable line was tried a second time).
            StreamSilentError: no complete reply within ``timeout_sec``.
            DeviceError: no stream could be opened.
        """
        self._expected_bytes = expected_bytes + _SMALL_REPLY_BYTES
        try:
            return self._run_once(line, timeout_sec)
        except StreamBrokenError:
            self._on_break()
            if not repeatable:
                raise
        return self._run_once(line, timeout_sec)

    def close(self) -> None:
        """Close the stream; the next line opens a new one."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _run_once(self, line: str, timeout_sec: float) -> Reply:
        try:
            has_ended = self._socket is not None and not self.one_stream_per_command and _has_ended(self._socket)
            if has_ended:
                self._on_break()
            if not self.one_stream_per_command and (self._socket is None or has_ended):
                self._open_long_lived()
            framed = f"{line}; echo {self._token} $?"
            if self.one_stream_per_command:
                self.close()
                self._socket = self._connect(ONE_COMMAND_SERVICE + framed)
                framed = ""
            return self._exchange(f"{framed}\n".encode() if framed else b"", self._clock.monotonic() + timeout_sec)
        except TimeoutError:
            self._start_over()
            raise StreamSilentError(
                f"Got no complete answer to {line.split(maxsplit=1)[0]!r} within {timeout_sec:g} s, expected one: "
                "see whether the device still responds, then reconnect it."
            ) from None
        except OSError as error:
            self._start_over()
            raise StreamBrokenError(f"The stream to the device broke ({error}): reconnect the device.") from error
        except DeviceError:
            self._start_over()
            raise

    def _start_over(self) -> None:
        """Forget the stream, and that a long-lived one once did not answer."""
        self.close()
        self.one_stream_per_command = False

    def _open_long_lived(self) -> None:
        """Open a shell and see that it answers; a device whose shell does not is served a stream a command."""
        self.close()
        try:
            self._socket = self._connect(LONG_LIVED_SERVICE)
            self._exchange(f"echo {self._token} $?\n".encode(), self._clock.monotonic() + HANDSHAKE_TIMEOUT_SEC)
        except DeviceNotFoundError:
            raise
        except (OSError, DeviceError):
            self.close()
            self.one_stream_per_command = True

    def _exchange(self, line: bytes, ends_at: float) -> Reply:
        stream = self._socket
        assert stream is not None, "a stream is open here"
        stream.settimeout(self._left(ends_at))
        if line:
            stream.sendall(line)
        buffer, used = np.empty(self._expected_bytes, np.uint8), 0  # not zeroed first: that costs as much as receiving
        while True:
            if used == len(buffer):
                buffer = np.concatenate([buffer, np.empty(used, np.uint8)])
            stream.settimeout(self._left(ends_at))
            view = memoryview(buffer.data)
            count = stream.recv_into(view[used:])
            if not count:
                raise StreamBrokenError("The stream to the device ended in mid-reply: reconnect the device.")
            used += count
            end = self._end.search(view, max(0, used - _LONGEST_TAIL_BYTES), used)
            if end is not None:
                return Reply(view[: end.start()], int(end[1]))

    def _left(self, ends_at: float) -> float:
        left_sec = ends_at - self._clock.monotonic()
        if left_sec <= 0:
            raise TimeoutError
        return left_sec


def _has_ended(stream: ByteStream) -> bool:
    """Say whether an idle stream has something to read: that can only be its end, or noise of a broken one."""
    readable, _, _ = select.select([stream], [], [], 0)
    return bool(readable)
