"""How fast is a virtual phone behind the real adb server, and a fleet of them in this process? Asserts nothing.

A step is a tap and raw screenshots until two in a row are equal. Over adb it goes over one warm shell stream: client →
adb server → phone (its own process) and back, 114,704 bytes a frame at 128x224; the taps open apps and go home. Without
adb, eight phones of the full set stand in two processes, a thread each, and take turns there; each tap goes to a random
thing that can be tapped. Only `Device.perform` (the phone's own shell runs `input tap`) and `observe_settled` are
timed, while both processes are at it; all eight on one thread are told beside. Bars: 300 steps a second over adb,
1,000 by the eight phones, and at most 5 ms for a snapshot restored and for a fork.
"""

from __future__ import annotations

import multiprocessing
import random
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Final

from agent_runtime.actions import Tap
from benchmarks.measures import Measure, json_option, report, timed_ms
from device_scripts.in_process import InProcessDevice, in_process_device
from device_scripts.virtual_phone.phone import Phone
from device_scripts.virtual_phone.private_adb import AdbServer, private_adb_server

STEPS_PER_SEC_BAR: Final = 300.0
FLEET_STEPS_PER_SEC_BAR: Final = 1000.0
RESTORE_MS_BAR: Final = 5.0
FORK_MS_BAR: Final = 5.0
FLEET_SIZE: Final = 8
WORKERS: Final = 2
ROUND_SEC: Final = 2.0
WORKER_DEADLINE_SEC: Final = 120.0
DEADLINE_SEC: Final = 30.0
WIDTH_PX, HEIGHT_PX = 128, 224
FRAME_BYTES: Final = 16 + WIDTH_PX * HEIGHT_PX * 4
STEPS_PER_ROUND: Final = 300
ROUNDS: Final = 5
RESTORES: Final = 200
FORKS: Final = 200
FILLED_WITH: Final = {"notes": 200, "alarms": 20, "messages": 1000, "contacts": 100, "pictures": 500}
PICTURE_BYTES: Final = 20_000


class WarmShell:
    """One interactive shell stream on the adb server's socket: lines out, raw frames of known length in."""

    def __init__(self, server: AdbServer, serial: str) -> None:
        self._socket: socket.socket = server.client.device(serial).open_shell("").conn
        self._frame = bytearray(FRAME_BYTES)
        self.frames_read = 0

    def frame_after(self, line: bytes) -> bytes:
        """Send a line that ends in `screencap` and return the frame."""
        self._socket.sendall(line)
        view, got = memoryview(self._frame), 0
        while got < FRAME_BYTES:
            count = self._socket.recv_into(view[got:], FRAME_BYTES - got)
            if count == 0:
                raise ConnectionError(f"the stream ended after {got} of {FRAME_BYTES} bytes")
            got += count
        self.frames_read += 1
        return bytes(self._frame)

    def step(self, x_px: int, y_px: int) -> bytes:
        """Tap, then read frames until two in a row are equal; return the settled one."""
        before = self.frame_after(b"input tap %d %d; screencap\n" % (x_px, y_px))
        while (frame := self.frame_after(b"screencap\n")) != before:
            before = frame
        return frame


@contextmanager
def phone_process(server: AdbServer) -> Iterator[str]:
    """Serve a phone from a process of its own and yield its serial."""
    command = [sys.executable, "-m", "device_scripts.virtual_phone", "--port", "0", "--seed", "0"]
    command += ["--size", f"{WIDTH_PX}x{HEIGHT_PX}", "--adb-server-port", str(server.port)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None, "stdout was asked for"
    try:
        serial = process.stdout.readline().split()[0]
        server.wait_for(serial)
        yield serial
    finally:
        process.terminate()
        process.wait()


def tap_points() -> list[tuple[int, int]]:
    """Return taps that open each app and go home in turn: every one changes the whole screen."""
    nodes = Phone((WIDTH_PX, HEIGHT_PX), seed=0).nodes()
    bounds = {node.label: node.bounds for node in nodes}
    middle = {label: ((left + right) // 2, (top + bottom) // 2) for label, (left, top, right, bottom) in bounds.items()}
    home = middle["home"]
    return [point for label in ("Settings", "Clock", "Notes", "Browser") for point in (middle[label], home)]


def measure_steps(server: AdbServer, serial: str) -> tuple[Measure, float]:
    """Return the median steps per second of a few rounds, and frames read per step."""
    shell = WarmShell(server, serial)
    points = tap_points()
    header = struct.unpack("<4I", shell.step(*points[-1])[:16])
    assert header[:2] == (WIDTH_PX, HEIGHT_PX), header
    shell.frames_read = 0
    rates: list[float] = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        for number in range(STEPS_PER_ROUND):
            shell.step(*points[number % len(points)])
        rates.append(STEPS_PER_ROUND / (time.perf_counter() - start))
    rate = statistics.median(rates)
    frames_per_step = shell.frames_read / (ROUNDS * STEPS_PER_ROUND)
    name = "tap + settled raw screenshot through adb"
    return Measure(name, rate / STEPS_PER_SEC_BAR, 1.0, "higher", rate, "steps/s"), frames_per_step


def measure_restore() -> Measure:
    """Return the median time of a snapshot restore and the frame after it."""
    phone = Phone((WIDTH_PX, HEIGHT_PX), seed=0)
    clean = phone.snapshot()
    times_ms: list[float] = []
    for _ in range(RESTORES):
        phone.start_activity("com.android.settings")
        start = time.perf_counter()
        phone.restore(clean)
        phone.frame_bytes()
        times_ms.append((time.perf_counter() - start) * 1000)
    median_ms = statistics.median(times_ms)
    return Measure("snapshot restore + frame", median_ms / RESTORE_MS_BAR, 1.0, "lower", median_ms, "ms")


class InProcessFleet:
    """Phones of the full set that take turns on the thread of whoever calls."""

    def __init__(self, seeds: range) -> None:
        self._rng = random.Random(seeds.start)
        self._phones = [in_process_device(seed, apps="full", size_px=(WIDTH_PX, HEIGHT_PX)) for seed in seeds]

    def steps_per_sec(self) -> float:
        """Tap and look in turn for `ROUND_SEC`; return steps by the seconds they alone took."""
        steps, spent_sec = 0, 0.0
        ends_at = time.perf_counter() + ROUND_SEC
        while time.perf_counter() < ends_at:
            device = self._phones[steps % len(self._phones)]
            action = _tap_on_something(device, self._rng)
            start = time.perf_counter()
            device.perform(action)
            device.observe_settled(DEADLINE_SEC)
            spent_sec += time.perf_counter() - start
            steps += 1
        return steps / spent_sec


def fleet_worker(seeds: range, barrier: Barrier, rates: Queue[list[float]]) -> None:
    """Run some of the phones in this process, every round at the same time as the other workers."""
    fleet, told = InProcessFleet(seeds), []
    for _ in range(ROUNDS):
        barrier.wait(WORKER_DEADLINE_SEC)
        told.append(fleet.steps_per_sec())
    rates.put(told)


def measure_fleet() -> Measure:
    """Return the median steps per second that all phones take together, in processes that run side by side."""
    context = multiprocessing.get_context("spawn")
    barrier, rates, share = context.Barrier(WORKERS), context.Queue(), FLEET_SIZE // WORKERS
    parts = [range(first, first + share) for first in range(0, FLEET_SIZE, share)]
    workers = [context.Process(target=fleet_worker, args=(part, barrier, rates)) for part in parts]
    for worker in workers:
        worker.start()
    told = [rates.get(timeout=WORKER_DEADLINE_SEC) for _ in workers]
    for worker in workers:
        worker.join()
    rate = statistics.median(map(sum, zip(*told, strict=True)))
    name = f"tap + settled screenshot, {FLEET_SIZE} phones in {WORKERS} processes"
    return Measure(name, rate / FLEET_STEPS_PER_SEC_BAR, 1.0, "higher", rate, "steps/s")


def one_thread_steps_per_sec() -> float:
    """Return the median steps per second that all phones take together on this thread."""
    fleet = InProcessFleet(range(FLEET_SIZE))
    return statistics.median(fleet.steps_per_sec() for _ in range(ROUNDS))


def _tap_on_something(device: InProcessDevice, rng: random.Random) -> Tap:
    left, top, right, bottom = rng.choice([node.bounds for node in device.phone.nodes() if node.clickable])
    return Tap((left + right) / 2 / WIDTH_PX, (top + bottom) / 2 / HEIGHT_PX)


def measure_fork() -> Measure:
    """Return the median time of forking a phone that somebody has used for a while."""
    phone = filled_phone()
    times_ms = [timed_ms(phone.fork) for _ in range(FORKS)]
    median_ms = statistics.median(times_ms)
    return Measure("fork of a filled phone", median_ms / FORK_MS_BAR, 1.0, "lower", median_ms, "ms")


def filled_phone() -> Phone:
    """Return a phone of the full set that holds what `FILLED_WITH` says."""
    phone = Phone((WIDTH_PX, HEIGHT_PX), seed=0, apps="full")
    for number in range(FILLED_WITH["notes"]):
        phone.content_insert("content://org.example.notes/notes", {"text": f"note {number}: milk, bread and a stamp"})
    for number in range(FILLED_WITH["alarms"]):
        alarm = {"hour": str(number), "minutes": "30", "enabled": "1"}
        phone.content_insert("content://com.android.deskclock/alarms", alarm)
    for number in range(FILLED_WITH["messages"]):
        message = {"address": f"555 {number % 50:04d}", "body": f"message {number}: see you at the station"}
        phone.content_insert("content://sms/inbox", message)
    for _ in range(FILLED_WITH["contacts"]):
        phone.content_insert("content://com.android.contacts/raw_contacts", {"starred": "0"})
    for number in range(FILLED_WITH["pictures"]):
        phone.files.write(f"/sdcard/Pictures/{number}.jpg", bytes(PICTURE_BYTES), now_sec=number)
    return phone


def main() -> int:
    """Measure, tell, and return the exit code."""
    json_path = json_option("virtual_phone", __doc__)
    with (
        tempfile.TemporaryDirectory() as home,
        private_adb_server(Path(home)) as server,
        phone_process(server) as serial,
    ):
        steps, frames_per_step = measure_steps(server, serial)
    title = (
        f"Virtual phone at {WIDTH_PX}x{HEIGHT_PX}, {frames_per_step:.1f} frames a step over adb; "
        f"{FLEET_SIZE} phones on one thread: {one_thread_steps_per_sec():.0f} steps/s"
    )
    return report(title, [steps, measure_fleet(), measure_restore(), measure_fork()], json_path)


if __name__ == "__main__":
    sys.exit(main())
