"""Runs every device in a thread of its own and adds up what they came to. Knows no model and no adb.

No device waits for another. One that gives nothing but void episodes leaves the work to the rest, and joins them again
when it has been away and is back. The run is over when the work is, or when no device is left.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from agent_runtime.errors import AgentRuntimeError
from agent_runtime.runner import Runner
from agent_runtime.tally import RunResult, run_result

LOOK_SEC = 1.0
"""How often a device that left is looked for."""


@dataclass(frozen=True, slots=True)
class _Member:
    runner: Runner
    is_there: Callable[[], bool]


class Fleet:
    """The devices of a run, by ``add``; ``note`` is told of those that leave and come back."""

    def __init__(
        self,
        note: Callable[[str], None] = lambda sentence: None,
        should_stop: Callable[[], bool] = lambda: False,
        look_sec: float = LOOK_SEC,
    ) -> None:
        self._note = note
        self._asked_to_stop = should_stop
        self._look_sec = look_sec
        self._members: list[_Member] = []
        self._changed = threading.Condition()
        self._at_work: set[str] = set()
        self._fault: Exception | None = None

    def add(self, runner: Runner, is_there: Callable[[], bool] = lambda: False) -> None:
        """Have a device run too; ``is_there`` tells from outside whether it could be used."""
        self._members.append(_Member(runner, is_there))

    def should_stop(self) -> bool:
        """Whether every device is to end after its current step: asked from outside, or one met an error of ours."""
        return self._fault is not None or self._asked_to_stop()

    def run(self) -> RunResult:
        """Run all of them to the end and return what they came to.

        Raises:
            AgentRuntimeError, OSError: what one of them met that is no fault of its device; it stopped the others too.
        """
        started_at = time.monotonic()
        self._at_work = {member.runner.serial for member in self._members}
        threads = [
            threading.Thread(target=self._run, args=(member,), name=f"device-{member.runner.serial}", daemon=True)
            for member in self._members
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self._fault is not None:
            raise self._fault
        by_device = {member.runner.serial: member.runner.result for member in self._members}
        return run_result(by_device, time.monotonic() - started_at)

    def _run(self, member: _Member) -> None:
        serial = member.runner.serial
        fault: Exception | None = RuntimeError(f"the thread of {serial} ended by an error of ours")
        try:
            while member.runner.run().has_left and self._comes_back(member):
                self._note(f"{serial} is back and joins again.")
            fault = None
        except (AgentRuntimeError, OSError) as error:
            fault = error
        finally:
            self._fault = self._fault or fault
            self._leave_work(serial)

    def _comes_back(self, member: _Member) -> bool:
        """Wait until a device that left has been away and is there again; False when nobody else is at work any more.

        One that is there all the time and gives only voids does not come back: nothing about it has changed.
        """
        serial = member.runner.serial
        self._leave_work(serial)
        if self._is_work_left():
            self._note(f"{serial} leaves the work to the others: {member.runner.result.stopped}.")
        was_away = False
        while self._is_work_left():
            is_there = member.is_there()
            if is_there and was_away:
                with self._changed:
                    self._at_work.add(serial)
                return True
            was_away = was_away or not is_there
            with self._changed:
                self._changed.wait_for(lambda: not self._is_work_left(), self._look_sec)
        return False

    def _is_work_left(self) -> bool:
        """Whether anybody is at work and is not to stop."""
        return bool(self._at_work) and not self.should_stop()

    def _leave_work(self, serial: str) -> None:
        with self._changed:
            self._at_work.discard(serial)
            self._changed.notify_all()
