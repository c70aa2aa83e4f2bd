"""Tasks of the phone app: calling and the call log, for a phone that has an app for them. Samples nothing."""

from typing import ClassVar

from agent_runtime.devices import Device
from agent_runtime.tasks import probes
from agent_runtime.tasks.base import Command, Params, ParamSpace, TaskTemplate
from agent_runtime.tasks.contacts import NAMES, PROVIDER, add_contact

DIALER = "com.android.dialer"
CALLS_URI = "content://call_log/calls"
CALL_URI = f"content://{DIALER}/call"
SHORT_NUMBERS = ("1144", "2250", "3367", "4708", "5512", "6091", "7736", "8425")
NUMBERS = ("5554100", "5554211", "5554322", "5554433", "5554544", "5554655", "5554766", "5554877")
INCOMING, OUTGOING, MISSED = 1, 2, 3


class _CallsTask(TaskTemplate):
    """Starts at the launcher's first page with contacts and call log as they came, and leaves them so."""

    def prepare(self, device: Device, params: Params) -> list[Command]:
        probes.clear(device, PROVIDER)
        self.set_up(device, params)
        probes.start_from_home(device, [DIALER])
        probes.start_from_home(device, [])  # a second time: the launcher goes to its first page
        return [["pm", "clear", PROVIDER]]

    def set_up(self, device: Device, params: Params) -> None:
        """Add what the task needs."""


def _called(device: Device) -> list[str]:
    """Return the numbers that are being called or were, but for what was in the log before."""
    logged = [row["number"] for row in probes.rows(device, CALLS_URI) if row.get("type") == str(OUTGOING)]
    return [*(row["number"] for row in probes.rows(device, CALL_URI)), *logged]


def _log(device: Device, number: str, kind: int) -> None:
    probes.insert(device, CALLS_URI, {"number": number, "type": kind})


class CallNumberTask(_CallsTask):
    """Have called a number, and no other."""

    name = "phone/call_number"
    goal_template = "Call {number}"
    param_space: ClassVar[ParamSpace] = {"number": SHORT_NUMBERS}
    split_param = "number"
    optimal_steps = 8

    def reached(self, device: Device, params: Params) -> bool:
        return _called(device) == [params["number"]]


class SpeakerTask(CallNumberTask):
    """Be in a call to a number with the speaker on."""

    name = "phone/speaker"
    goal_template = "Call {number} and turn on the speaker"
    optimal_steps = 9

    def reached(self, device: Device, params: Params) -> bool:
        calls = probes.rows(device, CALL_URI)
        return [(row.get("number"), row.get("speaker")) for row in calls] == [(params["number"], "1")]


class CallContactTask(_CallsTask):
    """Have called a contact, and nobody else."""

    name = "phone/call_contact"
    goal_template = "Call {name}"
    param_space: ClassVar[ParamSpace] = {"name": NAMES}
    split_param = "name"
    optimal_steps = 6

    def set_up(self, device: Device, params: Params) -> None:
        for name in NAMES[NAMES.index(params["name"]) - 1], params["name"]:
            add_contact(device, name, NUMBERS[NAMES.index(name)])

    def reached(self, device: Device, params: Params) -> bool:
        return _called(device) == [NUMBERS[NAMES.index(params["name"])]]


class ReturnCallTask(_CallsTask):
    """Have called back the number whose call was missed last."""

    name = "phone/return_call"
    goal_template = "Call {number} back, whose call was missed"
    param_space: ClassVar[ParamSpace] = {"number": NUMBERS}
    split_param = "number"
    optimal_steps = 6

    def set_up(self, device: Device, params: Params) -> None:
        _log(device, params["number"], MISSED)
        _log(device, NUMBERS[NUMBERS.index(params["number"]) - 1], INCOMING)

    def reached(self, device: Device, params: Params) -> bool:
        return _called(device) == [params["number"]]


class DeleteCallsTask(_CallsTask):
    """Have the calls with one number gone from the log; the others are there still."""

    name = "phone/delete_calls"
    goal_template = "Delete the calls of {number} from the call log"
    param_space: ClassVar[ParamSpace] = {"number": NUMBERS}
    split_param = "number"
    optimal_steps = 7

    def set_up(self, device: Device, params: Params) -> None:
        _log(device, params["number"], MISSED)
        _log(device, NUMBERS[NUMBERS.index(params["number"]) - 1], INCOMING)

    def reached(self, device: Device, params: Params) -> bool:
        numbers = [row.get("number") for row in probes.rows(device, CALLS_URI)]
        return params["number"] not in numbers and NUMBERS[NUMBERS.index(params["number"]) - 1] in numbers


class ClearLogTask(_CallsTask):
    """Have no call in the log."""

    name = "phone/clear_log"
    goal_template = "Clear the call log"
    param_space: ClassVar[ParamSpace] = {}
    split_param = None
    optimal_steps = 6

    def reached(self, device: Device, params: Params) -> bool:
        return probes.rows(device, CALLS_URI) == []


PHONE_APP_TEMPLATES: tuple[TaskTemplate, ...] = (
    CallNumberTask(),
    SpeakerTask(),
    CallContactTask(),
    ReturnCallTask(),
    DeleteCallsTask(),
    ClearLogTask(),
)
