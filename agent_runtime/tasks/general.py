"""The suite ``general``: tasks within one app of a virtual phone's full set. Draws no task.

Another module's templates join by one line here.
"""

from agent_runtime.tasks import maps, more_apps, music, stored_files, weather
from agent_runtime.tasks.base import TaskTemplate
from agent_runtime.tasks.calendar import CALENDAR_TEMPLATES
from agent_runtime.tasks.calls import PHONE_APP_TEMPLATES
from agent_runtime.tasks.clock import CLOCK_TEMPLATES
from agent_runtime.tasks.contacts import CONTACTS_TEMPLATES
from agent_runtime.tasks.finding import FINDING_TEMPLATES
from agent_runtime.tasks.messages import MESSAGES_TEMPLATES

GENERAL_TEMPLATES: tuple[TaskTemplate, ...] = (
    *CONTACTS_TEMPLATES,
    *MESSAGES_TEMPLATES,
    *FINDING_TEMPLATES,
    *PHONE_APP_TEMPLATES,
    *CALENDAR_TEMPLATES,
    *CLOCK_TEMPLATES,
    more_apps.AddTask(),
    more_apps.MultiplyTask(),
    stored_files.OpenFileTask(),
    stored_files.DeleteFileTask(),
    stored_files.RenameFileTask(),
    stored_files.NewFolderTask(),
    stored_files.TakePictureTask(),
    stored_files.TakePicturesTask(),
    stored_files.ShowPictureTask(),
    stored_files.FavouritePictureTask(),
    stored_files.DeletePictureTask(),
    maps.ShowPlaceTask(),
    maps.SavePlaceTask(),
    maps.DirectionsTask(),
    music.PlaySongTask(),
    music.PauseMusicTask(),
    music.NextSongTask(),
    music.AddToPlaylistTask(),
    music.DropFromPlaylistTask(),
    weather.AddCityTask(),
    weather.ShowForecastTask(),
    weather.RemoveCityTask(),
    weather.TemperatureUnitTask(),
    more_apps.InstallTask(),
    more_apps.InstallAndOpenTask(),
    more_apps.UninstallTask(),
)
