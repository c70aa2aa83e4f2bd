"""Kills a learner by SIGKILL wherever it can be killed, lets it go on, and compares all it kept. Measures no speed.

`python -m benchmarks.resume --kills 300` runs three updates of a tiny model of the real classes, undisturbed once and
then killed: once at every point at which something becomes durable, an optimizer step is taken or a word goes to the
front, and at random moments, now and then twice in one run. New episodes arrive while an update runs. In the end
checkpoint (weights, moments and step counters of the optimizers, progress), adapters and the ledger's marks must be
those of the undisturbed run, bit for bit. All randomness derives from the seed and the number of an update, so a
generator whose state got lost would show in the weights. Each planted bug must show.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import json
import math
import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import torch
import torch.utils.tensorboard  # loaded here, a second that every child would spend
from coso.v1 import trajectory_pb2

from agent_runtime.uplink.codec import trajectory_to_message
from benchmarks.kill_points import KillPoints
from benchmarks.measures import Measure, report
from benchmarks.resume_mutants import MUTANTS
from benchmarks.warm_learner import EPISODES, ForkedLearner, WarmLearner, small_config, warm_world
from tests.learner_world import World
from tuner.adapters.store import AdapterStore
from tuner.ingest.ledger import Ledger

UPDATES: Final = 3
DEADLINE_SEC: Final = 300.0
ARMS: Final[dict[str, dict[str, Any]]] = {
    "awr": {},
    "ppo with critics": {"objective": "ppo", "advantage": "critic", "max_version_lag": 2},
    "awr with explorer": {"explorer": True, "explorer_reset_every": 2},
}
Plant = Callable[[], None]


@dataclass
class Tally:
    """What came of the runs."""

    runs: int = 0
    kills: int = 0
    differing: list[str] = field(default_factory=list)


class Course:
    """One arm: a warm learner, its episodes in groups, and what an undisturbed run ends with."""

    def __init__(self, warm: WarmLearner, world: World) -> None:
        self._warm = warm
        numbers = itertools.count()
        self._groups = [
            [trajectory_to_message(world.trajectory(next(numbers), *episode)) for episode in EPISODES]
            for _ in range(UPDATES)
        ]
        started_sec = time.monotonic()
        self.expected, _ = self.run([])
        """What is kept after a run that nobody disturbed."""
        self.seconds = time.monotonic() - started_sec
        self.points = int((self._log.with_name("points")).read_text())

    @property
    def _log(self) -> Path:
        return self._warm.config.state / "stderr"

    def run(self, fuses: list[Fuse], planted: Plant | None = None) -> tuple[dict[str, Any], int]:
        """Run from the beginning, once for each fuse and then to the end; return what is kept, and how many kills."""
        state = self._warm.config.state
        shutil.rmtree(state, ignore_errors=True)
        state.mkdir(parents=True)
        arrived, kills = self._arrive(0, self._groups[:1]), 0
        for fuse in [*fuses, Fuse()]:
            learner = self._warm.start(KillPoints(fuse.point), self._log, planted)
            arrived, was_killed = self._watch(learner, fuse, arrived)
            kills += was_killed
            if not was_killed:
                break
        return kept(state), kills

    def _watch(self, learner: ForkedLearner, fuse: Fuse, arrived: int) -> tuple[int, bool]:
        """Bring the episodes as the updates begin; return how many groups there are and whether it was killed."""
        is_timed = fuse.after_sec is not None
        ends_sec = time.monotonic() + (fuse.after_sec if fuse.after_sec is not None else DEADLINE_SEC)
        while True:
            line = learner.hear(ends_sec)
            if line is None:
                learner.end()
                if not is_timed:
                    raise TimeoutError(f"the learner said nothing for {DEADLINE_SEC:g} s")
                return arrived, True
            if line == b"":
                break
            event = json.loads(line)
            if event["event"] != "state":
                continue
            if event["state"] == "training":
                begun = int(event["message"].split()[1])
                if begun == arrived < UPDATES:
                    arrived = self._arrive(arrived, self._groups[arrived : arrived + 1])
                    learner.say('{"event": "trajectory_stored"}')
            elif event["state"] == "waiting" and arrived == UPDATES and not self._waiting():
                learner.say('{"event": "stop"}')
            elif event["state"] == "waiting" and arrived < UPDATES and not self._waiting():
                arrived = self._arrive(arrived, self._groups[arrived : arrived + 1])
                learner.say('{"event": "trajectory_stored"}')
        code = learner.wait()
        if code not in (0, -9):
            raise RuntimeError(f"the learner ended with {code}: {self._log.read_text()[-2000:]}")
        return arrived, code == -9

    def _arrive(self, arrived: int, groups: list[list[trajectory_pb2.Trajectory]]) -> int:
        with closing(Ledger(self._warm.config.state)) as ledger:
            ledger.open()
            for group in groups:
                for message in group:
                    ledger.store(message)
        return arrived + len(groups)

    def _waiting(self) -> bool:
        with closing(Ledger(self._warm.config.state)) as ledger:
            ledger.open()
            return bool(ledger.waiting(1))


@dataclass(frozen=True)
class Fuse:
    """When a learner is to be killed: at a point of its own, or so long after its start; never where both are None."""

    point: int | None = None
    after_sec: float | None = None

    def __str__(self) -> str:
        return f"point {self.point}" if self.point is not None else f"{self.after_sec or 0:.3f} s"


def kept(state: Path) -> dict[str, Any]:
    """Return everything that must not depend on kills: of large files the digest."""
    newest = max((state / "learner").glob("[0-9]*.json"))
    found: dict[str, Any] = {"checkpoint": json.loads(newest.read_bytes())["body"]}
    found["tensors"] = hashlib.sha256(newest.with_suffix(".safetensors").read_bytes()).hexdigest()
    store = AdapterStore(state / "adapters")
    for version in store.versions():
        manifest, payload = store.get(version)
        manifest.ClearField("published_at")
        found[f"version {version}"] = (hashlib.sha256(payload).hexdigest(), str(manifest))
    with closing(Ledger(state)) as ledger:
        ledger.open()
        with ledger.sql() as sql:
            found["consumed"] = sql.execute("SELECT id, consumed_by_version FROM trajectories ORDER BY id").fetchall()
        found["unused"] = ledger.unused()
    return found


def fuses(course: Course, kills: int, rng: random.Random) -> Iterator[list[Fuse]]:
    """Yield the fuses of each run until there are so many kills: every point first, in random order."""
    points = rng.sample(range(1, course.points + 1), course.points)
    for point in points[:kills]:
        yield [Fuse(point)]
    given = min(kills, len(points))
    while given < kills:
        count = min(kills - given, rng.choice((1, 1, 2)))
        given += count
        yield [
            Fuse(rng.randint(1, course.points))
            if rng.random() < 0.3
            else Fuse(after_sec=rng.uniform(0, course.seconds))
            for _ in range(count)
        ]


def tally(
    course: Course, kills: int, rng: random.Random, planted: Plant | None = None, until_sec: float = math.inf
) -> Tally:
    """Run until so many kills were made, or the monotonic clock shows ``until_sec``; what came too late is no kill.

    With a planted bug, what is expected is what the same bug makes of an undisturbed run; the first difference
    ends it.
    """
    found = Tally()
    expected = course.expected if planted is None else course.run([], planted)[0]
    while found.kills < kills and time.monotonic() < until_sec:
        for course_fuses in fuses(course, kills - found.kills, rng):
            if time.monotonic() >= until_sec:
                break
            end, made = course.run(course_fuses, planted)
            found.runs += 1
            found.kills += made
            if end != expected:
                names = sorted(name for name in end.keys() | expected.keys() if end.get(name) != expected.get(name))
                found.differing.append(f"killed at {', '.join(map(str, course_fuses))}: {', '.join(names)}")
                if planted is not None:
                    return found
    return found


def unseen(course: Course, kills: int, rng: random.Random) -> list[str]:
    """Plant each bug and return those that so many kills do not show."""
    return [name for name, plant in MUTANTS.items() if not tally(course, kills, rng, plant).differing]


def warm_course(home: Path, world: World, checkpoint: Path, arm: str) -> Course:
    """Return the course of an arm of ``ARMS``."""
    return Course(WarmLearner(small_config(home, checkpoint, **ARMS[arm])), world)


def prepare(home: Path) -> tuple[Path, World]:
    """Load what every learner needs into this process, which must not have run a backward pass."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    torch.set_num_threads(1)
    checkpoint, world = warm_world(home)
    return checkpoint, world


def main() -> int:
    """Kill, compare, and return the exit code: 1 where a run ended elsewhere or a planted bug goes unseen."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--minutes", type=float, default=20.0, help="the longest to take; what was done by then counts")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to this file")
    options = parser.parse_args()
    if options.kills < len(ARMS):
        parser.error(f"give kills from {len(ARMS)}")
    rng, started_sec = random.Random(options.seed), time.monotonic()
    found: dict[str, Tally] = {}
    with tempfile.TemporaryDirectory() as home:
        checkpoint, world = prepare(Path(home))
        blind: set[str] = set()
        for place, arm in enumerate(ARMS):
            course = warm_course(Path(home) / str(place), world, checkpoint, arm)
            print(f"{arm}: {course.points} points, {course.seconds:.1f} s undisturbed", flush=True)
            until_sec = started_sec + 0.8 * 60 * options.minutes * (place + 1) / len(ARMS)
            found[arm] = tally(course, -(-options.kills // len(ARMS)), rng, until_sec=until_sec)
            print(f"  {found[arm].kills} kills, {len(found[arm].differing)} ended elsewhere", flush=True)
            if not place:
                blind.update(unseen(course, course.points, rng))
    print(f"seed {options.seed}, {time.monotonic() - started_sec:.0f} s")
    for arm, counts in found.items():
        print(f"  {arm:18} {counts.kills} kills in {counts.runs} runs, {len(counts.differing)} ended elsewhere")
        print("\n".join(counts.differing[:10]))
    print(f"planted and unseen: {', '.join(sorted(blind)) or 'none'}")
    kills = sum(counts.kills for counts in found.values())
    differing = sum(len(counts.differing) for counts in found.values())
    measures = [
        Measure("runs that ended elsewhere than the undisturbed one", differing, 0.0, "lower", kills, "kills"),
        Measure("planted bugs that show", 1 - len(blind) / len(MUTANTS), 1.0, "higher", len(MUTANTS), ""),
    ]
    return report("Training resumes exactly", measures, options.json)


if __name__ == "__main__":
    sys.exit(main())
