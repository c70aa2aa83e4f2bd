"""A real `tuner serve --tls` in a process of its own, with a CA, and every handler that ran on record. Calls nobody.

Its learner only waits. ``plant`` names lines of Python that break it on purpose before it starts.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cache
from pathlib import Path
from typing import Final

import grpc
from coso.v1 import policy_pb2, trajectory_pb2, tuner_pb2, tuner_pb2_grpc
from PIL import Image

from agent_runtime.actions import Finish, grammar_named
from agent_runtime.policy.identity import base_model_digest, tokenizer_digest
from agent_runtime.trajectory import (
    NO_ADAPTER_DIGEST,
    Decision,
    PolicyIdentity,
    Purpose,
    Screenshot,
    Step,
    Timings,
    Trajectory,
    Verdict,
)
from agent_runtime.uplink.codec import trajectory_to_message
from agent_runtime.uplink.tls import CA_FILE, CERTIFICATE_FILE, KEY_FILE
from tuner.adapters.store import AdapterStore
from tuner.certificates.authority import Role
from tuner.certificates.folder import issue_to, make_authority

ROOT: Final = Path(__file__).parents[1]
CALL_SEC: Final = 20.0
_SIZE_PX: Final = (32, 64)
_SERVE: Final = """
import sys
from pathlib import Path
from tuner import cli, supervisor
from tuner.ingest import gate, peers, server, service
from tuner.certificates import live, revocations
supervisor.learner_command = lambda config: [sys.executable, "-c", "import sys; sys.stdin.readline()"]
HANDLED = Path(sys.argv[sys.argv.index("--state") + 1]) / "handled"
def noting(name, handler):
    def call(*args):
        with HANDLED.open("a") as file:
            file.write(name + "\\n")
        return handler(*args)
    return call
if NOTES:
    for name in ("RegisterRuntime", "SubmitTrajectories", "FollowAdapters", "RollbackAdapter", "GetStatus"):
        setattr(service.TunerService, name, noting(name, getattr(service.TunerService, name)))
"""


@dataclass(frozen=True)
class Guarded:
    """A running tuner; ``folder`` holds its state, its model and what it issued."""

    folder: Path
    address: str
    process: subprocess.Popen[str]

    @property
    def state(self) -> Path:
        """Return its state folder."""
        return self.folder / "state"

    def issue(self, name: str, role: Role = Role.AGENT, now: datetime | None = None, days: int = 90) -> Path:
        """Return the folder with a new certificate."""
        issue_to(self.folder / name, self.state, name, role, days, now or datetime.now(timezone.utc))
        return self.folder / name

    def handled(self) -> list[str]:
        """Return the names of the handlers that ran, one each time."""
        path = self.state / "handled"
        return path.read_text().split() if path.exists() else []

    def identity(self) -> PolicyIdentity:
        """Return what its runtimes are to have."""
        model = self.folder / "model"
        return PolicyIdentity(base_model_digest(model), tokenizer_digest(model), "none", "json")

    def status(self, folder: Path) -> tuner_pb2.GetStatusResponse:
        """Ask how it stands with the certificate in a folder."""
        with grpc.secure_channel(self.address, credentials(folder)) as channel:
            stub = tuner_pb2_grpc.TunerServiceStub(channel)
            return stub.GetStatus(tuner_pb2.GetStatusRequest(), timeout=CALL_SEC)

    def peak_bytes(self) -> int:
        """Return the most memory that the process had so far."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return 1024 * int(next(line for line in lines if line.startswith("VmHWM")).split()[1])


@contextmanager
def guarded_tuner(
    folder: Path,
    plant: str = "",
    options: Sequence[str] = (),
    notes_handlers: bool = True,
    payload: bytes = b"version1",
) -> Iterator[Guarded]:
    """Make a CA and a version to follow in a new folder, and serve while the block runs."""
    model, state = folder / "model", folder / "state"
    model.mkdir(parents=True)
    for name, content in (("config.json", "{}"), ("model.safetensors", "weights"), ("tokenizer.json", "{}")):
        (model / name).write_text(content)
    make_authority(state, (), 90, datetime.now(timezone.utc))
    store = AdapterStore(state / "adapters")
    store.publish(policy_pb2.AdapterManifest(version=1, base_model_digest=base_model_digest(model)), payload)
    script = _SERVE.replace("NOTES", str(notes_handlers)) + plant + "\ncli.main()\n"
    given = ["--state", str(state), "--model", str(model), "--quantization", "none", "--listen", "127.0.0.1:0"]
    process = subprocess.Popen(
        [sys.executable, "-c", script, "serve", *given, "--tls", *options],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'protos'}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        ready = process.stdout.readline()
        assert ready.startswith("listening on 127.0.0.1:"), "the tuner did not start"
        yield Guarded(folder, ready.split()[-1], process)
    finally:
        process.kill()
        process.communicate()


def credentials(folder: Path, trusts: Path | None = None) -> grpc.ChannelCredentials:
    """Return a folder's credentials without the checks that a runtime makes first."""
    ca = ((trusts or folder) / CA_FILE).read_bytes()
    return grpc.ssl_channel_credentials(ca, (folder / KEY_FILE).read_bytes(), (folder / CERTIFICATE_FILE).read_bytes())


def episode(identity: PolicyIdentity, trajectory_id: str, runtime_id: str) -> trajectory_pb2.Trajectory:
    """Return an episode of one step that the tuner takes from that runtime."""
    grammar = grammar_named("json")
    utterance = grammar.render(Finish(True))
    decision = Decision(utterance, (5, 6), (-0.5, -0.25), 0, NO_ADAPTER_DIGEST)
    screenshot = Screenshot(_picture(), *_SIZE_PX, *_SIZE_PX)
    return trajectory_to_message(
        Trajectory(
            trajectory_id=trajectory_id,
            runtime_id=runtime_id,
            task_name="task",
            goal="go",
            task_params={},
            purpose=Purpose.EXPLORE,
            seed=0,
            step_limit=8,
            verdict=Verdict.SUCCESS,
            void_reason="",
            reward=1.0,
            steps=(Step(0, "Goal: go", screenshot, decision, grammar.parse(utterance), Timings()),),
            started_at_unix_sec=1.7e9,
            device_serial="emulator-5554",
            temperature=1.0,
            identity=identity,
        )
    )


@cache
def _picture() -> bytes:
    target = io.BytesIO()
    Image.new("RGB", _SIZE_PX, (90, 90, 90)).save(target, "PNG")
    return target.getvalue()
