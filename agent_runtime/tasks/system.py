"""Tasks of the phone itself: opening apps, switches of the settings, alarms, the stopwatch. Samples nothing."""

from typing import ClassVar

from agent_runtime.devices import Device
from agent_runtime.errors import TaskError
from agent_runtime.tasks import probes
from agent_runtime.tasks.base import Command, Params, ParamSpace, TaskTemplate

APP_PACKAGES = {
    "Settings": "com.android.settings",
    "Clock": "com.android.deskclock",
    "Notes": "org.example.notes",
    "Browser": "com.android.browser",
}
ALL_PACKAGES = tuple(APP_PACKAGES.values())
STATES = ("on", "off")
SWITCHES = {
    "Wi-Fi": ("global", "wifi_on", "0", "1"),
    "Bluetooth": ("global", "bluetooth_on", "0", "1"),
    "Airplane mode": ("global", "airplane_mode_on", "0", "1"),
    "NFC": ("global", "nfc_on", "0", "1"),
    "Dark theme": ("secure", "ui_night_mode", "1", "2"),
    "Auto-rotate": ("system", "accelerometer_rotation", "0", "1"),
    "Adaptive light": ("system", "screen_brightness_mode", "0", "1"),
    "Large text": ("system", "font_scale", "1.0", "1.3"),
    "Do not disturb": ("global", "zen_mode", "0", "1"),
    "Vibrate": ("system", "vibrate_when_ringing", "0", "1"),
    "Touch sounds": ("system", "sound_effects_enabled", "0", "1"),
    "Location": ("secure", "location_mode", "0", "3"),
    "Battery saver": ("global", "low_power", "0", "1"),
    "Auto time": ("global", "auto_time", "0", "1"),
}
"""Label of a switch to its settings namespace, key, and the values that mean off and on."""
ALARM_TIMES = tuple(f"{hour:02d}:{minute:02d}" for hour in range(6, 10) for minute in (0, 30))
CLOCK = APP_PACKAGES["Clock"]
ALARMS_URI = "content://com.android.deskclock/alarms"
STOPWATCH_URI = "content://com.android.deskclock/stopwatch"


class OpenAppTask(TaskTemplate):
    """Have an app in the foreground."""

    name = "apps/open"
    goal_template = "Open {app}"
    param_space: ClassVar[ParamSpace] = {"app": tuple(APP_PACKAGES)}
    apps = ("Home",)
    split_param = "app"
    splits_by_instance_only = True
    optimal_steps = 2

    def prepare(self, device: Device, params: Params) -> list[Command]:
        probes.start_from_home(device, ALL_PACKAGES)
        return []

    def reached(self, device: Device, params: Params) -> bool:
        return probes.foreground_package(device) == APP_PACKAGES[params["app"]]


class ToggleTask(TaskTemplate):
    """Have a switch of the settings in a state; it starts in the other one."""

    name = "settings/toggle"
    goal_template = "Turn {state} {switch}"
    param_space: ClassVar[ParamSpace] = {"state": STATES, "switch": tuple(SWITCHES)}
    apps = ("Settings",)
    split_param = "switch"
    splits_by_instance_only = True
    optimal_steps = 4

    def prepare(self, device: Device, params: Params) -> list[Command]:
        namespace, key, off, on = SWITCHES[params["switch"]]
        before = probes.setting(device, namespace, key)
        probes.start_from_home(device, ALL_PACKAGES)
        start = on if params["state"] == "off" else off
        probes.run(device, ["settings", "put", namespace, key, start])
        return [["settings", "put", namespace, key, before]] if before is not None else []

    def reached(self, device: Device, params: Params) -> bool:
        namespace, key, off, on = SWITCHES[params["switch"]]
        return probes.setting(device, namespace, key) == (on if params["state"] == "on" else off)


class AlarmTask(TaskTemplate):
    """Have the alarm of a time in a state; it starts in the other one. The number of alarms stays."""

    name = "clock/alarm"
    goal_template = "Turn {state} the {time} alarm"
    param_space: ClassVar[ParamSpace] = {"state": STATES, "time": ALARM_TIMES}
    apps = ("Clock",)
    split_param = "time"
    splits_by_instance_only = True
    optimal_steps = 3

    def prepare(self, device: Device, params: Params) -> list[Command]:
        probes.clear(device, CLOCK)
        probes.start_from_home(device, ALL_PACKAGES)
        start = "0" if params["state"] == "on" else "1"
        alarms = probes.rows(device, ALARMS_URI)
        there = next((row for row in alarms if _time_of(row) == params["time"]), None)
        if there is None or there.get("enabled") != start:
            replaced = there or (alarms[0] if alarms else None)
            if replaced is not None:
                probes.delete(device, ALARMS_URI, replaced["_id"])
            hour, minutes = (int(part) for part in params["time"].split(":"))
            probes.insert(device, ALARMS_URI, {"hour": hour, "minutes": minutes, "enabled": int(start)})
        return [["pm", "clear", CLOCK]]

    def reached(self, device: Device, params: Params) -> bool:
        wanted = "1" if params["state"] == "on" else "0"
        alarms = probes.rows(device, ALARMS_URI)
        return any(_time_of(row) == params["time"] and row.get("enabled") == wanted for row in alarms)


def _time_of(row: dict[str, str]) -> str:
    try:
        return f"{int(row['hour']):02d}:{int(row['minutes']):02d}"
    except (KeyError, ValueError) as error:
        raise TaskError(
            f"Got the alarm {row}, expected whole hour and minutes: use a device whose clock has them."
        ) from error


class StopwatchTask(TaskTemplate):
    """Have the stopwatch run."""

    name = "clock/stopwatch"
    goal_template = "Start the stopwatch"
    param_space: ClassVar[ParamSpace] = {}
    apps = ("Clock",)
    split_param = None
    splits_by_instance_only = True
    optimal_steps = 4

    def prepare(self, device: Device, params: Params) -> list[Command]:
        probes.clear(device, CLOCK)
        probes.start_from_home(device, ALL_PACKAGES)
        return [["pm", "clear", CLOCK]]

    def reached(self, device: Device, params: Params) -> bool:
        return any(row.get("running") == "1" for row in probes.rows(device, STOPWATCH_URI))
