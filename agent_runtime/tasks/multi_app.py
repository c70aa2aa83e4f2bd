"""The suite ``multi-app``: what is read in one app has to be used in another. Draws no task.

The goal never says the thing itself, only where it stands. What is typed is compared without case.
"""

from agent_runtime.tasks.base import TaskTemplate
from agent_runtime.tasks.multi_app_people import FROM_PEOPLE_TEMPLATES
from agent_runtime.tasks.multi_app_things import FROM_THINGS_TEMPLATES

MULTI_APP_TEMPLATES: tuple[TaskTemplate, ...] = (*FROM_PEOPLE_TEMPLATES, *FROM_THINGS_TEMPLATES)
