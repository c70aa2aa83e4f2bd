"""The suite ``basics``: eight templates over four apps, those of the demo and the small VLM. Draws no task."""

from agent_runtime.tasks.apps import CartTask, DeleteNoteTask, SearchTask, WriteNoteTask
from agent_runtime.tasks.base import TaskTemplate
from agent_runtime.tasks.system import AlarmTask, OpenAppTask, StopwatchTask, ToggleTask

BASICS_TEMPLATES: tuple[TaskTemplate, ...] = (
    OpenAppTask(),
    ToggleTask(),
    AlarmTask(),
    StopwatchTask(),
    WriteNoteTask(),
    DeleteNoteTask(),
    SearchTask(),
    CartTask(),
)
