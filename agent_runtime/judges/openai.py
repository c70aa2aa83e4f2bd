"""Asks a model behind an OpenAI-compatible chat-completions endpoint. Reads no verdict out of the answer.

Every question ends within one deadline over all its tries. Answers 429 and 5xx and broken connections are tried
again, a bounded number of times; anything else that is no answer is a ``JudgeError`` at once. Words of the server
never get into an error's sentence, nor does the key.
"""

import asyncio
import email.utils
import ipaddress
import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

import httpx2

from agent_runtime.errors import JudgeError, UsageError
from agent_runtime.judges.prompt import Messages

API_KEY_VARIABLE = "JUDGE_API_KEY"
_PATH = "/chat/completions"
_MAX_ANSWER_TOKENS = 32
_OK, _TOO_MANY_REQUESTS, _SERVER_ERRORS = 200, 429, range(500, 600)


@dataclass(frozen=True, slots=True)
class CallLimits:
    """How long and how much one question may take. ``deadline_sec`` is for all tries and the waits between them."""

    deadline_sec: float = 90.0
    try_sec: float = 45.0
    tries: int = 4
    first_wait_sec: float = 0.5
    """Doubled with every try; a longer Retry-After wins."""
    max_question_bytes: int = 16 << 20
    max_answer_bytes: int = 256 << 10


@dataclass(frozen=True, slots=True)
class _Reply:
    """What one try came to: a body, or why it is worth another one."""

    body: bytes = b""
    why_again: str = ""
    after_sec: float = 0.0


class OpenAiClient:
    """One model at one endpoint. ``api_key`` None: no Authorization header, as local servers have it.

    Not for use within a running event loop. Setting ``stop`` from another thread ends a wait between two tries.
    """

    def __init__(
        self,
        url: str,
        model: str,
        api_key: str | None = None,
        limits: CallLimits | None = None,
        stop: threading.Event | None = None,
    ) -> None:
        """Check what was given; nothing is sent.

        Raises:
            UsageError: the address or the key cannot be used.
        """
        self._url = _endpoint(url)
        self._model = model
        self._key = _checked_key(api_key, self._url)
        self._limits = limits or CallLimits()
        self._stop = stop or threading.Event()

    def ask(self, messages: Messages) -> str:
        """Return the text that the model answers.

        Raises:
            JudgeError: there is none; the sentence says why.
        """
        question = self._question(messages)
        ends_at = time.monotonic() + self._limits.deadline_sec
        for number in range(1, self._limits.tries + 1):
            reply = self._try(question, ends_at)
            if not reply.why_again:
                return self._without_key(_answer_text(reply.body))
            wait_sec = max(reply.after_sec, self._limits.first_wait_sec * 2 ** (number - 1))
            if number == self._limits.tries or time.monotonic() + wait_sec >= ends_at:
                break
            if self._stop.wait(wait_sec):
                raise JudgeError("Got a stop while waiting for the judge, expected its answer: start again to go on.")
        raise JudgeError(
            f"Got {reply.why_again} from the judge at try {number}, expected an answer within "
            f"{self._limits.deadline_sec:g} s: see that it is up and has quota."
        )

    def _question(self, messages: Messages) -> bytes:
        question = {
            "model": self._model,
            "temperature": 0,
            "max_tokens": _MAX_ANSWER_TOKENS,
            "messages": messages,
        }
        body = json.dumps(question).encode("ascii")
        if len(body) > self._limits.max_question_bytes:
            raise JudgeError(
                f"Got {len(body)} bytes to ask the judge, expected at most {self._limits.max_question_bytes}: "
                "show it fewer or smaller screens."
            )
        return body

    def _try(self, question: bytes, ends_at: float) -> _Reply:
        """Ask once, within what is left of the deadline."""
        left_sec = max(0.0, min(self._limits.try_sec, ends_at - time.monotonic()))
        try:
            return asyncio.run(asyncio.wait_for(self._post(question, left_sec), left_sec))
        except (asyncio.TimeoutError, httpx2.TimeoutException):
            return _Reply(why_again=f"no answer in {left_sec:.1f} s")
        except httpx2.TransportError as error:
            return _Reply(why_again=f"a {type(error).__name__}")

    async def _post(self, question: bytes, timeout_sec: float) -> _Reply:
        headers = {"Content-Type": "application/json", "Accept-Encoding": "identity"}
        if self._key is not None:
            headers["Authorization"] = f"Bearer {self._key}"
        async with (
            httpx2.AsyncClient(timeout=timeout_sec, follow_redirects=False) as client,
            client.stream("POST", self._url, content=question, headers=headers) as response,
        ):
            status = response.status_code
            if status == _TOO_MANY_REQUESTS or status in _SERVER_ERRORS:
                return _Reply(why_again=f"status {status}", after_sec=_retry_after_sec(response.headers))
            if status != _OK:
                raise JudgeError(
                    f"Got status {status} from the judge, expected {_OK}: check --judge-url, --judge-model and "
                    f"{API_KEY_VARIABLE}, and that the model takes pictures."
                )
            return _Reply(await self._body(response))

    async def _body(self, response: httpx2.Response) -> bytes:
        """Read the answer as it is on the wire; a compressed one could unpack to any size."""
        if response.headers.get("content-encoding", "identity") != "identity":
            raise JudgeError("Got a compressed answer from the judge, expected a plain one: ask its server for that.")
        body = bytearray()
        async for chunk in response.aiter_raw():
            body += chunk
            if len(body) > self._limits.max_answer_bytes:
                raise JudgeError(
                    f"Got over {self._limits.max_answer_bytes} bytes from the judge, expected a few: check --judge-url."
                )
        return bytes(body)

    def _without_key(self, text: str) -> str:
        return text.replace(self._key, "***") if self._key else text


def _endpoint(url: str) -> str:
    """Return the address to post to; a base such as ``https://host/v1`` gets the path appended."""
    try:
        parsed = httpx2.URL(url)
    except httpx2.InvalidURL:
        parsed = httpx2.URL("")
    if parsed.scheme not in ("http", "https") or not parsed.host or parsed.userinfo or parsed.query or parsed.fragment:
        raise UsageError(
            "Got a --judge-url that cannot be used, expected http(s)://host/path without password, query or fragment: "
            f"correct it, and put a key into {API_KEY_VARIABLE}."
        )
    base = str(parsed).rstrip("/")
    return base if base.endswith(_PATH) else base + _PATH


def _checked_key(key: str | None, url: str) -> str | None:
    """Return the key, None for an empty one; its characters are checked here so that no library quotes it later."""
    if not key:
        return None
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise UsageError(f"Got a {API_KEY_VARIABLE} with spaces or odd characters, expected a key: correct it.")
    parsed = httpx2.URL(url)
    if parsed.scheme == "http" and not _is_loopback(parsed.host):
        raise UsageError(
            f"Got a {API_KEY_VARIABLE} for a --judge-url without TLS, expected https://: use that, or unset the key."
        )
    return key


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _retry_after_sec(headers: Mapping[str, str]) -> float:
    """Return how long the server asks to wait; 0 where it says nothing sensible."""
    told = headers.get("retry-after", "").strip()
    if told.isascii() and told.isdigit():
        return float(told[:9])
    try:
        at = email.utils.parsedate_to_datetime(told)
    except (ValueError, OverflowError):
        return 0.0
    if at.tzinfo is None:
        at = at.replace(tzinfo=timezone.utc)
    return max(0.0, (at - datetime.now(timezone.utc)).total_seconds())


def _answer_text(body: bytes) -> str:
    try:
        answer: Any = json.loads(body)
        text = answer["choices"][0]["message"]["content"]
    except (ValueError, RecursionError, LookupError, TypeError) as error:
        raise JudgeError(
            f"Got {len(body)} bytes from the judge that are no chat completion, expected JSON with "
            "choices[0].message.content: check --judge-url."
        ) from error
    if not isinstance(text, str):
        raise JudgeError("Got no text in the judge's answer, expected a verdict: choose a judge that answers in text.")
    return text
