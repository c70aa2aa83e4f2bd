"""A real `tuner serve --tls` in a process of its own, with a CA, and every handler that ran on record. Calls nobody.

Its learner only waits. ``plant`` names lines of Python that break it on purpose before it starts.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Final

import grpc
from coso.v1 import policy_pb2, tuner_pb2, tuner_pb2_grpc

from agent_runtime.policy.identity import base_model_digest
from agent_runtime.trajectory import PolicyIdentity
from agent_runtime.uplink.tls import CA_FILE, CERTIFICATE_FILE, KEY_FILE
from benchmarks.front import identity_of, memory_bytes
from tests.tuner_process import ROOT, environment, serve_options, write_model
from tuner.adapters.store import AdapterStore
from tuner.certificates.authority import Role
from tuner.certificates.folder import issue_to, make_authority

CALL_SEC: Final = 20.0
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
        return identity_of(self.folder / "model")

    def status(self, folder: Path) -> tuner_pb2.GetStatusResponse:
        """Ask how it stands with the certificate in a folder."""
        with connected(self.address, credentials(folder)) as channel:
            stub = tuner_pb2_grpc.TunerServiceStub(channel)
            return stub.GetStatus(tuner_pb2.GetStatusRequest(), timeout=CALL_SEC)

    def peak_bytes(self) -> int:
        """Return the most memory that the process had so far."""
        return memory_bytes(self.process.pid, "VmHWM")


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
    write_model(model)
    make_authority(state, (), 90, datetime.now(timezone.utc))
    store = AdapterStore(state / "adapters")
    store.publish(policy_pb2.AdapterManifest(version=1, base_model_digest=base_model_digest(model)), payload)
    script = _SERVE.replace("NOTES", str(notes_handlers)) + plant + "\ncli.main()\n"
    process = subprocess.Popen(
        [sys.executable, "-c", script, *serve_options(model, state), "--tls", *options],
        cwd=ROOT,
        env=environment(),
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


def connected(address: str, given: grpc.ChannelCredentials | None) -> grpc.Channel:
    """Return a channel with a connection of its own; in plaintext where no credentials are given."""
    own = [("grpc.use_local_subchannel_pool", 1)]
    if given is None:
        return grpc.insecure_channel(address, options=own)
    return grpc.secure_channel(address, given, options=own)
