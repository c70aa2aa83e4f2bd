"""The CA's folder, its command line, who may do what by certificate, and how often."""

from __future__ import annotations

import stat
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from coso.v1 import trajectory_pb2
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from google.rpc import code_pb2
from typer.testing import CliRunner, Result

from agent_runtime.errors import UsageError
from agent_runtime.uplink import codec
from agent_runtime.uplink.tls import CERTIFICATE_FILE, KEY_FILE, client_tls, is_loopback, load_client_tls
from tests.tuner_process import ROOT, environment
from tests.wire_world import IDENTITY, message
from tuner.adapters.keys import KEY_NAME, make_signing_key
from tuner.certificates.authority import Role, holder_of
from tuner.certificates.folder import FOLDER_NAME, issue_to, load_server, make_authority, renew_server, revoke
from tuner.certificates.live import LiveServer
from tuner.certificates.revocations import Revocations
from tuner.cli import app
from tuner.errors import ConfigError
from tuner.folder_lock import folder_locked
from tuner.ingest import validate
from tuner.ingest.peer_rate import PeerRate
from tuner.ingest.peers import Peers

NOW = datetime.now(timezone.utc)
SUBMIT = "/coso.v1.TunerService/SubmitTrajectories"


@pytest.fixture
def state(tmp_path: Path) -> Path:
    make_authority(tmp_path / "state", ("tuner.lan", "192.0.2.7"), 90, NOW)
    return tmp_path / "state"


def keys(*args: str) -> Result:
    return CliRunner().invoke(app, ["keys", *args])


def is_one_sentence(done: Result, says: str) -> bool:
    return (done.exit_code, done.stdout, done.stderr.count("\n")) == (2, "", 1) and says in done.stderr


# --- what is made


def test_every_key_is_its_owners_alone(state: Path, tmp_path: Path) -> None:
    issue_to(tmp_path / "lab", state, "lab", Role.AGENT, 90, NOW)
    for path in (state / FOLDER_NAME / "ca.key", state / FOLDER_NAME / "tuner.key", tmp_path / "lab" / KEY_FILE):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    (state / FOLDER_NAME / "tuner.key").chmod(0o644)
    with pytest.raises(ConfigError, match="with mode 644, expected 600"):
        load_server(state, NOW)


def test_the_tuners_certificate_serves_its_hosts_and_an_agents_serves_nothing(state: Path, tmp_path: Path) -> None:
    own = x509.load_pem_x509_certificate(load_server(state, NOW).own.certificate)
    names = own.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost", "tuner.lan"]
    assert [str(address) for address in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1", "::1", "192.0.2.7"]
    issue_to(tmp_path / "lab", state, "lab", Role.AGENT, 30, NOW)
    agent = x509.load_pem_x509_certificate((tmp_path / "lab" / CERTIFICATE_FILE).read_bytes())
    purposes = [
        list(certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
        for certificate in (own, agent)
    ]
    assert purposes == [[ExtendedKeyUsageOID.SERVER_AUTH], [ExtendedKeyUsageOID.CLIENT_AUTH]]
    with pytest.raises(x509.ExtensionNotFound):
        agent.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    holder = holder_of((tmp_path / "lab" / CERTIFICATE_FILE).read_bytes())
    assert (holder.name, holder.role) == ("lab", Role.AGENT)
    assert holder.covers(NOW + timedelta(days=29))
    assert not holder.covers(NOW + timedelta(days=31))


def test_a_tuners_certificate_that_is_over_is_renewed(state: Path) -> None:
    later = NOW + timedelta(days=91)
    with pytest.raises(ConfigError, match="expected one that is good today: run `tuner keys renew`"):
        load_server(state, later)
    renew_server(state, (), 90, later)
    assert holder_of(load_server(state, later).own.certificate).role is Role.TUNER


def test_a_renewed_certificate_is_taken_by_who_serves_and_half_of_one_is_not(state: Path) -> None:
    live, tls = LiveServer(state, lambda: NOW), state / FOLDER_NAME
    first = live.files.own
    assert live.renewed() is None
    renew_server(state, ("new.lan",), 90, NOW)
    assert stat.S_IMODE((tls / "tuner.key").stat().st_mode) == 0o600
    renewed = live.renewed()
    assert renewed is not None
    assert renewed.own != first
    assert live.renewed() is None
    whole = (tls / "tuner.crt").read_bytes()
    for half in (first.certificate, whole[:100], b""):
        (tls / "tuner.crt").write_bytes(half)
        assert live.renewed() is None
        assert live.files.own == renewed.own
    (tls / "tuner.crt").write_bytes(whole)
    assert live.renewed() is None  # it is the one in use


def test_a_certificate_that_is_over_is_not_taken(state: Path) -> None:
    live = LiveServer(state, lambda: NOW)
    renew_server(state, (), 1, NOW - timedelta(days=3))
    assert live.renewed() is None


def test_a_folder_is_checked_before_it_is_used(state: Path, tmp_path: Path) -> None:
    folder = tmp_path / "lab"
    issue_to(folder, state, "lab", Role.AGENT, 90, NOW)
    assert load_client_tls(folder).name == "lab"
    with pytest.raises(UsageError, match="expected one that is good today"):
        load_client_tls(folder, NOW + timedelta(days=91))
    (folder / KEY_FILE).chmod(0o640)
    with pytest.raises(UsageError, match="with mode 640, expected 600"):
        load_client_tls(folder)
    issue_to(tmp_path / "other", state, "other", Role.AGENT, 90, NOW)
    (tmp_path / "other" / KEY_FILE).replace(folder / KEY_FILE)
    with pytest.raises(UsageError, match="not its certificate's"):
        load_client_tls(folder)
    (folder / KEY_FILE).write_text("nothing")
    with pytest.raises(UsageError, match=r"expected ca\.crt, agent\.crt and agent\.key"):
        load_client_tls(folder)


# --- the command line


def test_init_makes_both_and_an_old_folder_gets_a_ca(tmp_path: Path) -> None:
    assert keys("init", "--state", str(tmp_path / "new"), "--host", "tuner.lan").exit_code == 0
    make_signing_key(tmp_path / "old")
    private = (tmp_path / "old" / KEY_NAME).read_bytes()
    done = keys("init", "--state", str(tmp_path / "old"))
    assert (done.exit_code, len(done.stdout.splitlines())) == (0, 1)
    assert (tmp_path / "old" / KEY_NAME).read_bytes() == private
    for name in ("new", "old"):
        load_server(tmp_path / name, datetime.now(timezone.utc))
        assert is_one_sentence(keys("init", "--state", str(tmp_path / name)), "has a signing key and a CA")


@pytest.mark.parametrize("host", ["tuner.lan:50051", "-x", "a b", "", "*.lan", "http://x"])
def test_a_host_that_is_none_makes_nothing(host: str, tmp_path: Path) -> None:
    assert is_one_sentence(keys("init", "--state", str(tmp_path / "s"), "--host", host), "Got the host")
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize("name", ["lab/1", "", "a b", "x" * 65, ".lab", "é", "lab\n", "tuner"])
def test_a_name_that_is_none_is_given_no_certificate(name: str, state: Path, tmp_path: Path) -> None:
    done = keys("issue", "--state", str(state), "--output", str(tmp_path / "out"), "--", name)
    assert is_one_sentence(done, "Got the name"), done.output
    assert not (tmp_path / "out").exists()


def test_issue_revoke_and_renew_speak_one_sentence(state: Path, tmp_path: Path) -> None:
    given = ("--state", str(state), "--output", str(tmp_path / "ops"))
    assert keys("issue", "ops", *given, "--role", "operator", "--days", "7").exit_code == 0
    assert holder_of((tmp_path / "ops" / CERTIFICATE_FILE).read_bytes()).role is Role.OPERATOR
    assert is_one_sentence(keys("issue", "lab", *given), "expected a new or empty one")
    assert is_one_sentence(keys("issue", "lab", *given, "--days", "0"), "Got a lifetime of 0 days")
    assert "1 certificates of ops revoked" in keys("revoke", "ops", "--state", str(state)).stdout
    assert "0 certificates of ops revoked" in keys("revoke", "ops", "--state", str(state)).stdout
    assert is_one_sentence(keys("revoke", "nobody", "--state", str(state)), "Got the name 'nobody'")
    assert is_one_sentence(keys("revoke", "tuner", "--state", str(state)), "Got the name 'tuner'")
    assert keys("renew", "--state", str(state)).exit_code == 0
    assert is_one_sentence(keys("renew", "--state", str(tmp_path / "none")), "which has no CA")
    with folder_locked(state / FOLDER_NAME, "none"):
        assert is_one_sentence(keys("revoke", "ops", "--state", str(state)), "no other `tuner keys` is at work")


# --- who may do what


def test_a_revocation_counts_at_once_and_a_list_that_is_gone_lets_nobody_in(state: Path, tmp_path: Path) -> None:
    issue_to(tmp_path / "lab", state, "lab", Role.AGENT, 90, NOW)
    pem = (tmp_path / "lab" / CERTIFICATE_FILE).read_bytes()
    peers = Peers(Revocations(state / FOLDER_NAME / "revoked"), lambda: NOW)
    holder = peers.holder({"x509_pem_cert": [pem]})
    assert peers.denial(holder, SUBMIT) is None
    revoke(state, "lab")
    denial = peers.denial(holder, SUBMIT)
    assert denial is not None
    assert (denial.code, "revoked certificate of lab" in denial.sentence) == (code_pb2.UNAUTHENTICATED, True)
    issue_to(tmp_path / "again", state, "lab", Role.AGENT, 90, NOW)
    again = peers.holder({"x509_pem_cert": [(tmp_path / "again" / CERTIFICATE_FILE).read_bytes()]})
    assert peers.denial(again, SUBMIT) is None
    (state / FOLDER_NAME / "revoked").unlink()
    denial = peers.denial(again, SUBMIT)
    assert denial is not None
    assert denial.code == code_pb2.UNAVAILABLE


def test_a_certificate_ends_in_the_middle_of_a_stream_and_a_strange_one_never_begins(
    state: Path, tmp_path: Path
) -> None:
    issue_to(tmp_path / "lab", state, "lab", Role.AGENT, 1, NOW)
    holder = holder_of((tmp_path / "lab" / CERTIFICATE_FILE).read_bytes())
    ca = (state / FOLDER_NAME / "ca.crt").read_bytes()
    peers = Peers(Revocations(state / FOLDER_NAME / "revoked"), lambda: NOW + timedelta(days=2))
    for caller in (holder, None, peers.holder({}), peers.holder({"x509_pem_cert": [ca]}), peers.holder({"x": [b""]})):
        denial = peers.denial(caller, SUBMIT)
        assert denial is not None
        assert denial.code == code_pb2.UNAUTHENTICATED


def test_a_method_that_nobody_thought_of_is_nobodys(state: Path, tmp_path: Path) -> None:
    issue_to(tmp_path / "ops", state, "ops", Role.OPERATOR, 1, NOW)
    holder = holder_of((tmp_path / "ops" / CERTIFICATE_FILE).read_bytes())
    denial = Peers(Revocations(state / FOLDER_NAME / "revoked")).denial(holder, "/coso.v1.TunerService/New")
    assert denial is not None
    assert denial.sentence == "Got a call of New as operator ops, expected nobody."


# --- how much and how often


def test_a_peer_has_its_own_rate() -> None:
    clock = [0.0]
    rate = PeerRate(per_second=2.0, burst=4, now_sec=lambda: clock[0])
    assert [rate.take("a") for _ in range(5)] == [None, None, None, None, 1.0]
    assert rate.take("b") is None
    clock[0] = 1.0  # as it was told
    assert [rate.take("a") for _ in range(3)] == [None, None, 1.0]
    clock[0] = 1e6
    assert [rate.take("a") for _ in range(5)] == [None, None, None, None, 1.0]


@pytest.mark.parametrize(
    ("field", "longest"),
    [("runtime_id", 128), ("goal", 4096), ("void_reason", 4096), ("task_name", 256), ("device_serial", 256)],
)
def test_texts_have_bounds(field: str, longest: int) -> None:
    trajectory = message()
    setattr(trajectory, field, "x" * longest)
    assert validate.broken_bound(trajectory, IDENTITY) is None
    setattr(trajectory, field, "x" * (longest + 1))
    sentence = validate.broken_bound(trajectory, IDENTITY)
    assert sentence is not None
    assert f"of {longest + 1} characters, expected at most {longest}." in sentence


@pytest.mark.parametrize(
    "params", [{str(number): "" for number in range(65)}, {"k": "v" * 4097}, {"k" * 257: ""}], ids=["many", "v", "k"]
)
def test_task_parameters_have_bounds(params: dict[str, str]) -> None:
    trajectory = message()
    trajectory.task_params.clear()
    trajectory.task_params.update(params)
    assert "task parameter" in (validate.broken_bound(trajectory, IDENTITY) or "")


def test_a_long_error_is_cut_where_the_tuner_would_refuse_it() -> None:
    assert codec.MAX_VOID_REASON_LENGTH == validate.MAX_VOID_REASON_LENGTH
    trajectory = message()
    trajectory.steps[0].action.CopyFrom(trajectory_pb2.Action(open_app=trajectory_pb2.OpenApp(name="x" * (130 << 10))))
    assert "got an action of" in (validate.broken_bound(trajectory, IDENTITY) or "")


@pytest.mark.parametrize(
    ("address", "is_local"),
    [
        ("127.0.0.1:50051", True),
        ("127.8.9.1:1", True),
        ("[::1]:1", True),
        ("localhost:1", True),
        ("0.0.0.0:1", False),
        ("[::]:1", False),
        ("10.0.0.1:1", False),
        ("localhost.evil.example:1", False),
        ("127.0.0.1.evil.example:1", False),
    ],
)
def test_only_loopback_is_loopback(address: str, is_local: bool) -> None:
    assert is_loopback(address) is is_local


def test_a_runtime_goes_nowhere_else_without_tls() -> None:
    assert client_tls(None, None) is None
    assert client_tls(None, "127.0.0.1:50051") is None
    with pytest.raises(UsageError, match=r"Got the tuner tuner\.lan:50051 without --tls, expected a folder"):
        client_tls(None, "tuner.lan:50051")


def test_a_front_without_tls_loads_no_cryptography() -> None:
    probe = "import sys, tuner.cli, tuner.serve; assert 'cryptography' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", probe], cwd=ROOT, env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
