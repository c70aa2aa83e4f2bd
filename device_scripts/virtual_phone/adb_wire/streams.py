"""One ADB stream's send side: queued pieces, one WRTE in flight, flush before close. Writes no headers.

Source: AOSP packages/modules/adb, docs/dev/protocol.md (READY, WRITE and CLOSE messages).
"""

from __future__ import annotations

from collections import deque
from typing import Final

HIGH_WATER_BYTES: Final = 1024 * 1024
"""Above this much unsent output a stream asks for no more and leaves the peer's WRTE unacknowledged."""


class Stream:
    """Numbers are ours (`local_id`) and the peer's (`remote_id`), both non-zero."""

    def __init__(self, local_id: int, remote_id: int, service: str) -> None:
        self.local_id = local_id
        self.remote_id = remote_id
        self.service = service
        self.in_flight = False
        self.owes_okay = False
        self.closing = False
        self.queued_bytes = 0
        self._pieces: deque[bytes | memoryview] = deque()

    @property
    def wants_output(self) -> bool:
        """True while more output may be queued."""
        return not self.closing and self.queued_bytes < HIGH_WATER_BYTES

    def queue(self, piece: bytes) -> None:
        """Append output; nothing is copied."""
        if piece:
            self._pieces.append(piece)
            self.queued_bytes += len(piece)

    def take(self, max_bytes: int) -> list[bytes | memoryview]:
        """Remove and return up to `max_bytes` of queued output as pieces, splitting the last one where it must."""
        taken: list[bytes | memoryview] = []
        room = max_bytes
        while self._pieces and room:
            piece = self._pieces[0]
            if len(piece) <= room:
                taken.append(self._pieces.popleft())
                room -= len(piece)
            else:
                view = memoryview(piece)
                taken.append(view[:room])
                self._pieces[0] = view[room:]
                room = 0
        self.queued_bytes -= max_bytes - room
        return taken
