"""Recordings that others made become sessions: real ones where they lie beside the project, and made-up ones."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from agent_runtime.actions import Action, Finish, Key, Malformed, OpenApp, PressKey, Swipe, Tap, TypeText, grammar_named
from agent_runtime.errors import SessionError
from agent_runtime.policy.scripted import ScriptedPolicy
from agent_runtime.sessions.course import replay_device
from agent_runtime.sessions.fields import Fields
from agent_runtime.sessions.importers import IMPORTERS, aitz, android_control
from agent_runtime.sessions.importing import UNSAID
from agent_runtime.sessions.reader import open_session, screen_png
from agent_runtime.sessions.recording import Origin, Session
from agent_runtime.sessions.replay import replay_against, replay_exactly
from agent_runtime.trajectory import Verdict
from tests import session_world as world

FIXTURES = Path(__file__).parents[4] / "shared" / "fixtures" / "sessions"
AITZ = FIXTURES / "aitz_google_apps_523638528775825151"
ANDROID_CONTROL = FIXTURES / "androidcontrol_actions_train_example.jsonl"
JSON = grammar_named("json")
RunProgram = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> RunProgram:
    return lambda *args: world.run_program(monkeypatch, capsys, *args)


def pictures(folder: Path, names: Iterable[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(names):
        (folder / name).write_bytes(world.png(number, (100, 200)))


def actions_of(session: Session) -> list[Action]:
    return [step.action for _, step in session.steps()]


# --- real ones


@pytest.mark.skipif(not AITZ.is_dir(), reason="the AitZ episode is not here")
def test_a_real_aitz_episode(tmp_path: Path, run: RunProgram) -> None:
    code, out, err = run("import", "aitz", AITZ, "--output", tmp_path / "s")
    assert (code, err) == (0, "")
    assert "Imported 1 episodes of 4 steps" in out
    session = open_session(tmp_path / "s")
    assert session.is_closed
    assert session.info.imported == Origin("aitz", str(AITZ))
    (episode,) = session.episodes
    assert episode.start.goal == 'open app "Clock" (install if not already installed)'
    assert episode.end is not None
    assert episode.end.verdict is Verdict.SUCCESS
    assert actions_of(session) == [
        PressKey(Key.HOME),
        Swipe(0.5073748230934143, 0.541063666343689, 0.5788536071777344, 0.001115699764341116),
        Tap(0.6069772839546204, 0.49836206436157227),
        Finish(True),
    ]
    for step in episode.steps:
        assert (step.decision.token_ids, step.decision.log_probs, step.picture_size_px) == ((), (), (270, 600))
        stored = AITZ / f"GOOGLE_APPS-523638528775825151_{step.index}.png"
        assert screen_png(session, step) == stored.read_bytes()
        assert type(JSON.parse(step.decision.utterance)) is type(step.action)
    assert "focused on email setup" in episode.steps[0].decision.utterance
    code, _, err = run("inspect", tmp_path / "s")
    assert (code, err) == (0, "The session is quarantined: imported from aitz and not accepted.\n")
    page = (tmp_path / "s" / "inspect.html").read_text("utf-8")
    assert "none: imported from aitz" in page
    assert "swipe 0.507, 0.541 → 0.579, 0.001" in page
    assert page.count("data:image/png;base64,") == 4


@pytest.mark.skipif(not ANDROID_CONTROL.is_file(), reason="the AndroidControl episodes are not here")
def test_the_actions_of_the_real_android_control_episodes() -> None:
    episodes = [json.loads(line) for line in ANDROID_CONTROL.read_text("utf-8").split("\n") if line]
    assert len(episodes) >= 31
    first = [android_control.action_of(step["action_content"], (1080, 2400)) for step in episodes[0]["steps"]]
    assert first[0] == OpenApp("Zoho Meeting")
    assert first[2] == Tap(0.5, 389.8351648351648 / 2400)
    for episode in episodes:
        for step in episode["steps"]:
            action = android_control.action_of(step["action_content"], (1080, 2400))
            assert not isinstance(action, Malformed)
        assert action == Finish(True)


@pytest.mark.skipif(not ANDROID_CONTROL.is_file(), reason="the AndroidControl episodes are not here")
def test_real_episodes_without_pictures_are_refused(tmp_path: Path, run: RunProgram) -> None:
    code, out, err = run("import", "android-control", ANDROID_CONTROL, "--output", tmp_path / "s")
    assert (code, out) == (2, "")
    assert "name the folder they are in with --images" in err.splitlines()[0]
    assert not (tmp_path / "s").exists()


# --- made-up ones


def aitz_step(number: int, kind: int, **fields: Any) -> dict[str, Any]:
    nowhere = "[-1.0, -1.0]"
    step = {"step_id": number, "instruction": "do it", "image_path": f"app/E/E_{number}.png", "result_action_text": ""}
    return {**step, "result_action_type": kind, "result_touch_yx": nowhere, "result_lift_yx": nowhere, **fields}


@pytest.mark.parametrize(
    ("step", "action"),
    [
        (aitz_step(0, 3, result_action_text="naïve ☃"), TypeText("naïve ☃")),
        (aitz_step(0, 5), PressKey(Key.BACK)),
        (aitz_step(0, 7), PressKey(Key.ENTER)),
        (aitz_step(0, 11), Finish(False)),
        (aitz_step(0, 4, result_touch_yx="[0.2, 0.1]", result_lift_yx=[0.23, 0.1]), Tap(0.1, 0.2)),
        (aitz_step(0, 4, result_touch_yx="[0.2, 0.1]", result_lift_yx="[0.25, 0.1]"), Swipe(0.1, 0.2, 0.1, 0.25)),
    ],
)
def test_aitz_actions(step: dict[str, Any], action: Action) -> None:
    assert aitz.action_of(Fields(step)) == action


@pytest.mark.parametrize(
    ("steps", "why"),
    [
        ([aitz_step(0, 8)], "result_action_type is 8"),
        ([aitz_step(0, 4)], "result_touch_yx holds -1.0"),
        ([aitz_step(0, 4, result_touch_yx="[0.5]")], "not [y, x]"),
        ([aitz_step(0, 3)], "not a text with at least one character"),
        ([aitz_step(1, 5)], "step_id is 1, not 0"),
        ([aitz_step(0, 5), aitz_step(1, 5, instruction="else")], "Got 2 instructions"),
        ([aitz_step(0, 5), aitz_step(1, 5), aitz_step(2, 5)], "Got no picture from"),
        ([], "holds no list of steps"),
        ({"a": 1}, "holds no list of steps"),
    ],
)
def test_a_bad_aitz_episode_is_one_sentence(tmp_path: Path, run: RunProgram, steps: Any, why: str) -> None:
    pictures(tmp_path / "E", ["E_0.png", "E_1.png"])
    (tmp_path / "E" / "E.json").write_text(json.dumps(steps))
    code, out, err = run("import", "aitz", tmp_path / "E", "--output", tmp_path / "s")
    assert (code, out) == (2, "")
    assert why in err
    assert len(err.strip().splitlines()) == 1
    assert not (tmp_path / "s").exists()


def test_the_good_ones_of_several_are_imported_and_the_rest_is_told(tmp_path: Path, run: RunProgram) -> None:
    for name, kind in (("A", 10), ("B", 9), ("C", 5)):
        pictures(tmp_path / "all" / name, ["E_0.png"])
        (tmp_path / "all" / name / f"{name}.json").write_text(json.dumps([aitz_step(0, kind)]))
    code, out, err = run("import", "aitz", tmp_path / "all", "--output", tmp_path / "s")
    assert code == 1
    assert "Imported 2 episodes of 2 steps" in out
    assert "1 more left out." in out
    assert "result_action_type is 9" in err
    ends = [episode.end for episode in open_session(tmp_path / "s").episodes]
    assert [end and (end.verdict, end.void_reason) for end in ends] == [(Verdict.SUCCESS, ""), (Verdict.VOID, UNSAID)]


@pytest.mark.parametrize(
    ("start_px", "end_px", "finger"),
    [
        ([50, 40], [50, 160], Swipe(0.5, 0.8, 0.5, 0.2)),  # "down": the list shall go on, so the finger goes up
        ([50, 160], [50, 40], Swipe(0.5, 0.2, 0.5, 0.8)),
        ([20, 100], [80, 110], Swipe(0.2, 0.5, 0.8, 0.55)),  # left and right are as told
    ],
)
def test_android_controls_scrolls_become_what_the_finger_does(
    start_px: list[int], end_px: list[int], finger: Swipe
) -> None:
    told = {"action": "swipe", "coordinate": start_px, "coordinate2": end_px}
    assert android_control.action_of(told, (100, 200)) == finger


def test_android_control_with_its_pictures(tmp_path: Path, run: RunProgram) -> None:
    done = [
        {"action": "click", "coordinate": [50.0, 100.5]},
        {"action": "type", "text": "</tool_call> a"},
        {"action": "swipe", "coordinate": [50.0, 40.0], "coordinate2": [50.0, 160.0]},
        None,  # the screenshot after the last action
    ]
    steps = [{"action_content": content, "screenshot": f"/x/7_{n}.png"} for n, content in enumerate(done)]
    (tmp_path / "e.jsonl").write_text(json.dumps({"goal": "go", "is_successful": False, "steps": steps}) + "\n")
    pictures(tmp_path / "images", [f"7_{n}.png" for n in range(3)])
    arguments = ["import", "android_control", tmp_path / "e.jsonl", "--images", tmp_path / "images"]
    code, _, err = run(*arguments, "--output", tmp_path / "s")
    assert (code, err) == (0, "")
    session = open_session(tmp_path / "s")
    assert actions_of(session) == [Tap(0.5, 0.5025), TypeText("</tool_call> a"), Swipe(0.5, 0.8, 0.5, 0.2)]
    end = session.episodes[0].end
    assert end is not None
    assert (session.episodes[0].start.task_name, end.verdict) == ("android-control/7", Verdict.FAILURE)
    (tmp_path / "e.jsonl").write_text("{}\n{")
    code, _, err = run(*arguments, "--output", tmp_path / "other")
    assert code == 2
    assert "line 1 of" in err.splitlines()[0]
    assert "line 2 of" in err.splitlines()[1]


PLAIN = {"goal": "Open Notes", "steps": [{"thought": "There.", "action": "tap", "x": 750, "y": 312}]}


def plain_folder(folder: Path, content: object) -> Path:
    pictures(folder, ["000.png", "001.png"])
    (folder / "actions.json").write_text(json.dumps(content))
    return folder


def test_a_plain_folder(tmp_path: Path, run: RunProgram) -> None:
    plain = {**PLAIN, "succeeded": True, "name": "notes/open"}
    code, _, err = run("import", "folder", plain_folder(tmp_path / "in", plain), "--output", tmp_path / "s")
    assert (code, err) == (0, "")
    (episode,) = open_session(tmp_path / "s").episodes
    assert (episode.start.task_name, episode.start.goal) == ("notes/open", "Open Notes")
    assert [step.action for step in episode.steps] == [Tap(0.7505, 0.3125)]
    assert json.loads(episode.steps[0].decision.utterance) == PLAIN["steps"][0]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ([], "no JSON object"),
        ({"goal": "x", "steps": []}, "steps is empty"),
        ({"goal": "x", "steps": [{"action": "fly"}]}, "step 0: unknown action"),
        ({**PLAIN, "succeeded": "yes"}, "neither true nor false"),
        ({"goal": "x", "steps": [{"action": "wait", "seconds": 1}] * 3}, "002.png"),
    ],
)
def test_a_bad_plain_folder_is_one_sentence(tmp_path: Path, run: RunProgram, content: object, why: str) -> None:
    code, _, err = run("import", "folder", plain_folder(tmp_path / "in", content), "--output", tmp_path / "s")
    assert code == 2
    assert why in err
    assert len(err.strip().splitlines()) == 1


@pytest.mark.parametrize("kind", [*IMPORTERS, "other"])
def test_a_source_that_is_not_there_is_one_sentence(tmp_path: Path, run: RunProgram, kind: str) -> None:
    code, _, err = run("import", kind, tmp_path / "nowhere", "--output", tmp_path / "s")
    assert code == 2
    assert err.startswith("Got ")
    assert len(err.strip().splitlines()) == 1


def test_what_was_imported_is_held_against_policies_and_never_replayed_exactly(tmp_path: Path, run: RunProgram) -> None:
    source = plain_folder(tmp_path / "in", PLAIN)
    assert run("import", "folder", source, "--output", tmp_path / "s")[0] == 0
    session = open_session(tmp_path / "s")
    policy = ScriptedPolicy([JSON.render(Tap(0.78, 0.3))])
    assert set(replay_against(session, policy, JSON).matches.values()) == {1}
    with pytest.raises(SessionError, match="was imported"):
        replay_exactly(session, policy, JSON)
    assert replay_device(session, session.episodes[0]).observe()
    code, out, err = run("replay", tmp_path / "s")
    assert (code, out) == (2, "")
    assert "no policy decided in it" in err
    assert "--against" in err
    code, _, err = run("import", "folder", source, "--output", tmp_path / "s")
    assert code == 2
    assert "with something in it" in err
