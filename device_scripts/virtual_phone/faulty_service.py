"""A stream's service that hangs, answers late or breaks off where a fault schedule says so. Runs no command itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from device_scripts.virtual_phone.faults import FaultSchedule

if TYPE_CHECKING:
    from device_scripts.virtual_phone.services import Service


class FaultyService:
    """Another service behind a schedule. A hung or broken stream stays so; a new one is sound again."""

    def __init__(self, inner: Service, schedule: FaultSchedule) -> None:
        self._inner = inner
        self._schedule = schedule
        self._is_hung = self._is_cut = False
        self._kept: bytes | None = None
        self._ready_at_sec = 0.0

    @property
    def finished(self) -> bool:
        if self._is_hung:
            return False
        return self._is_cut or (self._kept is None and self._inner.finished)

    def receive(self, data: bytes) -> None:
        """Pass input on, unless nobody listens any more."""
        if not (self._is_hung or self._is_cut):
            self._inner.receive(data)

    def peer_closed(self) -> None:
        """Let the service know."""
        self._inner.peer_closed()

    def pull(self) -> bytes | None:
        """Return the next piece, None where the fault holds it back."""
        if self._is_hung or self._is_cut or self._schedule.now() < self._ready_at_sec:
            return None
        if self._kept is not None:
            kept, self._kept = self._kept, None
            return kept
        piece = self._inner.pull()
        match self._schedule.take_stream_fault():
            case "hung_shell":
                self._is_hung = True
                return None
            case "closed_stream":
                self._is_cut = True
                return piece[: len(piece) // 2] if piece else None
            case "slow_shell":
                self._kept, self._ready_at_sec = piece, self._schedule.now() + self._schedule.slow_answer_sec
                self._schedule.wakeup_wanted = True
                return None
        return piece
