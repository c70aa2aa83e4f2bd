"""The phone's switches and looks as a run found them, put back before each episode. Knows no task and no verdict.

What a wrong tap leaves behind would otherwise be every later episode's start: one "Dark theme" in passing and all
screens are strange to a policy that has never seen them dark, which looks just like a policy that unlearns.
"""

import logging
from collections.abc import Mapping

from agent_runtime.devices import Device, parsers
from agent_runtime.tasks import probes
from agent_runtime.tasks.system import SWITCHES

_LOG = logging.getLogger(__name__)
_LOOKS = {
    "Language": ("system", "system_locales"),
    "Display size": ("secure", "display_density_forced"),
    "24-hour clock": ("system", "time_12_24"),
    "Battery percentage": ("system", "status_bar_show_battery_percent"),
}
"""Further settings that change how every screen looks."""
_KEYS = {**{label: (namespace, key) for label, (namespace, key, _, _) in SWITCHES.items()}, **_LOOKS}
_NAMESPACES = sorted({namespace for namespace, _ in _KEYS.values()})


class RestingState:
    """The switches of one device; read at the first ``put_back``, which therefore changes nothing."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._found: Mapping[str, str | None] | None = None

    def put_back(self) -> tuple[str, ...]:
        """Set every switch that differs to what it was at first, and return their labels.

        Raises:
            TaskError: the device refuses a command.
            DeviceError: the device is gone.
        """
        now = self._read()
        if self._found is None:
            self._found = now
        changed = tuple(label for label in _KEYS if now[label] != self._found[label])
        for label in changed:
            value = self._found[label]
            change = ["delete", *_KEYS[label]] if value is None else ["put", *_KEYS[label], value]
            probes.run(self._device, ["settings", *change])
        if changed:
            _LOG.info("put back on %s: %s", self._device.serial, ", ".join(changed))
        return changed

    def _read(self) -> dict[str, str | None]:
        """Return the value of every switch by its label, None where it is not set."""
        listed = {
            name: parsers.settings_list(probes.run(self._device, ["settings", "list", name])) for name in _NAMESPACES
        }
        return {label: listed[namespace].get(key) for label, (namespace, key) in _KEYS.items()}
