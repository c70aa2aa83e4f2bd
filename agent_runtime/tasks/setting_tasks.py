"""What tasks of one setting have in common: its place, the value asked for and another to start at. Holds no task."""

from collections.abc import Mapping
from typing import ClassVar

from agent_runtime.devices import Device
from agent_runtime.tasks import probes
from agent_runtime.tasks.base import Command, Params, TaskTemplate

SETTINGS = "com.android.settings"


class SettingTask(TaskTemplate):
    """Have one setting at a value; it starts at another one and is put back afterwards."""

    apps = ("Settings",)

    def prepare(self, device: Device, params: Params) -> list[Command]:
        namespace, key = self.place(device, params)
        before = probes.setting(device, namespace, key)
        probes.start_from_home(device, [SETTINGS])
        probes.start_from_home(device, [])  # a second time: the launcher goes to its first page
        probes.run(device, ["settings", "put", namespace, key, self.start(device, params)])
        change = ["delete", namespace, key] if before is None else ["put", namespace, key, before]
        return [["settings", *change]]

    def reached(self, device: Device, params: Params) -> bool:
        return probes.setting(device, *self.place(device, params)) == self.wanted(device, params)

    def place(self, device: Device, params: Params) -> tuple[str, str]:
        """Return the setting's namespace and key."""
        raise NotImplementedError

    def wanted(self, device: Device, params: Params) -> str:
        """Return the value asked for."""
        raise NotImplementedError

    def start(self, device: Device, params: Params) -> str:
        """Return another value."""
        raise NotImplementedError


class ChoiceTask(SettingTask):
    """One of several values; ``split_param`` names the one asked for, and it starts at the next."""

    setting: ClassVar[tuple[str, str]]
    values: ClassVar[Mapping[str, str]]
    """What each is called, to what is stored."""
    split_param: str

    def place(self, device: Device, params: Params) -> tuple[str, str]:
        return self.setting

    def wanted(self, device: Device, params: Params) -> str:
        return self.values[params[self.split_param]]

    def start(self, device: Device, params: Params) -> str:
        names = list(self.values)
        return self.values[names[names.index(params[self.split_param]) - 1]]


class SwitchTask(SettingTask):
    """A switch on or off; it starts the other way."""

    switches: ClassVar[Mapping[str, tuple[str, str, str, str]]]
    """Label to namespace, key, and the values that mean off and on."""
    split_param = "switch"

    def place(self, device: Device, params: Params) -> tuple[str, str]:
        namespace, key, _, _ = self.switches[params["switch"]]
        return namespace, key

    def wanted(self, device: Device, params: Params) -> str:
        return self.switches[params["switch"]][2 + (params["state"] == "on")]

    def start(self, device: Device, params: Params) -> str:
        return self.switches[params["switch"]][2 + (params["state"] != "on")]
