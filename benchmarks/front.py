"""Runs `tuner serve` as a process of its own for other benchmarks, a stand-in in its learner's place. Judges nothing.

    python -m benchmarks.front '["cat", "FIFO"]' serve --state …        what `running_front` starts

Everything but the learner's command line is the real one: options, digests, ledger, supervisor, gRPC server.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from agent_runtime.trajectory import PolicyIdentity

GRAMMAR: Final = "json"
QUANTIZATION: Final = "none"
IDLE_LEARNER: Final = (
    sys.executable,
    "-c",
    "import sys; any('stop' in line and 'stored' not in line for line in sys.stdin)",
)
"""A learner that only waits to be told to stop."""
STOP_DEADLINE_SEC: Final = 30.0
_READY = "listening on "
_WEIGHT_BYTES = 12 << 20
"""As many as the packaged small VLM has: the front hashes them when it starts."""


@dataclass(frozen=True)
class RunningFront:
    """A front that answers calls."""

    address: str
    pid: int
    ready_ms: float
    """From exec to the line that says where it listens."""

    def resident_mb(self) -> float:
        """Return the memory it holds now, in units of 10^6 bytes."""
        return memory_bytes(self.pid) / 1e6


@contextmanager
def running_front(
    state: Path, checkpoint: Path, learner: Sequence[str] = IDLE_LEARNER, options: Sequence[str] = ()
) -> Iterator[RunningFront]:
    """Start a front on a free port of loopback and stop it as a service manager does; ``options`` are `tuner serve`'s.

    Raises:
        RuntimeError: it ended, or said something else, before it was ready.
    """
    command = [sys.executable, "-m", "benchmarks.front", json.dumps(list(learner)), "serve", "--state", str(state)]
    command += ["--listen", "127.0.0.1:0", "--model", str(checkpoint), "--quantization", QUANTIZATION]
    started_sec = time.perf_counter()
    process = subprocess.Popen([*command, "--grammar", GRAMMAR, *options], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None, "stdout was asked for"
    try:
        line = process.stdout.readline()
        ready_ms = 1e3 * (time.perf_counter() - started_sec)
        if not line.startswith(_READY):
            raise RuntimeError(f"got {line!r} from {' '.join(command[1:3])}, expected {_READY!r}")
        yield RunningFront(line.removeprefix(_READY).strip(), process.pid, ready_ms)
    finally:
        process.terminate()
        process.wait(STOP_DEADLINE_SEC)
        process.stdout.close()


def memory_bytes(pid: int, which: str = "VmRSS") -> int:
    """Return the memory a process holds now, or with ``VmHWM`` the most it ever held.

    Raises:
        OSError: the process is not there any more.
    """
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{which}:"):
            return 1024 * int(line.split()[1])
    raise ProcessLookupError(f"Got no {which} of process {pid}, which has ended.")


def write_checkpoint(folder: Path) -> Path:
    """Write a folder with the files a front hashes, at the packaged model's size; no model can be loaded from it."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "tokenizer.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(bytes(_WEIGHT_BYTES))
    return folder


def identity_of(checkpoint: Path) -> PolicyIdentity:
    """Return who a runtime must be for a front of that checkpoint to admit it."""
    from agent_runtime.policy.identity import base_model_digest, tokenizer_digest

    return PolicyIdentity(base_model_digest(checkpoint), tokenizer_digest(checkpoint), QUANTIZATION, GRAMMAR)


def main() -> None:
    """Run the tuner's command line with the learner's command line exchanged."""
    from tuner import cli, supervisor

    learner: list[str] = json.loads(sys.argv.pop(1))

    supervisor.learner_command = lambda config: learner
    cli.main()


if __name__ == "__main__":
    main()
