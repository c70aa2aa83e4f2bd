"""A few at a time for each peer, so that whoever does much at once waits for itself and not the others for it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager


class Turns:
    """``at_once`` turns for each peer that is at something."""

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._turns: dict[Hashable, asyncio.Semaphore] = {}
        self._wanted: Counter[Hashable] = Counter()

    @asynccontextmanager
    async def of(self, peer: Hashable) -> AsyncIterator[None]:
        """Wait for a turn of the peer, and have it while the block runs."""
        turn = self._turns.setdefault(peer, asyncio.Semaphore(self._at_once))
        self._wanted[peer] += 1
        try:
            async with turn:
                yield
        finally:
            self._wanted[peer] -= 1
            if not self._wanted[peer]:
                del self._wanted[peer], self._turns[peer]
