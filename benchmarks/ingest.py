"""What the tuner's front costs: its start, its memory, and a durable acknowledgement. Measures only.

The front is `tuner serve` in a process of its own, without its learner. A trajectory is eight steps, each with a
picture of about 45 kB, as a real app's screen has at the size the policy sees. An acknowledgement is timed as a
runtime waits for it: one call with one trajectory, as after each episode, or one call with many, as after an outage.
The reference is an INSERT of the same bytes into SQLite with the ledger's own settings, on the same disk.
"""

from __future__ import annotations

import io
import os
import sqlite3
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Final

import grpc
from coso.v1 import trajectory_pb2, tuner_pb2, tuner_pb2_grpc
from PIL import Image

from agent_runtime.actions import Action, Finish, Tap, grammar_named
from agent_runtime.trajectory import NO_ADAPTER_DIGEST, Decision, PolicyIdentity, Screenshot, Step, Timings
from agent_runtime.uplink.channel import MAX_MESSAGE_BYTES
from agent_runtime.uplink.codec import trajectory_to_message
from benchmarks.front import identity_of, running_front, write_checkpoint
from benchmarks.measures import Measure, in_turn, json_option, report
from benchmarks.small_episodes import small_trajectory
from tuner.ingest.ledger import Ledger

READY_MS_BAR: Final = 1000.0
RESIDENT_MB_BAR: Final = 120.0
ACKNOWLEDGED_BAR: Final = 3.0
STARTS: Final = 5
ALONE: Final = 100
"""Trajectories sent each in a call of its own."""
STREAMS: Final = 10
STREAM: Final = 10
"""Trajectories of one call; with those sent alone, 200 in all."""
STEPS: Final = 8
PICTURE_PX: Final = (360, 800)
NOISE_ROWS: Final = 40
CALL_DEADLINE_SEC: Final = 60.0


def picture_png() -> bytes:
    """Return a flat picture with a band of noise, which no PNG makes smaller."""
    picture = Image.new("RGB", PICTURE_PX, (240, 240, 245))
    picture.paste(Image.frombytes("RGB", (PICTURE_PX[0], NOISE_ROWS), os.urandom(3 * PICTURE_PX[0] * NOISE_ROWS)))
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def trajectory(identity: PolicyIdentity) -> trajectory_pb2.Trajectory:
    """Return an episode of eight steps."""
    shot = Screenshot(picture_png(), *PICTURE_PX, 1080, 2400)
    actions: list[Action] = [*[Tap(0.5, 0.25)] * (STEPS - 1), Finish(True)]
    grammar = grammar_named(identity.action_grammar)

    def step(index: int, action: Action) -> Step:
        utterance = grammar.render(action)
        decision = Decision(utterance, tuple(range(24)), (-0.5,) * 24, 0, NO_ADAPTER_DIGEST)
        return Step(index, "Goal: go", shot, decision, grammar.parse(utterance), Timings())

    steps = tuple(step(index, action) for index, action in enumerate(actions))
    return trajectory_to_message(replace(small_trajectory(identity, "benchmark"), step_limit=STEPS, steps=steps))


class Runtime:
    """Sends one trajectory over and over under new ids, as a runtime does, and insists that each is stored."""

    def __init__(self, channel: grpc.Channel, message: trajectory_pb2.Trajectory) -> None:
        self._stub = tuner_pb2_grpc.TunerServiceStub(channel)
        self._request = tuner_pb2.SubmitTrajectoriesRequest(trajectory=message)
        self.stored = 0

    def send(self, count: int) -> None:
        """Send so many in one call and wait for every acknowledgement."""
        ids = [f"benchmark-{self.stored + number}" for number in range(count)]
        for answer in self._stub.SubmitTrajectories(self._requests(ids), timeout=CALL_DEADLINE_SEC):
            assert answer.outcome == tuner_pb2.SUBMIT_OUTCOME_STORED, answer.reason
            self.stored += 1

    def _requests(self, ids: Sequence[str]) -> Iterator[tuner_pb2.SubmitTrajectoriesRequest]:
        for trajectory_id in ids:
            self._request.trajectory.trajectory_id = trajectory_id
            yield self._request  # grpc turns it into bytes before it asks for the next


class BareTable:
    """A table of blobs with the ledger's settings: a write-ahead log, and every commit fsynced."""

    def __init__(self, path: Path, blob: bytes) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.execute("CREATE TABLE blobs (number INTEGER PRIMARY KEY, blob BLOB NOT NULL)")
        self._blob = blob

    def insert(self, count: int) -> None:
        """Insert the blob so many times, each a commit."""
        for _ in range(count):
            self._connection.execute("INSERT INTO blobs (blob) VALUES (?)", (self._blob,))

    def close(self) -> None:
        """Close the table."""
        self._connection.close()


def measure_start(folder: Path, checkpoint: Path) -> Measure:
    """Return the median time from exec to ready."""
    times_ms: list[float] = []
    for number in range(STARTS):
        with running_front(folder / f"start-{number}", checkpoint) as front:
            times_ms.append(front.ready_ms)
    ready_ms = statistics.median(times_ms)
    return Measure("start: exec to ready", ready_ms / READY_MS_BAR, 1.0, "lower", ready_ms, "ms")


def measure_acknowledgements(runtime: Runtime, table: BareTable) -> list[Measure]:
    """Return what an acknowledged trajectory takes, alone in its call and in a stream, beside a bare insert."""
    table.insert(1)
    runtime.send(1)  # both warm
    alone = in_turn(ALONE - 1, {"bare": lambda: table.insert(1), "ours": lambda: runtime.send(1)})
    streams = in_turn(STREAMS, {"bare": lambda: table.insert(STREAM), "ours": lambda: runtime.send(STREAM)})
    ratios = alone.median_ratio("ours", "bare"), streams.median_ratio("ours", "bare")
    latency_ms, per_second = alone.median_ms("ours"), 1e3 * STREAM / streams.median_ms("ours")
    return [
        Measure("acknowledged alone / bare insert", ratios[0], ACKNOWLEDGED_BAR, "lower", latency_ms, "ms"),
        Measure("acknowledged in a stream / bare insert", ratios[1], ACKNOWLEDGED_BAR, "lower", per_second, "a second"),
    ]


def measure_front(folder: Path, checkpoint: Path) -> list[Measure]:
    """Return acknowledgements and memory of a front that was sent 200 trajectories; all must be in its ledger."""
    message = trajectory(identity_of(checkpoint))
    with (
        running_front(folder / "state", checkpoint) as front,
        grpc.insecure_channel(front.address, [("grpc.max_send_message_length", MAX_MESSAGE_BYTES)]) as channel,
        closing(BareTable(folder / "bare.sqlite3", message.SerializeToString())) as table,
    ):
        runtime = Runtime(channel, message)
        measures = measure_acknowledgements(runtime, table)
        resident_mb = front.resident_mb()
    ledger = Ledger(folder / "state")
    ledger.open()
    with closing(ledger):
        assert ledger.counts().stored == runtime.stored == ALONE + STREAMS * STREAM, ledger.counts()
    name = f"memory after {runtime.stored} trajectories"
    return [*measures, Measure(name, resident_mb / RESIDENT_MB_BAR, 1.0, "lower", resident_mb, "MB")]


def main() -> int:
    """Measure, tell, and return the exit code."""
    json_path = json_option("ingest", __doc__)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        checkpoint = write_checkpoint(folder / "checkpoint")
        measures = [measure_start(folder, checkpoint), *measure_front(folder, checkpoint)]
    return report("The tuner's front, learner apart", measures, json_path)


if __name__ == "__main__":
    sys.exit(main())
