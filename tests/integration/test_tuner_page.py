"""The page of a real `tuner serve`: what it shows, what it refuses, and that the front never notices it."""

from __future__ import annotations

import hashlib
import http.client
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
from coso.v1 import trajectory_pb2, tuner_pb2, tuner_pb2_grpc
from prometheus_client.parser import text_string_to_metric_families

from agent_runtime.policy.identity import base_model_digest, tokenizer_digest
from agent_runtime.trajectory import Purpose, Verdict
from tests.tuner_process import DEADLINE_SEC, ROOT, environment, serve_options, tuner, write_model
from tests.wire_world import manifest, message, until
from tuner.adapters.store import AdapterStore
from tuner.learner.records import WeightRecord, append_metrics, append_weight_records

HOSTILE = "<script>alert(1)</script>'\"&\u202e"
ESCAPED = "&lt;script&gt;alert(1)&lt;/script&gt;&#39;&#34;&amp;\u202e"
MAX_FRONT_KB = 120 << 10

# The real command line with a learner that only says that it waits.
SERVE = """
import sys
from tuner import cli, supervisor
supervisor.learner_command = lambda config: [sys.executable, "-c", LEARNER]
LEARNER = '''
import json, sys
print(json.dumps({"event": "metrics", "metrics": {"loss": 0.25}}), flush=True)
print(json.dumps({"event": "state", "state": "waiting", "message": "for <i>1</i> new trajectory"}), flush=True)
for line in sys.stdin:
    if json.loads(line)["event"] == "stop":
        break
'''
cli.main()
"""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


@dataclass(frozen=True)
class Serving:
    """A tuner's process, its front and the port of its page."""

    process: subprocess.Popen[str]
    stub: tuner_pb2_grpc.TunerServiceStub
    port: int

    def ask(self, path: str, method: str = "GET", host: str | None = None) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE_SEC)
        try:
            connection.request(method, path, headers={} if host is None else {"Host": host})
            answer = connection.getresponse()
            return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def status(self) -> tuner_pb2.GetStatusResponse:
        return self.stub.GetStatus(tuner_pb2.GetStatusRequest(), timeout=DEADLINE_SEC)

    def submit(self, *trajectories: trajectory_pb2.Trajectory) -> None:
        requests = (tuner_pb2.SubmitTrajectoriesRequest(trajectory=trajectory) for trajectory in trajectories)
        assert len(list(self.stub.SubmitTrajectories(requests, timeout=DEADLINE_SEC))) == len(trajectories)


def start(stack: ExitStack, model: Path, state: Path) -> Serving:
    command = [sys.executable, "-c", SERVE, *serve_options(model, state), "--page", "127.0.0.1:0"]
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    stack.callback(process.communicate)
    stack.callback(process.kill)
    assert process.stdout is not None
    front, page = process.stdout.readline(), process.stdout.readline()
    port = re.fullmatch(r"page on http://127\.0\.0\.1:(\d+)/\n", page)
    assert port is not None, front + page
    channel = stack.enter_context(grpc.insecure_channel(front.split()[-1]))
    serving = Serving(process, tuner_pb2_grpc.TunerServiceStub(channel), int(port[1]))
    assert until(lambda: serving.status().learner_state == "waiting", DEADLINE_SEC)
    return serving


def episode(model: Path, trajectory_id: str, **facts: object) -> trajectory_pb2.Trajectory:
    trajectory = message(trajectory_id, **facts)
    trajectory.base_model_digest, trajectory.tokenizer_digest = base_model_digest(model), tokenizer_digest(model)
    return trajectory


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def full(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A tuner with two versions, metrics, and three episodes, the second of them with hostile text everywhere."""
    state = tmp_path_factory.mktemp("full")
    store = AdapterStore(state / "adapters")
    for version in (1, 2):
        store.publish(manifest(version), b"payload%d" % version)
        append_metrics(state, {"update": float(version), "entropy": 1.5, "causal_entropy": 0.5})
        append_metrics(state, {"update": version + 0.5, "batch_success_rate": 0.5})
    weighed = WeightRecord("hostile", 0, 2, (HOSTILE, "tail\ud800"), (0.5, 0.25))
    append_weight_records(state, [weighed])
    hostile = episode(model, "hostile", steps=3)
    hostile.goal = hostile.task_name = hostile.runtime_id = hostile.device_serial = HOSTILE
    hostile.steps[1].utterance = hostile.steps[1].action.malformed.reason = HOSTILE
    hostile.steps[2].adapter_version = 2
    hostile.steps[2].adapter_digest = hashlib.sha256(b"payload2").hexdigest()
    hostile.started_at.seconds = -(10**11)
    with ExitStack() as stack:
        serving = start(stack, model, state)
        void = episode(model, "void", verdict=Verdict.VOID, purpose=Purpose.EVALUATE, steps=0)
        void.void_reason = HOSTILE
        serving.submit(episode(model, "plain", verdict=Verdict.FAILURE), hostile, void, hostile)
        yield serving


def test_the_overview_shows_how_everything_stands(full: Serving) -> None:
    answer = full.ask("/")
    assert (answer.status, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    for shown in (
        "for &lt;i&gt;1&lt;/i&gt; new trajectory",
        "<dt>stored</dt><dd>3</dd>",
        "<dt>version</dt><dd>2</dd>",
        "fake/act",
        "(21–100)",  # one of one
        "entropy of a token, in nats",
        'href="/episodes/1"',
        "stored 3, duplicate 1, refused 0",
        "all 3 episodes",
    ):
        assert shown in answer.text


@pytest.mark.parametrize("path", ["/", "/episodes/2", "/episodes/3"])
def test_hostile_text_is_text(full: Serving, path: str) -> None:
    answer = full.ask(path)
    assert answer.status == 200
    assert ESCAPED in answer.text
    assert "<script" not in answer.text
    assert "style=" not in answer.text


def test_an_episode_shows_screens_utterances_and_weights(full: Serving) -> None:
    text = full.ask("/episodes/2").text
    assert text.count('<article class="step">') == 3
    assert f'<span class="w9" title="0.5">{ESCAPED}</span><span class="w4" title="0.25">tail?</span>' in text
    assert f"<bdi>{ESCAPED}</bdi></p>" in text
    screen = full.ask("/episodes/2/screens/1.png")
    assert (screen.status, screen.headers["content-type"]) == (200, "image/png")
    assert screen.headers["x-content-type-options"] == "nosniff"
    assert screen.body == message().steps[0].screenshot.png


@pytest.mark.parametrize(
    ("path", "status"),
    [("/", 200), ("/page.css", 200), ("/metrics", 200), ("/episodes/2/screens/0.png", 200), ("/none", 404)],
)
def test_every_answer_has_the_safe_headers(full: Serving, path: str, status: int) -> None:
    answer = full.ask(path)
    assert answer.status == status
    policy = [part.strip() for part in answer.headers["content-security-policy"].split(";")]
    assert policy[:3] == ["default-src 'none'", "img-src 'self'", "style-src 'self'"]
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "same-origin"


@pytest.mark.parametrize(
    "path",
    [
        "/episodes/4",
        "/episodes/0",
        "/episodes/-1",
        "/episodes/x",
        "/episodes/%C2%B2",
        "/episodes/" + "9" * 18,
        "/episodes/" + "9" * 5000,
        "/episodes/2/screens/3.png",
        "/episodes/3/screens/0.png",
        "/episodes/2/screens/..png",
        "/..%2f..%2fetc/passwd",
        "/templates/base.html.jinja",
    ],
)
def test_what_is_not_there_is_404(full: Serving, path: str) -> None:
    assert full.ask(path).status == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_it_only_reads(full: Serving, method: str) -> None:
    assert [full.ask(path, method).status for path in ("/", "/episodes/1", "/metrics")] == [405, 405, 405]


def test_a_head_has_no_body(full: Serving) -> None:
    answer = full.ask("/episodes/1", "HEAD")
    assert (answer.status, answer.body) == (200, b"")


def test_a_foreign_name_for_this_machine_is_refused(full: Serving) -> None:
    answer = full.ask("/", host="evil.example")
    assert (answer.status, b"episode" in answer.body) == (421, False)


def test_metrics_are_prometheus_text(full: Serving) -> None:
    families = list(text_string_to_metric_families(full.ask("/metrics").text))
    samples = {(s.name, *s.labels.values()): s.value for family in families for s in family.samples}
    assert samples["tuner_trajectories_stored",] == 3
    assert samples["tuner_trajectories_void",] == 1
    assert samples["tuner_trajectories_waiting",] == 2
    assert samples["tuner_trajectories_consumed",] == 0
    assert samples["tuner_adapter_latest_version",] == 2
    assert samples["tuner_adapter_payload_bytes",] == 8
    assert samples["tuner_learner_metric", "loss"] == 0.25
    assert samples["tuner_submissions_total", "stored"] == 3
    assert samples["tuner_submissions_total", "duplicate"] == 1
    states = {key[1]: value for key, value in samples.items() if key[0] == "tuner_learner_state"}
    assert (states["waiting"], sum(states.values())) == (1.0, 1.0)
    assert samples["tuner_uptime_seconds",] > 0


def test_the_front_stays_small_with_the_page_in_use(full: Serving) -> None:
    askers = [threading.Thread(target=full.ask, args=("/",)) for _ in range(8)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    peak = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{full.process.pid}/status").read_text())
    assert peak is not None
    assert int(peak[1]) < MAX_FRONT_KB


def test_a_ledger_the_page_cannot_read_is_503_and_the_front_goes_on(model: Path, tmp_path: Path) -> None:
    with ExitStack() as stack:
        serving = start(stack, model, tmp_path)
        ledger = tmp_path / "ledger.sqlite3"
        ledger.rename(tmp_path / "away")  # the front has it open already, the page has not
        for path in ("/", "/metrics", "/episodes/1"):
            answer = serving.ask(path)
            assert (answer.status, answer.text.startswith("Got unable to open")) == (503, True)
        assert serving.status().learner_state == "waiting"
        (tmp_path / "away").rename(ledger)
        serving.submit(episode(model, "a"))
        assert serving.ask("/").status == 200


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_page_with_the_service(model: Path, tmp_path: Path, number: signal.Signals) -> None:
    with ExitStack() as stack:
        serving = start(stack, model, tmp_path)
        held = stack.enter_context(socket.create_connection(("127.0.0.1", serving.port)))
        held.sendall(b"GET / HTTP/1.1\r\n")  # and never the rest
        assert serving.ask("/").status == 200
        serving.process.send_signal(number)
        printed, _ = serving.process.communicate(timeout=DEADLINE_SEC)
        assert (serving.process.returncode, printed) == (0, "")
        with pytest.raises(ConnectionRefusedError):
            serving.ask("/")


def a_taken_port(stack: ExitStack) -> str:
    holder = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
    return f"127.0.0.1:{holder.getsockname()[1]}"


@pytest.mark.parametrize(
    ("page", "says"),
    [
        (a_taken_port, "expected a free port of this machine: Address already in use; choose another."),
        (lambda stack: "0.0.0.0:0", "for the page without --tls"),
        (lambda stack: "127.0.0.1", "expected host:port such as 127.0.0.1:8080."),
    ],
    ids=["taken", "for everybody", "no port"],
)
def test_a_page_that_cannot_be_is_one_sentence_before_anything_starts(
    model: Path, tmp_path: Path, page: Callable[[ExitStack], str], says: str
) -> None:
    state = tmp_path / "state"
    with ExitStack() as stack:
        done = tuner(*serve_options(model, state), "--page", page(stack))
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith("tuner: Got ")
    assert says in done.stderr
    assert not state.exists()
