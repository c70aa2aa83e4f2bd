"""A runtime's spool and link with episodes made up, forked to be killed. Runs no model and judges nothing.

Told by a byte for each episode to make, it tells in lines:

    runtime began NUMBER · runtime kept NUMBER (durable in its spool) · runtime registered · runtime has VERSION
    runtime emptied COUNT (what still waits once it was told to end)
"""

from __future__ import annotations

import os
import signal
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Final

from coso.v1 import policy_pb2, trajectory_pb2

from agent_runtime.adapters.hashed import Payload
from agent_runtime.errors import TunerError
from agent_runtime.trajectory import PolicyIdentity
from agent_runtime.uplink.client import TunerLink
from agent_runtime.uplink.spool import Spool
from benchmarks.kill_points import KillPoints

RUNTIME_ID: Final = "mortal"
REGISTER_SEC: Final = 600.0
DRAIN_SEC: Final = 60.0
Make = Callable[[int], trajectory_pb2.Trajectory]


def fork_runtime(
    address: str,
    identity: PolicyIdentity,
    spool: Path,
    first: int,
    make: Make,
    pipes: tuple[int, int],
    points: KillPoints,
    planted: Callable[[], None] | None = None,
) -> int:
    """Fork a runtime whose episodes count from ``first``; it reads from and writes to ``pipes``. Returns its pid."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        for name in (signal.SIGINT, signal.SIGTERM):
            signal.signal(name, signal.SIG_DFL)
        if planted is not None:
            planted()
        points.install()
        _run(address, identity, spool, first, make, *pipes)
        code = 0
    finally:
        if code:
            spool.with_name("runtime.log").write_text(traceback.format_exc())
        os._exit(code)


def _run(address: str, identity: PolicyIdentity, folder: Path, first: int, make: Make, reads: int, writes: int) -> None:
    version, digest = 0, ""

    def tell(words: str) -> None:
        os.write(writes, f"runtime {words}\n".encode())

    def take(manifest: policy_pb2.AdapterManifest, payload: Payload) -> bool:
        nonlocal version, digest
        version, digest = manifest.version, manifest.adapter_sha256
        tell(f"has {manifest.version}")
        return True

    spool = Spool(folder)
    spool.open()
    link = TunerLink(address, identity, [RUNTIME_ID], spool, take, lambda: version, lambda: digest)
    link.start()
    number = first
    tell("opened")
    while os.read(reads, 1) == b"m":
        tell(f"began {number}")
        link.submit(make(number))
        tell(f"kept {number}")
        number += 1
    try:
        link.wait_registered(REGISTER_SEC)
    except TunerError as error:
        tell(f"gave up: {error}")
    tell(f"emptied {link.close(DRAIN_SEC)}")
