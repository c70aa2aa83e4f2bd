"""Replaying a session without a phone and without a model: the device, the exact replay, the comparison."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from agent_runtime.actions import Action, Finish, Malformed, Tap, grammar_named
from agent_runtime.devices.replay import ReplayDevice, Station
from agent_runtime.episode import EpisodeConfig, run_episode
from agent_runtime.errors import BadFrameError, DeviceError, SessionError
from agent_runtime.policy.scripted import ScriptedPolicy
from agent_runtime.sessions.course import recorded_task, replay_device
from agent_runtime.sessions.reader import open_session
from agent_runtime.sessions.recording import Session
from agent_runtime.sessions.replay import replay_against, replay_exactly
from agent_runtime.trajectory import Decision, Verdict
from tests import session_world as world

JSON = grammar_named("json")


@pytest.fixture
def session(tmp_path: Path) -> Session:
    world.record(tmp_path / "s", world.some_trajectories())
    return open_session(tmp_path / "s")


class Recalling(ScriptedPolicy):
    """Answers what was recorded for a picture, a prompt, a temperature and a seed, and nothing else."""

    def __init__(self, session: Session, changed: dict[int, str] | None = None) -> None:
        super().__init__(["{}"])
        self.asked: list[tuple[str, float, int]] = []
        self._answers = {(step.prompt, step.seed): step for _, step in session.steps()}
        self._changed = changed or {}

    def decide(self, image_png: bytes, prompt: str, *, temperature: float, seed: int) -> Decision:
        self.asked.append((prompt, temperature, seed))
        step = self._answers[prompt, seed]
        if step.line in self._changed:
            utterance = self._changed[step.line]
            return replace(step.decision, utterance=utterance, token_ids=tuple(utterance.encode()))
        return step.decision


# --- the device


def stations(*actions: Action) -> list[Station]:
    return [Station(lambda number=number: world.png(number), action) for number, action in enumerate(actions)]  # type: ignore[misc]


def test_the_recorded_action_leads_on_and_another_is_refused() -> None:
    device = ReplayDevice("recorded-1", stations(Tap(0.1, 0.2), Tap(0.3, 0.4)))
    first = device.observe()
    with pytest.raises(DeviceError, match=r"Got Tap\(.*0\.3.* at step 0 of a recording, expected Tap\(.*0\.1"):
        device.perform(Tap(0.3, 0.4))
    assert device.observe() == first
    device.perform(Tap(0.1, 0.2))
    assert device.observe() != first


def test_what_does_nothing_leads_on_only_where_it_was_recorded() -> None:
    device = ReplayDevice("recorded-1", stations(Malformed("?"), Tap(0.1, 0.2), Finish(True)))
    first = device.observe_settled(30)
    assert device.observe_settled(30) == first
    device.perform(Malformed("?"))
    second = device.observe_settled(30)
    assert second != first
    device.perform(Malformed("another"))
    assert device.observe_settled(30) == second
    device.perform(Tap(0.1, 0.2))
    last = device.observe()
    assert last != second
    device.perform(Finish(True))
    assert device.observe() == last


def test_after_the_end_there_is_nothing_to_see() -> None:
    device = ReplayDevice("recorded-1", stations(Tap(0.1, 0.2)))
    device.perform(Tap(0.1, 0.2))
    with pytest.raises(DeviceError, match="what came after step 0"):
        device.observe_settled(30)


def test_a_recording_runs_no_command() -> None:
    with pytest.raises(DeviceError, match="run tasks on a phone"):
        ReplayDevice("recorded-1", stations(Tap(0.1, 0.2))).shell(["am", "start"])


@pytest.mark.parametrize("content", [b"", b"GIF89a", world.png(0)[:100]])
def test_a_screen_that_is_no_picture_is_a_bad_frame(content: bytes) -> None:
    with pytest.raises(BadFrameError, match="no picture"):
        ReplayDevice("recorded-1", [Station(lambda: content, Tap(0.1, 0.2))]).observe()


def test_the_same_loop_runs_on_a_recorded_course(session: Session) -> None:
    """run_episode on the replay device gives the episode again: pictures, prompts, decisions, verdict."""
    for episode, done in list(zip(session.episodes, world.some_trajectories(), strict=True))[:2]:
        policy = Prompted(session, {step.index: step.prompt for step in episode.steps})
        config = EpisodeConfig(
            "again",
            episode.start.purpose,
            episode.start.seed,
            episode.start.temperature,
            step_limit=len(episode.steps),
        )
        again = run_episode(replay_device(session, episode), policy, JSON, recorded_task(episode), config)
        assert (again.verdict, again.void_reason, again.goal) == (done.verdict, "", done.goal)
        assert [step.decision for step in again.steps] == [step.decision for step in done.steps]
        assert [step.action for step in again.steps] == [step.action for step in done.steps]
        assert [step.screenshot.png for step in again.steps] == [step.screenshot.png for step in done.steps]


class Prompted(Recalling):
    """Says the prompts that were recorded."""

    def __init__(self, session: Session, prompts: dict[int, str]) -> None:
        super().__init__(session)
        self._prompts = prompts

    def prompt_text(self, goal: str, history: Sequence[Action]) -> str:
        return self._prompts[len(history)]


def test_a_policy_that_leaves_the_course_makes_the_episode_void(session: Session) -> None:
    wrong = ScriptedPolicy([JSON.render(Tap(0.9, 0.9))])
    config = EpisodeConfig("again", session.episodes[0].start.purpose, 40, 0.7)
    again = run_episode(
        replay_device(session, session.episodes[0]), wrong, JSON, recorded_task(session.episodes[0]), config
    )
    assert again.verdict is Verdict.VOID
    assert "was recorded there" in again.void_reason


def test_a_goal_with_braces_is_the_goal(session: Session) -> None:
    episode = replace(session.episodes[0], start=replace(session.episodes[0].start, goal="Say {hello}"))
    assert recorded_task(episode).goal == "Say {hello}"


# --- exact


def test_the_recorded_policy_decides_identically(session: Session) -> None:
    policy = Recalling(session)
    report = replay_exactly(session, policy, JSON)
    assert (report.compared, report.identical, report.first_difference) == (6, 6, None)
    assert report.largest_log_prob_gap == 0.0
    assert {temperature for _, temperature, _ in policy.asked} == {0.7}
    assert [seed for _, _, seed in policy.asked] == [40_000, 40_001, 40_002, 41_000, 41_001, 42_000]


def test_the_first_difference_is_told(session: Session) -> None:
    report = replay_exactly(session, Recalling(session, {3: JSON.render(Finish(False)), 7: "hm"}), JSON)
    assert (report.compared, report.identical) == (6, 4)
    found = report.first_difference
    assert found is not None
    assert (found.episode.number, found.step.line, found.step.index) == (1, 3, 1)
    assert found.action == Finish(False)


def test_other_tokens_for_the_same_words_are_a_difference(session: Session) -> None:
    class Retokenized(Recalling):
        def decide(self, image_png: bytes, prompt: str, *, temperature: float, seed: int) -> Decision:
            told = super().decide(image_png, prompt, temperature=temperature, seed=seed)
            return replace(told, token_ids=(*told.token_ids[:-1], 1, 2))

    assert replay_exactly(session, Retokenized(session), JSON).identical == 0


def test_log_probs_that_moved_are_told_and_are_no_difference(session: Session) -> None:
    class Elsewhere(Recalling):
        def decide(self, image_png: bytes, prompt: str, *, temperature: float, seed: int) -> Decision:
            told = super().decide(image_png, prompt, temperature=temperature, seed=seed)
            return replace(told, log_probs=(told.log_probs[0] - 1e-6, *told.log_probs[1:]))

    report = replay_exactly(session, Elsewhere(session), JSON)
    assert report.identical == 6
    assert report.largest_log_prob_gap == pytest.approx(1e-6)


def test_steps_under_an_adapter_are_skipped_where_it_is_not_to_be_had(tmp_path: Path) -> None:
    steps = [
        world.step(0, Tap(0.1, 0.1)),
        world.step(1, Tap(0.1, 0.1), version=2),
        world.step(2, Finish(True), version=3),
    ]
    world.record(tmp_path / "s", [world.trajectory(steps)])
    session = open_session(tmp_path / "s")
    report = replay_exactly(session, Recalling(session), JSON)
    assert (report.compared, report.identical, dict(report.skipped)) == (1, 1, {2: 1, 3: 1})


# --- against


def test_a_policy_that_does_the_same_matches_everything_that_is_an_action(session: Session) -> None:
    prompts: list[int] = []

    class Same(ScriptedPolicy):
        def prompt_text(self, goal: str, history: Sequence[Action]) -> str:
            prompts.append(len(history))
            return f"{goal} {len(history)}"

        def decide(self, image_png: bytes, prompt: str, *, temperature: float, seed: int) -> Decision:
            assert temperature == 0.0
            step = next(step for _, step in session.steps() if step.seed == seed)
            return step.decision

    report = replay_against(session, Same(["{}"]), JSON)
    assert (report.states, report.malformed_recorded, report.malformed) == (5, 1, 0)
    assert set(report.matches.values()) == {5}
    assert prompts == [0, 1, 2, 1, 0]  # the actions before each state
    assert report.by_kind == {"Tap": (2, 2), "Swipe": (1, 1), "Finish": (1, 1), "TypeText": (1, 1)}


def test_answers_that_are_no_action_match_nothing(session: Session) -> None:
    report = replay_against(session, ScriptedPolicy(["hm"]), JSON)
    assert (report.states, report.malformed) == (5, 5)
    assert set(report.matches.values()) == {0}


def test_the_picture_has_the_size_the_policy_wants(session: Session) -> None:
    sizes = []

    class Small(ScriptedPolicy):
        image_size_px = (8, 12)

        def decide(self, image_png: bytes, prompt: str, *, temperature: float, seed: int) -> Decision:
            sizes.append((int.from_bytes(image_png[16:20], "big"), int.from_bytes(image_png[20:24], "big")))
            return super().decide(image_png, prompt, temperature=temperature, seed=seed)

    replay_against(session, Small([JSON.render(Finish(True))]), JSON)
    assert set(sizes) == {(8, 12)}


def test_a_screen_that_changed_since_the_session_was_opened_is_refused(session: Session) -> None:
    named = json.loads((session.folder / "steps.jsonl").read_bytes().splitlines()[1])["screen_sha256"]
    (session.folder / "screens" / f"{named}.png").write_bytes(b"")
    with pytest.raises(SessionError, match="line 2 "):
        replay_exactly(session, Recalling(session), JSON)
