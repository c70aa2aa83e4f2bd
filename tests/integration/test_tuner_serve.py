"""`tuner` as a process: it serves, refuses, stops, and comes back with everything."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
from coso.v1 import trajectory_pb2, tuner_pb2, tuner_pb2_grpc
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from grpc_status import rpc_status

from agent_runtime.policy.identity import base_model_digest, tokenizer_digest
from agent_runtime.trajectory import Verdict
from tests.tuner_process import DEADLINE_SEC, ROOT, environment, serve_options, tuner, write_model
from tests.wire_world import message, until

Stub = tuner_pb2_grpc.TunerServiceStub
Submit = tuner_pb2.SubmitTrajectoriesRequest

# The real command line with another learner: it publishes eight bytes for each trajectory it is told of.
SERVE = """
import sys
from tuner import cli, supervisor
supervisor.learner_command = lambda config: [sys.executable, "-c", LEARNER, str(config.state)]
LEARNER = '''
import json, sys
from pathlib import Path
from coso.v1 import policy_pb2
from tuner.adapters.store import AdapterStore
store = AdapterStore(Path(sys.argv[1]) / "adapters")
def say(**event): print(json.dumps(event), flush=True)
say(event="metrics", metrics={"loss": 0.25})
say(event="state", state="waiting", message="for 1 new trajectory")
for line in sys.stdin:
    if json.loads(line)["event"] == "stop":
        break
    version = max(store.versions(), default=0) + 1
    store.publish(policy_pb2.AdapterManifest(version=version, parent_version=version - 1), b"version%d" % version)
    say(event="published", version=version)
'''
cli.main()
"""


@dataclass
class Serving:
    """A tuner's process and the address it announced."""

    process: subprocess.Popen[str]
    address: str
    channel: grpc.Channel
    stub: Stub

    def status(self) -> tuner_pb2.GetStatusResponse:
        return self.stub.GetStatus(tuner_pb2.GetStatusRequest(), timeout=DEADLINE_SEC)

    def submit(self, *trajectories: trajectory_pb2.Trajectory) -> list[tuner_pb2.SubmitTrajectoriesResponse]:
        requests = (Submit(trajectory=trajectory) for trajectory in trajectories)
        return list(self.stub.SubmitTrajectories(requests, timeout=DEADLINE_SEC))

    def wait_for_the_learner(self) -> None:
        assert until(lambda: self.status().learner_state == "waiting", DEADLINE_SEC)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        """Send a signal; return the exit code and what was printed since the ready line."""
        self.process.send_signal(number)
        printed, _ = self.process.communicate(timeout=DEADLINE_SEC)
        return self.process.returncode, printed


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("model"))


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "a" / "state"


@pytest.fixture
def serve(model: Path, state: Path) -> Iterator[Callable[[], Serving]]:
    """A factory of tuners, one after another on one state folder. Standard error comes with the output."""
    with ExitStack() as stack:

        def start() -> Serving:
            command = [sys.executable, "-c", SERVE, *serve_options(model, state)]
            process = subprocess.Popen(
                command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
            )
            stack.callback(process.communicate)
            stack.callback(process.kill)
            assert process.stdout is not None
            lines = iter(process.stdout.readline, "")
            ready = next((line for line in lines if " WARNING " not in line), "")
            assert ready.startswith("listening on 127.0.0.1:"), ready
            address = ready.split()[-1]
            channel = stack.enter_context(grpc.insecure_channel(address))
            return Serving(process, address, channel, Stub(channel))

        yield start


def episode(model: Path, trajectory_id: str, verdict: Verdict = Verdict.SUCCESS) -> trajectory_pb2.Trajectory:
    """Return an episode of that model's policy."""
    trajectory = message(trajectory_id, verdict=verdict)
    trajectory.base_model_digest, trajectory.tokenizer_digest = base_model_digest(model), tokenizer_digest(model)
    return trajectory


def registration(model: Path, **changes: str) -> tuner_pb2.RegisterRuntimeRequest:
    facts = {
        "runtime_id": "pc/phone",
        "base_model_digest": base_model_digest(model),
        "tokenizer_digest": tokenizer_digest(model),
        "quantization": "none",
        "action_grammar": "json",
    }
    return tuner_pb2.RegisterRuntimeRequest(**{**facts, **changes})


def test_a_ledger_that_is_none_any_more_is_set_aside_and_it_serves(serve: Callable[[], Serving], state: Path) -> None:
    state.mkdir(parents=True)
    (state / "ledger.sqlite3").write_text("torn" * 100)
    assert serve().status().trajectories_stored == 0
    (kept,) = (state / "damaged").glob("ledger-*/ledger.sqlite3")
    assert kept.read_text() == "torn" * 100


def test_it_is_healthy_and_says_what_it_serves(serve: Callable[[], Serving]) -> None:
    channel = serve().channel
    health = health_pb2_grpc.HealthStub(channel)
    for service in ("", "coso.v1.TunerService"):
        answer = health.Check(health_pb2.HealthCheckRequest(service=service), timeout=DEADLINE_SEC)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
    reflected = ProtoReflectionDescriptorDatabase(channel)
    assert set(reflected.get_services()) == {
        "coso.v1.TunerService",
        "grpc.health.v1.Health",
        "grpc.reflection.v1alpha.ServerReflection",
    }
    described = reflected.FindFileContainingSymbol("coso.v1.TunerService")
    methods = [method.name for method in described.service[0].method]
    expected = ["RegisterRuntime", "SubmitTrajectories", "FollowAdapters", "GetStatus", "RollbackAdapter"]
    assert methods == expected


def test_it_is_told_to_be_out_of_service_before_its_calls_end(serve: Callable[[], Serving]) -> None:
    serving = serve()
    request = health_pb2.HealthCheckRequest(service="coso.v1.TunerService")
    watched = health_pb2_grpc.HealthStub(serving.channel).Watch(request, timeout=DEADLINE_SEC)
    assert next(watched).status == health_pb2.HealthCheckResponse.SERVING
    serving.process.send_signal(signal.SIGTERM)
    assert next(watched).status == health_pb2.HealthCheckResponse.NOT_SERVING
    watched.cancel()
    assert serving.process.wait(DEADLINE_SEC) == 0


def test_a_status_says_how_it_stands(serve: Callable[[], Serving], model: Path) -> None:
    serving = serve()
    serving.wait_for_the_learner()
    status = serving.status()
    assert (status.base_model_digest, status.quantization) == (base_model_digest(model), "none")
    assert (status.trajectories_stored, status.latest_version, list(status.runtime_ids)) == (0, 0, [])
    assert (status.learner_message, dict(status.learner_metrics)) == ("for 1 new trajectory", {"loss": 0.25})
    shown = tuner("status", "--address", serving.address)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "waiting for 1 new trajectory" in shown.stdout


@pytest.mark.parametrize(
    ("changes", "code", "reason", "says"),
    [
        ({"base_model_digest": "0" * 64}, "FAILED_PRECONDITION", "MODEL_MISMATCH", "Got the base model digest '0000"),
        ({"quantization": "nf4"}, "FAILED_PRECONDITION", "MODEL_MISMATCH", "Got the quantization 'nf4', "),
        ({"runtime_id": ""}, "INVALID_ARGUMENT", "NO_ID", "Got an empty runtime id, expected a name."),
    ],
)
def test_a_runtime_it_will_not_have_is_refused_with_a_reason(
    serve: Callable[[], Serving], model: Path, changes: dict[str, str], code: str, reason: str, says: str
) -> None:
    serving = serve()
    with pytest.raises(grpc.RpcError) as caught:
        serving.stub.RegisterRuntime(registration(model, **changes), timeout=DEADLINE_SEC)
    assert caught.value.code() is grpc.StatusCode[code]
    status = rpc_status.from_call(caught.value)
    assert status.message.startswith(says)
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    assert (info.reason, info.domain) == (reason, "coso.v1")
    assert list(serving.status().runtime_ids) == []


def test_each_trajectory_has_its_own_answer_in_order(serve: Callable[[], Serving], model: Path) -> None:
    serving = serve()
    foreign, broken = message("foreign"), episode(model, "broken")
    broken.steps[0].log_probs[0] = float("nan")
    other = episode(model, "a", Verdict.FAILURE)
    good = [episode(model, "a"), episode(model, "b"), episode(model, "void", Verdict.VOID)]
    answers = serving.submit(good[0], broken, good[1], foreign, good[0], other, good[2])
    assert [answer.trajectory_id for answer in answers] == ["a", "broken", "b", "foreign", "a", "a", "void"]
    stored, duplicate, refused = (
        tuner_pb2.SUBMIT_OUTCOME_STORED,
        tuner_pb2.SUBMIT_OUTCOME_DUPLICATE,
        tuner_pb2.SUBMIT_OUTCOME_REFUSED,
    )
    assert [answer.outcome for answer in answers] == [stored, refused, stored, refused, duplicate, refused, stored]
    assert answers[1].reason == "In step 0: got a log-prob that is no number from -110 to 0."
    assert answers[3].reason.startswith("Got the base model digest 'bbbbbbbbbbbb…'")
    assert answers[5].reason == "Got other content under an id that is stored: use a new id."
    status = serving.status()
    assert (status.trajectories_stored, status.trajectories_void, status.trajectories_waiting) == (3, 1, 2)


def test_what_the_learner_publishes_reaches_who_follows(serve: Callable[[], Serving], model: Path) -> None:
    serving = serve()
    serving.wait_for_the_learner()
    stream = serving.stub.FollowAdapters(tuner_pb2.FollowAdaptersRequest(runtime_id="pc/phone"), timeout=DEADLINE_SEC)
    serving.submit(episode(model, "a"))
    manifest, chunk = next(stream).manifest, next(stream).chunk
    assert (manifest.version, manifest.payload_bytes, manifest.replaces_any) == (1, 8, False)
    assert (chunk.offset_bytes, chunk.data) == (0, b"version1")
    serving.submit(episode(model, "b"))
    assert next(stream).manifest.version == 2
    stream.cancel()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly_and_a_restart_has_everything(
    serve: Callable[[], Serving], model: Path, number: signal.Signals
) -> None:
    first = serve()
    first.wait_for_the_learner()
    assert first.stub.RegisterRuntime(registration(model), timeout=DEADLINE_SEC).latest_version == 0
    first.submit(episode(model, "a"), episode(model, "b"))
    assert until(lambda: first.status().latest_version == 2)
    stream = first.stub.FollowAdapters(tuner_pb2.FollowAdaptersRequest(have_version=1), timeout=DEADLINE_SEC)
    assert next(stream).manifest.version == 2  # so the call has reached the server
    assert next(stream).chunk.data
    assert first.stop(number) == (0, "")
    assert list(stream) == []  # it ended by itself
    second = serve()
    status = second.status()
    assert (status.trajectories_stored, status.trajectories_waiting, status.latest_version) == (2, 2, 2)
    assert list(status.runtime_ids) == ["pc/phone"]
    assert second.stub.RegisterRuntime(registration(model), timeout=DEADLINE_SEC).latest_version == 2
    assert second.submit(episode(model, "a"))[0].outcome == tuner_pb2.SUBMIT_OUTCOME_DUPLICATE


def test_what_was_answered_for_survives_a_kill(serve: Callable[[], Serving], model: Path) -> None:
    first = serve()
    answers = first.submit(*(episode(model, f"{number}") for number in range(5)))
    assert len(answers) == 5
    assert first.stop(signal.SIGKILL)[0] == -signal.SIGKILL
    assert serve().status().trajectories_stored == 5


def test_a_signal_right_after_the_ready_line_ends_it_too(serve: Callable[[], Serving]) -> None:
    assert serve().stop() == (0, "")
