"""What looking and acting cost beside the model, at 1080x2400 through a real adb server. Measures only.

A step is a settled look, the policy's picture and a key press, with a policy that answers at once; the phone is a
process of its own and its screen is at rest, so that what is left is the runtime, adb and the socket.
The reference for one look is what adbutils offers: `screencap -p` over a stream of its own, decoded and resized.
"""

from __future__ import annotations

import io
import itertools
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from PIL import Image

from agent_runtime.actions import Key, PressKey, grammar_named
from agent_runtime.devices import Device, Frame
from agent_runtime.devices.adb import open_device
from agent_runtime.episode import EpisodeConfig, run_episode
from agent_runtime.observe import resized
from agent_runtime.policy.scripted import ScriptedPolicy
from agent_runtime.tasks import suite_named
from agent_runtime.trajectory import Purpose
from benchmarks.measures import Measure, json_option, report
from device_scripts.virtual_phone.private_adb import AdbServer, private_adb_server

WIDTH_PX, HEIGHT_PX, DENSITY_DPI = 1080, 2400, 420
PICTURE_PX: Final = (360, 800)
ADDED_MS_BAR: Final = 40.0
CPU_SHARE_BAR: Final = 0.25
STEPS: Final = 40
ROUNDS: Final = 5
LOOKS_PER_ROUND: Final = 6


@contextmanager
def phone_process(server: AdbServer) -> Iterator[str]:
    """Serve a large phone from a process of its own and yield its serial."""
    command = [sys.executable, "-m", "device_scripts.virtual_phone", "--port", "0", "--density", str(DENSITY_DPI)]
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


def added_ms_per_step(device: Device) -> list[float]:
    """Return the milliseconds of each step of an episode whose policy answers at once."""
    policy = ScriptedPolicy([grammar_named("json").render(PressKey(Key.HOME))])
    policy.image_size_px = PICTURE_PX
    starts: list[float] = []
    config = EpisodeConfig(
        *("benchmark", Purpose.EVALUATE, 0, 0.0),
        before_decision=lambda: starts.append(time.perf_counter()),
        step_limit=STEPS + 1,
    )
    done = run_episode(device, policy, grammar_named("json"), suite_named("basics")[0].instances("train")[0], config)
    assert len(done.steps) == STEPS + 1, done.void_reason
    return [1e3 * (end - start) for start, end in itertools.pairwise(starts[1:])]


def cpu_ms_per_look(look: Callable[[], Image.Image]) -> float:
    """Return this process's CPU milliseconds for one look."""
    start = time.process_time()
    for _ in range(LOOKS_PER_ROUND):
        assert look().size == PICTURE_PX
    return 1e3 * (time.process_time() - start) / LOOKS_PER_ROUND


def measure_cpu(server: AdbServer, device: Device) -> tuple[float, float]:
    """Return the median CPU milliseconds of our look and of the reference's, measured in turn."""
    plain = server.client.device(device.serial)

    def ours() -> Image.Image:
        frame: Frame = device.observe()
        return resized(frame.to_shared_image(), PICTURE_PX).convert("RGB")

    def reference() -> Image.Image:
        png = plain.shell(["screencap", "-p"], encoding=None)
        return resized(Image.open(io.BytesIO(png)).convert("RGB"), PICTURE_PX)

    ours(), reference()  # both warm
    rounds = [(cpu_ms_per_look(ours), cpu_ms_per_look(reference)) for _ in range(ROUNDS)]
    return statistics.median(one for one, _ in rounds), statistics.median(other for _, other in rounds)


def main() -> int:
    """Measure, tell, and return the exit code."""
    json_path = json_option("observation", __doc__)
    with (
        tempfile.TemporaryDirectory() as home,
        private_adb_server(Path(home)) as server,
        phone_process(server) as serial,
        open_device(serial, server_port=server.port) as device,
    ):
        added_ms = statistics.median(added_ms_per_step(device))
        ours_ms, reference_ms = measure_cpu(server, device)
    measures = [
        Measure("added to a step beside the model", added_ms / ADDED_MS_BAR, 1.0, "lower", added_ms, "ms"),
        Measure("host CPU of a look / PNG look", ours_ms / reference_ms, CPU_SHARE_BAR, "lower", ours_ms, "ms"),
    ]
    return report(f"Observation at {WIDTH_PX}x{HEIGHT_PX}", measures, json_path)


if __name__ == "__main__":
    sys.exit(main())
