"""From the options of a goal list to its tasks: checks options, builds the judge. Reads no verdict, runs nothing."""

import os
from dataclasses import dataclass
from pathlib import Path

from agent_runtime.errors import UsageError
from agent_runtime.tasks import Task
from agent_runtime.tasks.goal_list import GoalTemplate, goals_from_file


@dataclass(frozen=True, slots=True)
class JudgedGoals:
    """A file of goals, who judges them and how; ``cache`` is the folder of votes."""

    goals: Path
    judge_url: str
    judge_model: str
    judge_votes: int
    step_limit: int
    cache: Path


def chosen_goals(
    goals: Path | None,
    judge_url: str | None,
    judge_model: str | None,
    *,
    judge_votes: int,
    step_limit: int,
    cache: Path,
) -> JudgedGoals | None:
    """Return what the options ask for, None where they name no goals.

    Raises:
        UsageError: goals without a judge, or a judge without goals.
    """
    if goals is None and judge_url is None and judge_model is None:
        return None
    if goals is None or not judge_url or not judge_model:
        raise UsageError(
            "Got only a part of --goals, --judge-url and --judge-model, expected all three: a list of goals has no "
            "other test of success, and the tasks of a suite need no judge."
        )
    return JudgedGoals(goals, judge_url, judge_model, judge_votes, step_limit, cache)


def judged_tasks(chosen: JudgedGoals) -> list[Task]:
    """Return the tasks of the list, in its order.

    Raises:
        UsageError: the list, the judge's address, its key or the cache cannot be used.
    """
    from agent_runtime.judges.cache import VoteCache
    from agent_runtime.judges.openai import API_KEY_VARIABLE, OpenAiClient  # loads an HTTP client
    from agent_runtime.judges.panel import VotingJudge

    goals = goals_from_file(chosen.goals)
    client = OpenAiClient(chosen.judge_url, chosen.judge_model, os.environ.get(API_KEY_VARIABLE))
    cache = VoteCache(chosen.cache)
    cache.open()
    judge = VotingJudge(chosen.judge_model, client.ask, chosen.judge_votes, cache)
    return GoalTemplate(f"goals/{chosen.goals.stem}", goals, judge, chosen.step_limit).instances("train")
