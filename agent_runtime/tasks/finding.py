"""Tasks of changing a contact's name and of finding a contact or a message among many. Draws none."""

from agent_runtime.tasks.base import Params
from agent_runtime.tasks.checks import column_is, counts, has, lacks
from agent_runtime.tasks.contacts import CONTACTS_URI, NAMES, NUMBERS, OLD_NUMBER, PHONES_URI
from agent_runtime.tasks.messages import INBOX_URI, SENT_URI
from agent_runtime.tasks.setups import contact, row
from agent_runtime.tasks.state_task import StateTask

NEW_NAMES = ("Nora", "Oskar", "Petra", "Quinn", "Rosa", "Simon", "Tessa", "Victor")
SUBJECTS = ("umbrella", "birthday", "keys", "holiday", "football", "recipe", "dentist", "garden")
CONTACT_SHOWN_URI = "content://com.android.contacts/shown"
CONVERSATION_SHOWN_URI = "content://com.android.messaging/shown"
_CONTACTS = [contact(name, number) for name, number in zip(NAMES, NUMBERS, strict=True)]
_MESSAGES = [
    row(INBOX_URI, address=number, body=body, read=1)
    for number, subject in zip(NUMBERS, SUBJECTS, strict=True)
    for body in (f"about the {subject}", "talk to you later")  # the list shows the last one only
]


def _number(words: Params) -> Params:
    return {"number": NUMBERS[SUBJECTS.index(words["subject"])]}


FINDING_TEMPLATES = (
    StateTask(
        *("contacts/rename", "Rename the contact {name} to {new}", ["Contacts"], 8),
        params={"name": NAMES, "new": NEW_NAMES},
        set_up=[contact("{name}", OLD_NUMBER)],
        checks=[
            column_is(PHONES_URI, "data1", OLD_NUMBER, display_name="{new}"),
            lacks(CONTACTS_URI, display_name="{name}"),
        ],
    ),
    StateTask(
        *("contacts/find", "Find the contact {name} and open it", ["Contacts"], 6),
        params={"name": NAMES},
        set_up=_CONTACTS,
        checks=[column_is(CONTACT_SHOWN_URI, "display_name", "{name}")],
    ),
    StateTask(
        *("contacts/star-two", "Add a star to {name} and to {other}", ["Contacts"], 12),
        params={"name": NAMES},
        others={"other": "name"},
        set_up=_CONTACTS,
        level=2,
        checks=[
            *(has(CONTACTS_URI, display_name=name, starred="1") for name in ("{name}", "{other}")),
            counts(CONTACTS_URI, "2", starred="1"),
        ],
    ),
    StateTask(
        *("messages/find", "Find the message about the {subject} and open its conversation", ["Messages"], 6),
        params={"subject": SUBJECTS},
        derived=_number,
        set_up=_MESSAGES,
        checks=[column_is(CONVERSATION_SHOWN_URI, "address", "{number}")],
    ),
    StateTask(
        *("messages/find-and-reply", "Reply yes to the message about the {subject}", ["Messages"], 9),
        params={"subject": SUBJECTS},
        derived=_number,
        set_up=_MESSAGES,
        level=2,
        checks=[column_is(SENT_URI, "body", "yes", address="{number}"), counts(SENT_URI, "1")],
    ),
)
