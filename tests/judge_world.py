"""A judge's endpoint on loopback that answers as told, for tests. Holds no tests."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from agent_runtime.judges.openai import CallLimits

SUCCESS = '{"verdict":"success"}'
FAILURE = '{"verdict":"failure"}'
ABSTAIN = '{"verdict":"abstain"}'
QUICK = CallLimits(deadline_sec=5.0, try_sec=2.0, tries=3, first_wait_sec=0.01)
"""For servers that answer; tests of slow ones give shorter limits."""
Reply = Callable[["_Handler"], None]


@dataclass
class JudgeServer:
    """What the endpoint was asked, and what it answers: ``replies`` in turn, the last one ever after."""

    url: str
    replies: list[Reply]
    questions: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)


class _Handler(BaseHTTPRequestHandler):
    world: JudgeServer

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with self.world.lock:
            self.world.questions.append(json.loads(body))
            self.world.headers.append({key.lower(): value for key, value in self.headers.items()})
            reply = self.world.replies[min(len(self.world.questions), len(self.world.replies)) - 1]
        reply(self)

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def answer(self, status: int, body: bytes, headers: Sequence[tuple[str, str]] = ()) -> None:
        """Send a whole answer."""
        self.send_response(status)
        for key, value in (*headers, ("Content-Length", str(len(body)))):
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(body)


def says(text: object) -> Reply:
    """Answer with a chat completion of that content."""
    body = json.dumps({"choices": [{"message": {"role": "assistant", "content": text}}]}).encode()
    return lambda handler: handler.answer(200, body)


def raw(status: int, body: bytes = b"", *headers: tuple[str, str]) -> Reply:
    """Answer with exactly this."""
    return lambda handler: handler.answer(status, body, headers)


def hangs_up(handler: _Handler) -> None:
    """Close the connection without an answer."""
    handler.close_connection = True


def never(handler: _Handler) -> None:
    """Say nothing until the test is over."""
    handler.world.over.wait(30.0)


def drips(handler: _Handler) -> None:
    """Send a header byte by byte, each in good time, without end."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
    while not handler.world.over.wait(0.02):
        try:
            handler.wfile.write(b"x")
        except OSError:
            return


def floods(handler: _Handler) -> None:
    """Send a body without end."""
    handler.send_response(200)
    handler.end_headers()
    while not handler.world.over.is_set():
        try:
            handler.wfile.write(b" " * 65536)
        except OSError:
            return


@contextmanager
def judge_server(*replies: Reply) -> Iterator[JudgeServer]:
    """Serve on a free port of loopback."""

    class Handler(_Handler):
        pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        world = Handler.world = JudgeServer(f"http://127.0.0.1:{server.server_port}/v1", list(replies))
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield world
        finally:
            world.over.set()
            server.shutdown()
            thread.join()
