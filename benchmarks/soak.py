"""Runs front, ledger, retention and runtimes' spools under all faults together, and watches memory and descriptors.

`python -m benchmarks.soak --episodes 100000` has one runtime collect from beginning to end, another that is killed
every few seconds, and a learner's stand-in that is killed too, through a proxy whose connections fail. Meanwhile the
disks of front and runtime refuse for moments, bits rot in a spool, and the front is killed a few times. Nothing handed
over may be missing from the ledger but what rotted, and neither the front nor the runtime that stays may grow. Planted
is a runtime that keeps what it sent; it must show. Measures no speed.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import astuple, dataclass, field
from pathlib import Path
from typing import Final

from coso.v1 import trajectory_pb2
from google.protobuf.message import DecodeError

from benchmarks.fault_proxy import FaultProxy
from benchmarks.front import RunningFront, identity_of, memory_bytes, running_front, write_checkpoint
from benchmarks.measures import Measure, report
from benchmarks.power_cuts import scratch
from tuner.ingest.ledger import Ledger

SLOPE_BAR_MB: Final = 1.0
"""For every 10,000 episodes."""
DESCRIPTORS_BAR: Final = 6.0
"""Between the first and the last third of a life: connections come and go."""
LIVES: Final = 4
"""Of the front."""
WARM_SHARE: Final = 0.4
"""Of a life, which is not looked at: caches fill."""
BYTES_TO_FAULT: Final = 400_000
LOOK_SEC: Final = 0.25
FAULT_SEC: Final = 2.0
REFUSES_SEC: Final = 0.4
DRAIN_SEC: Final = 120.0
KEPT_GB: Final = "0.02"
KILLED_SHARE: Final = 0.1
"""Of the episodes, by the runtime that is killed again and again."""
PLANTED_EPISODES: Final = 4_000


@dataclass(frozen=True)
class Sample:
    """One look at a process."""

    episodes: int
    resident_mb: float
    descriptors: int


@dataclass
class Life:
    """The looks at one process."""

    name: str
    samples: list[Sample] = field(default_factory=list)

    def look(self, pid: int, episodes: int) -> None:
        """Add one, if the process is there."""
        try:
            self.samples.append(Sample(episodes, memory_bytes(pid) / 1e6, len(os.listdir(f"/proc/{pid}/fd"))))
        except OSError:
            return

    @property
    def _warm(self) -> Sequence[Sample]:
        first, last = self.samples[0].episodes, self.samples[-1].episodes
        return [item for item in self.samples if item.episodes >= first + WARM_SHARE * (last - first)]

    @property
    def slope_mb(self) -> float:
        """Growth of memory for every 10,000 episodes, by least squares."""
        warm = self._warm
        if len({item.episodes for item in warm}) < 2:
            return 0.0
        line = statistics.linear_regression([item.episodes for item in warm], [item.resident_mb for item in warm])
        return 10_000 * line.slope

    @property
    def more_descriptors(self) -> float:
        """How many more the last third of the looks has than the first."""
        warm = self._warm
        third = max(1, len(warm) // 3)
        ends = [statistics.median(item.descriptors for item in part) for part in (warm[:third], warm[-third:])]
        return ends[1] - ends[0]


class Runtime:
    """A runtime in a process of its own, and how many episodes it handed over; looked at whenever it tells."""

    def __init__(self, address: str, spool: Path, name: str, count: int, identity: str, leaks: bool = False) -> None:
        self.name, self.handed_over, self.life = name, 0, Life("runtime")
        command = [sys.executable, "-m", "benchmarks.soak_parts", "runtime", address, str(spool), name, str(count)]
        command += [identity, *(["leak"] if leaks else [])]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True)
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        assert self.process.stdout is not None, "it was asked for"
        for line in self.process.stdout:
            self.handed_over = int(line)
            self.life.look(self.process.pid, self.handed_over)

    def kill(self) -> None:
        """End it as the kernel would; what it said by then counts."""
        self.process.kill()
        self.process.wait()
        self._thread.join()
        for pipe in (self.process.stdout, self.process.stdin):
            if pipe is not None:
                pipe.close()

    def promised(self) -> set[str]:
        """Return the ids it handed over."""
        return {f"{self.name}-{number}" for number in range(self.handed_over)}


@dataclass
class Found:
    """What came of a soak."""

    episodes: int
    lost: int
    left: int
    """Still in a spool when the soak gave up waiting: not lost, but late."""
    rotted: int
    faults: dict[str, int]
    lives: list[Life]

    @property
    def worst_slope_mb(self) -> float:
        """The largest growth of any life."""
        return max(life.slope_mb for life in self.lives)

    @property
    def most_descriptors(self) -> float:
        """The largest growth of any life."""
        return max(life.more_descriptors for life in self.lives)


class Soak:
    """One soak in a new folder."""

    def __init__(self, episodes: int, seed: int, home: Path, lives: int, leaks: bool) -> None:
        self._count, self._home, self._lives, self._rng = episodes, home, lives, random.Random(seed)
        self._checkpoint = write_checkpoint(home / "checkpoint")
        self._identity = json.dumps(astuple(identity_of(self._checkpoint)))
        self._leaks = leaks
        self._faults: dict[str, int] = {}
        self._rotted: set[str] = set()
        self._past: list[Runtime] = []

    def run(self, seed: int) -> Found:
        """Do it all."""
        with ExitStack() as stack:
            front, ending = self._front()
            stack.callback(lambda: ending.close())
            proxy = FaultProxy(_target(front), 2, seed, BYTES_TO_FAULT)
            proxy.start()
            stack.callback(proxy.stop)
            addresses = [f"127.0.0.1:{port}" for port in proxy.ports]
            spools = [self._home / "spool-a", self._home / "spool-b"]
            steady = Runtime(addresses[0], spools[0], "steady", self._count, self._identity, self._leaks)
            stack.callback(steady.kill)
            self._again(addresses[1], spools[1])
            stack.callback(lambda: self._past[-1].kill())
            self._learner = self._start_learner()
            stack.callback(lambda: self._learner.kill())
            lives = [steady.life, Life("front 1")]
            faulted_sec = time.monotonic()
            while steady.handed_over < self._count and steady.process.poll() is None:
                time.sleep(LOOK_SEC)
                lives[-1].look(front.pid, self._total(steady))
                if time.monotonic() - faulted_sec > FAULT_SEC:
                    self._fault(front, steady, addresses[1], spools[1], proxy)
                    faulted_sec = time.monotonic()
                if steady.handed_over >= self._count * (len(lives) - 1) / self._lives and len(lives) <= self._lives:
                    self._note("front killed")
                    os.kill(front.pid, signal.SIGKILL)
                    ending.close()
                    front, ending = self._front()
                    proxy.target = _target(front)
                    lives.append(Life(f"front {len(lives)}"))
            proxy.is_faulty = False
            self._past[-1].kill()  # or it goes on collecting, and its spool is never empty
            self._again(addresses[1], spools[1], 0)
            self._drain(spools)
            for kind, times in proxy.struck.items():
                self._faults[kind] = times
            promised = set.union(steady.promised(), *(runtime.promised() for runtime in self._past))
        ids = self._ledger_ids()
        missing = promised - ids - self._rotted
        left = {told for spool in spools for path in spool.glob("*.trajectory") if (told := _id_in(path)) is not None}
        lost = len(missing - left)
        return Found(len(ids), lost, len(missing & left), len(self._rotted), self._faults, lives)

    def _front(self) -> tuple[RunningFront, ExitStack]:
        ending = ExitStack()
        options = ["--least-free-gb", "0", "--keep-gb", KEPT_GB]
        return ending.enter_context(running_front(self._home / "state", self._checkpoint, options=options)), ending

    def _start_learner(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-m", "benchmarks.soak_parts", "learner", str(self._home / "state")])

    def _again(self, address: str, spool: Path, count: int | None = None) -> None:
        """Start the runtime that is killed on its spool, to collect its share or so many."""
        count = max(1, round(KILLED_SHARE * self._count)) if count is None else count
        self._past.append(Runtime(address, spool, f"killed-{len(self._past)}", count, self._identity))

    def _total(self, steady: Runtime) -> int:
        return steady.handed_over + sum(runtime.handed_over for runtime in self._past)

    def _note(self, kind: str) -> None:
        self._faults[kind] = self._faults.get(kind, 0) + 1

    def _fault(self, front: RunningFront, steady: Runtime, address: str, spool: Path, proxy: FaultProxy) -> None:
        """Have one thing go wrong."""
        kind = self._rng.choice(("runtime killed", "learner killed", "front's disk", "runtime's disk", "rot", "cut"))
        self._note(kind)
        match kind:
            case "runtime killed":
                self._past[-1].kill()
                self._again(address, spool)
            case "learner killed":
                self._learner.kill()
                self._learner.wait()
                self._learner = self._start_learner()
            case "front's disk" | "runtime's disk":
                pid = front.pid if kind == "front's disk" else steady.process.pid
                self._refuse(pid)
            case "rot":
                self._rot(spool)
            case _:
                proxy.partition()

    def _refuse(self, pid: int) -> None:
        """Let no file of a process grow for a moment: writes are cut short, then refused."""
        try:
            before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (1, before[1]))
            time.sleep(REFUSES_SEC)
            resource.prlimit(pid, resource.RLIMIT_FSIZE, before)
        except ProcessLookupError:
            return

    def _rot(self, spool: Path) -> None:
        """Change a bit of an episode that waits."""
        for path in sorted(spool.glob("*.trajectory"), reverse=True)[:1]:
            try:
                told = _id_in(path)
                if told is None:  # it has rotted already
                    continue
                self._rotted.add(told)
                content = bytearray(path.read_bytes())
                content[self._rng.randrange(len(content))] ^= 1
                with path.open("r+b") as file:
                    file.write(content)
            except OSError:  # it was sent meanwhile
                continue

    def _drain(self, spools: Sequence[Path]) -> None:
        ends_at = time.monotonic() + DRAIN_SEC
        while time.monotonic() < ends_at and any(path for spool in spools for path in spool.glob("*.trajectory")):
            time.sleep(LOOK_SEC)

    def _ledger_ids(self) -> set[str]:
        ledger = Ledger(self._home / "state")
        ledger.open()
        with closing(ledger), ledger.sql() as sql:
            return {row[0] for row in sql.execute("SELECT id FROM trajectories")}


def _id_in(path: Path) -> str | None:
    """Return the id of an episode in a spool; None where the file has rotted, raises OSError where it was sent."""
    try:
        return trajectory_pb2.Trajectory.FromString(path.read_bytes()[32:]).trajectory_id
    except DecodeError:
        return None


def _target(front: RunningFront) -> tuple[str, int]:
    host, _, port = front.address.rpartition(":")
    return host, int(port)


def soak(episodes: int, seed: int, home: Path, lives: int = LIVES, leaks: bool = False) -> Found:
    """Run a soak of so many episodes of the runtime that stays, in a new folder."""
    home.mkdir(parents=True)
    return Soak(episodes, seed, home, lives, leaks).run(seed)


def main() -> int:
    """Soak, tell, and return the exit code: 1 where a promise was broken or the planted leak goes unseen."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--episodes", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to this file")
    options = parser.parse_args()
    if options.episodes < 1000:
        parser.error("give episodes from 1000")
    started_sec = time.monotonic()
    with tempfile.TemporaryDirectory(dir=scratch()) as home:
        found = soak(options.episodes, options.seed, Path(home) / "sound")
        leak = soak(PLANTED_EPISODES, options.seed, Path(home) / "planted", lives=1, leaks=True)
    print(f"seed {options.seed}, {time.monotonic() - started_sec:.0f} s; {found.rotted} episodes rotted in a spool")
    for kind, count in sorted(found.faults.items()):
        print(f"  {count:5d}  {kind}")
    for life in found.lives:
        first, last = life.samples[0].resident_mb, life.samples[-1].resident_mb
        print(f"  {life.name}: {first:.1f} to {last:.1f} MB, {life.slope_mb:+.2f} MB for every 10,000 once warm")
    print(f"planted: {leak.worst_slope_mb:+.1f} MB for every 10,000, {leak.most_descriptors:+.0f} descriptors")
    shows = (leak.worst_slope_mb > SLOPE_BAR_MB) + (leak.most_descriptors > DESCRIPTORS_BAR)
    slope, more = found.worst_slope_mb, found.most_descriptors
    measures = [
        Measure("episodes handed over and lost", found.lost, 0.0, "lower", found.episodes, "in the ledger"),
        Measure("… and still in a spool", found.left, 0.0, "lower", found.left, f"after {DRAIN_SEC:g} s"),
        Measure("episodes / those asked for", found.episodes / options.episodes, 1.0, "higher", found.episodes, ""),
        Measure("memory: worst growth for every 10,000", slope / SLOPE_BAR_MB, 1.0, "lower", slope, "MB"),
        Measure("descriptors: worst growth", more / DESCRIPTORS_BAR, 1.0, "lower", more, ""),
        Measure("planted leaks that show", shows / 2, 1.0, "higher", shows, "of memory, of files"),
    ]
    return report("It runs on under all faults together", measures, options.json)


if __name__ == "__main__":
    sys.exit(main())
