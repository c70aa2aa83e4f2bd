"""Fills and frees small disks under a tuner and a runtime, again and again. Measures no speed.

    unshare --mount python -m benchmarks.full_disks CYCLES CAP_BYTES FILE       what `cycled` starts

Each disk is a tmpfs in a name space of its own, which goes with the process. In turn the tuner's and the runtime's disk
is full: the runtime must say that it collects nothing more, when its spool has come to its cap or its disk refuses, and
must collect again soon after there is room. At the end every episode handed over is in the ledger once, and the spool
is empty.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

from agent_runtime.trajectory import PolicyIdentity
from agent_runtime.uplink.client import TunerLink
from agent_runtime.uplink.room import submit_when_there_is_room
from agent_runtime.uplink.spool import Spool
from benchmarks.front import identity_of, running_front, write_checkpoint
from benchmarks.small_episodes import small_episode, with_id
from tuner.ingest.ledger import Ledger

DISK_MB: Final = 48
BLOCK_BYTES: Final = 64 << 10
PATIENCE_SEC: Final = 60.0
RESUMED_BAR_SEC: Final = 5.0
RUNTIME_ID: Final = "benchmark"


@dataclass
class Cycles:
    """What came of the cycles."""

    cycles: int = 0
    episodes: int = 0
    lost: int = 0
    """Handed over, and not in the ledger at the end."""
    doubled: int = 0
    silent: int = 0
    """Full disks of which the runtime did not say that it stopped collecting."""
    over_cap: int = 0
    slowest_sec: float = 0.0
    """From room on a disk to the next episode collected."""
    notes: list[str] = field(default_factory=list)


def unshare_command() -> list[str]:
    """Return what starts a process that may mount."""
    return ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--user", "--map-root-user"])]


def mounting_missing() -> str:
    """Return in one sentence why no disk can be mounted here, nothing where one can."""
    with tempfile.TemporaryDirectory() as folder:
        command = [*unshare_command(), "mount", "-t", "tmpfs", "tmpfs", folder]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_SEC)
        except FileNotFoundError:
            return "Got no unshare, expected util-linux's."
    return f"Got no small disk ({done.stderr.strip()}), expected to mount a tmpfs." if done.returncode else ""


def cycled(cycles: int, cap_bytes: int) -> Cycles:
    """Run the cycles in a process that may mount and return what came of them.

    Raises:
        RuntimeError: it failed.
    """
    with tempfile.NamedTemporaryFile("r", suffix=".json") as result:
        command = [sys.executable, "-m", "benchmarks.full_disks", str(cycles), str(cap_bytes), result.name]
        done = subprocess.run([*unshare_command(), *command], capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"the cycles ended with {done.returncode}: {done.stderr[-2000:]}")
        return Cycles(**json.load(result))


class Disk:
    """A small disk that can be filled to the last block."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", str(folder)]
        subprocess.run(command, check=True, timeout=PATIENCE_SEC)
        self._filler = folder / "filler"

    def fill(self) -> None:
        """Leave no room, nor what has become free since the last call."""
        with self._filler.open("ab", buffering=0) as file:
            block = bytes(BLOCK_BYTES)
            while block:
                try:
                    file.write(block)
                except OSError:
                    block = block[: len(block) // 2]

    def free(self) -> None:
        """Give the room back."""
        self._filler.unlink()


class Collector:
    """A runtime's loop without a phone: hands over one small episode after another, and is told to stop."""

    def __init__(self, link: TunerLink, identity: PolicyIdentity) -> None:
        self.notes: list[str] = []
        self.handed_over: list[str] = []
        self._link = link
        self._episode = small_episode(identity, RUNTIME_ID)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._collect, daemon=True)
        self._thread.start()

    @property
    def has_stopped(self) -> bool:
        """Whether the last thing it said is that it collects nothing."""
        return bool(self.notes) and self.notes[-1].endswith("Nothing is collected until there is.")

    def end(self) -> None:
        """Collect nothing more."""
        self._over.set()
        self._thread.join(PATIENCE_SEC)

    def _collect(self) -> None:
        while not self._over.wait(0.002):
            message = with_id(self._episode, f"episode-{len(self.handed_over)}")
            submit_when_there_is_room(self._link, message, self.notes.append, self._over.is_set)
            self.handed_over.append(message.trajectory_id)


def until(condition: Callable[[], bool], deadline_sec: float = PATIENCE_SEC) -> float | None:
    """Return after how many seconds the condition holds, None where it does not in time."""
    started_sec = time.monotonic()
    while not condition():
        if time.monotonic() - started_sec > deadline_sec:
            return None
        time.sleep(0.005)
    return time.monotonic() - started_sec


def fill_and_free(cycles: int, cap_bytes: int, home: Path) -> Cycles:
    """Do it all; for a process that may mount."""
    found = Cycles()
    checkpoint = write_checkpoint(home / "checkpoint")
    identity = identity_of(checkpoint)
    disks = Disk(home / "tuner"), Disk(home / "runtime")
    spool = Spool(disks[1].folder / "spool", cap_bytes)
    spool.open()
    with running_front(disks[0].folder / "state", checkpoint, options=["--least-free-gb", "0"]) as front:
        link = TunerLink(front.address, identity, [RUNTIME_ID], spool, lambda manifest, payload: None)
        link.start()
        collector = Collector(link, identity)
        for number in range(cycles):
            disk = disks[number % 2]

            def is_told(full: Disk = disk) -> bool:
                full.fill()  # again and again: what is sent leaves the spool, and room behind
                return collector.has_stopped

            if until(is_told) is None:
                found.silent += 1
                found.notes.append(f"cycle {number}: {len(spool)} in the spool, nothing said")
            found.over_cap += spool.size_bytes() > cap_bytes
            handed_over = len(collector.handed_over)
            disk.free()
            took_sec = until(lambda: len(collector.handed_over) > handed_over + 1)  # noqa: B023  # called at once
            found.slowest_sec = max(found.slowest_sec, PATIENCE_SEC if took_sec is None else took_sec)
            found.cycles += 1
        collector.end()
        until(lambda: len(spool) == 0)
        link.close(PATIENCE_SEC)
    ledger = Ledger(disks[0].folder / "state")
    ledger.open()
    with closing(ledger), ledger.sql() as sql:
        ids = [row[0] for row in sql.execute("SELECT id FROM trajectories")]
    found.episodes = len(collector.handed_over)
    found.lost = len(set(collector.handed_over) - set(ids))
    found.doubled = len(ids) - len(set(ids))
    return found


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        result = fill_and_free(int(sys.argv[1]), int(sys.argv[2]), Path(name))
        Path(sys.argv[3]).write_text(json.dumps(asdict(result)))
        for mounted in ("tuner", "runtime"):
            subprocess.run(["umount", str(Path(name) / mounted)], check=True, timeout=PATIENCE_SEC)
