"""A lock that goes to whoever has waited longest, and whose holder can see that somebody waits. Guards nothing itself.

Python's own locks promise no order: who lets go and asks again at once mostly gets it again. Decisions of many
devices would so keep a new adapter waiting for ever.
"""

import threading
from collections import deque


class TurnLock:
    """First come, first served; the thread that holds it may acquire it again."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._line: deque[int] = deque()
        """Threads by their identity, the holder first; each stands in line at most once."""
        self._depth = 0

    @property
    def is_wanted(self) -> bool:
        """Whether somebody waits for its holder to let go."""
        with self._changed:
            return len(self._line) > 1

    def acquire(self, blocking: bool = True) -> bool:
        """Wait for its turn and hold the lock; False where it is held and ``blocking`` is not wanted."""
        me = threading.get_ident()
        with self._changed:
            if not (self._line and self._line[0] == me):
                if self._line and not blocking:
                    return False
                self._wait_in_line(me)
            self._depth += 1
            return True

    def release(self) -> None:
        """Let go, so that the next in line holds it.

        Raises:
            RuntimeError: another thread holds it, or none.
        """
        with self._changed:
            if not self._line or self._line[0] != threading.get_ident():
                raise RuntimeError("a lock was released by a thread that does not hold it")
            self._depth -= 1
            if not self._depth:
                self._line.popleft()
                self._changed.notify_all()

    def _wait_in_line(self, me: int) -> None:
        self._line.append(me)
        has_turn = False
        try:
            has_turn = self._changed.wait_for(lambda: self._line[0] == me)
        finally:
            if not has_turn:  # interrupted by a signal: nobody waits for a place that is empty
                self._line.remove(me)
                self._changed.notify_all()

    def __enter__(self) -> "TurnLock":
        self.acquire()
        return self

    def __exit__(self, *error: object) -> None:
        self.release()
