"""Signing in to the page of a real `tuner serve`, and its two buttons: for who may, from this page's forms alone."""

from __future__ import annotations

import http.client
import os
import re
import ssl
import subprocess
import sys
import urllib.parse
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import pytest

from tests.browser import CHROMIUM, Browser
from tests.tuner_process import DEADLINE_SEC, ROOT, environment, serve_options, write_model
from tests.wire_world import manifest
from tuner.adapters.store import AdapterStore
from tuner.canary.rule import Rule
from tuner.certificates.folder import make_authority, renew_server
from tuner.ingest.ledger import Ledger
from tuner.ingest.version_trials import VersionTrials
from tuner.page.sign_in import TRIES, SignIn, make_word

# The real command line with a learner that rolls back at once.
SERVE = """
import sys
from tuner import cli, supervisor
supervisor.learner_command = lambda config: [sys.executable, "-c", LEARNER]
LEARNER = '''
import json, sys
print(json.dumps({"event": "state", "state": "waiting", "message": ""}), flush=True)
for line in sys.stdin:
    event = json.loads(line)
    if event["event"] == "stop":
        break
    if event["event"] == "rollback":
        print(json.dumps({"event": "rolled_back", "request": event["request"], "version": 7}), flush=True)
'''
cli.main()
"""


@dataclass
class Page:
    """A page that is served, and who asks there."""

    state: Path
    port: int
    is_tls: bool
    word: str
    cookie: str = ""

    @property
    def origin(self) -> str:
        return f"{'https' if self.is_tls else 'http'}://127.0.0.1:{self.port}"

    def ask(self, method: str, path: str, form: dict[str, str] | None = None, origin: str | None = "own") -> Answer:
        if self.is_tls:
            trusting = ssl.create_default_context(cafile=str(self.state / "tls" / "ca.crt"))
            connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                "127.0.0.1", self.port, timeout=DEADLINE_SEC, context=trusting
            )
        else:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE_SEC)
        headers = {"Cookie": self.cookie} if self.cookie else {}
        if form is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        if origin is not None and method == "POST":
            headers["Origin"] = self.origin if origin == "own" else origin
        try:
            connection.request(method, path, None if form is None else urllib.parse.urlencode(form), headers)
            answer = connection.getresponse()
            return Answer(answer.status, dict(answer.getheaders()), answer.read().decode())
        finally:
            connection.close()

    def sign_in(self) -> Answer:
        answer = self.ask("POST", "/sign-in", {"word": self.word})
        self.cookie = answer.headers["set-cookie"].partition(";")[0]
        return answer

    def key(self) -> str:
        found = re.search(r'name="key" value="([^"]+)"', self.ask("GET", "/").text)
        assert found is not None
        return found[1]


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    text: str


def serve(stack: ExitStack, folder: Path, *options: str, listen: str = "127.0.0.1:0") -> Page:
    state, model = folder / "state", folder / "model"
    state.mkdir(parents=True, exist_ok=True)
    model.mkdir()
    write_model(model)
    store = AdapterStore(state / "adapters")
    for version in (1, 2, 3):
        published = manifest(version)
        published.optimizer_steps = version
        store.publish(published, b"payload%d" % version)
    word = make_word(state)
    command = [sys.executable, "-c", SERVE, *serve_options(model, state), "--page", listen, *options]
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    stack.callback(process.communicate)
    stack.callback(process.kill)
    assert process.stdout is not None
    lines = process.stdout.readline(), process.stdout.readline()
    port = re.fullmatch(r"page on https?://[0-9.]+:(\d+)/\n", lines[1])
    assert port is not None, lines
    return Page(state, int(port[1]), "--tls" in options, word)


def put_on_trial(state: Path) -> None:
    """Have version 3 on trial, as after some episodes of version 2."""
    ledger = Ledger(state)
    ledger.open()
    trials = VersionTrials(ledger, AdapterStore(state / "adapters"), Rule())
    trials.open()
    for kind, version in (("trust", 2), ("trial", 3)):
        trials._decide(kind, version, f"{version}" * 64, "As the test has it.")  # type: ignore[arg-type]
    ledger.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    folder = tmp_path_factory.mktemp("served")
    (folder / "state").mkdir()
    put_on_trial(folder / "state")
    with ExitStack() as stack:
        yield serve(stack, folder, "--canary-share", "0.1")


@pytest.fixture
def page(served: Page) -> Page:
    """The page as somebody sees it who is not signed in."""
    served.cookie = ""
    return served


def test_who_is_not_signed_in_reads_and_presses_nothing(page: Page) -> None:
    text = page.ask("GET", "/").text
    assert "Sign in" in text
    assert "Roll back" not in text
    assert page.ask("GET", "/versions/1/roll-back").headers["location"] == "/sign-in"
    for path in ("/versions/1/roll-back", "/versions/3/promote", "/sign-out"):
        assert page.ask("POST", path, {"key": "x", "latest": "3"}).status == 403


def test_a_session_rolls_back_and_ends(page: Page) -> None:
    signed_in = page.sign_in()
    assert (signed_in.status, signed_in.headers["location"]) == (303, "/")
    flags = {part.strip().lower() for part in signed_in.headers["set-cookie"].split(";")[1:]}
    assert {"httponly", "samesite=strict", "path=/"} <= flags
    text = page.ask("GET", "/").text
    assert 'href="/versions/1/roll-back?latest=3"' in text
    assert page.ask("GET", "/versions/1/roll-back?latest=3").text.count('value="3"') == 1
    key = page.key()
    done = page.ask("POST", "/versions/1/roll-back", {"key": key, "latest": "3"})
    assert (done.status, "Version 7 has the tensors of version 1." in done.text) == (200, True)
    assert page.ask("POST", "/sign-out", {"key": key}).status == 303
    assert page.ask("POST", "/versions/1/roll-back", {"key": key, "latest": "3"}).status == 403


@pytest.mark.parametrize("origin", [None, "null", "http://evil.example", "https://127.0.0.1"])
def test_a_form_of_another_site_is_refused_whoever_is_signed_in(page: Page, origin: str | None) -> None:
    page.sign_in()
    key = page.key()
    for path in ("/versions/1/roll-back", "/versions/3/promote", "/sign-out", "/sign-in"):
        form = {"key": key, "latest": "3", "word": page.word}
        assert page.ask("POST", path, form, origin=origin).status == 403
    assert page.key() == key  # nobody was signed out


@pytest.mark.parametrize("key", ["", "x", "\u00e9"])
def test_a_form_without_the_sessions_key_is_refused(page: Page, key: str) -> None:
    page.sign_in()
    assert page.ask("POST", "/versions/1/roll-back", {"key": key, "latest": "3"}).status == 403


def test_bad_forms_are_refused(page: Page) -> None:
    page.sign_in()
    key = page.key()
    for path, form, status in (
        ("/versions/x/roll-back", {"key": key, "latest": "3"}, 400),
        ("/versions/1/roll-back", {"key": key}, 400),
        ("/versions/1/roll-back", {"key": key, "latest": "3", "more": "x" * 5000}, 400),
        ("/versions/1/promote", {"key": key}, 409),
    ):
        assert page.ask("POST", path, form).status == status, path
    assert page.ask("POST", "/sign-in", None).status == 400
    assert page.ask("GET", "/versions/1/delete").status == 404


def test_the_version_on_trial_is_promoted_once(page: Page) -> None:
    page.sign_in()
    assert page.ask("GET", "/").text.count('href="/versions/3/promote"') == 1
    form = {"key": page.key()}
    done = page.ask("POST", "/versions/3/promote", form)
    assert (done.status, "Version 3 goes to everyone from now on." in done.text) == (200, True)
    assert page.ask("POST", "/versions/3/promote", form).status == 409
    assert "A person promoted it." in page.ask("GET", "/").text


def test_a_new_word_ends_every_session(page: Page) -> None:
    page.sign_in()
    page.word = make_word(page.state)
    assert "Sign out" not in page.ask("GET", "/").text
    page.sign_in()
    assert "Sign out" in page.ask("GET", "/").text


def test_words_are_not_to_be_guessed_and_sessions_end(tmp_path: Path) -> None:
    clock = [0.0]
    sign_in = SignIn(tmp_path, lambda: clock[0])
    assert (sign_in.is_possible, sign_in.begin("")) == (False, None)
    word = make_word(tmp_path)
    assert (tmp_path / "page_sign_in").read_text().strip() != word
    assert os.stat(tmp_path / "page_sign_in").st_mode & 0o777 == 0o600
    clock[0] = 100.0
    for _ in range(TRIES):
        assert not sign_in.is_closed()
        assert sign_in.begin(word + "x") is None
    assert sign_in.is_closed()
    clock[0] = 161.0
    assert not sign_in.is_closed()
    session_id = sign_in.begin(word)
    assert sign_in.session(session_id) is not None
    assert sign_in.session(None) is None
    clock[0] = 1e6
    assert sign_in.session(session_id) is None


def test_elsewhere_it_speaks_tls_and_shows_nothing_to_who_is_not_signed_in(tmp_path: Path) -> None:
    make_authority(tmp_path / "state", (), 90, datetime.now(timezone.utc))
    with ExitStack() as stack:
        page = serve(stack, tmp_path, "--tls", listen="0.0.0.0:0")
        for path in ("/", "/metrics", "/episodes/1", "/versions/1/roll-back"):
            answer = page.ask("GET", path)
            assert (answer.status, answer.headers["location"]) == (303, "/sign-in"), path
        assert page.ask("GET", "/sign-in").status == 200
        renew_server(page.state, (), 90, datetime.now(timezone.utc))
        assert "secure" in page.sign_in().headers["set-cookie"].lower()
        assert page.cookie.startswith("__Host-")
        assert "Roll back" in page.ask("GET", "/").text


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
def test_a_person_signs_in_and_rolls_back_in_a_browser(page: Page, tmp_path: Path) -> None:
    browser = Browser(tmp_path / "profile")
    shots = Path(os.environ.get("PAGE_SCREENSHOTS", tmp_path))
    try:
        browser.go(f"{page.origin}/sign-in")
        browser.screenshot(shots / "sign-in.png", 1200, is_dark=False)
        browser.script("document.querySelector('#word').value = 'wrong'")
        browser.press("form button")
        assert "That is not the word." in browser.script("document.body.innerText")
        browser.script(f"document.querySelector('#word').value = {page.word!r}")
        browser.press("form button")
        for name, width_px, is_dark in (
            ("wide-light", 1200, False),
            ("wide-dark", 1200, True),
            ("narrow-light", 390, False),
            ("narrow-dark", 390, True),
        ):
            browser.screenshot(shots / f"{name}.png", width_px, is_dark)
            assert browser.script("document.documentElement.scrollWidth <= window.innerWidth"), name
        browser.press('a[href^="/versions/1/roll-back"]')
        browser.screenshot(shots / "confirm-narrow-dark.png", 390, is_dark=True)
        browser.press("form button")
        assert "Version 7 has the tensors of version 1." in browser.script("document.body.innerText")
        assert browser.script("document.cookie") == ""  # scripts cannot read it
        browser.go(page.origin)
        browser.press(".top button")
        assert "Sign in" in browser.script("document.body.innerText")
    finally:
        browser.close()
    assert (shots / "wide-dark.png").stat().st_size > 10_000
