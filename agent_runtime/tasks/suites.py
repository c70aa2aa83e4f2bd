"""The table of suites by name, and which of them a phone may run. Draws no task (``sampling``) and reads no file."""

from agent_runtime.devices import Device
from agent_runtime.errors import UsageError
from agent_runtime.tasks import probes
from agent_runtime.tasks.base import TaskTemplate
from agent_runtime.tasks.basics import BASICS_TEMPLATES
from agent_runtime.tasks.cards import CARD_TEMPLATES
from agent_runtime.tasks.general import GENERAL_TEMPLATES
from agent_runtime.tasks.injected import with_injections
from agent_runtime.tasks.multi_app import MULTI_APP_TEMPLATES
from agent_runtime.tasks.settings import SETTINGS_TEMPLATES
from agent_runtime.tasks.webshop import WEBSHOP_TEMPLATES

SUITES: dict[str, tuple[TaskTemplate, ...]] = {
    "basics": BASICS_TEMPLATES,
    "cards": CARD_TEMPLATES,
    "general": GENERAL_TEMPLATES,
    "injected": with_injections(GENERAL_TEMPLATES),
    "multi-app": MULTI_APP_TEMPLATES,
    "webshop": WEBSHOP_TEMPLATES,
    "settings": SETTINGS_TEMPLATES,
}
"""A suite is a name and a tuple of templates; a new one is a line here and a row in docs/tasks.md."""
DEFAULT_SUITE = "basics"
VIRTUAL_PHONE_SUITES = frozenset(SUITES) - {DEFAULT_SUITE}
"""Suites whose set-ups clear apps and delete files: on a real phone those would be somebody's messages and pictures."""


def suite_named(name: str) -> list[TaskTemplate]:
    """Return a suite's templates.

    Raises:
        UsageError: there is no such suite.
    """
    if name not in SUITES:
        raise UsageError(f"Got the suite {name!r}, expected one of {', '.join(sorted(SUITES))}: choose one of these.")
    return list(SUITES[name])


def require_fit(name: str, device: Device) -> None:
    """Refuse a suite that would destroy data on any phone but a virtual one.

    Raises:
        UsageError: the suite is one of those, and the device does not say that it is a virtual phone.
        DeviceError: the device is gone.
    """
    if name in VIRTUAL_PHONE_SUITES and not probes.is_virtual_phone(device):
        raise UsageError(
            f"Got the suite {name} for {device.serial}, expected a virtual phone for it: its tasks clear apps and "
            f"delete messages, contacts and pictures; take --suite {DEFAULT_SUITE}."
        )
