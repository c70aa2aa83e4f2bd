"""Counts steps used past the allowed lag and drops not counted, over random schedules of a learner's life. No model.

    python -m benchmarks.freshness --schedules 100000
    python -m benchmarks.freshness --mutants          # the same counts with planted bugs, which must show

A schedule: runtimes act episodes under one version or several, of which some are unknown or long gone; uploads come
late, in any order, some twice; batches, rollbacks, old versions removed from the store; kills before, in and after a
commit, and restarts, at some of which the bound is another. The learner's loop, commit, replay and rule are the real
ones; its stores lie in memory (`freshness_world`).
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Final

from coso.v1 import trajectory_pb2

from benchmarks.freshness_mutants import MUTANTS
from benchmarks.freshness_oracle import Oracle
from benchmarks.freshness_world import POINTS, Bench, KilledError, World, in_memory
from tuner.config import LearnerConfig
from tuner.learner.freshness import DROP_REASONS
from tuner.learner.mailbox import RollbackWish

BOUNDS: Final = (None, 0, 1, 1, 2, 2, 3, 5, 8, 8)
CHUNK: Final = 200
MUTANT_SCHEDULES: Final = 1000
NOTES_KEPT: Final = 5
EVENTS: Final = {"act": 4, "upload": 4, "update": 6, "roll back": 3, "remove an old version": 2, "restart": 1}


class Schedule:
    """One learner's life, drawn from its seed."""

    def __init__(self, seed: str) -> None:
        self.rng = random.Random(seed)
        self.counts: Counter[str] = Counter(schedules=1)
        bound = self.rng.choice(BOUNDS)
        capacity = self.rng.randint(3, 12)
        self.oracle = Oracle(capacity, bound)
        self._world = World(self.oracle, self.rng)
        self._config = LearnerConfig(
            state=Path("nowhere"),
            model=Path("nowhere"),
            base_model_digest="",
            max_version_lag=bound,
            replay_capacity=capacity,
            optimizer_steps_per_update=2,
            batch_size=4,
            mismatch_limit=0,
            failure_share=0.25,
            objective=self.rng.choice(("awr", "awr", "ppo", "bc")),
        )
        self._on_the_way: list[trajectory_pb2.Trajectory] = []
        self._episodes = 0
        self._bench = Bench(self._config, self._world)
        self._bench.resume()

    def run(self) -> None:
        """Let it happen, until it is over or a promise is broken."""
        for _ in range(self.rng.randint(20, 40)):
            (event,) = self.rng.choices(list(EVENTS), list(EVENTS.values()))
            getattr(self, f"_{event.replace(' ', '_')}")()
            if self.oracle.broken:
                break
        self.counts["uses"] = self.oracle.uses
        self.counts.update(self.oracle.now.counted)

    def _act(self) -> None:
        for _ in range(self.rng.randint(1, 3)):
            self._on_the_way.append(self._episode())

    def _upload(self) -> None:
        self.rng.shuffle(self._on_the_way)
        for _ in range(self.rng.randint(0, len(self._on_the_way))):
            message = self._on_the_way.pop()
            if self.rng.random() < 0.2:  # its acknowledgement was lost
                again = trajectory_pb2.Trajectory()
                again.CopyFrom(message)
                self._on_the_way.insert(0, again)
            if not self._world.store(message):
                self.counts["uploaded twice"] += 1
                continue
            readable = message.steps[0].log_probs[0] <= 0
            sequence = len(self._world.trajectories)
            self.oracle.arrived(sequence, [step.adapter_version for step in message.steps], readable)

    def _update(self) -> None:
        batch = self._world.waiting(self.rng.randint(1, 5))
        if not batch:
            return
        self.counts["updates"] += 1
        unused = self.oracle.taken([stored.sequence for stored in batch])
        with self._perhaps_killed():
            self._bench.update(batch)
            told = {stored.sequence: self._world.unused.get(stored.sequence) for stored in batch}
            if {sequence: why for sequence, why in told.items() if why} != unused:
                self.oracle.broken.append(f"unused are told to be {told}, expected {unused}")
            self.oracle.compare_replay(self._bench.replay())

    def _roll_back(self) -> None:
        versions = sorted(self._world.manifests)
        if len(versions) < 2:
            return
        self.counts["rollbacks"] += 1
        self._world.returning = True
        with self._perhaps_killed():
            self._bench.roll_back(RollbackWish(1, self.rng.choice(versions[:-1]), versions[-1]))
            self.oracle.compare_replay(self._bench.replay())

    def _remove_an_old_version(self) -> None:
        versions = sorted(self._world.manifests)[:-1]
        returns = [version for version in versions if self._world.manifests[version].rolled_back_to]
        if versions:
            del self._world.manifests[self.rng.choice(returns or versions)]

    def _restart(self) -> None:
        self.counts["restarts"] += 1
        if self.rng.random() < 0.25:
            bound = self.rng.choice(BOUNDS)
            self.counts["bounds changed"] += bound != self._config.max_version_lag
            self._config = self._config.model_copy(update={"max_version_lag": bound})
        while True:
            self._world.kill_at = self.rng.choice(POINTS) if self.rng.random() < 0.1 else None
            self.oracle.restarted(self._config.max_version_lag)
            self._bench = Bench(self._config, self._world)
            try:
                self._bench.resume()
                break
            except KilledError:
                self.counts["kills"] += 1
        self._world.kill_at = None
        self.oracle.compare_replay(self._bench.replay())
        self.oracle.compare_counts(self._bench.dropped)

    @contextmanager
    def _perhaps_killed(self) -> Iterator[None]:
        """Draw a kill for what stands in it, take it for the end of that, and start again."""
        self._world.good_steps = 0
        self._world.kill_at = self.rng.choice(POINTS) if self.rng.random() < 0.25 else None
        was_killed = False
        try:
            yield
        except KilledError:
            was_killed = True
        self._world.kill_at, self._world.returning = None, False
        if was_killed:
            self.counts["kills"] += 1
            self._restart()

    def _episode(self) -> trajectory_pb2.Trajectory:
        rng = self.rng
        self._episodes += 1
        newest = max(self._world.manifests, default=0)
        version = max(0, newest - rng.choice((0, 0, 0, 1, 1, 2, 3, 5)))
        left = sorted(self.oracle.now.left)[-2:]
        if left and rng.random() < 0.3:  # by a runtime that has not heard of the rollback
            version = rng.choice(left)
        steps = []
        for _ in range(rng.randint(1, 4)):
            acted = newest + rng.randint(1, 3) if rng.random() < 0.03 else version
            steps.append(self._step(acted))
            version = min(newest, version + 1) if rng.random() < 0.4 else version
        if rng.random() < 0.2:
            rng.shuffle(steps)
        if rng.random() < 0.03:
            steps[0].log_probs[0] = 1.0  # no log-prob: nothing of it can be trained on
        success, failure = trajectory_pb2.VERDICT_SUCCESS, trajectory_pb2.VERDICT_FAILURE
        succeeded = rng.random() < 0.6
        is_void, is_evaluation = rng.random() < 0.05, rng.random() < 0.05
        return trajectory_pb2.Trajectory(
            trajectory_id=f"episode-{self._episodes}",
            runtime_id=f"agent-{rng.randint(1, 3)}/1",
            task_name=rng.choice(("easy", "hard")),
            purpose=trajectory_pb2.PURPOSE_EVALUATE if is_evaluation else trajectory_pb2.PURPOSE_EXPLORE,
            verdict=trajectory_pb2.VERDICT_VOID if is_void else success if succeeded else failure,
            reward=float(succeeded),
            temperature=1.0,
            step_limit=8,
            steps=steps,
        )

    @staticmethod
    def _step(version: int) -> trajectory_pb2.Step:
        tap = trajectory_pb2.Action(tap=trajectory_pb2.Tap(x_norm=0.5, y_norm=0.5))
        return trajectory_pb2.Step(log_probs=[-0.5, -0.5], action=tap, adapter_version=version)


def run_chunk(seed: int, mutant: str | None, numbers: range) -> tuple[Counter[str], list[str]]:
    """Run schedules of these numbers; return counts, and a line for each promise broken."""
    counts: Counter[str] = Counter()
    broken: list[str] = []
    with in_memory(), MUTANTS[mutant]() if mutant else nullcontext():
        for number in numbers:
            schedule = Schedule(f"{seed}/{number}")
            schedule.run()
            counts.update(schedule.counts)
            counts["broken"] += bool(schedule.oracle.broken)
            broken += [f"schedule {number}: {line}" for line in schedule.oracle.broken[:1]]
    return counts, broken


def run(schedules: int, seed: int, jobs: int = 1, mutant: str | None = None) -> tuple[Counter[str], list[str]]:
    """Run so many schedules, in ``jobs`` processes; return what ``run_chunk`` does for all of them."""
    chunks = [range(first, min(first + CHUNK, schedules)) for first in range(0, schedules, CHUNK)]
    counts: Counter[str] = Counter()
    broken: list[str] = []
    for found, lines in _results(partial(run_chunk, seed, mutant), chunks, jobs):
        counts.update(found)
        broken += lines
    return counts, broken


def _results(
    work: partial[tuple[Counter[str], list[str]]], chunks: list[range], jobs: int
) -> Iterator[tuple[Counter[str], list[str]]]:
    if jobs == 1:
        yield from map(work, chunks)
        return
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        yield from pool.imap_unordered(work, chunks)


def main() -> int:
    """Run, print, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.freshness", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--schedules", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--mutants", action="store_true", help="plant each bug, which must show")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to this file")
    options = parser.parse_args()
    print(f"seed {options.seed}")
    if options.mutants:
        size = min(options.schedules, MUTANT_SCHEDULES)
        unplanted = run(size, options.seed, options.jobs)[0]["broken"]
        print(f"without a planted bug: {unplanted} schedules break a promise")
        shown = {name: run(size, options.seed, options.jobs, name)[0]["broken"] for name in MUTANTS}
        for name, count in shown.items():
            print(f"{name}: {count} schedules break a promise")
        told = {"pass": all(count > unplanted for count in shown.values()), "seed": options.seed, "shown": shown}
    else:
        started_sec = time.monotonic()
        counts, broken = run(options.schedules, options.seed, options.jobs)
        print(f"{options.schedules} schedules in {time.monotonic() - started_sec:.0f} s")
        for name in sorted(counts):
            print(f"{name}: {counts[name]}")
        print(f"dropped steps: {sum(counts[reason] for reason in DROP_REASONS)}")
        print("\n".join(broken[:NOTES_KEPT]))
        told = {"pass": not broken, "seed": options.seed, "counts": dict(counts), "broken": broken[:NOTES_KEPT]}
    if options.json is not None:
        options.json.write_text(json.dumps(told, indent=2) + "\n", "utf-8")
    return 0 if told["pass"] else 1


if __name__ == "__main__":
    sys.exit(main())
