"""Routes of the page, safe headers on every answer. Opens no port and runs no query on the event loop.

/                                the overview
/episodes/SEQUENCE               one episode; its number in the ledger, as ids are the runtime's to choose
/episodes/SEQUENCE/screens/N.png the screenshot of its step N
/metrics                         Prometheus text
/sign-in, /versions/…            see `forms`

Where others than this machine can reach the page, all of it but the sign-in is for who is signed in.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from coso.v1 import policy_pb2
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tuner.errors import LedgerError
from tuner.page.address import is_local_name
from tuner.page.controls import Controls
from tuner.page.exposition import CONTENT_TYPE, prometheus_text
from tuner.page.forms import Forms
from tuner.page.learning import latest_manifests
from tuner.page.reader import LedgerReader
from tuner.page.sign_in import SignIn
from tuner.page.standing import Standing, Watched
from tuner.page.views import Views

SAFE_HEADERS = {
    "content-security-policy": "default-src 'none'; img-src 'self'; style-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}
_FOR_ANYONE = ("/sign-in", "/page.css")
_LONGEST_SEQUENCE = 18  # digits; what is longer is above what SQLite counts to
_NOT_THERE = "There is nothing here: the episode is not in the ledger, or it is too large to open.\n"
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Reach:
    """Who can reach the page: by which names besides this machine's own, over TLS or not, others or not."""

    names: tuple[str, ...] = ()
    is_secure: bool = False
    is_open: bool = False
    """Whether it listens where other machines reach it."""

    def knows(self, host_header: str) -> bool:
        """Return whether a request's Host is one of its names."""
        name = host_header.lower().rpartition(":")[0] or host_header.lower()
        return is_local_name(host_header) or name.strip("[]") in self.names or host_header.lower() in self.names


class PageApp:
    """The routes' endpoints; everything that reads runs in ``executor``, one thread."""

    def __init__(
        self, state: Path, watched: Watched, executor: ThreadPoolExecutor, controls: Controls, reach: Reach
    ) -> None:
        self._reach = reach
        self.reader = LedgerReader(state)
        self._state = state
        self._watched = watched
        self._executor = executor
        self._views = Views(state, self.reader)
        self._forms = Forms(SignIn(state), controls, self._views.render, reach.is_secure)
        self._style = (Path(__file__).parent / "templates" / "page.css").read_text("utf-8")

    def asgi(self) -> ASGIApp:
        """Return the application for a server to run."""
        routes = [
            Route("/", self._overview),
            Route("/page.css", self._stylesheet),
            Route("/metrics", self._metrics),
            Route("/episodes/{sequence}", self._episode),
            Route("/episodes/{sequence}/screens/{index}.png", self._screen),
            *self._forms.routes(),
        ]
        handlers = {LedgerError: _unavailable, OSError: _unavailable}
        return _Guarded(Starlette(routes=routes, exception_handlers=handlers), self._reach, self._forms)

    async def _overview(self, request: Request) -> Response:
        standing, session = self._watched.now(), self._forms.session(request)
        on_trial, can_sign_in = self._forms.on_trial, self._forms.is_possible
        return _page(await self._in_thread(lambda: self._views.overview(standing, session, on_trial, can_sign_in)))

    async def _episode(self, request: Request) -> Response:
        sequence = _number(request.path_params["sequence"])
        if sequence is None:
            return PlainTextResponse(_NOT_THERE, 404)
        return _page(await self._in_thread(lambda: self._views.episode(sequence)))

    async def _screen(self, request: Request) -> Response:
        sequence, index = _number(request.path_params["sequence"]), _number(request.path_params["index"])
        png = None
        if sequence is not None and index is not None:
            png = await self._in_thread(lambda: self._png(sequence, index))
        if png is None:
            return PlainTextResponse(_NOT_THERE, 404)
        return Response(png, media_type="image/png", headers={"cache-control": "private, max-age=86400, immutable"})

    async def _metrics(self, request: Request) -> Response:
        standing = self._watched.now()
        return Response(
            await self._in_thread(lambda: self._prometheus(standing)), headers={"content-type": CONTENT_TYPE}
        )

    async def _stylesheet(self, request: Request) -> Response:
        return Response(self._style, media_type="text/css")

    def _png(self, sequence: int, index: int) -> bytes | None:
        message = self.reader.episode(sequence)
        if message is None or index >= len(message.steps):
            return None
        return message.steps[index].screenshot.png

    def _prometheus(self, standing: Standing) -> bytes:
        manifests = latest_manifests(self._state)
        latest = manifests[0] if manifests else policy_pb2.AdapterManifest()
        return prometheus_text(standing, self.reader.counts(), latest)

    async def _in_thread(self, work: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._executor, work)


class _Guarded:
    """Puts the safe headers on every answer, refusals and faults included, and lets nobody past who may not be."""

    def __init__(self, inner: ASGIApp, reach: Reach, forms: Forms) -> None:
        self._inner = inner
        self._reach = reach
        self._forms = forms

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(SAFE_HEADERS)
                headers.setdefault("cache-control", "no-store")
            await send(message)

        hosts = [value.decode("latin-1") for name, value in scope.get("headers", ()) if name == b"host"]
        if len(hosts) != 1 or not self._reach.knows(hosts[0]):
            answer: ASGIApp = PlainTextResponse("Got another name for this machine, expected localhost.\n", 421)
        elif self._reach.is_open and scope["path"] not in _FOR_ANYONE and self._forms.session(Request(scope)) is None:
            answer = RedirectResponse("/sign-in", 303)
        else:
            answer = self._inner
        await answer(scope, receive, send_safely)


def _page(html: str | None) -> Response:
    if html is None:
        return PlainTextResponse(_NOT_THERE, 404)
    return Response(html.encode("utf-8", "replace"), media_type="text/html")


async def _unavailable(request: Request, error: Exception) -> Response:
    return PlainTextResponse(f"{error}\n", 503)


def _number(text: str) -> int | None:
    if text.isascii() and text.isdigit() and len(text) <= _LONGEST_SEQUENCE:
        return int(text)
    return None
