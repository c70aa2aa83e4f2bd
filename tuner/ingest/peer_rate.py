"""How much of something each peer may have a second: a token bucket a peer. Knows no call, refuses nothing itself."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

MAX_PEERS = 4096


@dataclass(slots=True)
class _Bucket:
    tokens: float
    filled_at_sec: float


class PeerRate:
    """``per_second`` on average and ``burst`` at once for each peer."""

    def __init__(self, per_second: float, burst: int, now_sec: Callable[[], float] = time.monotonic) -> None:
        self._per_second = per_second
        self._burst = burst
        self._now_sec = now_sec
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def take(self, peer: str, cost: float = 1.0) -> float | None:
        """Take tokens; where they are too few, return in how many seconds half a burst will be there.

        What costs more than a whole burst is let through when there is one, and leaves a debt.
        """
        bucket = self._filled(peer)
        if bucket.tokens < min(cost, self._burst):
            return max(1.0, self._burst / 2 - bucket.tokens) / self._per_second
        bucket.tokens -= cost
        return None

    def _filled(self, peer: str) -> _Bucket:
        now_sec = self._now_sec()
        bucket = self._buckets.setdefault(peer, _Bucket(self._burst, now_sec))
        self._buckets.move_to_end(peer)
        if len(self._buckets) > MAX_PEERS:  # the one heard of least lately starts full again
            self._buckets.popitem(last=False)
        gained = (now_sec - bucket.filled_at_sec) * self._per_second
        bucket.tokens, bucket.filled_at_sec = min(self._burst, bucket.tokens + gained), now_sec
        return bucket
