"""This release beside the one before: its ledger is taken over, killed anywhere too, and each side serves the other."""

from __future__ import annotations

import hashlib
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import grpc
import pytest
from coso.v1 import trajectory_pb2, tuner_pb2, tuner_pb2_grpc

from agent_runtime.uplink.channel import WIRE_VERSION, wire_mismatch
from agent_runtime.uplink.client import TunerLink
from agent_runtime.uplink.spool import Spool
from tests.previous_release import previous_messages, write_ledger
from tests.tuner_process import ROOT, environment
from tests.wire_world import DEADLINE_SEC, RUNTIME_IDENTITY, ServedTuner, message, served_tuner, until
from tuner.ingest.ledger import LEDGER_NAME, Ledger, StoreOutcome
from tuner.ingest.mending import mend
from tuner.ingest.migrations import SCHEMA_VERSION

SERVICE = "/coso.v1.TunerService/"
NAMES = ("old-0", "old-1", "old-2")
OLD = previous_messages()

# Opens the ledger, and is killed before its n-th statement.
OPENS = """
import os, signal, sqlite3, sys
from pathlib import Path
from tuner.ingest.ledger import Ledger
left = int(sys.argv[2])
def count(statement):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
connect = sqlite3.connect
def traced(*args, **settings):
    connection = connect(*args, **settings)
    connection.set_trace_callback(count)
    return connection
sqlite3.connect = traced
ledger = Ledger(Path(sys.argv[1]))
ledger.open()
print("opened", flush=True)
"""


def blobs() -> dict[str, bytes]:
    """Trajectories as the release before wrote them."""
    return {name: old(message(name)).SerializeToString(deterministic=True) for name in NAMES}


def old(today: Any) -> Any:
    """Return a message as the release before knows it."""
    known = OLD[today.DESCRIPTOR.name].FromString(today.SerializeToString())
    known.DiscardUnknownFields()
    return known


def assert_taken_over(state: Path) -> None:
    ledger = Ledger(state)
    ledger.open()
    with closing(ledger):
        assert [stored.message.trajectory_id for stored in ledger.recent(9)] == ["old-0"]
        assert [stored.message.trajectory_id for stored in ledger.waiting(9)] == ["old-1", "old-2"]
        again = trajectory_pb2.Trajectory.FromString(blobs()["old-1"])
        assert ledger.store(again) is StoreOutcome.DUPLICATE
        ledger.note_runtime("new/phone", "9.9")
        assert ledger.runtime_ids() == ["new/phone", "old/phone"]
        with ledger.sql() as sql:
            assert sql.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)
            versions = dict(sql.execute("SELECT id, software_version FROM runtimes").fetchall())
    assert versions == {"old/phone": "", "new/phone": "9.9"}


def test_a_ledger_of_before_is_taken_over(tmp_path: Path) -> None:
    write_ledger(tmp_path, blobs())
    assert mend(tmp_path) is False  # it is whole
    assert_taken_over(tmp_path)


def test_a_migration_that_is_killed_anywhere_is_done_at_the_next_start(tmp_path: Path) -> None:
    outcomes = []
    for kill_at in range(40):
        state = tmp_path / f"{kill_at}"
        write_ledger(state, blobs())
        command = [sys.executable, "-c", OPENS, str(state), str(kill_at)]
        done = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, timeout=2 * DEADLINE_SEC)
        outcomes.append(done.returncode)
        with closing(sqlite3.connect(state / LEDGER_NAME)) as sql:
            version = sql.execute("PRAGMA user_version").fetchone()[0]
            columns = [row[1] for row in sql.execute("PRAGMA table_info(runtimes)")]
        assert ("software_version" in columns) == (version == SCHEMA_VERSION)
        assert mend(state) is False
        assert_taken_over(state)
        if done.returncode == 0:
            break
    assert outcomes[-1] == 0
    assert set(outcomes[:-1]) == {-signal.SIGKILL}
    assert len(outcomes) > 8, "there are that many statements at least"


def test_a_ledger_of_before_that_is_damaged_is_made_anew_with_its_runtimes(tmp_path: Path) -> None:
    write_ledger(tmp_path, blobs())
    with (tmp_path / LEDGER_NAME).open("r+b") as file:
        file.write(b"?")
    assert mend(tmp_path) is True
    assert_taken_over(tmp_path)


@pytest.fixture
def tuner(tmp_path: Path) -> Iterator[ServedTuner]:
    with served_tuner(tmp_path / "state") as served:
        yield served


def test_a_runtime_of_before_is_served(tuner: ServedTuner) -> None:
    tuner.publish(1, b"version1")
    with grpc.insecure_channel(tuner.address) as channel:
        call: Callable[..., Any] = channel.unary_unary(
            SERVICE + "RegisterRuntime",
            OLD["RegisterRuntimeRequest"].SerializeToString,
            _reads("RegisterRuntimeResponse"),
        )
        identity = RUNTIME_IDENTITY
        registration = OLD["RegisterRuntimeRequest"](
            runtime_id="old/phone",
            base_model_digest=identity.base_model_digest,
            tokenizer_digest=identity.tokenizer_digest,
            quantization=identity.quantization,
            action_grammar=identity.action_grammar,
            software_version="0.0.9",
        )
        assert call(registration, timeout=DEADLINE_SEC).latest_version == 1
        submit = channel.stream_stream(
            SERVICE + "SubmitTrajectories",
            OLD["SubmitTrajectoriesRequest"].SerializeToString,
            _reads("SubmitTrajectoriesResponse"),
        )
        request = OLD["SubmitTrajectoriesRequest"](trajectory=old(message("from-old")))
        answers = list(submit(iter([request, request]), timeout=DEADLINE_SEC))
        assert [answer.outcome for answer in answers] == [1, 2]  # stored, duplicate
        follow = channel.unary_stream(
            SERVICE + "FollowAdapters", OLD["FollowAdaptersRequest"].SerializeToString, _reads("FollowAdaptersResponse")
        )
        parts = follow(OLD["FollowAdaptersRequest"](runtime_id="old/phone"), timeout=DEADLINE_SEC)
        manifest, chunk = next(parts).manifest, next(parts).chunk
        parts.cancel()
        assert (manifest.version, manifest.encoding, chunk.data) == (1, 1, b"version1")  # a whole file
    assert tuner.stored_ids() == ["from-old"]


class OldTuner(grpc.GenericRpcHandler):
    """A tuner of before: whatever it reads and answers goes through the messages of before."""

    def __init__(self) -> None:
        self.stored: list[Any] = []
        self.follows: list[Any] = []

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[Any, Any] | None:
        name = handler_call_details.method.removeprefix(SERVICE)
        if name == "RegisterRuntime":
            return grpc.unary_unary_rpc_method_handler(
                lambda request, context: OLD["RegisterRuntimeResponse"](latest_version=1),
                _reads(f"{name}Request"),
                _bytes,
            )
        if name == "SubmitTrajectories":
            return grpc.stream_stream_rpc_method_handler(self._submit, _reads("SubmitTrajectoriesRequest"), _bytes)
        if name == "FollowAdapters":
            return grpc.unary_stream_rpc_method_handler(self._follow, _reads("FollowAdaptersRequest"), _bytes)
        return None

    def _submit(self, requests: Iterator[Any], context: object) -> Iterator[Any]:
        for request in requests:
            self.stored.append(request.trajectory)
            yield OLD["SubmitTrajectoriesResponse"](trajectory_id=request.trajectory.trajectory_id, outcome=1)

    def _follow(self, request: Any, context: Any) -> Iterator[Any]:
        self.follows.append(request)
        if request.have_version == 0:
            manifest = OLD["AdapterManifest"](version=1, encoding=1, payload_bytes=3)
            manifest.payload_sha256 = hashlib.sha256(b"one").hexdigest()
            yield OLD["FollowAdaptersResponse"](manifest=manifest)
            yield OLD["FollowAdaptersResponse"](chunk=OLD["AdapterChunk"](data=b"one"))
        while context.is_active():
            if until(lambda: not context.is_active(), 0.1):
                return


def test_a_tuner_of_before_is_spoken_to(tmp_path: Path) -> None:
    played, taken = OldTuner(), []
    server = grpc.server(ThreadPoolExecutor(4), handlers=[played])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    spool = Spool(tmp_path / "spool")
    spool.open()
    link = TunerLink(
        f"127.0.0.1:{port}",
        RUNTIME_IDENTITY,
        ["runtime"],
        spool,
        lambda manifest, payload: taken.append((manifest.version, payload)),
        have_version=lambda: len(taken),
        have_digest=lambda: "d" * 64,
        encodings=(1, 2),
    )
    link.start()
    link.wait_registered(DEADLINE_SEC)
    link.submit(message("from-new"))
    assert until(lambda: taken == [(1, b"one")] and len(spool) == 0)
    link.close(0.0)
    server.stop(None)
    assert [trajectory.trajectory_id for trajectory in played.stored] == ["from-new"]


@pytest.mark.parametrize(("theirs", "fits"), [(0, True), (1, True), (2, True), (3, True), (4, False)])
def test_sides_that_are_one_apart_work_together(theirs: int, fits: bool) -> None:
    assert WIRE_VERSION == 2
    assert (wire_mismatch(theirs) is None) is fits


def test_a_runtime_too_far_apart_is_refused_with_a_sentence(tuner: ServedTuner) -> None:
    identity = RUNTIME_IDENTITY
    request = tuner_pb2.RegisterRuntimeRequest(
        runtime_id="far",
        base_model_digest=identity.base_model_digest,
        tokenizer_digest=identity.tokenizer_digest,
        quantization=identity.quantization,
        action_grammar=identity.action_grammar,
        wire_version=WIRE_VERSION + 2,
    )
    with grpc.insecure_channel(tuner.address) as channel, pytest.raises(grpc.RpcError) as refused:
        tuner_pb2_grpc.TunerServiceStub(channel).RegisterRuntime(request, timeout=DEADLINE_SEC)
    assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert refused.value.details() == "Got wire version 4, expected one next to 2: update this side."


def _reads(name: str) -> Callable[[bytes], Any]:
    return lambda content: OLD[name].FromString(content)


def _bytes(answer: Any) -> bytes:
    content: bytes = answer.SerializeToString()
    return content
