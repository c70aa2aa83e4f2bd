"""Forks learners for a front that believes to start them, each to be killed at a point of its own. Judges nothing.

A front starts `python -S -c LAUNCHER SOCKET` as its learner: that hands its pipes to the nursery, which forks a learner
from the warm student onto them, and ends as the learner ends. What the nursery has to tell goes into one pipe:

    learner started NUMBER PID FUSE · learner resumed NUMBER · learner ended NUMBER STATUS
"""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from benchmarks.kill_points import KillPoints, put
from benchmarks.warm_learner import WarmLearner
from tuner.learner.checkpoint import Checkpoint, CheckpointFolder
from tuner.learner.loop import Learner

LAUNCHER: Final = """
import socket, sys
link = socket.socket(socket.AF_UNIX)
link.connect(sys.argv[1])
socket.send_fds(link, [b"learn"], [0, 1])
sys.exit(1 if link.recv(16) != b"0" else 0)
"""
COMMITS_NAME: Final = "commits.jsonl"
FUSE_POINTS: Final = 180
"""A fuse burns down within so many points, about three updates."""


def launcher(socket_path: Path) -> list[str]:
    """Return the command by which a front starts a learner."""
    return [sys.executable, "-S", "-E", "-c", LAUNCHER, str(socket_path)]


class Nursery:
    """Forks learners of ``warm`` until it is ended; ``home`` gets its socket and what its learners committed."""

    def __init__(
        self, warm: WarmLearner, home: Path, seed: int, tells: int, planted: Callable[[], None] | None = None
    ) -> None:
        self.socket_path = home / "nursery"
        self._warm = warm
        self._home = home
        self._seed = seed
        self._tells = tells
        self._planted = planted
        self._pid = 0
        self._calm = home / "calm"

    def start(self) -> None:
        """Begin to wait for fronts, in a process of its own."""
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(str(self.socket_path))
        listening.listen()
        self._pid = os.fork()
        if not self._pid:
            try:
                signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those that wait for a learner
                self._serve(listening)
            finally:
                os._exit(1)
        listening.close()

    def calm(self) -> None:
        """Let the learners that start from now on live."""
        self._calm.touch()

    def end(self) -> None:
        """End the nursery; its learners end with their fronts."""
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)

    def _serve(self, listening: socket.socket) -> None:
        number = 0
        while True:
            link, _ = listening.accept()
            number += 1
            if not os.fork():
                try:
                    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                    self._attend(link, number)
                finally:
                    os._exit(1)
            link.close()

    def _attend(self, link: socket.socket, number: int) -> None:
        """Fork the learner, wait for its end and tell."""
        _, pipes, _, _ = socket.recv_fds(link, 16, 2)
        if len(pipes) != 2:
            return  # the launcher was killed with its front
        rng = random.Random(f"{self._seed}/learner/{number}")
        fuse = rng.randint(1, FUSE_POINTS) if rng.random() < 0.5 and not self._calm.exists() else None
        pid = os.fork()
        if not pid:
            reads, writes = pipes
            points, log = KillPoints(fuse), self._home / "learner.log"
            self._warm.run(reads, writes, points, log, self._prepared(number), (self._tells,))
        for pipe in pipes:
            os.close(pipe)
        self._tell(f"started {number} {pid} {fuse or 0}")
        _, status = os.waitpid(pid, 0)
        self._tell(f"ended {number} {os.waitstatus_to_exitcode(status)}")
        link.send(b"0" if status == 0 else b"1")

    def _prepared(self, number: int) -> Callable[[], None]:
        """Return what makes a learner write down its commits and say when it has resumed."""

        def prepare() -> None:
            if self._planted is not None:
                self._planted()
            _write_down_commits(self._home / COMMITS_NAME)
            resume = Learner.resume

            def resumed(learner: Learner) -> None:
                resume(learner)
                self._tell(f"resumed {number}")

            put(Learner, "resume", resumed)

        return prepare

    def _tell(self, words: str) -> None:
        os.write(self._tells, f"learner {words}\n".encode())


def _write_down_commits(path: Path) -> None:
    """Have every checkpoint written down that was saved or gone on from, in one write each."""
    save, latest = CheckpointFolder.save, CheckpointFolder.latest

    def note(update: int, state: Any) -> None:
        line = json.dumps({"update": update, "progress": state["progress"]})
        with path.open("ab", buffering=0) as file:
            file.write(line.encode() + b"\n")

    def saved(folder: CheckpointFolder, update: int, tensors: Any, state: Any) -> None:
        save(folder, update, tensors, state)
        note(update, state)

    def found(folder: CheckpointFolder) -> Checkpoint | None:
        checkpoint = latest(folder)
        if checkpoint is not None:
            note(checkpoint.update, checkpoint.state)
        return checkpoint

    put(CheckpointFolder, "save", saved)
    put(CheckpointFolder, "latest", found)
