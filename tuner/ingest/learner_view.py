"""What the front knows of the learner, and how the two wake each other. Starts no process."""

import asyncio
import itertools
from collections.abc import Callable

from tuner.errors import RollbackError

AT_WORK = ("waiting", "training")
"""States in which the learner answers."""


class LearnerView:
    """State kept current by the supervisor and read by the service; all on one event loop."""

    def __init__(self, tell_learner: Callable[[dict[str, object]], None]) -> None:
        self.state = "starting"
        self.message = ""
        self.metrics: dict[str, float] = {}
        self.publications = 0
        """Versions published since the start."""
        self.news = 0
        """Counts whatever may change what a follower is to have."""
        self._tell_learner = tell_learner
        self._published = asyncio.Condition()
        self._wakers: set[asyncio.Task[None]] = set()
        self._requests = itertools.count(1)
        self._rollbacks: dict[int, asyncio.Future[int]] = {}

    def trajectory_stored(self) -> None:
        """Let the learner know there is something new in the ledger."""
        self._tell_learner({"event": "trajectory_stored"})

    async def roll_back(self, version: int, latest_version: int) -> int:
        """Have the learner publish an older version's tensors anew; return the new version once it is out.

        Raises:
            RollbackError: it was not done, or nobody can say.
        """
        if self.state not in AT_WORK:
            raise RollbackError(f"Got a learner that is {self.state}, expected one at work: see `tuner status`.")
        request = next(self._requests)
        answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._rollbacks[request] = answer
        facts = {"request": request, "version": version, "latest_version": latest_version}
        self._tell_learner({"event": "rollback", **facts})
        try:
            return await answer
        finally:
            del self._rollbacks[request]

    def rolled_back(self, request: int, version: int) -> None:
        """Note what became of a rollback."""
        answer = self._rollbacks.get(request)
        if answer is not None and not answer.done():
            answer.set_result(version)

    def rollback_refused(self, request: int, message: str) -> None:
        """Note that a rollback was not done, and why."""
        answer = self._rollbacks.get(request)
        if answer is not None and not answer.done():
            answer.set_exception(RollbackError(message))

    def learner_ended(self) -> None:
        """Note that the learner's process is gone, and with it what it was asked."""
        for request in list(self._rollbacks):
            self.rollback_refused(
                request,
                "Got no answer because the learner ended, expected a new version: see `tuner status`, and ask again if "
                "it shows none.",
            )

    def published(self) -> None:
        """Note that the store has a new version and wake every follower."""
        self.publications += 1
        self.tell_news()

    def tell_news(self) -> None:
        """Wake every follower: which version it is to have may have changed."""
        self.news += 1
        self.wake_all()

    def wake_all(self) -> None:
        """Wake every follower, new version or not."""
        task = asyncio.get_running_loop().create_task(self._notify())
        self._wakers.add(task)
        task.add_done_callback(self._wakers.discard)

    async def wait_for_news(self, after: int) -> None:
        """Return once there was more news than ``after``, or on ``wake_all``."""
        async with self._published:
            if self.news == after:
                await self._published.wait()

    async def _notify(self) -> None:
        async with self._published:
            self._published.notify_all()
