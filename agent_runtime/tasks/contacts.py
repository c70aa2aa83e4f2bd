"""Tasks of the contacts, for a phone that has an app for them. Draws none."""

from agent_runtime.tasks.checks import column_is, counts, has, lacks
from agent_runtime.tasks.setups import contact
from agent_runtime.tasks.state_task import StateTask

PHONES_URI = "content://com.android.contacts/data/phones"
CONTACTS_URI = "content://com.android.contacts/contacts"
NAMES = ("Alice", "Bruno", "Clara", "David", "Emma", "Frank", "Greta", "Henry")
NUMBERS = ("5551200", "5551311", "5551422", "5551533", "5551644", "5551755", "5551866", "5551977")
OLD_NUMBER = "5559000"
_NAME = {"name": NAMES}
_NAME_AND_NUMBER = {"name": NAMES, "number": NUMBERS}
_OTHER = {"other": "name"}
_THERE, _OTHER_THERE = contact("{name}", OLD_NUMBER), contact("{other}", OLD_NUMBER)
_ZOE_THERE = contact("Zoe", OLD_NUMBER)
_STARRED = column_is(CONTACTS_URI, "display_name", "{name}", starred="1")

CONTACTS_TEMPLATES = (
    StateTask(
        *("contacts/add", "Add {name} with the number {number} to the contacts", ["Contacts"], 8),
        params=_NAME_AND_NUMBER,
        checks=[column_is(PHONES_URI, "data1", "{number}", display_name="{name}")],
    ),
    StateTask(
        *("contacts/delete", "Delete the contact {name}", ["Contacts"], 6),
        params=_NAME,
        set_up=[_THERE, _ZOE_THERE],
        checks=[lacks(CONTACTS_URI, display_name="{name}"), has(CONTACTS_URI, display_name="Zoe")],
    ),
    StateTask(
        *("contacts/number", "Change the number of {name} to {number}", ["Contacts"], 8),
        params=_NAME_AND_NUMBER,
        set_up=[_THERE],
        checks=[column_is(PHONES_URI, "data1", "{number}", display_name="{name}")],
    ),
    StateTask(
        *("contacts/star", "Turn {state} the star of the contact {name}", ["Contacts"], 5),
        params={"name": NAMES, "state": ("on", "off")},
        derived=lambda words: {"wanted": "1" if words["state"] == "on" else "0"},
        set_up=[
            lambda device, words: contact("{name}", OLD_NUMBER, starred=int(words["wanted"] == "0"))(device, words)
        ],
        checks=[column_is(CONTACTS_URI, "starred", "{wanted}", display_name="{name}")],
    ),
    StateTask(
        *("contacts/add-two", "Add {name} with {number} and {other} with 5550000 to the contacts", ["Contacts"], 13),
        params=_NAME_AND_NUMBER,
        others=_OTHER,
        level=2,
        checks=[
            column_is(PHONES_URI, "data1", "{number}", display_name="{name}"),
            column_is(PHONES_URI, "data1", "5550000", display_name="{other}"),
        ],
    ),
    StateTask(
        *("contacts/add-starred", "Add {name} with the number {number} and give the contact a star", ["Contacts"], 10),
        params=_NAME_AND_NUMBER,
        level=2,
        checks=[column_is(PHONES_URI, "data1", "{number}", display_name="{name}"), _STARRED],
    ),
    StateTask(
        *("contacts/delete-two", "Delete the contacts {name} and {other}", ["Contacts"], 9),
        params=_NAME,
        others=_OTHER,
        set_up=[_THERE, _OTHER_THERE],
        level=2,
        checks=[
            *(lacks(CONTACTS_URI, display_name="{name}"), lacks(CONTACTS_URI, display_name="{other}")),
            counts(CONTACTS_URI, "2"),
        ],
    ),
    StateTask(
        *("contacts/move-star", "Give {name} a star instead of {other}", ["Contacts"], 8),
        params=_NAME,
        others=_OTHER,
        set_up=[_THERE, contact("{other}", OLD_NUMBER, starred=1)],
        level=2,
        checks=[_STARRED],
    ),
    StateTask(
        *("contacts/replace", "Delete the contact {other} and add {name} with the number {number}", ["Contacts"], 11),
        params=_NAME_AND_NUMBER,
        others=_OTHER,
        set_up=[_OTHER_THERE],
        level=2,
        checks=[
            column_is(PHONES_URI, "data1", "{number}", display_name="{name}"),
            lacks(CONTACTS_URI, display_name="{other}"),
        ],
    ),
)
