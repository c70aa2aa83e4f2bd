"""Draws tasks from templates: one at random to explore, a fixed set to evaluate on. Knows no suite by name."""

import itertools
import random
from collections.abc import Sequence

from agent_runtime.tasks.base import Split, Task, TaskTemplate


def sample_task(suite: Sequence[TaskTemplate], split: Split, rng: random.Random) -> Task:
    """Draw a template that has tasks in that split, then one of its tasks, each evenly."""
    return rng.choice(rng.choice([tasks for template in suite if (tasks := template.instances(split))]))


def held_tasks(suite: Sequence[TaskTemplate], count: int, seed: int) -> list[Task]:
    """Return ``count`` held tasks, the same for the same seed, spread evenly over the templates.

    Tasks repeat only when there are fewer than ``count``.
    """
    rng = random.Random(seed)
    piles = [rng.sample(tasks, len(tasks)) for template in suite if (tasks := template.instances("held"))]
    in_turn = [task for row in itertools.zip_longest(*piles) for task in row if task is not None]
    return list(itertools.islice(itertools.cycle(in_turn), count))
