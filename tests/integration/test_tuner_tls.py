"""`tuner serve --tls` as a process: who does not belong reaches no handler, who does is served."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timezone
from pathlib import Path

import grpc
import pytest
from coso.v1 import trajectory_pb2, tuner_pb2, tuner_pb2_grpc
from cryptography import x509
from grpc_health.v1 import health_pb2, health_pb2_grpc

from agent_runtime.uplink import line
from agent_runtime.uplink.channel import asked_to_wait_sec
from agent_runtime.uplink.client import TunerLink
from agent_runtime.uplink.spool import Spool
from agent_runtime.uplink.tls import CA_FILE, CERTIFICATE_FILE, KEY_FILE, load_client_tls
from benchmarks.guarded_tuner import CALL_SEC, Guarded, connected, credentials, guarded_tuner
from benchmarks.intruders import CALLS, REFUSED, Calls
from benchmarks.small_episodes import small_episode
from benchmarks.strangers import STRANGERS, make_strangers
from tests.tuner_process import DEADLINE_SEC, serve_options, tuner, write_model
from tests.wire_world import until
from tuner.certificates.authority import Role
from tuner.certificates.folder import FOLDER_NAME, issue_to, renew_server, revoke
from tuner.ingest.gate import MAX_CALLS_OF_ONE

NOW = datetime.now(timezone.utc)
Code = grpc.StatusCode
Stub = tuner_pb2_grpc.TunerServiceStub
Submit = tuner_pb2.SubmitTrajectoriesRequest


@contextmanager
def calling(world: Guarded, given: grpc.ChannelCredentials | None) -> Iterator[Stub]:
    with connected(world.address, given) as channel:
        yield Stub(channel)


def status(world: Guarded) -> tuner_pb2.GetStatusResponse:
    return world.status(world.folder / "ops")


def episode(world: Guarded, trajectory_id: str, runtime_id: str) -> trajectory_pb2.Trajectory:
    return small_episode(world.identity(), runtime_id, trajectory_id)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """A tuner with one version to follow, which soon notices who was revoked; ``lab`` and ``ops`` belong there."""
    folder = tmp_path_factory.mktemp("world")
    with guarded_tuner(folder, "gate.RECHECK_SEC = 0.5", ("--submits-per-second", "5")) as tuner:
        make_strangers(tuner)
        yield tuner


@pytest.fixture(scope="module")
def impostor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """A tuner that speaks TLS well, of another CA."""
    with guarded_tuner(tmp_path_factory.mktemp("impostor")) as tuner:
        yield tuner


def every_call(world: Guarded, stub: Stub, runtime_id: str) -> dict[str, Code]:
    """Make every call as that runtime; return how each ended."""
    calls = Calls(world)
    return {name: calls.code_of(name, stub, runtime_id, "stranger") for name in CALLS}


def code_of(call: Callable[[], object]) -> Code:
    try:
        call()
    except grpc.RpcError as error:
        return error.code()
    return Code.OK


@pytest.mark.parametrize("kind", STRANGERS)
def test_a_stranger_reaches_no_handler(kind: str, world: Guarded) -> None:
    before = world.handled()
    with calling(world, make_strangers(world)[kind]) as stub:
        got = every_call(world, stub, "lab/phone")
    assert set(got.values()) <= REFUSED, got
    assert world.handled() == before


def test_each_role_reaches_its_own_handlers_only(world: Guarded) -> None:
    before = world.handled()
    with calling(world, credentials(world.folder / "ops")) as stub:
        got = every_call(world, stub, "ops")
    denied = Code.PERMISSION_DENIED
    assert [got.pop(name) for name in ("GetStatus", "RollbackAdapter")] == [Code.OK, Code.FAILED_PRECONDITION]
    assert set(got.values()) == {denied}
    assert world.handled()[len(before) :] == ["GetStatus", "RollbackAdapter"]
    with calling(world, credentials(world.folder / "lab")) as stub, pytest.raises(grpc.RpcError) as refused:
        stub.RollbackAdapter(tuner_pb2.RollbackAdapterRequest(version=1), timeout=CALL_SEC)
    assert refused.value.details() == "Got a call of RollbackAdapter as agent lab, expected operator."


@pytest.mark.parametrize("runtime_id", ["ops", "other/phone", "lab2", "lab-2/phone", "LAB/phone", "", "/lab", "lab\0/"])
def test_an_agent_speaks_for_no_other(runtime_id: str, world: Guarded) -> None:
    stored, before = status(world).trajectories_stored, world.handled()
    with calling(world, credentials(world.folder / "lab")) as stub:
        got = every_call(world, stub, runtime_id)
    assert got.pop("GetStatus") is Code.OK
    assert set(got.values()) == {Code.PERMISSION_DENIED}
    # a stream's handler begins before its first message is there; it gets none
    assert set(world.handled()[len(before) :]) <= {"SubmitTrajectories", "GetStatus"}
    after = status(world)
    assert after.trajectories_stored == stored
    assert runtime_id not in after.runtime_ids


def test_a_revoked_agent_is_cut_off_in_the_middle_of_its_streams(world: Guarded) -> None:
    folder = world.issue("leaves")

    def requests() -> Iterator[Submit]:
        yield Submit(trajectory=episode(world, "leaves-0", "leaves/phone"))
        assert until(lambda: len(answers) == 1)
        revoke(world.state, "leaves")
        yield Submit(trajectory=episode(world, "leaves-1", "leaves/phone"))

    answers: list[tuner_pb2.SubmitTrajectoriesResponse] = []
    with calling(world, credentials(folder)) as stub:
        with pytest.raises(grpc.RpcError) as refused:
            answers.extend(stub.SubmitTrajectories(requests(), timeout=CALL_SEC))
        assert refused.value.code() is Code.UNAUTHENTICATED
        assert refused.value.details() == "Got a revoked certificate of leaves, expected another: ask for one."
        before = world.handled()
        assert set(every_call(world, stub, "leaves").values()) == {Code.UNAUTHENTICATED}
    assert [answer.trajectory_id for answer in answers] == ["leaves-0"]
    assert world.handled() == before


def test_a_list_of_the_revoked_that_cannot_be_read_lets_nobody_in(world: Guarded) -> None:
    path = world.state / FOLDER_NAME / "revoked"
    content = path.read_bytes()
    for damage in (b"what is this", None):
        path.unlink()
        if damage is not None:
            path.write_bytes(damage)
        with calling(world, credentials(world.folder / "lab")) as stub:
            assert set(every_call(world, stub, "lab").values()) == {Code.UNAVAILABLE}
        path.write_bytes(content)
    status(world)


def link_to(address: str, world: Guarded, name: str, spool: Spool, taken: list[bytes]) -> TunerLink:
    tls = load_client_tls(world.folder / name)
    return TunerLink(
        address,
        world.identity(),
        [f"{name}/phone"],
        spool,
        lambda manifest, payload: taken.append(payload),
        have_version=lambda: len(taken),
        tls=tls,
    )


def filled(folder: Path, world: Guarded, name: str, count: int) -> Spool:
    spool = Spool(folder)
    spool.open()
    for number in range(count):
        spool.put(episode(world, f"{name}-{number}", f"{name}/phone"))
    return spool


def test_an_honest_agent_in_a_hurry_waits_its_turn_and_loses_nothing(world: Guarded, tmp_path: Path) -> None:
    world.issue("eager")
    stored, before = status(world).trajectories_stored, world.handled()
    spool = filled(tmp_path / "spool", world, "eager", 28)  # 20 at once, then 5 a second
    spool.put(episode(world, "of-before", "host/phone"))  # made under another name: set aside, the rest goes on
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
    assert status(world).trajectories_stored == stored + 28
    assert "eager/phone" in status(world).runtime_ids


def test_a_flood_is_stopped_and_told_when_to_come_back(world: Guarded) -> None:
    stored, folder = status(world).trajectories_stored, world.issue("flood")
    flood = (Submit(trajectory=episode(world, f"flood-{number}", "flood")) for number in range(60))
    answers: list[tuner_pb2.SubmitTrajectoriesResponse] = []
    with calling(world, credentials(folder)) as stub, pytest.raises(grpc.RpcError) as stopped:
        answers.extend(stub.SubmitTrajectories(flood, timeout=CALL_SEC))
    assert stopped.value.code() is Code.RESOURCE_EXHAUSTED
    assert 1.0 < asked_to_wait_sec(stopped.value) <= 2.0
    assert 20 <= len(answers) < 40
    assert status(world).trajectories_stored == stored + len(answers)


def test_one_agent_cannot_take_all_calls(world: Guarded) -> None:
    given, lab = credentials(world.issue("greedy")), credentials(world.folder / "lab")
    request = tuner_pb2.FollowAdaptersRequest(runtime_id="greedy")
    with ExitStack() as stack:
        channels = [connected(world.address, given) for _ in range(3)]
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


def shown_serial(world: Guarded) -> int:
    """Return the serial number of the certificate that the tuner shows now."""
    host, port = world.address.split(":")
    context = ssl.create_default_context(cafile=str(world.folder / "lab" / CA_FILE))
    context.load_cert_chain(world.folder / "lab" / CERTIFICATE_FILE, world.folder / "lab" / KEY_FILE)
    with socket.create_connection((host, int(port))) as plain, context.wrap_socket(plain, server_hostname=host) as tls:
        shown = tls.getpeercert(binary_form=True)
    assert shown is not None
    return x509.load_der_x509_certificate(shown).serial_number


def test_a_renewed_certificate_is_shown_without_a_restart_and_open_connections_go_on(world: Guarded) -> None:
    before = shown_serial(world)
    with calling(world, credentials(world.folder / "lab")) as stub:
        stub.GetStatus(tuner_pb2.GetStatusRequest(), timeout=CALL_SEC)
        renew_server(world.state, (), 90, NOW)
        assert shown_serial(world) != before
        stub.GetStatus(tuner_pb2.GetStatusRequest(), timeout=CALL_SEC)
    with calling(world, credentials(world.folder / "lab")) as stub:
        stub.GetStatus(tuner_pb2.GetStatusRequest(), timeout=CALL_SEC)


def test_a_runtime_goes_on_with_a_renewed_certificate_when_its_own_is_revoked(
    world: Guarded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line, "LOOK_SEC", 0.1)
    folder, taken = world.issue("turns"), []
    spool = filled(tmp_path / "spool", world, "turns", 1)
    link = link_to(world.address, world, "turns", spool, taken)
    link.start()
    assert until(lambda: taken == [b"version1"] and len(spool) == 0)
    revoke(world.state, "turns")
    link.submit(episode(world, "turns-soon", "turns/phone"))
    assert until(lambda: bool(link.refusal))
    issue_to(tmp_path / "renewed", world.state, "turns", Role.AGENT, 90, NOW)
    for name in (KEY_FILE, CERTIFICATE_FILE):  # the certificate is without its key in between
        (tmp_path / "renewed" / name).replace(folder / name)
    link.submit(episode(world, "turns-later", "turns/phone"))
    assert until(lambda: len(spool) == 0)
    assert link.close(0.0) == 0
    assert (link.counters.accepted, link.counters.refused) == (3, 0)


def test_a_follower_that_only_waits_is_cut_off_once_it_is_revoked(world: Guarded) -> None:
    folder = world.issue("waits")
    with calling(world, credentials(folder)) as stub:
        call = iter(stub.FollowAdapters(tuner_pb2.FollowAdaptersRequest(runtime_id="waits"), timeout=DEADLINE_SEC))
        next(call), next(call)
        revoke(world.state, "waits")
        assert code_of(lambda: next(call)) is Code.UNAUTHENTICATED


def test_an_agent_gives_an_impostor_nothing_and_takes_nothing(
    world: Guarded, impostor: Guarded, tmp_path: Path
) -> None:
    spool = filled(tmp_path / "spool", world, "lab", 1)
    taken: list[bytes] = []
    link = link_to(impostor.address, world, "lab", spool, taken)
    link.start()
    assert not until(lambda: bool(taken) or len(spool) == 0, deadline_sec=1.0)
    assert link.close(0.0) == 1
    assert (taken, impostor.handled()) == ([], [])


def test_health_is_told_to_those_who_belong(world: Guarded) -> None:
    request = health_pb2.HealthCheckRequest(service="coso.v1.TunerService")
    with connected(world.address, credentials(world.folder / "lab")) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        assert stub.Check(request, timeout=CALL_SEC).status == health_pb2.HealthCheckResponse.SERVING
        assert next(stub.Watch(request, timeout=CALL_SEC)).status == health_pb2.HealthCheckResponse.SERVING


# --- the command line


def test_status_and_rollback_take_a_folder(world: Guarded) -> None:
    shown = tuner("status", "--address", world.address, "--tls", str(world.folder / "ops"))
    assert shown.returncode == 0, shown
    refused = tuner("rollback", "1", "--address", world.address, "--tls", str(world.folder / "lab"))
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1), refused
    assert "as agent lab, expected operator" in refused.stderr


def test_a_state_folder_has_one_tuner(world: Guarded) -> None:
    done = tuner(*serve_options(world.folder / "model", world.state))
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
