"""The client against a server that answers rightly, wrongly, slowly, too much or not at all."""

from __future__ import annotations

import email.utils
import logging
import threading
import time

import pytest

from agent_runtime.errors import JudgeError, UsageError
from agent_runtime.judges.openai import CallLimits, OpenAiClient
from agent_runtime.judges.prompt import messages
from tests.judge_world import QUICK, SUCCESS, Reply, drips, floods, hangs_up, judge_server, never, raw, says

QUESTION = messages("Open Notes", [b"\x89PNG"])
KEY = "sk-do-not-print-1234567890"
IMPATIENT = CallLimits(deadline_sec=0.4, try_sec=0.15, tries=3, first_wait_sec=0.01)


def test_an_answer_comes_back_and_the_question_is_as_it_should() -> None:
    with judge_server(says(SUCCESS)) as server:
        assert OpenAiClient(server.url, "judge-1", KEY, QUICK).ask(QUESTION) == SUCCESS
    asked = server.questions[0]
    assert (asked["model"], asked["temperature"], asked["messages"]) == ("judge-1", 0, QUESTION)
    assert asked["max_tokens"] <= 64
    assert server.headers[0]["authorization"] == f"Bearer {KEY}"


def test_without_a_key_no_authorization_is_sent() -> None:
    with judge_server(says(SUCCESS)) as server:
        OpenAiClient(server.url + "/", "judge-1", "", QUICK).ask(QUESTION)
    assert "authorization" not in server.headers[0]


@pytest.mark.parametrize("fault", [raw(500), raw(503, b"busy"), raw(429), hangs_up])
def test_a_passing_fault_is_tried_again(fault: Reply) -> None:
    with judge_server(fault, fault, says(SUCCESS)) as server:
        assert OpenAiClient(server.url, "judge-1", limits=QUICK).ask(QUESTION) == SUCCESS
    assert len(server.questions) == 3


@pytest.mark.parametrize(
    ("fault", "told"),
    [(raw(500), "status 500"), (raw(429), "status 429"), (hangs_up, "a RemoteProtocolError")],
)
def test_tries_are_bounded(fault: Reply, told: str) -> None:
    with judge_server(fault) as server, pytest.raises(JudgeError, match=f"Got {told} .* at try 3"):
        OpenAiClient(server.url, "judge-1", limits=QUICK).ask(QUESTION)
    assert len(server.questions) == 3


@pytest.mark.parametrize("status", [302, 400, 401, 404, 422, 204])
def test_other_statuses_are_an_error_at_once(status: int) -> None:
    refusal = raw(status, b"", ("Location", "http://127.0.0.1:9/"))
    with judge_server(refusal) as server, pytest.raises(JudgeError, match=f"Got status {status} from the judge"):
        OpenAiClient(server.url, "judge-1", limits=QUICK).ask(QUESTION)
    assert len(server.questions) == 1


def test_retry_after_is_waited_for() -> None:
    with judge_server(raw(429, b"", ("Retry-After", "1")), says(SUCCESS)) as server:
        started_at = time.monotonic()
        assert OpenAiClient(server.url, "judge-1", limits=QUICK).ask(QUESTION) == SUCCESS
        assert time.monotonic() - started_at >= 1.0


@pytest.mark.parametrize("after", ["3600", "9" * 400, email.utils.formatdate(time.time() + 3600, usegmt=True)])
def test_a_retry_after_beyond_the_deadline_is_not_waited_for(after: str) -> None:
    with judge_server(raw(429, b"", ("Retry-After", after))) as server:
        started_at = time.monotonic()
        with pytest.raises(JudgeError, match=r"status 429 .* at try 1"):
            OpenAiClient(server.url, "judge-1", limits=QUICK).ask(QUESTION)
        assert time.monotonic() - started_at < 2.0


@pytest.mark.parametrize("after", ["soon", "-5", "", "1e9", "Mon, 99 Foo 2020 00:00:00 GMT", "٣"])
def test_a_retry_after_without_sense_is_none(after: str) -> None:
    header = ("Retry-After", after.encode("utf-8").decode("latin-1"))
    with judge_server(raw(503, b"", header), says(SUCCESS)) as server:
        assert OpenAiClient(server.url, "judge-1", limits=QUICK).ask(QUESTION) == SUCCESS


@pytest.mark.parametrize("slow", [never, drips])
def test_a_slow_answer_ends_at_the_deadline(slow: Reply) -> None:
    with judge_server(slow) as server:
        started_at = time.monotonic()
        with pytest.raises(JudgeError, match="no answer in"):
            OpenAiClient(server.url, "judge-1", limits=IMPATIENT).ask(QUESTION)
        assert time.monotonic() - started_at < 3.0  # 0.4 s and what a busy machine adds


def test_a_body_without_end_is_cut_off() -> None:
    with judge_server(floods) as server, pytest.raises(JudgeError, match="Got over 262144 bytes"):
        OpenAiClient(server.url, "judge-1", limits=QUICK).ask(QUESTION)
    assert len(server.questions) == 1


def test_a_compressed_body_is_not_unpacked() -> None:
    zipped = raw(200, b"\x1f\x8b" + b"\x00" * 40, ("Content-Encoding", "gzip"))
    with judge_server(zipped) as server, pytest.raises(JudgeError, match="compressed"):
        OpenAiClient(server.url, "judge-1", limits=QUICK).ask(QUESTION)
    assert server.headers[0]["accept-encoding"] == "identity"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe",
        b"<html>",
        b"[]",
        b"null",
        b"{}",
        b'{"choices":[]}',
        b'{"choices":{"0":1}}',
        b'{"choices":[{"message":"success"}]}',
        b"[" * 100_000,
    ],
)
def test_a_body_that_is_no_completion_is_an_error(body: bytes) -> None:
    with judge_server(raw(200, body)) as server, pytest.raises(JudgeError, match="no chat completion"):
        OpenAiClient(server.url, "judge-1", limits=QUICK).ask(QUESTION)


@pytest.mark.parametrize("content", [None, 1, True, ["success"], {"verdict": "success"}])
def test_content_that_is_no_text_is_an_error(content: object) -> None:
    with judge_server(says(content)) as server, pytest.raises(JudgeError, match="no text"):
        OpenAiClient(server.url, "judge-1", limits=QUICK).ask(QUESTION)


def test_nobody_there_is_an_error() -> None:
    with judge_server(says(SUCCESS)) as server:
        pass
    with pytest.raises(JudgeError, match="a ConnectError"):
        OpenAiClient(server.url, "judge-1", limits=QUICK).ask(QUESTION)


def test_a_question_that_is_too_large_is_not_sent() -> None:
    limits = CallLimits(max_question_bytes=1_000)
    with judge_server(says(SUCCESS)) as server, pytest.raises(JudgeError, match="to ask the judge"):
        OpenAiClient(server.url, "judge-1", limits=limits).ask(messages("x", [bytes(2_000)]))
    assert server.questions == []


def test_a_stop_ends_the_wait() -> None:
    stop = threading.Event()
    stop.set()
    limits = CallLimits(deadline_sec=60.0, try_sec=2.0, tries=3, first_wait_sec=30.0)
    with judge_server(raw(500)) as server, pytest.raises(JudgeError, match="Got a stop"):
        OpenAiClient(server.url, "judge-1", limits=limits, stop=stop).ask(QUESTION)


def test_the_key_is_in_no_sentence_and_no_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    told = []
    for reply in (raw(401, KEY.encode()), raw(500, KEY.encode()), raw(200, KEY.encode()), hangs_up):
        with judge_server(reply) as server, pytest.raises(JudgeError) as caught:
            OpenAiClient(server.url, "judge-1", KEY, QUICK).ask(QUESTION)
        told.append(f"{caught.value!r} {caught.value.__cause__!r}")
    with judge_server(says(f"Your key is {KEY}.")) as server:
        client = OpenAiClient(server.url, "judge-1", KEY, QUICK)
        told.append(client.ask(QUESTION) + repr(client))
    assert KEY not in "".join(told)
    assert KEY not in caplog.text


@pytest.mark.parametrize(
    "url",
    [
        "",
        "host/v1",
        "ftp://host/v1",
        "http://",
        "https://me:secret@host/v1",
        "https://host/v1?key=secret",
        "http://[::1",
    ],
)
def test_an_address_that_cannot_be_used_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(UsageError, match="--judge-url") as caught:
        OpenAiClient(url, "judge-1")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "key"),
    [("https://host/v1", "a\nb"), ("https://host/v1", "a b"), ("https://host/v1", "clé"), ("http://host/v1", KEY)],
)
def test_a_key_that_cannot_be_sent_safely_is_refused(url: str, key: str) -> None:
    with pytest.raises(UsageError, match="JUDGE_API_KEY") as caught:
        OpenAiClient(url, "judge-1", key)
    assert key not in str(caught.value)
