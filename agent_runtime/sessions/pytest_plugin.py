"""A pytest plugin: every recorded episode under a folder is a test. Without `--sessions` it does and loads nothing.

    pytest --sessions runs/monday --session-model small-vlm --session-adapters runs/tuner/adapters
    pytest --sessions runs/monday --session-adapter runs/tuner/adapters/00000012    is V still as good on these?

An episode passes when each of its decisions is made again, identically; it fails at the first that is not; it is
skipped where it cannot be replayed wholly: a redacted or imported session, or steps whose adapter is not to be had.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from agent_runtime.actions import Grammar
    from agent_runtime.policy.base import Policy
    from agent_runtime.sessions.recording import RecordedEpisode, Session
    from agent_runtime.sessions.replay import Difference, UseAdapter


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("agent-runtime sessions")
    group.addoption("--sessions", metavar="DIR", help="Replay every recorded session under DIR, one test an episode.")
    group.addoption("--session-model", metavar="MODEL", default="small-vlm", help="Folder, or 'small-vlm'.")
    group.addoption("--session-quantization", metavar="Q", help="nf4, int8 or none; the recorded one by default.")
    group.addoption("--session-adapters", metavar="DIR", help="A tuner's adapters folder.")
    group.addoption(
        "--session-adapter", "--adapter", metavar="DIR", help="Folder of one adapter version, for every step."
    )


@pytest.hookimpl(tryfirst=True)  # before -k and -m choose
def pytest_collection_modifyitems(session: pytest.Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    """Add the recorded episodes to what was collected."""
    told = config.getoption("--sessions")
    if told is None:
        return
    if config.getoption("--session-adapter") and config.getoption("--session-adapters"):
        raise pytest.UsageError("Got --session-adapter and --session-adapters, expected one: leave the other out.")
    folders = sorted(path.parent for path in Path(told).rglob("session.json"))
    if not folders:
        raise pytest.UsageError(
            f"Got {told} without a session.json, expected a folder of sessions: name what "
            "`agent-runtime run --record` wrote, or a folder above it."
        )
    policies = Policies(
        config.getoption("--session-model"),
        config.getoption("--session-quantization"),
        config.getoption("--session-adapters"),
        config.getoption("--session-adapter"),
    )
    for folder in folders:
        name = folder.relative_to(told).as_posix() if folder != Path(told) else folder.resolve().name
        found = RecordedSession.from_parent(session, name=name, nodeid=name, folder=folder, policies=policies)
        items.extend(found.collect())


class ReplayError(Exception):
    """An episode that does not replay; its text is what a person reads."""


class Policies:
    """Loads policies as episodes want them and keeps the last: adapter versions in one only ever rise."""

    def __init__(self, model: str, quantization: str | None, adapters: str | None, adapter: str | None = None) -> None:
        self._model = model
        self._quantization = quantization
        self._adapters = None if adapters is None else Path(adapters)
        self._adapter = None if adapter is None else Path(adapter)
        self._for: tuple[object, ...] | None = None
        self._version = 0
        self._loaded: Any = None

    def of(self, session: "Session", episode: "RecordedEpisode") -> "tuple[Policy, Grammar, UseAdapter]":
        """Return a policy that can take the episode's versions.

        Raises:
            AgentRuntimeError: it cannot be loaded.
        """
        from agent_runtime.sessions import commands  # torch is loaded by it, and not before

        identity = session.info.identity
        wanted: tuple[object, ...] = (identity.quantization, identity.action_grammar)
        if self._adapters is not None:
            wanted = (*wanted, session.folder)
        versions = [step.decision.adapter_version for step in episode.steps]
        if wanted != self._for or min(versions) < self._version:
            self._for = self._loaded = None  # two would not fit together
            policy, grammar = commands.load_for(session, self._model, self._quantization, identity.action_grammar)
            self._loaded = policy, grammar, commands.adapter_source(policy, self._adapter, self._adapters)
            self._for = wanted
        self._version = max(versions) if self._adapters is not None else 0
        loaded: tuple[Policy, Grammar, UseAdapter] = self._loaded
        return loaded


class RecordedSession(pytest.Collector):
    """A session's folder; its items are its episodes."""

    def __init__(self, *, folder: Path, policies: Policies, **given: Any) -> None:
        super().__init__(**given)
        self._folder = folder
        self._policies = policies

    def collect(self) -> "Iterator[pytest.Item]":
        """Yield the episodes; a session that does not open is one item that fails."""
        from agent_runtime.errors import SessionError
        from agent_runtime.sessions.reader import open_session

        try:
            session = open_session(self._folder)
        except SessionError as error:
            yield UnopenedSession.from_parent(self, name="opens", sentence=str(error))
            return
        for episode in session.episodes:
            name = f"episode-{episode.number}"
            yield ReplayedEpisode.from_parent(
                self, name=name, session_=session, episode=episode, policies=self._policies
            )


class _SessionItem(pytest.Item):
    """Shows our own failures as their text, without a traceback."""

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Return what is printed for a failure."""
        from agent_runtime.errors import AgentRuntimeError

        if isinstance(excinfo.value, ReplayError | AgentRuntimeError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Say where the test is from."""
        return self.path, None, self.nodeid


class UnopenedSession(_SessionItem):
    """Fails with what is wrong with a session."""

    def __init__(self, *, sentence: str, **given: Any) -> None:
        super().__init__(**given)
        self._sentence = sentence

    def runtest(self) -> None:
        """Fail."""
        raise ReplayError(self._sentence)


class ReplayedEpisode(_SessionItem):
    """One recorded episode, decided again."""

    def __init__(self, *, session_: "Session", episode: "RecordedEpisode", policies: Policies, **given: Any) -> None:
        super().__init__(**given)
        self._session = session_
        self._episode = episode
        self._policies = policies

    def runtest(self) -> None:
        """Replay the episode exactly."""
        from agent_runtime.errors import SessionError
        from agent_runtime.sessions.course import refuse_inexact
        from agent_runtime.sessions.replay import replay_exactly

        session, episode = self._session, self._episode
        try:
            refuse_inexact(session)
        except SessionError as error:
            pytest.skip(str(error))
        if not episode.steps:
            pytest.skip("No step was taken.")
        policy, grammar, use_adapter = self._policies.of(session, episode)
        report = replay_exactly(replace(session, episodes=(episode,)), policy, grammar, use_adapter)
        if report.first_difference is not None:
            raise ReplayError(_told(session, report.first_difference))
        if report.skipped:
            pytest.skip(
                f"{report.skipped.total()} of {len(episode.steps)} steps ran under adapters that are not to be had "
                f"(versions {', '.join(map(str, sorted(report.skipped)))}): name them with --session-adapters."
            )


def _told(session: "Session", found: "Difference") -> str:
    from agent_runtime.sessions.recording import LINES_NAME, screen_path

    step = found.step
    return "\n".join(
        (
            f"Step {step.index} of episode {found.episode.number} is decided otherwise than recorded.",
            f"  goal:              {found.episode.start.goal}",
            f"  expected answer:   {step.decision.utterance}",
            f"  actual answer:     {found.decision.utterance}",
            f"  expected action:   {step.action}",
            f"  actual action:     {found.action}",
            f"  screenshot:        {screen_path(session.folder, step.screen_sha256)}",
            f"  recorded in:       {session.folder / LINES_NAME}, line {step.line}",
        )
    )
