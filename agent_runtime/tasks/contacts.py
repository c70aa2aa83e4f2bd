"""Tasks of the contacts, for a phone that has an app for them. Samples nothing."""

from typing import ClassVar

from agent_runtime.devices import Device
from agent_runtime.errors import TaskError
from agent_runtime.tasks import probes
from agent_runtime.tasks.base import Command, Params, ParamSpace, TaskTemplate

CONTACTS, PROVIDER = "com.android.contacts", "com.android.providers.contacts"
RAW_URI = "content://com.android.contacts/raw_contacts"
DATA_URI = "content://com.android.contacts/data"
PHONES_URI = "content://com.android.contacts/data/phones"
CONTACTS_URI = "content://com.android.contacts/contacts"
NAMES = ("Alice", "Bruno", "Clara", "David", "Emma", "Frank", "Greta", "Henry")
NUMBERS = ("5551200", "5551311", "5551422", "5551533", "5551644", "5551755", "5551866", "5551977")
OLD_NUMBER = "5559000"


def add_contact(device: Device, name: str, number: str, starred: int = 0) -> None:
    """Add a contact the way a sync adapter does: a raw contact, then its data."""
    probes.insert(device, RAW_URI, {"account_name": "local", "account_type": "local", "starred": starred})
    ids = [int(row["_id"]) for row in probes.rows(device, RAW_URI)]
    if not ids:
        raise TaskError(f"Got no raw contact on {device.serial} after adding one, expected it: use another device.")
    for kind, value in (("name", name), ("phone_v2", number)):
        mimetype = f"vnd.android.cursor.item/{kind}"
        device_row: dict[str, str | int] = {"raw_contact_id": max(ids), "mimetype": mimetype, "data1": value}
        probes.insert(device, DATA_URI, device_row)


def numbers_of(device: Device, name: str) -> list[str]:
    """Return the numbers of every contact of that name."""
    rows = probes.rows(device, PHONES_URI)
    return [row.get("data1", "") for row in rows if row.get("display_name", "").lower() == name.lower()]


class _ContactsTask(TaskTemplate):
    """Starts at the launcher's first page with the contacts as they came, and leaves them so."""

    def prepare(self, device: Device, params: Params) -> list[Command]:
        probes.clear(device, PROVIDER)
        self.set_up(device, params)
        probes.start_from_home(device, [CONTACTS])
        probes.start_from_home(device, [])  # a second time: the launcher goes to its first page
        return [["pm", "clear", PROVIDER]]

    def set_up(self, device: Device, params: Params) -> None:
        """Add what the task needs."""


class AddContactTask(_ContactsTask):
    """Have a contact of that name and number."""

    name = "contacts/add"
    goal_template = "Add {name} with the number {number} to the contacts"
    param_space: ClassVar[ParamSpace] = {"name": NAMES, "number": NUMBERS}
    split_param = "name"
    optimal_steps = 8

    def reached(self, device: Device, params: Params) -> bool:
        return numbers_of(device, params["name"]) == [params["number"]]


class DeleteContactTask(_ContactsTask):
    """Have one contact gone; the others are there still."""

    name = "contacts/delete"
    goal_template = "Delete the contact {name}"
    param_space: ClassVar[ParamSpace] = {"name": NAMES}
    split_param = "name"
    optimal_steps = 6

    def set_up(self, device: Device, params: Params) -> None:
        add_contact(device, params["name"], OLD_NUMBER)
        add_contact(device, "Zoe", OLD_NUMBER)

    def reached(self, device: Device, params: Params) -> bool:
        names = [row.get("display_name") for row in probes.rows(device, CONTACTS_URI)]
        return "Zoe" in names and params["name"] not in names


class ChangeNumberTask(_ContactsTask):
    """Have another number for a contact, and only that one."""

    name = "contacts/number"
    goal_template = "Change the number of {name} to {number}"
    param_space: ClassVar[ParamSpace] = {"name": NAMES, "number": NUMBERS}
    split_param = "name"
    optimal_steps = 8

    def set_up(self, device: Device, params: Params) -> None:
        add_contact(device, params["name"], OLD_NUMBER)

    def reached(self, device: Device, params: Params) -> bool:
        return numbers_of(device, params["name"]) == [params["number"]]


class StarTask(_ContactsTask):
    """Have a contact's star there or not; it starts the other way."""

    name = "contacts/star"
    goal_template = "Turn {state} the star of the contact {name}"
    param_space: ClassVar[ParamSpace] = {"state": ("on", "off"), "name": NAMES}
    split_param = "name"
    optimal_steps = 5

    def set_up(self, device: Device, params: Params) -> None:
        add_contact(device, params["name"], OLD_NUMBER, starred=int(params["state"] == "off"))

    def reached(self, device: Device, params: Params) -> bool:
        wanted = "1" if params["state"] == "on" else "0"
        rows = probes.rows(device, CONTACTS_URI)
        return [row.get("starred") for row in rows if row.get("display_name") == params["name"]] == [wanted]


CONTACTS_TEMPLATES = (AddContactTask(), DeleteContactTask(), ChangeNumberTask(), StarTask())
