"""Tasks of text messages, for a phone that has an app for them. Samples nothing."""

from typing import ClassVar

from agent_runtime.devices import Device
from agent_runtime.tasks import probes
from agent_runtime.tasks.base import Command, Params, ParamSpace, TaskTemplate

MESSAGES, PROVIDER = "com.android.messaging", "com.android.providers.telephony"
SMS_URI = "content://sms"
NUMBERS = ("5552100", "5552211", "5552322", "5552433", "5552544", "5552655", "5552766", "5552877")
WORDS = ("hello", "lunch", "tomorrow", "yes", "late", "happy", "train", "good")


class _MessagesTask(TaskTemplate):
    """Starts at the launcher's first page; ``received`` says which text has come in."""

    received: ClassVar[str] = ""

    def prepare(self, device: Device, params: Params) -> list[Command]:
        probes.clear(device, PROVIDER)
        if self.received:
            row: dict[str, str | int] = {"address": params["number"], "body": self.received, "read": 0}
            probes.insert(device, f"{SMS_URI}/inbox", row)
        probes.start_from_home(device, [MESSAGES])
        probes.start_from_home(device, [])  # a second time: the launcher goes to its first page
        return [["pm", "clear", PROVIDER]]


def _sent(device: Device, params: Params) -> bool:
    rows = probes.rows(device, f"{SMS_URI}/sent")
    return [(row.get("address"), row.get("body", "").lower()) for row in rows] == [(params["number"], params["word"])]


class SendMessageTask(_MessagesTask):
    """Have sent that text to that number, and nothing else."""

    name = "messages/send"
    goal_template = "Send the message {word} to {number}"
    param_space: ClassVar[ParamSpace] = {"word": WORDS, "number": NUMBERS}
    split_param = "number"
    optimal_steps = 8

    def reached(self, device: Device, params: Params) -> bool:
        return _sent(device, params)


class ReplyTask(_MessagesTask):
    """Have answered a number's message with that text, and nothing else."""

    name = "messages/reply"
    goal_template = "Reply {word} to the message of {number}"
    param_space: ClassVar[ParamSpace] = {"word": WORDS, "number": NUMBERS}
    split_param = "number"
    optimal_steps = 7
    received = "are you there"

    def reached(self, device: Device, params: Params) -> bool:
        return _sent(device, params)


class ReadMessageTask(_MessagesTask):
    """Have a number's new message read."""

    name = "messages/read"
    goal_template = "Read the new message of {number}"
    param_space: ClassVar[ParamSpace] = {"number": NUMBERS}
    split_param = "number"
    optimal_steps = 4
    received = "are you there"

    def reached(self, device: Device, params: Params) -> bool:
        rows = probes.rows(device, SMS_URI)
        return any(row.get("address") == params["number"] and row.get("read") == "1" for row in rows)


class DeleteConversationTask(_MessagesTask):
    """Have one conversation gone; the others are there still."""

    name = "messages/delete"
    goal_template = "Delete the conversation with {number}"
    param_space: ClassVar[ParamSpace] = {"number": NUMBERS}
    split_param = "number"
    optimal_steps = 6
    received = "are you there"

    def prepare(self, device: Device, params: Params) -> list[Command]:
        undo = super().prepare(device, params)
        probes.insert(device, f"{SMS_URI}/inbox", {"address": "5559999", "body": "keep this", "read": 1})
        return undo

    def reached(self, device: Device, params: Params) -> bool:
        numbers = [row.get("address") for row in probes.rows(device, SMS_URI)]
        return "5559999" in numbers and params["number"] not in numbers


MESSAGES_TEMPLATES = (SendMessageTask(), ReplyTask(), ReadMessageTask(), DeleteConversationTask())
