"""Tasks of changing a contact's name and of finding a contact or a message among many. Samples nothing."""

from typing import ClassVar

from agent_runtime.devices import Device
from agent_runtime.tasks import probes
from agent_runtime.tasks.base import Command, Params, ParamSpace, TaskTemplate
from agent_runtime.tasks.contacts import (
    CONTACTS,
    CONTACTS_URI,
    NAMES,
    NUMBERS,
    PROVIDER,
    add_contact,
    numbers_of,
)
from agent_runtime.tasks.messages import MESSAGES, SMS_URI
from agent_runtime.tasks.messages import PROVIDER as SMS_PROVIDER

NEW_NAMES = ("Nora", "Oskar", "Petra", "Quinn", "Rosa", "Simon", "Tessa", "Victor")
SUBJECTS = ("umbrella", "birthday", "keys", "holiday", "football", "recipe", "dentist", "garden")
CONTACT_SHOWN_URI = "content://com.android.contacts/shown"
CONVERSATION_SHOWN_URI = "content://com.android.messaging/shown"


class RenameContactTask(TaskTemplate):
    """Have a contact under another name with the number it had."""

    name = "contacts/rename"
    goal_template = "Rename the contact {name} to {new}"
    param_space: ClassVar[ParamSpace] = {"name": NAMES, "new": NEW_NAMES}
    split_param = "name"
    optimal_steps = 8

    def prepare(self, device: Device, params: Params) -> list[Command]:
        probes.clear(device, PROVIDER)
        add_contact(device, params["name"], NUMBERS[NAMES.index(params["name"])])
        return _start(device, CONTACTS, PROVIDER)

    def reached(self, device: Device, params: Params) -> bool:
        number = NUMBERS[NAMES.index(params["name"])]
        return numbers_of(device, params["new"]) == [number] and numbers_of(device, params["name"]) == []


class FindContactTask(TaskTemplate):
    """Have the page of one of ten contacts on the screen."""

    name = "contacts/find"
    goal_template = "Find the contact {name} and open it"
    param_space: ClassVar[ParamSpace] = {"name": NAMES}
    split_param = "name"
    optimal_steps = 6

    def prepare(self, device: Device, params: Params) -> list[Command]:
        probes.clear(device, PROVIDER)
        for name, number in zip(NAMES, NUMBERS, strict=True):
            add_contact(device, name, number)
        return _start(device, CONTACTS, PROVIDER)

    def reached(self, device: Device, params: Params) -> bool:
        return [row.get("display_name") for row in probes.rows(device, CONTACT_SHOWN_URI)] == [params["name"]]


class StarsTask(FindContactTask):
    """Have two of ten contacts, and no other, starred."""

    name = "contacts/star_two"
    goal_template = "Add a star to {name} and to {other}"
    param_space: ClassVar[ParamSpace] = {"name": NAMES[:4], "other": NAMES[4:]}
    optimal_steps = 9

    def reached(self, device: Device, params: Params) -> bool:
        starred = {row.get("display_name") for row in probes.rows(device, CONTACTS_URI) if row.get("starred") == "1"}
        return starred == {params["name"], params["other"]}


class FindMessageTask(TaskTemplate):
    """Have the one conversation on the screen in which something is spoken of."""

    name = "messages/find"
    goal_template = "Find the message about the {subject} and open its conversation"
    param_space: ClassVar[ParamSpace] = {"subject": SUBJECTS}
    split_param = "subject"
    optimal_steps = 6

    def prepare(self, device: Device, params: Params) -> list[Command]:
        probes.clear(device, SMS_PROVIDER)
        for number, subject in zip(NUMBERS, SUBJECTS, strict=True):
            for body in (f"about the {subject}", "talk to you later"):  # the list shows the last one only
                probes.insert(device, f"{SMS_URI}/inbox", {"address": number, "body": body, "read": 1})
        return _start(device, MESSAGES, SMS_PROVIDER)

    def reached(self, device: Device, params: Params) -> bool:
        number = NUMBERS[SUBJECTS.index(params["subject"])]
        return [row.get("address") for row in probes.rows(device, CONVERSATION_SHOWN_URI)] == [number]


class FindAndReplyTask(FindMessageTask):
    """Have answered, of eight conversations, the one in which something is spoken of."""

    name = "messages/find_reply"
    goal_template = "Reply yes to the message about the {subject}"
    optimal_steps = 9

    def reached(self, device: Device, params: Params) -> bool:
        number = NUMBERS[SUBJECTS.index(params["subject"])]
        sent = probes.rows(device, f"{SMS_URI}/sent")
        return [(row.get("address"), row.get("body", "").lower()) for row in sent] == [(number, "yes")]


def _start(device: Device, package: str, provider: str) -> list[Command]:
    probes.start_from_home(device, [package])
    probes.start_from_home(device, [])  # a second time: the launcher goes to its first page
    return [["pm", "clear", provider]]


FINDING_TEMPLATES: tuple[TaskTemplate, ...] = (
    RenameContactTask(),
    FindContactTask(),
    StarsTask(),
    FindMessageTask(),
    FindAndReplyTask(),
)
