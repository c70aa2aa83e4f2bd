"""One answer for all who ask at the same time, where an answer is costly. Knows no question."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

Answer = TypeVar("Answer")


class SharedAnswer(Generic[Answer]):
    """``make`` is called once at a time; who asks meanwhile waits for the next call, together with the others.

    So nobody gets an answer from before it asked, and however many ask, one call is waiting at most.
    """

    def __init__(self, make: Callable[[], Awaitable[Answer]]) -> None:
        self._make = make
        self._running: asyncio.Task[Answer] | None = None
        self._next: asyncio.Task[Answer] | None = None

    async def get(self) -> Answer:
        """Return an answer that was begun after this was called, or raise what making it raised."""
        if self._next is None:
            self._next = asyncio.create_task(self._made_after(self._running))
            self._next.add_done_callback(_note_retrieved)
        return await asyncio.shield(self._next)  # one who gives up takes it from nobody

    async def _made_after(self, running: asyncio.Task[Answer] | None) -> Answer:
        if running is not None:
            await asyncio.wait({running})
        self._running, self._next = self._next, None
        return await self._make()


def _note_retrieved(task: asyncio.Task[Answer]) -> None:
    """Look at what was raised, also where all who asked have gone."""
    if not task.cancelled():
        task.exception()
