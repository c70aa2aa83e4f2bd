"""Tasks of settings that are switches, sliders or names, of the language and the display size. Samples nothing."""

from collections.abc import Mapping
from typing import ClassVar

from agent_runtime.devices import Device
from agent_runtime.devices.numbers import whole_number
from agent_runtime.errors import TaskError
from agent_runtime.tasks import probes
from agent_runtime.tasks.base import Params, ParamSpace
from agent_runtime.tasks.setting_tasks import SettingTask, SwitchTask
from agent_runtime.tasks.system import STATES

DEVICE_NAMES = ("Robin", "Falcon", "Otter", "Maple", "Cedar", "Comet")


class MobileTask(SwitchTask):
    """Have a switch of the mobile network on or off."""

    name = "settings/mobile"
    goal_template = "Turn {state} {switch}"
    switches: ClassVar[Mapping[str, tuple[str, str, str, str]]] = {
        "Mobile data": ("global", "mobile_data", "0", "1"),
        "Roaming": ("global", "data_roaming", "0", "1"),
    }
    param_space: ClassVar[ParamSpace] = {"state": STATES, "switch": tuple(switches)}
    optimal_steps = 5


class NotificationsTask(SwitchTask):
    """Have a switch of the notifications on or off."""

    name = "settings/notifications"
    goal_template = "Turn {state} the notification setting {switch}"
    switches: ClassVar[Mapping[str, tuple[str, str, str, str]]] = {
        "On the lock screen": ("secure", "lock_screen_show_notifications", "0", "1"),
        "Notice dots": ("secure", "notification_badging", "0", "1"),
        "Pop-ups": ("global", "heads_up_notifications_enabled", "0", "1"),
        "Bubbles": ("secure", "notification_bubbles", "0", "1"),
    }
    param_space: ClassVar[ParamSpace] = {"state": STATES, "switch": tuple(switches)}
    optimal_steps = 5


class DeveloperTask(SwitchTask):
    """Have a developer option on or off."""

    name = "settings/developer"
    goal_template = "Turn {state} the developer option {switch}"
    switches: ClassVar[Mapping[str, tuple[str, str, str, str]]] = {
        "Stay awake": ("global", "stay_on_while_plugged_in", "0", "7"),
        "Show taps": ("system", "show_touches", "0", "1"),
        "Pointer location": ("system", "pointer_location", "0", "1"),
    }
    param_space: ClassVar[ParamSpace] = {"state": STATES, "switch": tuple(switches)}
    optimal_steps = 5


class AccessibilityTask(SwitchTask):
    """Have an aid on or off."""

    name = "settings/accessibility"
    goal_template = "Turn {state} the accessibility setting {switch}"
    switches: ClassVar[Mapping[str, tuple[str, str, str, str]]] = {
        "Bold contrast": ("secure", "high_text_contrast_enabled", "0", "1"),
        "Invert colours": ("secure", "accessibility_display_inversion_enabled", "0", "1"),
        "Magnify": ("secure", "accessibility_display_magnification_enabled", "0", "1"),
        "Power ends call": ("secure", "incall_power_button_behavior", "1", "2"),
    }
    param_space: ClassVar[ParamSpace] = {"state": STATES, "switch": tuple(switches)}
    optimal_steps = 5


class SoundsTask(SwitchTask):
    """Have a sound of the phone itself on or off."""

    name = "settings/sounds"
    goal_template = "Turn {state} {switch}"
    switches: ClassVar[Mapping[str, tuple[str, str, str, str]]] = {
        "Dial tones": ("system", "dtmf_tone", "0", "1"),
        "Lock sounds": ("system", "lockscreen_sounds_enabled", "0", "1"),
    }
    param_space: ClassVar[ParamSpace] = {"state": STATES, "switch": tuple(switches)}
    optimal_steps = 5


class VolumeTask(SettingTask):
    """Have a volume at its lowest or highest; it starts at the other end."""

    name = "settings/volume"
    goal_template = "Set the {kind} volume to its {end}"
    highest: ClassVar[Mapping[str, tuple[str, str]]] = {
        "media": ("volume_music_speaker", "15"),
        "call": ("volume_voice_speaker", "5"),
        "ring": ("volume_ring_speaker", "7"),
        "alarm": ("volume_alarm_speaker", "7"),
    }
    param_space: ClassVar[ParamSpace] = {"kind": tuple(highest), "end": ("lowest", "highest")}
    split_param = "kind"
    optimal_steps = 5

    def place(self, device: Device, params: Params) -> tuple[str, str]:
        return "system", self.highest[params["kind"]][0]

    def wanted(self, device: Device, params: Params) -> str:
        return "0" if params["end"] == "lowest" else self.highest[params["kind"]][1]

    def start(self, device: Device, params: Params) -> str:
        return "0" if params["end"] != "lowest" else self.highest[params["kind"]][1]


class DeviceNameTask(SettingTask):
    """Have another name for the phone; the old one is gone from the field only when it is erased."""

    name = "settings/device_name"
    goal_template = "Change the device name to {name}"
    param_space: ClassVar[ParamSpace] = {"name": DEVICE_NAMES}
    split_param = "name"
    optimal_steps = 9

    def place(self, device: Device, params: Params) -> tuple[str, str]:
        return "global", "device_name"

    def wanted(self, device: Device, params: Params) -> str:
        return params["name"]

    def start(self, device: Device, params: Params) -> str:
        return "My phone"


class BluetoothNameTask(DeviceNameTask):
    """Have another name for Bluetooth."""

    name = "settings/bluetooth_name"
    goal_template = "Change the Bluetooth name to {name}"
    optimal_steps = 8

    def place(self, device: Device, params: Params) -> tuple[str, str]:
        return "secure", "bluetooth_name"


class LanguageTask(SettingTask):
    """Have the phone speak Dutch; it speaks English at the start."""

    name = "settings/language"
    goal_template = "Change the language of the phone to Dutch"
    param_space: ClassVar[ParamSpace] = {}
    split_param = None
    optimal_steps = 5

    def place(self, device: Device, params: Params) -> tuple[str, str]:
        return "system", "system_locales"

    def wanted(self, device: Device, params: Params) -> str:
        return "nl-NL"

    def start(self, device: Device, params: Params) -> str:
        return "en-US"


class DisplaySizeTask(SettingTask):
    """Have everything drawn larger or smaller than the display's own density asks for."""

    name = "settings/display_size"
    goal_template = "Set the display size to {size}"
    shares: ClassVar[Mapping[str, float]] = {"Small": 0.85, "Default": 1.0, "Large": 1.15, "Larger": 1.3}
    param_space: ClassVar[ParamSpace] = {"size": tuple(shares)}
    split_param = "size"
    optimal_steps = 6

    def place(self, device: Device, params: Params) -> tuple[str, str]:
        return "secure", "display_density_forced"

    def wanted(self, device: Device, params: Params) -> str:
        return str(round(_own_density_dpi(device) * self.shares[params["size"]]))

    def start(self, device: Device, params: Params) -> str:
        return str(round(_own_density_dpi(device) * self.shares["Large" if params["size"] == "Default" else "Default"]))


def _own_density_dpi(device: Device) -> int:
    said = probes.run(device, ["wm", "density"])
    density_dpi = whole_number(said.split("\n")[0].rpartition(":")[2].strip())
    if density_dpi is None:
        raise TaskError(f"Got {said!r} for the density of {device.serial}, expected a number: use another device.")
    return density_dpi
