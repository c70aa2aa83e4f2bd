"""What the front knows of the learner, and how the two wake each other. Starts no process."""

import asyncio
from collections.abc import Callable


class LearnerView:
    """State kept current by the supervisor and read by the service; all on one event loop."""

    def __init__(self, tell_learner: Callable[[dict[str, object]], None]) -> None:
        self.state = "starting"
        self.message = ""
        self.metrics: dict[str, float] = {}
        self.publications = 0
        self._tell_learner = tell_learner
        self._published = asyncio.Condition()
        self._wakers: set[asyncio.Task[None]] = set()

    def trajectory_stored(self) -> None:
        """Let the learner know there is something new in the ledger."""
        self._tell_learner({"event": "trajectory_stored"})

    def published(self) -> None:
        """Note that the store has a new version and wake every follower."""
        self.publications += 1
        self.wake_all()

    def wake_all(self) -> None:
        """Wake every follower, new version or not."""
        task = asyncio.get_running_loop().create_task(self._notify())
        self._wakers.add(task)
        task.add_done_callback(self._wakers.discard)

    async def wait_for_publication(self, after: int) -> None:
        """Return once there were more publications than ``after``, or on ``wake_all``."""
        async with self._published:
            if self.publications == after:
                await self._published.wait()

    async def _notify(self) -> None:
        async with self._published:
            self._published.notify_all()
