"""Goals for an agent, with their set-up and the probe that tells whether they are reached."""

from agent_runtime.tasks.base import NOTHING, Outcome, Task, TaskTemplate
from agent_runtime.tasks.sampling import sample_task, unseen_tasks
from agent_runtime.tasks.splits import Split
from agent_runtime.tasks.suites import suite_named
from agent_runtime.tasks.task_files import tasks_from_file

__all__ = [
    "NOTHING",
    "Outcome",
    "Split",
    "Task",
    "TaskTemplate",
    "sample_task",
    "suite_named",
    "tasks_from_file",
    "unseen_tasks",
]
