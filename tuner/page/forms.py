"""The page's forms: sign in, sign out, promote, roll back. Everything here is refused to other sites.

A POST must come from this very origin, by its Origin header, and from who is signed in by a cookie that is sent to
nobody else's requests (SameSite=Strict); its form must carry that session's own key.
"""

from __future__ import annotations

import urllib.parse
from collections.abc import Awaitable, Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from tuner.errors import LedgerError, RollbackError
from tuner.page.controls import Controls
from tuner.page.sign_in import LIFETIME_SEC, Session, SignIn

MAX_FORM_BYTES: Final = 4096
_LONGEST_VERSION: Final = 18
Render = Callable[..., str]
"""Makes a page of a template's name and what it shows."""


class Forms:
    """The endpoints; ``is_secure`` where the page speaks TLS."""

    def __init__(self, sign_in: SignIn, controls: Controls, render: Render, is_secure: bool) -> None:
        self._sign_in = sign_in
        self._controls = controls
        self._render = render
        self._is_secure = is_secure
        self._cookie = "__Host-tuner" if is_secure else "tuner"

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/sign-in", self._form, methods=["GET"]),
            Route("/sign-in", self._posted(self._begin, needs_session=False), methods=["POST"]),
            Route("/sign-out", self._posted(self._end), methods=["POST"]),
            Route("/versions/{version}/{what}", self._confirm, methods=["GET"]),
            Route("/versions/{version}/roll-back", self._posted(self._roll_back), methods=["POST"]),
            Route("/versions/{version}/promote", self._posted(self._promote), methods=["POST"]),
        ]

    def session(self, request: Request) -> Session | None:
        """Return who asks, None for nobody who is signed in."""
        return self._sign_in.session(request.cookies.get(self._cookie))

    @property
    def on_trial(self) -> int:
        """The version that may be promoted, 0 for none."""
        return self._controls.on_trial

    @property
    def is_possible(self) -> bool:
        """Whether anybody can sign in."""
        return self._sign_in.is_possible

    def _posted(
        self, act: Callable[[Request, dict[str, str]], Awaitable[Response]], needs_session: bool = True
    ) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            if request.headers.get("origin") != f"{request.url.scheme}://{request.headers.get('host')}":
                return PlainTextResponse("Got a form of another site, expected one of this page.\n", 403)
            form = await _fields(request)
            if form is None:
                return PlainTextResponse("Got no short form, expected one of this page.\n", 400)
            session = self.session(request)
            if needs_session and (session is None or form.get("key") != session.form_key):
                return PlainTextResponse("Got nobody who is signed in, expected that: sign in again.\n", 403)
            return await act(request, form)

        return endpoint

    async def _form(self, request: Request) -> Response:
        return self._page("sign_in.html.jinja", refusal="", is_possible=self.is_possible)

    async def _begin(self, request: Request, form: dict[str, str]) -> Response:
        if self._sign_in.is_closed():
            return self._refused("Too many wrong words came within a minute: wait for one.", 429)
        session_id = self._sign_in.begin(form.get("word", ""))
        if session_id is None:
            return self._refused("That is not the word.", 403)
        answer = RedirectResponse("/", 303)
        answer.set_cookie(
            self._cookie,
            session_id,
            max_age=int(LIFETIME_SEC),
            secure=self._is_secure,
            httponly=True,
            samesite="strict",
        )
        return answer

    async def _end(self, request: Request, form: dict[str, str]) -> Response:
        self._sign_in.end(request.cookies.get(self._cookie, ""))
        answer = RedirectResponse("/", 303)
        answer.delete_cookie(self._cookie, secure=self._is_secure, httponly=True, samesite="strict")
        return answer

    async def _confirm(self, request: Request) -> Response:
        session, version = self.session(request), _version(request)
        what = request.path_params["what"]
        if session is None:
            return RedirectResponse("/sign-in", 303)
        if version is None or what not in ("roll-back", "promote"):
            return PlainTextResponse("There is no such version or nothing of the kind to do with it.\n", 404)
        latest = request.query_params.get("latest", "")
        return self._page("confirm.html.jinja", what=what, version=version, latest=latest, key=session.form_key)

    async def _roll_back(self, request: Request, form: dict[str, str]) -> Response:
        version, latest = _version(request), _number(form.get("latest", ""))
        if version is None or latest is None:
            return PlainTextResponse("Got no version, expected a number.\n", 400)
        return await self._done(self._controls.roll_back(version, latest))

    async def _promote(self, request: Request, form: dict[str, str]) -> Response:
        version = _version(request)
        if version is None:
            return PlainTextResponse("Got no version, expected a number.\n", 400)
        return await self._done(self._controls.promote(version))

    async def _done(self, work: Awaitable[str]) -> Response:
        try:
            return self._page("done.html.jinja", sentence=await work, is_done=True)
        except (RollbackError, LedgerError) as error:
            return self._page("done.html.jinja", 409, sentence=str(error), is_done=False)

    def _refused(self, sentence: str, status: int) -> Response:
        return self._page("sign_in.html.jinja", status, refusal=sentence, is_possible=True)

    def _page(self, template: str, status: int = 200, **shown: object) -> Response:
        html = self._render(template, **shown)
        return Response(html.encode("utf-8", "replace"), status, media_type="text/html")


async def _fields(request: Request) -> dict[str, str] | None:
    """Return a form's fields, None where it is none, or longer than any of ours."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip()
    if kind != "application/x-www-form-urlencoded":
        return None
    content = b""
    async for part in request.stream():
        content += part
        if len(content) > MAX_FORM_BYTES:
            return None
    try:
        return dict(urllib.parse.parse_qsl(content.decode("ascii"), max_num_fields=8))
    except ValueError:
        return None


def _version(request: Request) -> int | None:
    return _number(request.path_params["version"])


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and 0 < len(text) <= _LONGEST_VERSION else None
