"""The events of a phone's input devices as they arrive, read by a thread of its own. Understands none of them."""

import threading
from collections import deque

from agent_runtime.devices.clock import Clock
from agent_runtime.devices.stream import ByteStream
from agent_runtime.errors import DeviceError

_CHUNK_BYTES = 1 << 16
Line = tuple[float, str]
"""(seconds of the host's clock when it arrived, the line)."""


class EventLines:
    """Lines of one stream; ``close`` it at the end."""

    def __init__(self, stream: ByteStream, clock: Clock) -> None:
        self._stream = stream
        self._clock = clock
        self._lines: deque[Line | None] = deque()
        self._arrived = threading.Condition()
        self._thread = threading.Thread(target=self._read, name="getevent", daemon=True)
        self._ended = False
        stream.settimeout(None)
        self._thread.start()

    @property
    def is_waiting(self) -> bool:
        """Whether lines have arrived that nobody took."""
        return bool(self._lines)

    def wait(self, timeout_sec: float) -> None:
        """Return as soon as a line is there, at the latest after so long."""
        with self._arrived:
            self._arrived.wait_for(lambda: self.is_waiting, timeout_sec)

    def take(self) -> list[Line]:
        """Return the lines that arrived since the last call.

        Raises:
            DeviceError: the stream has ended.
        """
        found: list[Line] = []
        while self._lines:
            line = self._lines.popleft()
            if line is None:
                self._ended = True
                break
            found.append(line)
        if self._ended and not found:
            raise DeviceError("`getevent` ended, expected it to go on: reconnect the device, and see `adb devices`.")
        return found

    def close(self) -> None:
        """End the stream; the thread ends with it."""
        self._stream.close()

    def _read(self) -> None:
        buffer, rest = memoryview(bytearray(_CHUNK_BYTES)), b""
        try:
            while count := self._stream.recv_into(buffer):
                arrived_sec = self._clock.monotonic()
                *lines, rest = (rest + bytes(buffer[:count])).split(b"\n")
                self._put(*((arrived_sec, line.decode("utf-8", "replace").rstrip("\r")) for line in lines))
        except (OSError, ValueError):  # it was closed
            pass
        self._put(None)

    def _put(self, *lines: Line | None) -> None:
        with self._arrived:
            self._lines.extend(lines)
            self._arrived.notify_all()
