"""What recording a session costs a run, as a share of a 40 ms step. Measures only.

A step here is 40 ms of matrix products on the loop's thread, as a fast policy would spend them beside the recorder;
no real step of any checkpoint is that short on a CPU, so the shares are upper bounds. Every step has a picture nobody
has seen before, which is the worst case: in a run most home screens are stored once. Recorded are the virtual phone's
screens at 128x224, and 360x800 pictures of 45 kB as a real app's; an answer has 60 tokens.

The last rows are one session of 1,000 steps. Held up is what the loop waits for, in the median step; the loop's CPU is
what it spends on recording in all, which a machine that others use does not blur. The other CPU is the recorder's
thread's own, taken from the other core where there is one.
On the disk tells how long the thread needs for a step, syncs included: above one step it would fall behind.
"""

from __future__ import annotations

import io
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image

from agent_runtime.actions import Tap, grammar_named
from agent_runtime.sessions.recording import SessionInfo
from agent_runtime.sessions.writer import Recorder
from agent_runtime.trajectory import (
    NO_ADAPTER_DIGEST,
    Decision,
    EpisodeStart,
    PolicyIdentity,
    Purpose,
    Screenshot,
    Step,
    Timings,
    Trajectory,
    Verdict,
)
from benchmarks.measures import Measure, json_option, report
from device_scripts.virtual_phone.phone import Phone

STEP_MS: Final = 40.0
SHARE_BAR: Final = 0.02
CPU_BAR: Final = 0.05
"""Of another thread; after 40 ms of other work the same calls take three times the CPU that they take in a row."""
KEEPS_UP_BAR: Final = 1.0
STEPS: Final = 60
LONG_STEPS: Final = 1000
ROUNDS: Final = 3
TOKENS: Final = 60
SMALL_PX: Final = (128, 224)
LARGE_PX: Final = (360, 800)
NOISE_ROWS: Final = 40
IDENTITY: Final = PolicyIdentity("0" * 64, "0" * 64, "nf4", "json")


def phone_pictures(count: int) -> list[bytes]:
    """Return screens of the virtual phone, each marked so that no two are the same."""
    phone = Phone(SMALL_PX, seed=0)
    pictures = []
    apps = ("com.android.settings", "com.android.deskclock", "org.example.notes", "com.android.launcher3")
    for number in range(count):
        phone.start_activity(apps[number % len(apps)])
        picture = phone.frame().convert("RGB")
        picture.putpixel((number % SMALL_PX[0], 0), (number % 251, 7, 7))
        pictures.append(png_of(picture))
    return pictures


def large_pictures(count: int) -> list[bytes]:
    """Return flat pictures with a band of noise, which no PNG makes smaller."""
    rng = np.random.default_rng(0)
    pictures = []
    for _ in range(count):
        pixels = np.full((LARGE_PX[1], LARGE_PX[0], 3), 240, np.uint8)
        pixels[:NOISE_ROWS] = rng.integers(0, 256, (NOISE_ROWS, LARGE_PX[0], 3), np.uint8)
        pictures.append(png_of(Image.fromarray(pixels)))
    return pictures


def png_of(picture: Image.Image) -> bytes:
    """Return the picture as the policy is shown it."""
    target = io.BytesIO()
    picture.save(target, "PNG", compress_level=1)
    return target.getvalue()


def steps_of(pictures: Sequence[bytes], size_px: tuple[int, int]) -> list[Step]:
    """Return one step for each picture."""
    thought = "Clock 250 312; Notes 750 312; Settings 250 600; Browser 750 600; goal Clock"
    action = Tap(0.2505, 0.3125)
    utterance = grammar_named("json").render(action, thought)
    rng = np.random.default_rng(1)
    return [
        Step(
            index,
            "Goal: Open Clock",
            Screenshot(png, *size_px, *size_px),
            Decision(
                utterance,
                tuple(int(number) for number in rng.integers(0, 1000, TOKENS)),
                tuple(-float(number) for number in rng.exponential(0.2, TOKENS)),
                0,
                NO_ADAPTER_DIGEST,
            ),
            action,
            Timings(8.123456789, 31.23456789, 0.987654321),
        )
        for index, png in enumerate(pictures)
    ]


def policy_for(step_ms: float) -> Callable[[], None]:
    """Return work that takes so long on the thread that calls it, most of it in matrix products."""
    matrix = np.random.default_rng(2).random((96, 96))

    def work() -> None:
        ends_at = time.perf_counter() + step_ms / 1e3
        while time.perf_counter() < ends_at:
            matrix @ matrix

    return work


@dataclass(frozen=True)
class Recorded:
    """What recording an episode took, in milliseconds."""

    held_up_ms: list[float]
    """Of the loop, by step."""
    loop_cpu_ms: float
    """Of the loop's thread, in all."""
    cpu_ms: float
    """Of the recorder's thread, a step."""
    disk_ms: float
    """A step, where they come as fast as the disk takes them."""


def record(folder: Path, steps: Sequence[Step]) -> Recorded:
    """Record an episode at one step in ``STEP_MS``."""
    info = SessionInfo("benchmark", time.time(), "none", SMALL_PX, None, IDENTITY, 0, 1.0, {})
    recorder = Recorder(folder, info)
    recorder.open()
    start = EpisodeStart("0" * 32, "apps/open", {"app": "Clock"}, "Open Clock", Purpose.EXPLORE, 0, STEPS, 1.0, 0.0)
    recorder.episode_started(start)
    work, held_up_ms, loop_cpu_ms = policy_for(STEP_MS), [], 0.0
    cpu_sec = cpu_of(recorder)
    for step in steps:
        work()
        started_sec, started_cpu_sec = time.perf_counter(), time.thread_time()
        recorder.step_taken(step)
        held_up_ms.append(1e3 * (time.perf_counter() - started_sec))
        loop_cpu_ms += 1e3 * (time.thread_time() - started_cpu_sec)
    recorder.episode_ended(finished(start, steps))
    cpu_ms = 1e3 * (cpu_of(recorder) - cpu_sec) / len(steps)
    recorder.close()
    at_once_ms = disk_ms(folder.with_name(f"{folder.name}-at-once"), info, start, steps)
    return Recorded(held_up_ms, loop_cpu_ms, cpu_ms, at_once_ms)


def cpu_of(recorder: Recorder) -> float:
    """Return the CPU seconds the recorder's thread has taken, once it has done what was handed over so far."""
    return recorder._thread.submit(time.thread_time).result()


def disk_ms(folder: Path, info: SessionInfo, start: EpisodeStart, steps: Sequence[Step]) -> float:
    """Record the same as fast as the disk takes it; return the milliseconds a step."""
    recorder = Recorder(folder, info)
    recorder.open()
    recorder.episode_started(start)
    started_sec = time.perf_counter()
    for step in steps:
        recorder.step_taken(step)
    recorder.close()
    return 1e3 * (time.perf_counter() - started_sec) / len(steps)


def finished(start: EpisodeStart, steps: Sequence[Step]) -> Trajectory:
    """Return the episode of these steps."""
    return Trajectory(
        trajectory_id=start.trajectory_id,
        runtime_id="benchmark",
        task_name=start.task_name,
        goal=start.goal,
        task_params=start.task_params,
        purpose=start.purpose,
        seed=start.seed,
        step_limit=start.step_limit,
        verdict=Verdict.FAILURE,
        void_reason="",
        reward=0.0,
        steps=tuple(steps),
        started_at_unix_sec=start.started_at_unix_sec,
        device_serial="none",
        temperature=start.temperature,
        identity=IDENTITY,
    )


def measure(steps: Sequence[Step], size_px: tuple[int, int]) -> list[Measure]:
    """Return what recording these steps costs."""
    kilobytes = statistics.fmean(len(step.screenshot.png) for step in steps) / 1e3
    name = f"{size_px[0]}x{size_px[1]}, {kilobytes:.0f} kB"
    with tempfile.TemporaryDirectory() as home:
        rounds = [record(Path(home) / f"round-{number}", steps) for number in range(ROUNDS)]
    held_up_ms = statistics.median(ms for done in rounds for ms in done.held_up_ms)
    cpu_ms = statistics.median(done.cpu_ms for done in rounds)
    on_disk_ms = statistics.median(done.disk_ms for done in rounds)
    return [
        Measure(f"{name}: held up / step", held_up_ms / STEP_MS, SHARE_BAR, "lower", held_up_ms, "ms"),
        Measure(f"{name}: CPU / step", cpu_ms / STEP_MS, CPU_BAR, "lower", cpu_ms, "ms"),
        Measure(f"{name}: on the disk / step", on_disk_ms / STEP_MS, KEEPS_UP_BAR, "lower", on_disk_ms, "ms"),
    ]


def measure_long(pictures: Sequence[bytes]) -> list[Measure]:
    """Return what recording a session of ``LONG_STEPS`` steps costs its loop."""
    steps = steps_of([pictures[number % len(pictures)] for number in range(LONG_STEPS)], SMALL_PX)
    with tempfile.TemporaryDirectory() as home:
        done = record(Path(home) / "long", steps)
    name = f"{LONG_STEPS} steps, {SMALL_PX[0]}x{SMALL_PX[1]}"
    held_up_ms, in_all_ms = statistics.median(done.held_up_ms), LONG_STEPS * STEP_MS
    return [
        Measure(f"{name}: held up / step", held_up_ms / STEP_MS, SHARE_BAR, "lower", held_up_ms, "ms"),
        Measure(f"{name}: the loop's CPU", done.loop_cpu_ms / in_all_ms, SHARE_BAR, "lower", done.loop_cpu_ms, "ms"),
    ]


def main() -> int:
    """Measure, tell, and return the exit code."""
    json_path = json_option("recording", __doc__)
    pictures = phone_pictures(STEPS)
    small = steps_of(pictures, SMALL_PX)
    large = steps_of(large_pictures(STEPS), LARGE_PX)
    measures = [*measure(small, SMALL_PX), *measure(large, LARGE_PX), *measure_long(pictures)]
    return report(f"Recording beside steps of {STEP_MS:.0f} ms", measures, json_path)


if __name__ == "__main__":
    sys.exit(main())
