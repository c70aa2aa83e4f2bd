"""Draws tasks from templates: one at random to explore, a fixed set to evaluate on. Knows no suite by name."""

import itertools
import random
from collections.abc import Sequence

from agent_runtime.tasks.base import Task, TaskTemplate
from agent_runtime.tasks.splits import Split


def sample_task(suite: Sequence[TaskTemplate], split: Split, rng: random.Random) -> Task:
    """Draw a template that has tasks in that split, then one of its tasks, each evenly."""
    return rng.choice(rng.choice([tasks for template in suite if (tasks := template.instances(split))]))


def unseen_tasks(suite: Sequence[TaskTemplate], splits: Sequence[Split], count: int, seed: int) -> list[Task]:
    """Return ``count`` tasks of each of these splits, the same for the same seed, spread evenly over the templates.

    Tasks repeat only when a split has fewer than ``count``; a split without tasks gives none.
    """
    return [task for split in splits for task in _spread(suite, split, count, random.Random(seed))]


def _spread(suite: Sequence[TaskTemplate], split: Split, count: int, rng: random.Random) -> list[Task]:
    piles = [rng.sample(tasks, len(tasks)) for template in suite if (tasks := template.instances(split))]
    in_turn = [task for row in itertools.zip_longest(*piles) for task in row if task is not None]
    return list(itertools.islice(itertools.cycle(in_turn), count))
