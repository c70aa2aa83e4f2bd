"""Runs the learner as a child process and speaks with it in JSON lines. Learns nothing itself.

    to its stdin      {"event": "trajectory_stored"} · {"event": "stop"}
                      {"event": "rollback", "request": …, "version": …, "latest_version": …}
    from its stdout   {"event": "state", "state": …, "message": …} · {"event": "published", "version": …}
                      {"event": "metrics", "metrics": {…}} · {"event": "consumed", "count": …}
                      {"event": "rolled_back", "request": …, "version": …}
                      {"event": "rollback_refused", "request": …, "message": …}

A learner that dies is started again after a delay that doubles each time, up to a minute.
"""

import asyncio
import json
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from tuner.config import LearnerConfig
from tuner.ingest.learner_view import LearnerView

FIRST_RESTART_DELAY_SEC = 1.0
LONGEST_RESTART_DELAY_SEC = 60.0
STOP_DEADLINE_SEC = 30.0
_LOG = logging.getLogger(__name__)


def learner_command(config: LearnerConfig) -> list[str]:
    """Return the command line of the learner process."""
    return [sys.executable, "-m", "tuner.learner", "--config", config.model_dump_json()]


def in_processes(command: list[str], processes: int) -> list[str]:
    """Return the command line of torchrun with so many processes of a Python command, the command's own for one."""
    if processes == 1:
        return command
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    return [command[0], *torchrun, *command[1:]]


class Supervisor:
    """Keeps one learner running until ``stop``; ``view`` shows how it fares."""

    def __init__(self, command: Sequence[str], log_path: Path) -> None:
        self.view = LearnerView(self._tell)
        self._command = command
        self._log_path = log_path
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Start the learner, and start it again whenever it dies, until ``stop`` was called."""
        delay_sec = FIRST_RESTART_DELAY_SEC
        while not self._stopping.is_set():
            exit_code, published = await self._run_once()
            if self._stopping.is_set():
                break
            delay_sec = FIRST_RESTART_DELAY_SEC if published else delay_sec
            self._note("failed", f"the learner ended with {exit_code}; see {self._log_path.name}")
            await self._wait_for_stop(delay_sec)
            delay_sec = min(2 * delay_sec, LONGEST_RESTART_DELAY_SEC)
        self._note("stopped", "")

    async def stop(self) -> None:
        """Ask the learner to save and end, and make it end when it takes too long."""
        self._stopping.set()
        process = self._process
        if process is None or process.returncode is not None:
            return
        self._tell({"event": "stop"})
        try:
            await asyncio.wait_for(process.wait(), STOP_DEADLINE_SEC)
        except asyncio.TimeoutError:
            _LOG.warning("the learner did not stop within %g s and is killed", STOP_DEADLINE_SEC)
            process.kill()

    async def _run_once(self) -> tuple[int, bool]:
        """Run the learner to its end; return its exit code and whether it published anything."""
        before = self.view.publications
        with self._log_path.open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *self._command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=log
            )
        self._process = process
        if self._stopping.is_set():  # stop() found no process to tell; this one has begun nothing yet
            process.kill()
        assert process.stdout is not None, "the pipe was asked for"
        async for line in process.stdout:
            self._heard(line)
        exit_code = await process.wait()
        self.view.learner_ended()
        return exit_code, self.view.publications > before

    def _heard(self, line: bytes) -> None:
        try:
            event = json.loads(line)
        except ValueError:
            _LOG.warning("the learner wrote a line that is no event: %r", line[:200])
            return
        match event:
            case {"event": "state", "state": str(state), **rest}:
                self._note(state, str(rest.get("message", "")))
            case {"event": "published"}:
                self.view.published()
            case {"event": "rolled_back", "request": int(request), "version": int(version)}:
                self.view.rolled_back(request, version)
            case {"event": "rollback_refused", "request": int(request), "message": str(message)}:
                self.view.rollback_refused(request, message)
            case {"event": "metrics", "metrics": dict(metrics)} if all(map(_is_number, metrics.values())):
                self.view.metrics = {str(name): float(value) for name, value in metrics.items()}

    def _note(self, state: str, message: str) -> None:
        self.view.state, self.view.message = state, message

    def _tell(self, event: dict[str, object]) -> None:
        process = self._process
        if process is None or process.stdin is None or process.stdin.is_closing():
            return
        process.stdin.write(json.dumps(event).encode() + b"\n")

    async def _wait_for_stop(self, at_most_sec: float) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), at_most_sec)
        except asyncio.TimeoutError:
            return


def _is_number(value: object) -> bool:
    return isinstance(value, int | float)
