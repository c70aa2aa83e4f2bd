"""Goals for an agent, with their set-up and the probe that tells whether they are reached."""

from agent_runtime.tasks.base import NOTHING, Outcome, Split, Task, TaskTemplate
from agent_runtime.tasks.sampling import held_tasks, sample_task
from agent_runtime.tasks.suites import suite_named
from agent_runtime.tasks.task_files import tasks_from_file

__all__ = [
    "NOTHING",
    "Outcome",
    "Split",
    "Task",
    "TaskTemplate",
    "held_tasks",
    "sample_task",
    "suite_named",
    "tasks_from_file",
]
