"""Processes that publish versions into a store and boot and swap from it, killed over and over. Swaps nothing itself.

Each is forked from a process that has the policy loaded, boots the newest version of the store, asks it something,
then publishes version after version and puts each in place while a thread asks on. It tells, a JSON list a line:

    ["booted", VERSION, TOKENS, LOG_PROBS, DIGEST] · ["published", VERSION]
"""

from __future__ import annotations

import json
import math
import os
import random
import select
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from agent_runtime.adapter_inbox import AdapterInbox
from agent_runtime.policy.server import DecisionServer
from agent_runtime.trajectory import Decision
from benchmarks.kill_points import KillPoints, put
from benchmarks.swap_world import Decided, SwapWorld
from tests.learner_world import PROMPT
from tuner.adapters import store as store_module
from tuner.adapters.store import AdapterStore

FUSE_POINTS: Final = 80
"""About four publications."""
LONGEST_LIFE_SEC: Final = 0.6
STUCK_SEC: Final = 120.0


class Kills:
    """One store in ``folder``; ``wrong`` says what was broken, in sentences."""

    def __init__(
        self, world: SwapWorld, folder: Path, seed: int, planted: Callable[[KillPoints], None] | None = None
    ) -> None:
        self.kills = self.published = self.boots = 0
        self.wrong: list[str] = []
        self._world = world
        self._policy = world.policy()
        self._folder = folder
        self._rng = random.Random(f"{seed}/kills")
        self._planted = planted
        self._booted: list[Decided] = []

    def run(self, kills: int, until_sec: float = math.inf) -> None:
        """Fork and kill so often, look at the store after each, and score what was answered after each boot.

        Fewer where the monotonic clock shows ``until_sec`` before.
        """
        while self.kills < kills and time.monotonic() < until_sec:
            self._life()
            self._look()
        self.wrong += self._world.torn(self._booted)
        self._booted.clear()

    def _life(self) -> None:
        fuse = self._rng.randint(1, FUSE_POINTS) if self._rng.random() < 0.5 else None
        life_sec = self._rng.uniform(0.0, LONGEST_LIFE_SEC)
        reads, writes = os.pipe()
        pid = os.fork()
        if not pid:
            try:
                self._child(writes, KillPoints(fuse))
            finally:
                os._exit(1)
        os.close(writes)
        ends_sec = time.monotonic() + STUCK_SEC
        with os.fdopen(reads, "rb", buffering=0) as told:
            rest, is_up = b"", False
            while select.select([told], [], [], max(0.0, ends_sec - time.monotonic()))[0]:
                more = told.read(1 << 16)
                if not more:
                    break
                *lines, rest = (rest + more).split(b"\n")
                for line in lines:
                    self._told(json.loads(line))
                if not is_up:
                    is_up, ends_sec = True, time.monotonic() + (STUCK_SEC if fuse else life_sec)
            os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        if os.waitstatus_to_exitcode(status) != -signal.SIGKILL:
            self.wrong.append(f"a process ended with {os.waitstatus_to_exitcode(status)} instead of booting")
        self.kills += 1

    def _told(self, words: list[object]) -> None:
        match words:
            case ["booted", int(version), list(tokens), list(log_probs), str(digest)]:
                self.boots += 1
                decision = Decision("", tuple(tokens), tuple(log_probs), version, digest)
                self._booted.append(Decided(decision, 1.0))
                if version < self.published:
                    self.wrong.append(f"version {version} booted, expected {self.published}, of which was told")
            case ["published", int(version)]:
                self.published = version

    def _look(self) -> None:
        """Hold the store against what was told of it."""
        store = AdapterStore(self._folder)
        newest = store.newer_than(0)
        version = newest[0].version if newest else 0
        if version < self.published:
            self.wrong.append(f"version {version} is the newest, expected {self.published}, of which was told")
        if newest is not None and newest[1] != self._world.payload(version):
            self.wrong.append(f"version {version} has other bytes than were published")
        if (self._folder / "damaged").exists():
            self.wrong.append(f"{len(list((self._folder / 'damaged').iterdir()))} versions were set aside")
            for path in (self._folder / "damaged").iterdir():
                path.rename(self._folder.with_name(f"{self._folder.name}-{self.kills}-{path.name}"))
            (self._folder / "damaged").rmdir()

    def _child(self, writes: int, points: KillPoints) -> None:
        if self._planted is not None:
            self._planted(points)
        points.install()
        store, policy = AdapterStore(self._folder), self._policy
        inbox = AdapterInbox(policy.slot)

        def tell(*words: object) -> None:
            os.write(writes, json.dumps(words).encode() + b"\n")

        def fetch() -> None:
            newest = store.newer_than(policy.slot.version)
            if newest is not None:
                newest[0].replaces_any = True
                if not inbox.receive(*newest):
                    os._exit(3)

        with DecisionServer(policy) as server:
            fetch()
            inbox.apply_waiting()
            first = server.decide(self._world.picture, PROMPT, temperature=1.0, seed=policy.slot.version)
            tell("booted", first.adapter_version, first.token_ids, first.log_probs, first.adapter_digest)

            def ask() -> None:
                while True:
                    inbox.apply_waiting()
                    server.decide(self._world.picture, PROMPT, temperature=1.0, seed=0)

            threading.Thread(target=ask, daemon=True).start()
            while True:
                version = max(store.versions(), default=0) + 1
                store.publish(self._world.manifest(policy, version), self._world.payload(version))
                tell("published", version)
                fetch()


def half_written(points: KillPoints) -> None:
    """Plant the bug: write a store's files where they are to be, piece by piece."""

    def write(path: Path, content: bytes) -> None:
        with path.open("wb", buffering=0) as file:
            file.write(content[: len(content) // 2])
            points.here()
            file.write(content[len(content) // 2 :])

    @contextmanager
    def in_place(folder: Path) -> Iterator[Path]:
        folder.mkdir(parents=True, exist_ok=True)
        yield folder

    put(store_module, "write_synced", write)
    put(store_module, "filled_folder", in_place)
