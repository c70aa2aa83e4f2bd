"""Tasks of what the settings list: Wi-Fi networks and apps. Samples nothing."""

from typing import ClassVar

from agent_runtime.devices import Device
from agent_runtime.tasks import probes
from agent_runtime.tasks.base import Command, Params, ParamSpace, TaskTemplate
from agent_runtime.tasks.setting_tasks import SETTINGS

NETWORKS_URI = f"content://{SETTINGS}/wifi_networks"
APPS_URI = f"content://{SETTINGS}/apps"
SILENT_URI = f"content://{SETTINGS}/silent_apps"
NETWORKS = ("Bakery", "Hotel", "Airport", "Museum", "Harbour", "Dentist")
APP_PACKAGES = {
    "Calculator": "com.android.calculator2",
    "Camera": "com.android.camera2",
    "Clock": "com.android.deskclock",
    "Maps": "org.example.maps",
    "Music": "org.example.music",
    "Notes": "org.example.notes",
    "Weather": "org.example.weather",
}
_MARKS: dict[str, tuple[str, dict[str, str | int]]] = {
    "Clock": ("content://com.android.deskclock/alarms", {"hour": 23, "minutes": 55, "enabled": 1}),
    "Notes": ("content://org.example.notes/notes", {"text": "to be cleared"}),
    "Music": ("content://org.example.music/playlist", {"track_id": 1}),
}
"""What is added to an app so that clearing it shows."""


class _ListTask(TaskTemplate):
    """Starts at the launcher's first page."""

    apps = ("Settings",)

    def prepare(self, device: Device, params: Params) -> list[Command]:
        undo = self.set_up(device, params)
        probes.start_from_home(device, [SETTINGS])
        probes.start_from_home(device, [])  # a second time: the launcher goes to its first page
        return undo

    def set_up(self, device: Device, params: Params) -> list[Command]:
        """Bring about what the task needs; return the commands that undo it."""
        raise NotImplementedError


class ConnectTask(_ListTask):
    """Have the phone connected to a network without a password that it does not know yet."""

    name = "settings/connect"
    goal_template = "Connect to the Wi-Fi network {network}"
    param_space: ClassVar[ParamSpace] = {"network": NETWORKS}
    split_param = "network"
    optimal_steps = 6

    def set_up(self, device: Device, params: Params) -> list[Command]:
        remove = ["content", "delete", "--uri", NETWORKS_URI, "--where", f"ssid='{params['network']}'"]
        probes.run(device, remove)
        probes.insert(device, NETWORKS_URI, {"ssid": params["network"], "secured": 0})
        before = probes.setting(device, "global", "wifi_on")
        probes.run(device, ["settings", "put", "global", "wifi_on", "1"])
        return [remove, *([["settings", "put", "global", "wifi_on", before]] if before is not None else [])]

    def reached(self, device: Device, params: Params) -> bool:
        rows = probes.rows(device, NETWORKS_URI)
        return [row.get("ssid") for row in rows if row.get("connected") == "1"] == [params["network"]]


class SilenceAppTask(_ListTask):
    """Have an app's notifications off."""

    name = "settings/silence_app"
    goal_template = "Turn off the notifications of {app}"
    param_space: ClassVar[ParamSpace] = {"app": tuple(APP_PACKAGES)}
    split_param = "app"
    optimal_steps = 9

    def set_up(self, device: Device, params: Params) -> list[Command]:
        remove = ["content", "delete", "--uri", SILENT_URI]
        probes.run(device, remove)
        return [remove]

    def reached(self, device: Device, params: Params) -> bool:
        silent = [row.get("package") for row in probes.rows(device, SILENT_URI)]
        return silent == [APP_PACKAGES[params["app"]]]


class ForceStopTask(_ListTask):
    """Have an app ended that runs at the start."""

    name = "settings/force_stop"
    goal_template = "Force stop {app}"
    param_space: ClassVar[ParamSpace] = {"app": tuple(APP_PACKAGES)}
    split_param = "app"
    optimal_steps = 9

    def set_up(self, device: Device, params: Params) -> list[Command]:
        package = APP_PACKAGES[params["app"]]
        probes.run(device, ["monkey", "-p", package, "-c", "android.intent.category.LAUNCHER", "1"])
        return [["am", "force-stop", package]]

    def reached(self, device: Device, params: Params) -> bool:
        package = APP_PACKAGES[params["app"]]
        return any(row.get("package") == package and row.get("running") == "0" for row in probes.rows(device, APPS_URI))


class ClearDataTask(_ListTask):
    """Have an app's data as it was when new; there is more in it at the start."""

    name = "settings/clear_data"
    goal_template = "Clear the data of {app}"
    param_space: ClassVar[ParamSpace] = {"app": tuple(_MARKS)}
    split_param = "app"
    optimal_steps = 9

    def set_up(self, device: Device, params: Params) -> list[Command]:
        package = APP_PACKAGES[params["app"]]
        probes.clear(device, package)
        probes.insert(device, *_MARKS[params["app"]])
        return [["pm", "clear", package]]

    def reached(self, device: Device, params: Params) -> bool:
        uri, mark = _MARKS[params["app"]]
        wanted = {key: str(value) for key, value in mark.items()}
        return not any(wanted.items() <= row.items() for row in probes.rows(device, uri))
