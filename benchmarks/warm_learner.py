"""A learner's process without its imports: forked from a parent that has torch and the model loaded. Judges nothing.

What runs in the child is `tuner.learner.__main__.main` on a real pipe, as the front would have started it; only the
loading of the checkpoint is taken from the parent, whose student nobody has trained. So a start costs milliseconds in
the place of seconds, and says nothing about how long a real one takes.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from agent_runtime.trajectory import Verdict
from benchmarks.kill_points import KillPoints, put
from tests.learner_world import REWARDED, UNREWARDED, World, learner_config, tiny_checkpoint
from tuner.config import LearnerConfig
from tuner.learner import __main__ as learner_process
from tuner.learner import causal, loop
from tuner.learner.mailbox import Mailbox
from tuner.learner.student import Student, load_student

EPISODES = ((REWARDED, Verdict.SUCCESS), (UNREWARDED, Verdict.SUCCESS), (UNREWARDED, Verdict.FAILURE))
"""What the episodes of a batch say and came to: two that carry the policy term, so that it matters which is drawn."""
_LINE_END = b"\n"


def small_steps() -> None:
    """Make an update of the tiny model a fifth of a second: the action model's passes are smaller than any user's."""
    loop.SCM_LEAST_STEPS = 1
    causal.BATCH_ROWS, causal.REAL_ROWS = 4, 2


def small_config(home: Path, checkpoint: Path, **settings: Any) -> LearnerConfig:
    """Return the settings of a learner that takes a batch of ``EPISODES`` at a time, its state under ``home``."""
    small: dict[str, Any] = {
        "optimizer_steps_per_update": 2,
        "scm_pretraining_steps": 1,
        "scm_first_steps": 1,
        "scm_epochs": 1,
        "batch_size": 2,
        "trajectories_per_update": len(EPISODES),
    }
    return learner_config(home / "state", checkpoint, **{**small, **settings})


class WarmLearner:
    """A student that is loaded once and forked as often as wanted."""

    def __init__(self, config: LearnerConfig) -> None:
        self.config = config
        self.student: Student = load_student(config)

    def start(self, points: KillPoints, log: Path, planted: Callable[[], None] | None = None) -> ForkedLearner:
        """Fork a learner with these kill points and, where asked for, a planted bug."""
        to_child, from_child = os.pipe(), os.pipe()
        pid = os.fork()
        if not pid:
            self.run(to_child[0], from_child[1], points, log, planted)
        os.close(to_child[0])
        os.close(from_child[1])
        return ForkedLearner(pid, to_child[1], from_child[0])

    def run(
        self,
        reads: int,
        writes: int,
        points: KillPoints,
        log: Path,
        planted: Callable[[], None] | None = None,
        keeps: Sequence[int] = (),
    ) -> None:
        """Be the learner, in a child, with no file open but those in ``keeps``; never returns."""
        code = 1
        try:
            os.dup2(reads, 0)
            os.dup2(writes, 1)
            os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND), 2)
            for descriptor in set(range(3, 256)) - set(keeps):
                with suppress(OSError):
                    os.close(descriptor)
            sys.stdin, sys.stdout, sys.stderr = os.fdopen(0), os.fdopen(1, "w"), os.fdopen(2, "w")
            sys.argv = ["learner", "--config", self.config.model_dump_json()]
            put(learner_process, "load_student", lambda config, device, split_later: self.student)
            if planted is not None:
                planted()
            points.around(Mailbox, "_tell")
            for policy in self.student.policies.values():
                points.around(policy.optimizer, "step")
            points.install()
            code = learner_process.main()
            log.with_name("points").write_text(str(points.passed))
        finally:
            if sys.exc_info()[0] is not None:
                traceback.print_exc()
                sys.stderr.flush()
            os._exit(code)


class ForkedLearner:
    """The parent's end of a forked learner."""

    def __init__(self, pid: int, writes: int, reads: int) -> None:
        self.pid = pid
        self._writes = writes
        self._reads = reads
        self._buffer = b""

    def say(self, line: str) -> None:
        """Send an event; nothing happens where nobody reads any more."""
        try:
            os.write(self._writes, line.encode() + _LINE_END)
        except BrokenPipeError:
            return

    def hear(self, until_sec: float) -> bytes | None:
        """Return the next event; empty at the end of the process, None once the monotonic clock shows ``until_sec``."""
        while _LINE_END not in self._buffer:
            ready, _, _ = select.select([self._reads], [], [], max(0.0, until_sec - time.monotonic()))
            if not ready:
                return None
            more = os.read(self._reads, 1 << 16)
            if not more:
                return b""
            self._buffer += more
        line, _, self._buffer = self._buffer.partition(_LINE_END)
        return line

    def end(self) -> int:
        """End it by SIGKILL where it still runs, and return its exit status, negative for a signal."""
        os.kill(self.pid, signal.SIGKILL)
        _, status = os.waitpid(self.pid, 0)
        os.close(self._writes)
        os.close(self._reads)
        return os.waitstatus_to_exitcode(status)

    def wait(self) -> int:
        """Return its exit status once it has ended by itself."""
        _, status = os.waitpid(self.pid, 0)
        os.close(self._writes)
        os.close(self._reads)
        return os.waitstatus_to_exitcode(status)


def warm_world(folder: Path) -> tuple[Path, World]:
    """Write the tiny checkpoint and return it with the runtime's view of it."""
    small_steps()
    checkpoint = tiny_checkpoint(folder / "checkpoint")
    return checkpoint, World(checkpoint)
