"""The card games on a full phone behind a real adb server: solved through the screen, rewarded as published."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from agent_runtime.actions import Finish, Grammar, grammar_named
from agent_runtime.devices import Device
from agent_runtime.devices.adb import open_device
from agent_runtime.episode import EpisodeConfig, run_episode
from agent_runtime.policy.base import Policy
from agent_runtime.policy.scripted import ScriptedPolicy
from agent_runtime.tasks import Task, TaskTemplate, suite_named
from agent_runtime.tasks.cards import GAMES
from agent_runtime.trajectory import Purpose, Trajectory, Verdict
from device_scripts.oracle.plans.cards import sticks
from device_scripts.oracle.policy import OraclePolicy
from device_scripts.virtual_phone.cards import blackjack

TEMPLATES = suite_named("cards")
BLACKJACK = TEMPLATES[-1]
JSON: Grammar = grammar_named("json")
DONE = JSON.render(Finish(True))
HOME = '{"action":"press","key":"home"}'
CONFIG = EpisodeConfig("test", Purpose.EXPLORE, seed=0, temperature=0.0)


@pytest.fixture
def phone(adb_server: Any, virtual_phone: Callable[..., Any]) -> Iterator[Device]:
    running = virtual_phone(seed=5, apps="full")
    with open_device(running.serial, server_port=adb_server.port) as device:
        yield device


def run(device: Device, policy: Policy, task: Task) -> Trajectory:
    return run_episode(device, policy, JSON, task, CONFIG)


@pytest.mark.parametrize("template", TEMPLATES[:3], ids=lambda template: template.name)
def test_the_games_of_skill_are_always_won_through_the_screen(phone: Device, template: TaskTemplate) -> None:
    for game in ("1", "23", "64"):
        task = template.task({"game": game})
        done = run(phone, OraclePolicy(phone, task), task)
        assert (done.verdict, done.reward) == (Verdict.SUCCESS, 1.0), (game, done.void_reason, done.steps[-1].action)
        assert len(done.steps) <= template.optimal_steps


def by_strategy(number: int) -> blackjack.Blackjack:
    """Return the game as basic strategy plays it, by the rules alone."""
    game = blackjack.start(number)
    while not game.score.done:
        stick = sticks([card.value for card in game.player], game.dealer[0].value)
        game = blackjack.step(game, "stick" if stick else "hit")
    return game


@pytest.mark.parametrize(
    ("total", "ends"), [(1, (Verdict.SUCCESS, 1.0)), (0, (Verdict.FAILURE, 0.5)), (-1, (Verdict.FAILURE, 0.0))]
)
def test_a_hand_of_blackjack_is_rewarded_by_its_result(phone: Device, total: int, ends: tuple[Verdict, float]) -> None:
    game = next(game for game in GAMES if by_strategy(int(game)).score.total == total)
    task = BLACKJACK.task({"game": game})
    done = run(phone, OraclePolicy(phone, task), task)
    assert (done.verdict, done.reward) == ends, (game, done.void_reason)


def test_basic_strategy_wins_some_hands_and_loses_some_within_the_steps() -> None:
    ended = [by_strategy(int(game)) for game in GAMES]
    assert {game.score.total for game in ended} == {1, 0, -1}
    moves = [len(game.player) - 2 + (blackjack.hand_sum(game.player) <= 21) for game in ended]
    assert 3 + max(moves) + 1 <= BLACKJACK.optimal_steps  # opening, moves, announcement


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda template: template.name)
def test_no_game_is_won_by_announcing_it_or_by_doing_nothing(phone: Device, template: TaskTemplate) -> None:
    task = template.instances("unseen-instances")[0]
    announced = run(phone, ScriptedPolicy([DONE]), task)
    assert (announced.verdict, announced.reward, announced.void_reason) == (Verdict.FAILURE, 0.0, "")
    idle = run(phone, ScriptedPolicy([HOME]), task)
    assert (idle.verdict, idle.reward, len(idle.steps)) == (Verdict.FAILURE, 0.0, template.step_limit)


def test_a_game_won_is_dealt_afresh_and_another_game_does_not_count(phone: Device) -> None:
    template = TEMPLATES[0]
    task = template.task({"game": "1"})
    assert run(phone, OraclePolicy(phone, task), task).verdict is Verdict.SUCCESS
    task.initialize(phone)
    assert task.outcome(phone).reward == 0.0
    query = ["content", "query", "--uri", "content://org.example.numberline/game"]
    assert "number=1, " in phone.shell(query).stdout
    phone.shell(["content", "insert", "--uri", query[-1], "--bind", "number:i:2"])
    assert not task.is_successful(phone)
    task.tear_down(phone)
