"""Every real recording that lies beside the project: imported, replayed by the loop, matched, rendered, exported."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import pytest
from PIL import Image

from agent_runtime.actions import Action, Finish, Malformed, Tap, grammar_named
from agent_runtime.episode import EpisodeConfig, run_episode
from agent_runtime.policy.scripted import ScriptedPolicy
from agent_runtime.sessions.course import recorded_task, replay_device
from agent_runtime.sessions.export import export_session
from agent_runtime.sessions.importers import IMPORTERS
from agent_runtime.sessions.importing import import_session
from agent_runtime.sessions.matching import RULES
from agent_runtime.sessions.page import write_page
from agent_runtime.sessions.reader import open_session
from agent_runtime.sessions.recording import Origin, RecordedStep, Session
from agent_runtime.sessions.replay import replay_against
from agent_runtime.sessions.tokens import TokenTexts
from agent_runtime.trajectory import Purpose, Verdict
from tests.grammar_world import FIXTURES

SESSIONS = FIXTURES / "sessions"
JSON = grammar_named("json")
LOOPED = 3
"""So many episodes of a session are also run by the loop: decoding large screens takes its time."""
pytestmark = pytest.mark.skipif(not SESSIONS.is_dir(), reason="the real recordings are not here")


def aitz(home: Path) -> tuple[Path, Path | None]:
    return SESSIONS / "aitz_google_apps_523638528775825151", None


def android_control(home: Path) -> tuple[Path, Path | None]:
    """The episodes came without their pictures: a blank one of a phone's size stands in."""
    source = SESSIONS / "androidcontrol_actions_train_example.jsonl"
    (home / "images").mkdir()
    Image.new("RGB", (1080, 2400)).save(home / "blank.png", compress_level=1)
    for line in filter(None, source.read_text("utf-8").split("\n")):
        for step in json.loads(line)["steps"]:
            (home / "images" / Path(step["screenshot"]).name).symlink_to(home / "blank.png")
    return source, home / "images"


def folder(home: Path) -> tuple[Path, Path | None]:
    """The screenshot of Qwen's notebook with the calls it made there, read by its grammar, as a plain folder."""
    cells = json.loads((SESSIONS / "qwen_mobile_use_example" / "cells.json").read_text("utf-8"))
    outputs = [output for cell in cells for output in cell["outputs"] if "<tool_call>" in output]
    read = (grammar_named("qwen-mobile-use").parse(output) for output in outputs)
    acted = [action for action in read if not isinstance(action, Malformed)]
    assert [type(action) for action in acted] == [Tap] * len(outputs) != []
    steps = [json.loads(JSON.render(action)) for action in [*acted[:1], Finish(True)]]
    source = home / "qwen"
    source.mkdir()
    (source / "actions.json").write_text(json.dumps({"goal": "Search", "steps": steps}), "utf-8")
    for number in range(len(steps)):
        (source / f"{number:03d}.png").symlink_to(SESSIONS / "qwen_mobile_use_example" / "mobile_en_example.png")
    return source, None


SOURCES = [("aitz", aitz, 1, 4), ("android-control", android_control, 32, 0), ("folder", folder, 1, 2)]


@pytest.mark.parametrize(("kind", "source", "episodes", "steps"), SOURCES, ids=[one[0] for one in SOURCES])
def test_a_real_recording_is_imported_replayed_matched_and_rendered(
    tmp_path: Path, kind: str, source: Callable[[Path], tuple[Path, Path | None]], episodes: int, steps: int
) -> None:
    path, images = source(tmp_path)
    report = import_session(Origin(kind, str(path)), IMPORTERS[kind](path, images), tmp_path / "s")
    assert (report.episodes, report.refused) == (episodes, [])
    assert report.steps >= max(steps, episodes)
    session = open_session(tmp_path / "s")
    assert session.is_closed
    assert replayed_by_the_loop(session) == sum(len(episode.steps) for episode in session.episodes[:LOOPED])
    told = replay_against(session, ScriptedPolicy(said(step.action for _, step in session.steps())), JSON)
    assert (told.states, told.malformed) == (report.steps, 0)
    assert told.matches == {rule.name: report.steps for rule in RULES}
    away = replay_against(session, ScriptedPolicy([JSON.render(Finish(False))]), JSON)
    ends = sum(isinstance(step.action, Finish) for _, step in session.steps())
    assert away.matches == {rule.name: ends if Finish in rule.by_type else 0 for rule in RULES}
    write_page(session, TokenTexts(), tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text("utf-8")
    assert page.count('<li class="step">') == report.steps
    assert page.count("data:image/png;base64,") == len({step.screen_sha256 for _, step in session.steps()})
    assert export_session(session, "jsonl", tmp_path / "table.jsonl") == report.steps


def said(actions: Iterable[Action]) -> Sequence[str]:
    return [JSON.render(action) for action in actions]


def replayed_by_the_loop(session: Session) -> int:
    """Run the runtime's own loop on each episode, told what to do; return how many steps it took as recorded."""
    taken = 0
    for episode in session.episodes[:LOOPED]:
        acting = replay_device(session, episode)
        policy = ScriptedPolicy(said(step.action for step in episode.steps))
        config = EpisodeConfig("replay", Purpose.EVALUATE, seed=0, temperature=0.0, settle_deadline_sec=0.0)
        done = run_episode(acting, policy, Exactly(episode.steps), recorded_task(episode), config)
        assert (done.verdict, done.void_reason) == (Verdict.SUCCESS, "")
        taken += len(done.steps)
    return taken


class Exactly:
    """A grammar that reads the recorded actions, to the last digit, one after another."""

    name = "json"

    def __init__(self, steps: Sequence[RecordedStep]) -> None:
        self._left = [step.action for step in steps]

    def parse(self, utterance: str) -> Action:
        return self._left.pop(0)

    def render(self, action: Action, thought: str = "") -> str:
        return JSON.render(action, thought)
