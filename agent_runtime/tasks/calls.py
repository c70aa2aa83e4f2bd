"""Tasks of the phone app: calling and the call log, for a phone that has an app for them. Draws none."""

from agent_runtime.devices import Device
from agent_runtime.tasks import probes
from agent_runtime.tasks.base import Params
from agent_runtime.tasks.checks import column_is, counts, has, lacks
from agent_runtime.tasks.contacts import NAMES
from agent_runtime.tasks.contacts import NUMBERS as CONTACT_NUMBERS
from agent_runtime.tasks.setups import contact, row
from agent_runtime.tasks.state_task import StateTask

CALLS_URI = "content://call_log/calls"
CALL_URI = "content://com.android.dialer/call"
SHORT_NUMBERS = ("1144", "2250", "3367", "4708", "5512", "6091", "7736", "8425")
NUMBERS = ("5554100", "5554211", "5554322", "5554433", "5554544", "5554655", "5554766", "5554877")
INCOMING, OUTGOING, MISSED = 1, 2, 3


def _called(device: Device, words: Params) -> bool:
    """Have called ``{number}``, and no other: in the call that is on, or in the log."""
    logged = [call["number"] for call in probes.rows(device, CALLS_URI) if call.get("type") == str(OUTGOING)]
    return [*(call["number"] for call in probes.rows(device, CALL_URI)), *logged] == [words["number"]]


_TWO_CALLS = [row(CALLS_URI, number="{number}", type=MISSED), row(CALLS_URI, number="{other}", type=INCOMING)]

PHONE_APP_TEMPLATES = (
    StateTask(
        *("phone/call-number", "Call {number}", ["Phone"], 8),
        params={"number": SHORT_NUMBERS},
        checks=[_called],
    ),
    StateTask(
        *("phone/speaker", "Call {number} and turn on the speaker", ["Phone"], 9),
        params={"number": SHORT_NUMBERS},
        level=2,
        checks=[column_is(CALL_URI, "number", "{number}", speaker="1")],
    ),
    StateTask(
        *("phone/call-contact", "Call {name}", ["Phone"], 6),
        params={"name": NAMES},
        others={"other": "name"},
        derived=lambda words: {"number": CONTACT_NUMBERS[NAMES.index(words["name"])]},
        set_up=[contact("{other}", "5550000"), contact("{name}", "{number}")],
        checks=[_called],
    ),
    StateTask(
        *("phone/return-call", "Call {number} back, whose call was missed", ["Phone"], 6),
        params={"number": NUMBERS},
        others={"other": "number"},
        set_up=_TWO_CALLS,
        checks=[_called],
    ),
    StateTask(
        *("phone/delete-calls", "Delete the calls of {number} from the call log", ["Phone"], 7),
        params={"number": NUMBERS},
        others={"other": "number"},
        set_up=_TWO_CALLS,
        checks=[lacks(CALLS_URI, number="{number}"), has(CALLS_URI, number="{other}")],
    ),
    StateTask(
        *("phone/clear-log", "Clear the call log", ["Phone"], 6),
        params={"number": NUMBERS},
        others={"other": "number"},
        set_up=_TWO_CALLS,
        checks=[counts(CALLS_URI, "0")],
    ),
)
