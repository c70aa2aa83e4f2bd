"""A redacted session: what was typed is nowhere on the disk, and what was to be black is."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from agent_runtime.actions import (
    Action,
    Finish,
    Key,
    LongPress,
    Malformed,
    OpenApp,
    PressKey,
    Swipe,
    Tap,
    TypeText,
    Wait,
    grammar_named,
)
from agent_runtime.errors import SessionError
from agent_runtime.sessions.course import replay_device
from agent_runtime.sessions.reader import open_session, screen_png
from agent_runtime.sessions.recording import Redaction, Region
from agent_runtime.sessions.redaction import MASK, Redactor
from agent_runtime.trajectory import PolicyIdentity, Step, Verdict
from tests import session_world as world

TEXT = Redaction(text=True)
SECRET = "Zürich Qv7"
AUTO_UI = PolicyIdentity("1" * 64, "2" * 64, "nf4", "auto-ui")


def everything_on_disk(folder: Path) -> str:
    return "".join(path.read_text("utf-8") for path in folder.iterdir() if path.is_file())


def typing_steps(secret: str, grammar: str) -> list[Step]:
    """Type a secret, and say it in every place where it can be said."""
    render = grammar_named(grammar).render
    said = render(TypeText(secret), f"now {secret}" if grammar == "json" else "")
    return [
        world.step(0, Tap(0.5, 0.5), utterance=render(Tap(0.5, 0.5)), prompt=f"Goal: write {secret}"),
        world.step(1, TypeText(secret), utterance=said, prompt=f"Goal: write {secret}"),
        world.step(
            2,
            Malformed(f"unknown action {secret!r}"),
            utterance=f"I typed {secret}",
            prompt=f"Goal: write {secret}\nDone so far:\n{TypeText(secret)!r}",
        ),
    ]


@pytest.mark.parametrize("grammar", ["json", "auto-ui"])
def test_no_typed_letter_is_left_on_the_disk(tmp_path: Path, grammar: str) -> None:
    identity = PolicyIdentity("1" * 64, "2" * 64, "nf4", grammar)
    done = world.trajectory(
        typing_steps(SECRET, grammar),
        verdict=Verdict.VOID,
        void_reason=f"DeviceError: refused {SECRET.upper()}",
        goal=f"Write a note that says {SECRET}",
        params={"word": SECRET},
        identity=identity,
    )
    world.record(tmp_path / "s", [done], TEXT)
    disk = everything_on_disk(tmp_path / "s")
    for letter in "ZüQ":
        assert letter not in disk
    assert "rich" not in disk
    assert '"Write a note that says ▒▒▒▒▒▒▒▒▒▒"' in disk


def test_masks_are_as_long_as_what_they_hide_and_the_rest_is_kept(tmp_path: Path) -> None:
    world.record(
        tmp_path / "s", [world.trajectory(typing_steps(SECRET, "json"), params={"word": SECRET})], Redaction(text=True)
    )
    session = open_session(tmp_path / "s")
    assert session.info.redaction == TEXT
    tap, typed, malformed = session.episodes[0].steps
    assert tap.action == Tap(0.5, 0.5)
    assert tap.decision.utterance == '{"thought":"","action":"tap","x":500,"y":500}'
    assert typed.action == TypeText(MASK * len(SECRET))
    assert typed.decision.utterance == f'{{"thought":"{MASK * 14}","action":"type","text":"{MASK * 10}"}}'
    assert typed.decision.token_ids == ()
    assert len(typed.decision.log_probs) == len(
        f'{{"thought":"now {SECRET}","action":"type","text":"{SECRET}"}}'.encode()
    )
    assert malformed.decision.utterance == MASK * len(f"I typed {SECRET}")
    assert malformed.action == Malformed(MASK * len(f"unknown action {SECRET!r}"))
    assert tap.prompt == f"Goal: write {MASK * 10}"


@pytest.mark.parametrize(
    "action",
    [
        Tap(0.5005, 0.5005),
        LongPress(0.5005, 0.5005),
        Swipe(0.5005, 0.8005, 0.5005, 0.2005),
        *(PressKey(key) for key in Key),
        Wait(2.0),
        Finish(True),
        Finish(False),
    ],
)
def test_a_json_answer_without_words_is_kept(action: Action) -> None:
    utterance = grammar_named("json").render(action)
    step = Redactor(TEXT, "json").step(world.step(0, action, utterance=utterance))
    assert (step.decision.utterance, step.action) == (utterance, action)


def test_an_auto_ui_answer_keeps_its_plan_and_its_points() -> None:
    redactor = Redactor(TEXT, "auto-ui")
    redactor.start(world.start_of(world.trajectory([], params={})))

    def said(action: Action) -> str:
        return redactor.step(
            world.step(0, action, utterance=grammar_named("auto-ui").render(action))
        ).decision.utterance

    tap = grammar_named("auto-ui").render(Tap(0.25, 0.75))
    assert said(Tap(0.25, 0.75)) == tap
    assert said(PressKey(Key.BACK)) == grammar_named("auto-ui").render(PressKey(Key.BACK))
    assert said(TypeText('a "b"')) == (
        'Action Plan: [TYPE] ; Action Decision: "action_type": "TYPE", "touch_point": "[-1.0, -1.0]", '
        f'"lift_point": "[-1.0, -1.0]", "typed_text": "{MASK * 5}"'
    )


def test_text_elsewhere_in_an_auto_ui_answer_is_masked() -> None:
    utterance = (
        'I see Bob Action Plan: Bob ; Action Decision: "action_type": "TYPE", "touch_point": "Bob", '
        '"lift_point": "[-1.0, -1.0]", "typed_text": "x", "typed_text": "Bob"'
    )
    action = grammar_named("auto-ui").parse(utterance)
    assert isinstance(action, TypeText)
    redactor = Redactor(TEXT, "auto-ui")
    assert "Bob" not in redactor.step(world.step(0, action, utterance=utterance)).decision.utterance


def test_an_answer_in_a_grammar_nobody_knows_is_masked_whole() -> None:
    done = Redactor(TEXT, "morse").step(world.step(0, Tap(0.5, 0.5), utterance="-.-"))
    assert done.decision.utterance == MASK * 3


def test_escapes_do_not_hide_a_secret() -> None:
    utterance = '{"action":"type","te\\u0078t":"\\u0073ecret"}'
    action = grammar_named("json").parse(utterance)
    assert action == TypeText("secret")
    masked = Redactor(TEXT, "json").step(world.step(0, action, utterance=utterance)).decision.utterance
    assert masked == f'{{"action":"type","{MASK * 9}":"{MASK * 11}"}}'


def test_a_secret_is_forgotten_with_its_episode() -> None:
    redactor = Redactor(TEXT, "json")
    redactor.start(world.start_of(world.trajectory([], params={"word": "milk"})))
    assert redactor.step(world.step(0, OpenApp("milk"))).action == OpenApp(MASK * 4)
    redactor.start(world.start_of(world.trajectory([], params={})))
    assert redactor.step(world.step(0, OpenApp("milk"))).action == OpenApp("milk")


@settings(max_examples=100, deadline=None)
@given(secret=st.text(alphabet=st.characters(categories=["Lo"]), min_size=1, max_size=8), thought=st.text(max_size=10))
def test_no_letter_of_any_secret_comes_through(secret: str, thought: str) -> None:
    """Letters of scripts that the format itself never uses: none may be left anywhere in the step."""
    for grammar in ("json", "auto-ui"):
        utterance = grammar_named(grammar).render(TypeText(secret), f"{thought}{secret}" if grammar == "json" else "")
        redactor = Redactor(TEXT, grammar)
        redactor.start(world.start_of(world.trajectory([], params={})))
        step = redactor.step(world.step(0, TypeText(secret), utterance=utterance, prompt=f"say {secret!r}"))
        left = f"{step.decision.utterance}{step.prompt}{step.action}"
        assert not set(secret) & set(left)


def test_regions_are_black_in_the_stored_picture_and_nothing_else_is_touched(tmp_path: Path) -> None:
    region = Region(0.0, 0.0, 0.5, 0.1)  # 8 px of 16, and 2.4 of 24: three rows
    done = world.trajectory([world.step(0, Finish(True))])
    world.record(tmp_path / "s", [done], Redaction(regions=(region,)))
    session = open_session(tmp_path / "s")
    assert session.info.redaction.regions == (region,)
    (step,) = session.episodes[0].steps
    stored = Image.open(io.BytesIO(screen_png(session, step)))
    seen = Image.open(io.BytesIO(done.steps[0].screenshot.png))
    box = (0, 0, 8, 3)
    assert stored.crop(box).getextrema() == ((0, 0),) * 3
    seen.paste((0, 0, 0), box)
    assert stored.tobytes() == seen.tobytes()
    assert step.decision == done.steps[0].decision


def test_a_redacted_session_cannot_be_replayed_exactly(tmp_path: Path) -> None:
    world.record(tmp_path / "s", world.some_trajectories(), Redaction(regions=(Region(0, 0, 1, 0.1),)))
    session = open_session(tmp_path / "s")
    with pytest.raises(SessionError, match="redacted when it was recorded, expected a whole session"):
        replay_device(session, session.episodes[0])
