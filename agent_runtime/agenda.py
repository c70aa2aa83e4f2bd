"""What is left to do in a run, shared by its devices: whoever is free takes the next thing. Runs nothing itself.

Goals to evaluate and episodes to explore belong to the run, not to a device, so that a dead one leaves nothing
undone but what it was at. A device that is through with one part goes on with the next and waits for no other.
"""

import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence

from agent_runtime.tasks import Task

Numbered = tuple[int, Task]
"""A goal to evaluate, with its number: its seed is that of the number, whichever device takes it."""


class Agenda:
    """Evaluates ``held``, explores until ``episodes`` or ``minutes`` are over, evaluates ``held`` again.

    Minutes count from the first episode explored. ``before_last`` is called once, when the first device is through with
    exploring; the others go on with theirs, and wait for it only where they would evaluate.
    """

    def __init__(
        self,
        held: Sequence[Task],
        episodes: int | None,
        minutes: float | None,
        before_last: Callable[[], None] = lambda: None,
    ) -> None:
        self._lock = threading.Lock()
        self._last_part = threading.Lock()
        self._first = iter(list(enumerate(held)))
        self._last = iter(list(enumerate(held)))
        self._first_unfinished = len(held)
        self._episodes_left = episodes
        self._minutes = minutes
        self._ends_at: float | None = None
        self._before_last = before_last
        self._has_begun_last = not held

    @property
    def is_first_evaluation_over(self) -> bool:
        """Whether every goal of the first evaluation was evaluated: till then nothing about the policy may change."""
        with self._lock:
            return self._first_unfinished == 0

    @property
    def is_out_of_time(self) -> bool:
        """Whether the minutes to explore are over."""
        with self._lock:
            return self._ends_at is not None and time.monotonic() >= self._ends_at

    def first_evaluation(self) -> Generator[Numbered, None, None]:
        """Yield goals until none is left; one counts as evaluated when the next is asked for, or at ``close``."""
        while (goal := self._take(self._first)) is not None:
            try:
                yield goal
            finally:
                with self._lock:
                    self._first_unfinished -= 1

    def may_explore(self) -> bool:
        """Take an episode to explore; False when there is none left, or no time."""
        with self._lock:
            if self._minutes is not None:
                if self._ends_at is None:
                    self._ends_at = time.monotonic() + 60.0 * self._minutes
                if time.monotonic() >= self._ends_at:
                    return False
            if self._episodes_left is None:
                return True
            self._episodes_left -= 1
            return self._episodes_left >= 0

    def last_evaluation(self) -> Generator[Numbered, None, None]:
        """Yield goals until none is left."""
        with self._last_part:
            if not self._has_begun_last:
                self._before_last()
                self._has_begun_last = True
        while (goal := self._take(self._last)) is not None:
            yield goal

    def _take(self, goals: Iterator[Numbered]) -> Numbered | None:
        with self._lock:
            return next(goals, None)
