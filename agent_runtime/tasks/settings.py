"""The templates of the settings of a phone with all apps. Holds the list only."""

from agent_runtime.tasks import setting_lists as lists
from agent_runtime.tasks import setting_switches as switches
from agent_runtime.tasks import setting_values as values
from agent_runtime.tasks.base import TaskTemplate

SETTINGS_TEMPLATES: tuple[TaskTemplate, ...] = (
    values.FontSizeTask(),
    values.TimeoutTask(),
    values.BrightnessTask(),
    values.RingtoneTask(),
    values.AlarmSoundTask(),
    values.PrivateDnsTask(),
    values.NetworkTypeTask(),
    values.HoldDelayTask(),
    values.AnimationTask(),
    values.SaverLevelTask(),
    values.ClockFormatTask(),
    switches.MobileTask(),
    switches.NotificationsTask(),
    switches.DeveloperTask(),
    switches.AccessibilityTask(),
    switches.SoundsTask(),
    switches.VolumeTask(),
    switches.DeviceNameTask(),
    switches.BluetoothNameTask(),
    switches.DisplaySizeTask(),
    switches.LanguageTask(),
    lists.ConnectTask(),
    lists.SilenceAppTask(),
    lists.ForceStopTask(),
    lists.ClearDataTask(),
)
