"""A front, its learner and a runtime that are killed and started again, until so many kills were made. Judges nothing.

One thread watches three pipes: what the front prints, what the nursery of learners tells, what the runtime tells.
"""

from __future__ import annotations

import json
import math
import os
import random
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from agent_runtime.trajectory import PolicyIdentity
from benchmarks.front import GRAMMAR, QUANTIZATION
from benchmarks.kill_audit import Findings, audit
from benchmarks.kill_mutants import RUNTIME_MUTANTS
from benchmarks.kill_points import KillPoints
from benchmarks.mortal_learner import COMMITS_NAME, Nursery, launcher
from benchmarks.mortal_runtime import Make, fork_runtime
from benchmarks.warm_learner import WarmLearner
from tuner.adapters.store import AdapterStore
from tuner.ingest.ledger import LEDGER_NAME, Ledger

ROLES: Final = ("front", "learner", "runtime")
LONGEST_LIFE_SEC: Final = {"front": 8.0, "learner": 3.0, "runtime": 3.0}
FUSE_POINTS: Final = {"front": 60, "runtime": 60}
MOST_WAITING: Final = 12
"""Episodes that wait in the ledger, beyond which the runtime makes none."""
PORTS: Final = (20_000, 30_000)
TICK_SEC: Final = 0.05
LOOK_SEC: Final = 0.25
"""How often the ledger is looked into."""
STUCK_SEC: Final = 180.0


@dataclass
class Part:
    """One of the three while it lives, by the monotonic clock; ``kill_at_sec`` is set once it is ready."""

    pid: int = 0
    started_sec: float = 0.0
    fuse: int | None = None
    kill_at_sec: float | None = None


@dataclass
class Lines:
    """Whole lines out of a pipe that is read as it fills."""

    descriptor: int
    rest: bytes = b""

    def read(self) -> list[str]:
        """Return the lines that are whole by now."""
        *lines, self.rest = (self.rest + os.read(self.descriptor, 1 << 16)).split(b"\n")
        return [line.decode(errors="replace") for line in lines]


@dataclass
class Scene:
    """Everything under ``home``; ``make`` gives the runtime's episodes by number, ``mutant`` names a planted bug."""

    home: Path
    warm: WarmLearner
    identity: PolicyIdentity
    make: Make
    seed: int
    mutant: str = ""
    kills: dict[str, int] = field(default_factory=lambda: dict.fromkeys(ROLES, 0))
    ready_sec: dict[str, list[float]] = field(default_factory=lambda: {role: [] for role in ROLES})
    kept: set[int] = field(default_factory=set)
    """Episodes that were durable in the spool."""

    def __post_init__(self) -> None:
        self._rng = random.Random(f"{self.seed}/{self.mutant}")
        self._parts = {role: Part() for role in ROLES}
        self._lines: dict[str, Lines] = {}
        self._front: subprocess.Popen[bytes] | None = None
        self._address = f"127.0.0.1:{free_port(self._rng)}"
        self._to_runtime = -1
        self._next_number = 0
        self._look_sec = 0.0
        self._waiting = 0
        self._is_calm = False
        self._version = 0
        self._emptied = False
        tells_out, self._tells = os.pipe()
        self._lines["learner"] = Lines(tells_out)
        self._nursery = Nursery(self.warm, self.home, self.seed, self._tells)

    @property
    def state(self) -> Path:
        """The tuner's state folder."""
        return self.warm.config.state

    def run(self, kills: int, until_sec: float = math.inf) -> Findings:
        """Kill so often in all, then let everything come to rest, and look at what there is.

        Less often where the monotonic clock shows ``until_sec`` before.
        """
        self._nursery.start()
        try:
            self._until(lambda: sum(self.kills.values()) >= kills or time.monotonic() >= until_sec)
            self._come_to_rest()
        finally:
            self._end_all()
        return audit(self.state, self.home / "spool", self.home / COMMITS_NAME, sorted(self.kept), self.make)

    def _come_to_rest(self) -> None:
        """Start everything once more, to live, and wait until all that waits anywhere is used up."""
        self._is_calm = True
        self._nursery.calm()
        for part in self._parts.values():
            part.kill_at_sec = 0.0 if part.pid else None
        self._until(lambda: all(part.pid and part.kill_at_sec is None for part in self._parts.values()))
        self._until(self._is_at_rest)
        os.write(self._to_runtime, b"e")
        self._until(lambda: self._emptied)
        assert self._front is not None
        self._front.send_signal(signal.SIGTERM)
        self._front.wait(STUCK_SEC)
        self._parts["front"] = Part()

    def _is_at_rest(self) -> bool:
        wanted = self.warm.config.trajectories_per_update
        spooled = any((self.home / "spool").glob("*.trajectory"))
        newest = max(AdapterStore(self.state / "adapters").versions(), default=0)
        return not spooled and self._waiting < wanted and self._version == newest

    def _until(self, is_over: Callable[[], bool]) -> None:
        """Watch, kill and start again until it is over.

        Raises:
            RuntimeError: something ended by itself, or nothing came about for ``STUCK_SEC``.
        """
        done, since_sec = -1, time.monotonic()
        while not is_over():
            if (now_done := sum(self.kills.values()) + self._next_number + self._version) != done:
                done, since_sec = now_done, time.monotonic()
            if time.monotonic() - since_sec > STUCK_SEC:
                raise RuntimeError(f"nothing came about for {STUCK_SEC:g} s; {self._standing()}; {self._logs()}")
            self._start_the_dead()
            self._hear()
            self._kill_whoever_is_due()
            self._bury()
            self._look()

    # --- the parts

    def _start_the_dead(self) -> None:
        if not self._parts["front"].pid:
            fuse = self._fuse("front")
            command = [sys.executable, "-m", "benchmarks.mortal_front", str(fuse or 0), self.mutant or "none"]
            command += [json.dumps(launcher(self._nursery.socket_path)), "serve", "--state", str(self.state)]
            command += ["--listen", self._address, "--model", str(self.warm.config.model)]
            command += ["--quantization", QUANTIZATION, "--grammar", GRAMMAR]
            with (self.home / "front.log").open("ab") as log:
                self._front = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log)
            assert self._front.stdout is not None, "stdout was asked for"
            self._lines["front"] = Lines(self._front.stdout.fileno())
            self._parts["front"] = Part(self._front.pid, time.monotonic(), fuse)
        if not self._parts["runtime"].pid and not self._emptied:
            self._start_runtime()

    def _start_runtime(self) -> None:
        fuse = self._fuse("runtime")
        to_child, from_child = os.pipe(), os.pipe()
        planted = RUNTIME_MUTANTS.get(self.mutant)
        started_sec = time.monotonic()
        pid = fork_runtime(
            self._address,
            self.identity,
            self.home / "spool",
            self._next_number,
            self.make,
            (to_child[0], from_child[1]),
            KillPoints(fuse),
            planted,
        )
        os.close(to_child[0])
        os.close(from_child[1])
        self._to_runtime = to_child[1]
        self._lines["runtime"] = Lines(from_child[0])
        self._parts["runtime"] = Part(pid, started_sec, fuse)

    def _fuse(self, role: str) -> int | None:
        """Return a point for every other one to be killed at."""
        return None if self._is_calm or self._rng.random() < 0.5 else self._rng.randint(1, FUSE_POINTS[role])

    def _is_ready(self, role: str) -> None:
        """Note how long it took and decide how long it is to live, longer with a fuse, which is to have its time."""
        part, now_sec, longest = self._parts[role], time.monotonic(), LONGEST_LIFE_SEC[role]
        self.ready_sec[role].append(now_sec - part.started_sec)
        if not self._is_calm:
            part.kill_at_sec = now_sec + (3 * longest if part.fuse else self._rng.uniform(0, longest))

    def _kill_whoever_is_due(self) -> None:
        now_sec = time.monotonic()
        for part in self._parts.values():
            if part.pid and part.kill_at_sec is not None and part.kill_at_sec <= now_sec:
                with suppress(ProcessLookupError):
                    os.kill(part.pid, signal.SIGKILL)

    def _bury(self) -> None:
        """Count those who were killed; the nursery tells of learners."""
        front = self._front
        if front is not None and self._parts["front"].pid and front.poll() is not None:
            if front.returncode != -signal.SIGKILL:
                raise RuntimeError(f"the front ended with {front.returncode}; {self._logs()}")
            assert front.stdout is not None
            del self._lines["front"]
            front.stdout.close()
            self._count("front")
        pid = self._parts["runtime"].pid
        if pid:
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                self._hear()  # its last words
                code = os.waitstatus_to_exitcode(status)
                if code != -signal.SIGKILL and not self._emptied:
                    raise RuntimeError(f"the runtime ended with {code}; {self._logs()}")
                os.close(self._to_runtime)
                os.close(self._lines.pop("runtime").descriptor)
                self._count("runtime", code == -signal.SIGKILL)

    def _count(self, role: str, was_killed: bool = True) -> None:
        self.kills[role] += was_killed
        self._parts[role] = Part()

    # --- what they tell

    def _hear(self) -> None:
        by_descriptor = {lines.descriptor: role for role, lines in self._lines.items()}
        ready, _, _ = select.select(list(by_descriptor), [], [], TICK_SEC)
        for descriptor in ready:
            role = by_descriptor[descriptor]
            for line in self._lines[role].read():
                if role == "front":
                    self._front_said(line)
                elif line:
                    self._told(role, line.split()[1:])

    def _front_said(self, line: str) -> None:
        if line.startswith("listening on "):
            self._is_ready("front")

    def _told(self, role: str, words: list[str]) -> None:
        match words:
            case ["started", _, pid, fuse]:
                self._parts[role] = Part(int(pid), time.monotonic(), int(fuse) or None)
            case ["resumed", _] | ["opened"]:
                self._is_ready(role)
            case ["ended", _, status]:
                self._count(role, int(status) == -signal.SIGKILL)
            case ["began", number]:
                self._next_number = int(number) + 1
            case ["kept", number]:
                self.kept.add(int(number))
            case ["has", version]:
                self._version = int(version)
            case ["emptied", count]:
                self._emptied = count == "0"

    def _look(self) -> None:
        """Look into the ledger now and then, and have episodes made while there is use for them."""
        if time.monotonic() < self._look_sec or not (self.state / LEDGER_NAME).exists():
            return
        self._look_sec = time.monotonic() + LOOK_SEC
        with closing(Ledger(self.state)) as ledger:
            ledger.open()
            self._waiting = ledger.counts().waiting
        if self._waiting < MOST_WAITING and not self._is_calm and self._parts["runtime"].pid:
            with suppress(BrokenPipeError):
                os.write(self._to_runtime, b"m" * self._rng.randint(1, 4))

    def _standing(self) -> str:
        spooled = len(list((self.home / "spool").glob("*.trajectory")))
        newest = max(AdapterStore(self.state / "adapters").versions(), default=0)
        return (
            f"{spooled} in the spool, {self._waiting} waiting, the runtime has version {self._version} of {newest}, "
            f"{self._parts}"
        )

    def _logs(self) -> str:
        logs = [path.read_text(errors="replace")[-1500:] for path in sorted(self.home.glob("*.log"))]
        return "\n".join(logs)

    def _end_all(self) -> None:
        for role in ("front", "runtime", "learner"):
            if self._parts[role].pid:
                with suppress(ProcessLookupError):
                    os.kill(self._parts[role].pid, signal.SIGKILL)
        self._nursery.end()
        for lines in self._lines.values():
            if lines is not self._lines.get("front"):
                os.close(lines.descriptor)
        os.close(self._tells)
        if self._front is not None:
            self._front.wait()
            assert self._front.stdout is not None
            self._front.stdout.close()


def free_port(rng: random.Random) -> int:
    """Return a port that is free and that no outgoing connection is given by itself, which would keep the front out."""
    while True:
        port = rng.randint(*PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
