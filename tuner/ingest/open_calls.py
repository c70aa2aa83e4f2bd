"""How many calls each peer has open. Knows no call and refuses nothing itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager


class OpenCalls:
    """At most ``limit`` at a time for each peer."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._open: Counter[str] = Counter()

    @contextmanager
    def one_more(self, peer: str) -> Iterator[bool]:
        """Count a call while the block runs; say whether there was room for it."""
        fits = self._open[peer] < self._limit
        self._open[peer] += fits
        try:
            yield fits
        finally:
            self._open[peer] -= fits
            if not self._open[peer]:
                del self._open[peer]
