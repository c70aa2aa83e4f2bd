"""The suite ``general``: tasks within one app of a virtual phone's full set. Draws no task.

Another module's templates join by one line here.
"""

from agent_runtime.tasks.base import TaskTemplate
from agent_runtime.tasks.calculator import CALCULATOR_TEMPLATES
from agent_runtime.tasks.calendar import CALENDAR_TEMPLATES
from agent_runtime.tasks.calls import PHONE_APP_TEMPLATES
from agent_runtime.tasks.clock import CLOCK_TEMPLATES
from agent_runtime.tasks.contacts import CONTACTS_TEMPLATES
from agent_runtime.tasks.finding import FINDING_TEMPLATES
from agent_runtime.tasks.maps import MAPS_TEMPLATES
from agent_runtime.tasks.messages import MESSAGES_TEMPLATES
from agent_runtime.tasks.music import MUSIC_TEMPLATES
from agent_runtime.tasks.notes import NOTES_TEMPLATES
from agent_runtime.tasks.phone import PHONE_TEMPLATES
from agent_runtime.tasks.pictures import CAMERA_TEMPLATES, GALLERY_TEMPLATES
from agent_runtime.tasks.store import STORE_TEMPLATES
from agent_runtime.tasks.stored_files import FILES_TEMPLATES
from agent_runtime.tasks.weather import WEATHER_TEMPLATES

GENERAL_TEMPLATES: tuple[TaskTemplate, ...] = (
    *PHONE_TEMPLATES,
    *CONTACTS_TEMPLATES,
    *MESSAGES_TEMPLATES,
    *NOTES_TEMPLATES,
    *CALCULATOR_TEMPLATES,
    *FILES_TEMPLATES,
    *CAMERA_TEMPLATES,
    *GALLERY_TEMPLATES,
    *MAPS_TEMPLATES,
    *MUSIC_TEMPLATES,
    *WEATHER_TEMPLATES,
    *STORE_TEMPLATES,
    *FINDING_TEMPLATES,
    *PHONE_APP_TEMPLATES,
    *CALENDAR_TEMPLATES,
    *CLOCK_TEMPLATES,
)
