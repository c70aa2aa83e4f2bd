"""`tuner serve --tls` as a process: who does not belong reaches no handler, who does is served."""

from __future__ import annotations

import socket
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

import grpc
import pytest
from coso.v1 import trajectory_pb2, tuner_pb2, tuner_pb2_grpc
from cryptography import x509
from grpc_health.v1 import health_pb2, health_pb2_grpc

from agent_runtime.policy.identity import base_model_digest, tokenizer_digest
from agent_runtime.trajectory import PolicyIdentity
from agent_runtime.uplink import line
from agent_runtime.uplink.channel import asked_to_wait_sec
from agent_runtime.uplink.client import TunerLink
from agent_runtime.uplink.spool import Spool
from agent_runtime.uplink.tls import CA_FILE, CERTIFICATE_FILE, KEY_FILE, load_client_tls
from tests.tuner_process import DEADLINE_SEC, ROOT, environment, serve_options, tuner, write_model
from tests.wire_world import manifest, message, until
from tuner.adapters.store import AdapterStore
from tuner.certificates.authority import Role
from tuner.certificates.folder import FOLDER_NAME, issue_to, make_authority, renew_server, revoke
from tuner.ingest.gate import MAX_CALLS_OF_ONE

CALL_SEC = 5.0
NOW = datetime.now(timezone.utc)
Code = grpc.StatusCode
Stub = tuner_pb2_grpc.TunerServiceStub
Submit = tuner_pb2.SubmitTrajectoriesRequest

# The real command line with a learner that only waits; every handler that runs leaves a line in the state folder.
SERVE = """
import sys
from pathlib import Path
from tuner import cli, supervisor
from tuner.ingest import gate
from tuner.ingest.service import TunerService
supervisor.learner_command = lambda config: [sys.executable, "-c", "import sys; sys.stdin.readline()"]
HANDLED = Path(sys.argv[sys.argv.index("--state") + 1]) / "handled"
gate.RECHECK_SEC = 0.5
def noting(name, handler):
    def call(*args):
        with HANDLED.open("a") as file:
            file.write(name + "\\n")
        return handler(*args)
    return call
for name in ("RegisterRuntime", "SubmitTrajectories", "FollowAdapters", "RollbackAdapter", "GetStatus"):
    setattr(TunerService, name, noting(name, getattr(TunerService, name)))
cli.main()
"""


@dataclass
class World:
    """A running tuner, the folders it issued, and those of a stranger's CA."""

    folder: Path
    model: Path
    state: Path
    address: str

    def issue(self, name: str, role: Role = Role.AGENT, now: datetime = NOW, days: int = 90) -> Path:
        issue_to(self.folder / name, self.state, name, role, days, now)
        return self.folder / name

    def handled(self) -> list[str]:
        path = self.state / "handled"
        return path.read_text().split() if path.exists() else []

    def status(self) -> tuner_pb2.GetStatusResponse:
        with calling(self, credentials(self.folder / "ops")) as stub:
            return stub.GetStatus(tuner_pb2.GetStatusRequest(), timeout=CALL_SEC)

    def episode(self, trajectory_id: str, runtime_id: str) -> trajectory_pb2.Trajectory:
        made = message(trajectory_id)
        made.base_model_digest, made.tokenizer_digest = base_model_digest(self.model), tokenizer_digest(self.model)
        made.runtime_id = runtime_id
        return made

    def registration(self, runtime_id: str) -> tuner_pb2.RegisterRuntimeRequest:
        return tuner_pb2.RegisterRuntimeRequest(
            runtime_id=runtime_id,
            base_model_digest=base_model_digest(self.model),
            tokenizer_digest=tokenizer_digest(self.model),
            quantization="none",
            action_grammar="json",
        )


class calling:  # noqa: N801  # a context manager by use
    """A channel with given credentials, and its stub."""

    def __init__(self, world: World, given: grpc.ChannelCredentials | None) -> None:
        address = world.address
        self._channel = grpc.insecure_channel(address) if given is None else grpc.secure_channel(address, given)

    def __enter__(self) -> Stub:
        return Stub(self._channel)

    def __exit__(self, *fault: object) -> None:
        self._channel.close()


def credentials(folder: Path, trusts: Path | None = None) -> grpc.ChannelCredentials:
    """Return a folder's credentials without the checks that a runtime makes first."""
    ca = ((trusts or folder) / CA_FILE).read_bytes()
    return grpc.ssl_channel_credentials(ca, (folder / KEY_FILE).read_bytes(), (folder / CERTIFICATE_FILE).read_bytes())


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def start(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], World]]:
    """A factory of tuners with a CA each and one version to follow."""
    with ExitStack() as stack:

        def made() -> World:
            folder = tmp_path_factory.mktemp("world")
            state = folder / "state"
            make_authority(state, (), 90, NOW)
            store = AdapterStore(state / "adapters")
            store.publish(manifest(1), b"version1")
            options = [*serve_options(model, state), "--tls", "--submits-per-second", "5"]
            process = subprocess.Popen(
                [sys.executable, "-c", SERVE, *options],
                cwd=ROOT,
                env=environment(),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            stack.callback(process.communicate)
            stack.callback(process.kill)
            assert process.stdout is not None
            ready = process.stdout.readline()
            assert ready.startswith("listening on 127.0.0.1:"), ready
            return World(folder, model, state, ready.split()[-1])

        yield made


@pytest.fixture(scope="module")
def world(start: Callable[[], World]) -> World:
    made = start()
    made.issue("lab")
    made.issue("ops", Role.OPERATOR)
    return made


@pytest.fixture(scope="module")
def impostor(start: Callable[[], World]) -> World:
    """A tuner that speaks TLS well, of another CA."""
    made = start()
    made.issue("lab")
    return made


def every_call(world: World, stub: Stub, runtime_id: str) -> dict[str, Code]:
    """Make every call as that runtime; return what each was refused with."""
    calls: dict[str, Callable[[], object]] = {
        "register": lambda: stub.RegisterRuntime(world.registration(runtime_id), timeout=CALL_SEC),
        "submit": lambda: list(
            stub.SubmitTrajectories(iter([Submit(trajectory=world.episode("stranger", runtime_id))]), timeout=CALL_SEC)
        ),
        "follow": lambda: next(
            iter(stub.FollowAdapters(tuner_pb2.FollowAdaptersRequest(runtime_id=runtime_id), timeout=CALL_SEC))
        ),
        "status": lambda: stub.GetStatus(tuner_pb2.GetStatusRequest(), timeout=CALL_SEC),
        "rollback": lambda: stub.RollbackAdapter(tuner_pb2.RollbackAdapterRequest(version=1), timeout=CALL_SEC),
    }
    return {name: code_of(call) for name, call in calls.items()}


def code_of(call: Callable[[], object]) -> Code:
    try:
        call()
    except grpc.RpcError as error:
        return error.code()
    return Code.OK


def stranger(kind: str, world: World, impostor: World) -> grpc.ChannelCredentials | None:
    """Return the credentials of one who has no business here; all know our CA's certificate."""
    own = world.folder / "lab"
    if kind == "plaintext":
        return None
    if kind == "no certificate":
        return grpc.ssl_channel_credentials((own / CA_FILE).read_bytes())
    if kind == "foreign CA":
        return credentials(impostor.folder / "lab", trusts=own)
    if kind == "expired":
        return credentials(world.issue("late", now=NOW - timedelta(days=9), days=1))
    if kind == "not yet good":
        return credentials(world.issue("early", now=NOW + timedelta(days=9)))
    tls = world.state / FOLDER_NAME  # the tuner's own, as a caller
    pair = (tls / "tuner.key").read_bytes(), (tls / "tuner.crt").read_bytes()
    return grpc.ssl_channel_credentials((own / CA_FILE).read_bytes(), *pair)


@pytest.mark.parametrize(
    "kind", ["plaintext", "no certificate", "foreign CA", "expired", "not yet good", "the tuner's certificate"]
)
def test_a_stranger_reaches_no_handler(kind: str, world: World, impostor: World) -> None:
    before = world.handled()
    with calling(world, stranger(kind, world, impostor)) as stub:
        got = every_call(world, stub, "lab/phone")
    assert set(got.values()) <= {Code.UNAVAILABLE, Code.PERMISSION_DENIED}, got
    assert world.handled() == before


def test_each_role_reaches_its_own_handlers_only(world: World) -> None:
    before = world.handled()
    with calling(world, credentials(world.folder / "ops")) as stub:
        got = every_call(world, stub, "ops")
    denied = Code.PERMISSION_DENIED
    assert (got["register"], got["submit"], got["follow"]) == (denied, denied, denied)
    assert (got["status"], got["rollback"]) == (Code.OK, Code.FAILED_PRECONDITION)
    assert world.handled()[len(before) :] == ["GetStatus", "RollbackAdapter"]
    with calling(world, credentials(world.folder / "lab")) as stub, pytest.raises(grpc.RpcError) as refused:
        stub.RollbackAdapter(tuner_pb2.RollbackAdapterRequest(version=1), timeout=CALL_SEC)
    assert refused.value.details() == "Got a call of RollbackAdapter as agent lab, expected operator."


@pytest.mark.parametrize("runtime_id", ["ops", "other/phone", "lab2", "lab-2/phone", "LAB/phone", "", "/lab", "lab\0/"])
def test_an_agent_speaks_for_no_other(runtime_id: str, world: World) -> None:
    stored, before = world.status().trajectories_stored, world.handled()
    with calling(world, credentials(world.folder / "lab")) as stub:
        got = every_call(world, stub, runtime_id)
    denied = Code.PERMISSION_DENIED
    assert got == {"register": denied, "submit": denied, "follow": denied, "status": Code.OK, "rollback": denied}
    # a stream's handler begins before its first message is there; it gets none
    assert set(world.handled()[len(before) :]) <= {"SubmitTrajectories", "GetStatus"}
    after = world.status()
    assert after.trajectories_stored == stored
    assert runtime_id not in after.runtime_ids


def test_a_revoked_agent_is_cut_off_in_the_middle_of_its_streams(world: World) -> None:
    folder = world.issue("gone")

    def requests() -> Iterator[Submit]:
        yield Submit(trajectory=world.episode("gone-0", "gone/phone"))
        assert until(lambda: len(answers) == 1)
        revoke(world.state, "gone")
        yield Submit(trajectory=world.episode("gone-1", "gone/phone"))

    answers: list[tuner_pb2.SubmitTrajectoriesResponse] = []
    with calling(world, credentials(folder)) as stub:
        with pytest.raises(grpc.RpcError) as refused:
            answers.extend(stub.SubmitTrajectories(requests(), timeout=CALL_SEC))
        assert refused.value.code() is Code.UNAUTHENTICATED
        assert refused.value.details() == "Got a revoked certificate of gone, expected another: ask for one."
        before = world.handled()
        assert set(every_call(world, stub, "gone").values()) == {Code.UNAUTHENTICATED}
    assert [answer.trajectory_id for answer in answers] == ["gone-0"]
    assert world.handled() == before


def test_a_list_of_the_revoked_that_cannot_be_read_lets_nobody_in(world: World) -> None:
    path = world.state / FOLDER_NAME / "revoked"
    content = path.read_bytes()
    for damage in (b"what is this", None):
        path.unlink()
        if damage is not None:
            path.write_bytes(damage)
        with calling(world, credentials(world.folder / "lab")) as stub:
            assert set(every_call(world, stub, "lab").values()) == {Code.UNAVAILABLE}
        path.write_bytes(content)
    world.status()


def link_to(address: str, world: World, name: str, spool: Spool, taken: list[bytes]) -> TunerLink:
    identity = PolicyIdentity(base_model_digest(world.model), tokenizer_digest(world.model), "none", "json")
    tls = load_client_tls(world.folder / name)
    return TunerLink(
        address,
        identity,
        [f"{name}/phone"],
        spool,
        lambda manifest, payload: taken.append(payload),
        have_version=lambda: len(taken),
        tls=tls,
    )


def filled(folder: Path, world: World, name: str, count: int) -> Spool:
    spool = Spool(folder)
    spool.open()
    for number in range(count):
        spool.put(world.episode(f"{name}-{number}", f"{name}/phone"))
    return spool


def test_an_honest_agent_in_a_hurry_waits_its_turn_and_loses_nothing(world: World, tmp_path: Path) -> None:
    world.issue("eager")
    stored, before = world.status().trajectories_stored, world.handled()
    spool = filled(tmp_path / "spool", world, "eager", 28)  # 20 at once, then 5 a second
    spool.put(world.episode("of-before", "host/phone"))  # made under another name: set aside, the rest goes on
    taken: list[bytes] = []
    link = link_to(world.address, world, "eager", spool, taken)
    link.start()
    link.wait_registered(CALL_SEC)
    assert until(lambda: taken == [b"version1"])
    assert until(lambda: len(spool) == 0)
    assert link.close(0.0) == 0
    assert (link.counters.accepted, link.counters.refused, link.counters.duplicate) == (28, 1, 0)
    assert world.handled()[len(before) :].count("SubmitTrajectories") <= 4, (
        "two tries, and one or two that find nothing"
    )
    assert world.status().trajectories_stored == stored + 28
    assert "eager/phone" in world.status().runtime_ids


def test_a_flood_is_stopped_and_told_when_to_come_back(world: World) -> None:
    stored, folder = world.status().trajectories_stored, world.issue("flood")
    flood = (Submit(trajectory=world.episode(f"flood-{number}", "flood")) for number in range(60))
    answers: list[tuner_pb2.SubmitTrajectoriesResponse] = []
    with calling(world, credentials(folder)) as stub, pytest.raises(grpc.RpcError) as stopped:
        answers.extend(stub.SubmitTrajectories(flood, timeout=CALL_SEC))
    assert stopped.value.code() is Code.RESOURCE_EXHAUSTED
    assert 1.0 < asked_to_wait_sec(stopped.value) <= 2.0
    assert 20 <= len(answers) < 40
    assert world.status().trajectories_stored == stored + len(answers)


def test_one_agent_cannot_take_all_calls(world: World) -> None:
    given, lab = credentials(world.issue("greedy")), credentials(world.folder / "lab")
    request = tuner_pb2.FollowAdaptersRequest(runtime_id="greedy")
    with ExitStack() as stack:
        own_connection = [("grpc.use_local_subchannel_pool", 1)]
        channels = [grpc.secure_channel(world.address, given, options=own_connection) for _ in range(3)]
        stubs = [Stub(stack.enter_context(channel)) for channel in channels]
        calls = [stubs[number % 3].FollowAdapters(request) for number in range(MAX_CALLS_OF_ONE)]
        for call in calls:
            next(iter(call))
        ask = tuner_pb2.GetStatusRequest()
        assert code_of(lambda: stubs[0].GetStatus(ask, timeout=CALL_SEC)) is Code.RESOURCE_EXHAUSTED
        with calling(world, lab) as stub:
            assert code_of(lambda: stub.GetStatus(ask, timeout=CALL_SEC)) is Code.OK
        calls[0].cancel()  # type: ignore[no-untyped-call]  # the stubs leave it so
        assert until(lambda: code_of(lambda: stubs[0].GetStatus(ask, timeout=CALL_SEC)) is Code.OK)


def shown_serial(world: World) -> int:
    """Return the serial number of the certificate that the tuner shows now."""
    host, port = world.address.split(":")
    context = ssl.create_default_context(cafile=str(world.folder / "lab" / CA_FILE))
    context.load_cert_chain(world.folder / "lab" / CERTIFICATE_FILE, world.folder / "lab" / KEY_FILE)
    with socket.create_connection((host, int(port))) as plain, context.wrap_socket(plain, server_hostname=host) as tls:
        shown = tls.getpeercert(binary_form=True)
    assert shown is not None
    return x509.load_der_x509_certificate(shown).serial_number


def test_a_renewed_certificate_is_shown_without_a_restart_and_open_connections_go_on(world: World) -> None:
    before = shown_serial(world)
    with calling(world, credentials(world.folder / "lab")) as stub:
        stub.GetStatus(tuner_pb2.GetStatusRequest(), timeout=CALL_SEC)
        renew_server(world.state, (), 90, NOW)
        assert shown_serial(world) != before
        stub.GetStatus(tuner_pb2.GetStatusRequest(), timeout=CALL_SEC)
    with calling(world, credentials(world.folder / "lab")) as stub:
        stub.GetStatus(tuner_pb2.GetStatusRequest(), timeout=CALL_SEC)


def test_a_runtime_goes_on_with_a_renewed_certificate_when_its_own_is_revoked(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line, "LOOK_SEC", 0.1)
    folder, taken = world.issue("turns"), []
    spool = filled(tmp_path / "spool", world, "turns", 1)
    link = link_to(world.address, world, "turns", spool, taken)
    link.start()
    assert until(lambda: taken == [b"version1"] and len(spool) == 0)
    revoke(world.state, "turns")
    link.submit(world.episode("turns-soon", "turns/phone"))
    assert until(lambda: bool(link.refusal))
    issue_to(tmp_path / "renewed", world.state, "turns", Role.AGENT, 90, NOW)
    for name in (KEY_FILE, CERTIFICATE_FILE):  # the certificate is without its key in between
        (tmp_path / "renewed" / name).replace(folder / name)
    link.submit(world.episode("turns-later", "turns/phone"))
    assert until(lambda: len(spool) == 0)
    assert link.close(0.0) == 0
    assert (link.counters.accepted, link.counters.refused) == (3, 0)


def test_a_follower_that_only_waits_is_cut_off_once_it_is_revoked(world: World) -> None:
    folder = world.issue("waits")
    with calling(world, credentials(folder)) as stub:
        call = iter(stub.FollowAdapters(tuner_pb2.FollowAdaptersRequest(runtime_id="waits"), timeout=DEADLINE_SEC))
        next(call), next(call)
        revoke(world.state, "waits")
        assert code_of(lambda: next(call)) is Code.UNAUTHENTICATED


def test_an_agent_gives_an_impostor_nothing_and_takes_nothing(world: World, impostor: World, tmp_path: Path) -> None:
    spool = filled(tmp_path / "spool", world, "lab", 1)
    taken: list[bytes] = []
    link = link_to(impostor.address, world, "lab", spool, taken)
    link.start()
    assert not until(lambda: bool(taken) or len(spool) == 0, deadline_sec=1.0)
    assert link.close(0.0) == 1
    assert (taken, impostor.handled()) == ([], [])


def test_health_is_told_to_those_who_belong(world: World) -> None:
    request = health_pb2.HealthCheckRequest(service="coso.v1.TunerService")
    with grpc.secure_channel(world.address, credentials(world.folder / "lab")) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        assert stub.Check(request, timeout=CALL_SEC).status == health_pb2.HealthCheckResponse.SERVING
        assert next(stub.Watch(request, timeout=CALL_SEC)).status == health_pb2.HealthCheckResponse.SERVING


# --- the command line


def test_status_and_rollback_take_a_folder(world: World) -> None:
    shown = tuner("status", "--address", world.address, "--tls", str(world.folder / "ops"))
    assert shown.returncode == 0, shown
    refused = tuner("rollback", "1", "--address", world.address, "--tls", str(world.folder / "lab"))
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1), refused
    assert "as agent lab, expected operator" in refused.stderr


def test_a_state_folder_has_one_tuner(world: World, model: Path) -> None:
    done = tuner(*serve_options(model, world.state))
    assert (done.returncode, done.stdout) == (2, "")
    assert "expected one that no other tuner serves" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("listen", ["0.0.0.0:0", "[::]:0", "192.0.2.1:0", "tuner.lan:0"])
def test_elsewhere_without_tls_is_one_sentence(listen: str, model: Path, tmp_path: Path) -> None:
    done = tuner(*serve_options(model, tmp_path / "state", listen))
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert f"Got {listen} to listen on without TLS" in done.stderr


def test_tls_without_a_ca_is_one_sentence(model: Path, tmp_path: Path) -> None:
    done = tuner(*serve_options(model, tmp_path / "state"), "--tls")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "which has no CA, expected one: run `tuner keys init" in done.stderr
