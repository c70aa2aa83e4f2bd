"""Tasks of settings that have one of several values, on pages within pages. Samples nothing."""

from collections.abc import Mapping
from typing import ClassVar

from agent_runtime.tasks.base import ParamSpace
from agent_runtime.tasks.setting_tasks import ChoiceTask

TONES = ("Aurora", "Chimes", "Harbor", "Meadow", "Pebble")
_TONE_URIS = {
    name: f"content://media/internal/audio/media/{number}?title={name}" for number, name in enumerate(TONES, start=10)
}


class FontSizeTask(ChoiceTask):
    """Have another size of text."""

    name = "settings/font_size"
    goal_template = "Set the font size to {size}"
    setting = ("system", "font_scale")
    values: ClassVar[Mapping[str, str]] = {"Small": "0.85", "Default": "1.0", "Large": "1.15", "Largest": "1.3"}
    param_space: ClassVar[ParamSpace] = {"size": tuple(values)}
    split_param = "size"
    optimal_steps = 5


class TimeoutTask(ChoiceTask):
    """Have the screen go dark after another time."""

    name = "settings/screen_timeout"
    goal_template = "Set the screen timeout to {time}"
    setting = ("system", "screen_off_timeout")
    values: ClassVar[Mapping[str, str]] = {
        "15 seconds": "15000",
        "30 seconds": "30000",
        "1 minute": "60000",
        "5 minutes": "300000",
        "10 minutes": "600000",
        "30 minutes": "1800000",
    }
    param_space: ClassVar[ParamSpace] = {"time": tuple(values)}
    split_param = "time"
    optimal_steps = 6


class BrightnessTask(ChoiceTask):
    """Have the brightness slider at a step of ten."""

    name = "settings/brightness"
    goal_template = "Set the brightness to {step}"
    setting = ("system", "screen_brightness")
    values: ClassVar[Mapping[str, str]] = {str(step): str(round(25.5 * step)) for step in range(11)}
    param_space: ClassVar[ParamSpace] = {"step": tuple(values)}
    split_param = "step"
    optimal_steps = 4


class RingtoneTask(ChoiceTask):
    """Have another ringtone."""

    name = "settings/ringtone"
    goal_template = "Set the ringtone to {tone}"
    setting = ("system", "ringtone")
    values: ClassVar[Mapping[str, str]] = _TONE_URIS
    param_space: ClassVar[ParamSpace] = {"tone": TONES}
    split_param = "tone"
    optimal_steps = 5


class AlarmSoundTask(RingtoneTask):
    """Have another sound for alarms."""

    name = "settings/alarm_sound"
    goal_template = "Set the alarm sound to {tone}"
    setting = ("system", "alarm_alert")
    optimal_steps = 6


class PrivateDnsTask(ChoiceTask):
    """Have private DNS off or automatic."""

    name = "settings/private_dns"
    goal_template = "Set private DNS to {mode}"
    setting = ("global", "private_dns_mode")
    values: ClassVar[Mapping[str, str]] = {"Off": "off", "Automatic": "opportunistic"}
    param_space: ClassVar[ParamSpace] = {"mode": tuple(values)}
    split_param = "mode"
    optimal_steps = 5


class NetworkTypeTask(ChoiceTask):
    """Have another kind of mobile network."""

    name = "settings/network_type"
    goal_template = "Set the mobile network type to {type}"
    setting = ("global", "preferred_network_mode")
    values: ClassVar[Mapping[str, str]] = {"5G": "33", "4G": "22", "3G": "18"}
    param_space: ClassVar[ParamSpace] = {"type": tuple(values)}
    split_param = "type"
    optimal_steps = 6


class HoldDelayTask(ChoiceTask):
    """Have another delay for touching and holding."""

    name = "settings/hold_delay"
    goal_template = "Set the hold delay to {delay}"
    setting = ("secure", "long_press_timeout")
    values: ClassVar[Mapping[str, str]] = {"Short": "400", "Medium": "1000", "Long": "1500"}
    param_space: ClassVar[ParamSpace] = {"delay": tuple(values)}
    split_param = "delay"
    optimal_steps = 6


class AnimationTask(ChoiceTask):
    """Have animations at another speed."""

    name = "settings/animation"
    goal_template = "Set the animation scale to {scale}"
    setting = ("global", "animator_duration_scale")
    values: ClassVar[Mapping[str, str]] = {"Off": "0", "0.5x": "0.5", "1x": "1", "2x": "2"}
    param_space: ClassVar[ParamSpace] = {"scale": tuple(values)}
    split_param = "scale"
    optimal_steps = 6


class SaverLevelTask(ChoiceTask):
    """Have battery saver start at another level."""

    name = "settings/saver_level"
    goal_template = "Let battery saver start at {level}"
    setting = ("global", "low_power_trigger_level")
    values: ClassVar[Mapping[str, str]] = {"Never": "0", "5 %": "5", "15 %": "15", "25 %": "25", "50 %": "50"}
    param_space: ClassVar[ParamSpace] = {"level": tuple(values)}
    split_param = "level"
    optimal_steps = 6


class ClockFormatTask(ChoiceTask):
    """Have the clock count to twelve or to twenty-four."""

    name = "settings/clock_format"
    goal_template = "Use the {hours}-hour clock"
    setting = ("system", "time_12_24")
    values: ClassVar[Mapping[str, str]] = {"12": "12", "24": "24"}
    param_space: ClassVar[ParamSpace] = {"hours": tuple(values)}
    split_param = "hours"
    optimal_steps = 5
