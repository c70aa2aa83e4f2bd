"""The apps tasks are about, by label: package, who keeps the data, how it is set back. Knows no task."""

from collections.abc import Sequence
from dataclasses import dataclass

from agent_runtime.devices import Device
from agent_runtime.tasks import probes
from agent_runtime.tasks.base import Command


@dataclass(frozen=True, slots=True)
class PhoneApp:
    """``data_package`` is what `pm clear` sets back, None for an app whose data is not to be cleared."""

    package: str
    data_package: str | None


def _own(package: str) -> PhoneApp:
    return PhoneApp(package, package)


PHONE_APPS = {
    "Browser": _own("com.android.browser"),
    "Calendar": PhoneApp("com.android.calendar", "com.android.providers.calendar"),
    "Calculator": _own("com.android.calculator2"),
    "Camera": _own("com.android.camera2"),
    "Clock": _own("com.android.deskclock"),
    "Contacts": PhoneApp("com.android.contacts", "com.android.providers.contacts"),
    "Files": _own("com.android.documentsui"),
    "Gallery": _own("com.android.gallery3d"),
    "Maps": _own("org.example.maps"),
    "Messages": PhoneApp("com.android.messaging", "com.android.providers.telephony"),
    "Music": _own("org.example.music"),
    "Notes": _own("org.example.notes"),
    "Phone": PhoneApp("com.android.dialer", "com.android.providers.contacts"),
    "Settings": PhoneApp("com.android.settings", None),
    "Store": _own("com.android.vending"),
    "Weather": _own("org.example.weather"),
}
"""Built-in apps; those that the store offers are no concern of a set-up but of ``setups.installed``."""


def set_back(device: Device, label: str) -> list[Command]:
    """Set a built-in app's data back to what it was when new; return the command that does it again."""
    app = PHONE_APPS.get(label)
    if app is None or app.data_package is None:
        return []
    probes.clear(device, app.data_package)
    return [["pm", "clear", app.data_package]]


def go_home(device: Device, labels: Sequence[str]) -> None:
    """End these apps and go to the launcher's first page."""
    probes.start_from_home(device, [PHONE_APPS[label].package for label in labels if label in PHONE_APPS])
    probes.start_from_home(device, ())  # a second time: with the launcher in front, it turns to its first page
