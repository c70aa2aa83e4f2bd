"""Proves on a device that a task can be solved through its screen, and only by doing it. Chooses no tasks."""

from __future__ import annotations

from dataclasses import dataclass

from agent_runtime.actions import Finish, Key, PressKey, grammar_named
from agent_runtime.devices import Device
from agent_runtime.episode import EpisodeConfig, run_episode
from agent_runtime.policy.base import Policy
from agent_runtime.policy.scripted import ScriptedPolicy
from agent_runtime.tasks import Task
from agent_runtime.trajectory import Purpose, Trajectory, Verdict
from device_scripts.oracle.plans import GAMES_OF_CHANCE
from device_scripts.oracle.policy import OraclePolicy

_GRAMMAR = grammar_named("json")
_CONFIG = EpisodeConfig("oracle", Purpose.EVALUATE, seed=0, temperature=0.0)
_ANNOUNCE = _GRAMMAR.render(Finish(True))
_IDLE = [_GRAMMAR.render(PressKey(key)) for key in (Key.HOME, Key.BACK, Key.HOME)]


@dataclass(frozen=True, slots=True)
class Proof:
    """What came of one task: the oracle's steps, announcement included, and what is wrong, empty where nothing is.

    A game of chance that the oracle lost is not solved, but nothing is wrong with it.
    """

    task: Task
    steps: int
    is_solved: bool
    problem: str


def prove(device: Device, task: Task) -> Proof:
    """Solve a task, then announce success at once, then after keys that lead nowhere: only the first may succeed."""
    solved = _run(device, OraclePolicy(device, task), task)
    problem = _problem_of_solution(task, solved)
    for how, script in (("announcing", [_ANNOUNCE]), ("doing nothing", [*_IDLE, _ANNOUNCE])):
        if not problem:
            idle = _run(device, ScriptedPolicy(script), task)
            if idle.verdict is not Verdict.FAILURE:
                problem = f"{how} ended in {idle.verdict.value} {idle.void_reason}".rstrip()
    return Proof(task, len(solved.steps), solved.verdict is Verdict.SUCCESS, problem)


def _problem_of_solution(task: Task, solved: Trajectory) -> str:
    if solved.verdict is Verdict.FAILURE and task.name in GAMES_OF_CHANCE:
        return ""
    if solved.verdict is not Verdict.SUCCESS:
        actions = "; ".join(str(step.action) for step in solved.steps)
        return f"the plan ended in {solved.verdict.value} {solved.void_reason} after {actions}"
    if len(solved.steps) > task.template.optimal_steps:
        return f"the plan took {len(solved.steps)} steps, more than the {task.template.optimal_steps} it should"
    return ""


def _run(device: Device, policy: Policy, task: Task) -> Trajectory:
    return run_episode(device, policy, _GRAMMAR, task, _CONFIG)
